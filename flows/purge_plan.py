"""What `affected purge` is going to take away: said with every file and its digest, and signed, before it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.audit import audit, audit_head
from flows.may_purge import Scope, check_may_purge
from flows.rounds import latest
from matching.errors import OperatorError
from matching.purged import PLAN, signed_text
from matching.schema import Keep
from matching.store import Workspace, keep_of_output, replacing, sha256_file
from matching.tables import KEEP, TABLES
from matching.tries import tried

__all__ = ["closed_files", "path_of", "planned", "utc_now", "write_signed"]

Document = dict[str, Any]


def planned(
    workspace: Workspace,
    scope: Scope,
    names: tuple[str, str],
    *,
    reason: str,
    leave_untold: bool,
) -> Document:
    """What goes, said and signed before anything does. Raises OperatorError where it may not."""
    left_untold = check_may_purge(workspace, scope, names, leave_untold=leave_untold)
    if scope == "leak" and not any(k.keep is Keep.WORKING for k in workspace.keys.ring.keys):
        raise OperatorError(f"workspace {workspace.root}: its working data was purged before")
    current = latest(workspace.root)
    evidence = workspace.root / "evidence"
    number = 1 + len(list(evidence.glob("purge-*[0-9].json")))
    tables = [_table(workspace, name) for name in _tables(scope)]
    plan = {
        "schema": "affected.purge_certificate/1",
        "number": number,
        "scope": scope,
        "incident": workspace.incident_id,
        "store_id": workspace.store_id,
        "by": list(names),
        "opened_by": workspace.keys.opened_by,
        "reason": reason,
        "begun_at": utc_now(),
        "round": current.number if current else 0,
        "audit_head": audit_head(workspace),
        "encryption": workspace.identity["encryption"],
        "left_untold": left_untold,
        "tables": tables,
        "outputs": [_listed(workspace, path) for path in _outputs(workspace, scope)],
        "to_be_destroyed_elsewhere": _delivered(workspace),
    }
    plan["opened_before"] = sum(tried(workspace, file).opened for file in closed_files(plan))
    write_signed(workspace, PLAN, plan)
    audit(workspace, f"purge --{scope} begins", by=" and ".join(names), number=number)
    return plan


def _tables(scope: Scope) -> list[str]:
    return [name for name in TABLES if scope == "all" or KEEP[name] is Keep.WORKING]


def _table(workspace: Workspace, name: str) -> Document:
    """A table with every part that lies in its folder, those that no manifest names included."""
    folder = workspace.root / TABLES[name].kind / name
    files = [_listed(workspace, path) for path in sorted(folder.glob("part-*.parquet"))]
    return {"table": name, "rows": workspace.rows(name), "files": files}


def _outputs(workspace: Workspace, scope: Scope) -> list[Path]:
    """Files in `out/` that go: drafts with people in them, or all."""
    found = [path for path in sorted(workspace.out.rglob("*")) if path.is_file()]
    below = workspace.out
    return [
        path
        for path in found
        if scope == "all"
        or keep_of_output(path.relative_to(below).as_posix().removesuffix(".enc")) is Keep.WORKING
    ]


def _listed(workspace: Workspace, path: Path) -> Document:
    name = path.relative_to(workspace.root).as_posix()
    return {"file": name, "bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _delivered(workspace: Workspace) -> list[Document]:
    """Delivered files outside the workspace, which no purging of ours reaches."""
    if not workspace.has("inventory"):
        return []
    files = workspace.scan("inventory").select("path", "file_sha256", "side", "received_from")
    return files.unique().sort("path", "file_sha256").collect().to_dicts()


def closed_files(plan: Document) -> list[str]:
    """What is tried: every part, and every output that is closed."""
    parts = [file["file"] for table in plan["tables"] for file in table["files"]]
    return parts + [f["file"] for f in plan["outputs"] if f["file"].endswith(".enc")]


def path_of(workspace: Workspace, form: str, plan: Document) -> Path:
    """Where the plan or the certificate of that number lies."""
    return workspace.root / "evidence" / form.format(plan["number"])


def write_signed(workspace: Workspace, form: str, said: Document) -> None:
    """Write a plan or a certificate, signed."""
    with replacing(path_of(workspace, form, said)) as draft:
        draft.write_text(signed_text(workspace, said))


def utc_now() -> str:
    """Now, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
