"""`affected purge`: leaked data, or everything, made unreadable, proved to be, and then removed.

In this order, so that a kill at any point is gone on with when it is called again: a signed plan of
what goes; the keys go; every file is tried with all keys that are left; the files go; a signed
certificate says how many tries failed. Of `--all` nothing stays but certificates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.audit import audit, audit_head
from flows.may_purge import Scope, check_may_purge, two_people, untold
from flows.purge_all import certificate_without_keys, drop_store, remove_rest
from flows.rounds import holding, latest, open_workspace
from matching.errors import CheckFailed, OperatorError
from matching.files import locked
from matching.keyfile import drop_drafts
from matching.opening import PLAIN
from matching.purged import CERTIFICATE, PLAN, certificates, signed, signed_text
from matching.rekey import drop_classes
from matching.ring import FILE as RING
from matching.schema import Keep
from matching.shred import sync_folder
from matching.store import Workspace, keep_of_output, replacing, sha256_file
from matching.tables import KEEP, TABLES
from matching.tries import tried

__all__ = ["empty_scratch", "purge", "purge_text"]

Document = dict[str, Any]
SCHEMA = "affected.purge/1"
LOCKS = ("run.lock", "send.lock", "returns.lock")


def empty_scratch(root: Path) -> Document:
    """Empty the scratch folders; gives `affected.purge/1` with what is left: nothing."""
    with holding(root, "run.lock"):
        workspace = open_workspace(root)
        removed = workspace.purge_scratch()
    return {"schema": SCHEMA, "removed": removed, "left": len(workspace.scratch_entries())}


def purge(
    root: Path, scope: Scope, *, by: Sequence[str], reason: str = "", leave_untold: bool = False
) -> Document:
    """Purge working data or everything; gives `affected.purge/1` with the certificate's figures.

    Raises OperatorError naming what stands in the way, CheckFailed where a file still opens after its
    keys are gone. Called again after a crash it goes on.
    """
    names = two_people(by)
    if scope == "all" and (finished := certificate_without_keys(root)) is not None:
        remove_rest(root)  # killed after the store left the key file
        return _document(root, finished)
    with _alone(root):
        workspace = open_workspace(root)
        certificate = _of_all(workspace) or _carried_out(
            workspace,
            _begun(workspace, scope)
            or _planned(workspace, scope, names, reason=reason, leave_untold=leave_untold),
        )
        if scope == "all":
            drop_store(workspace)
            remove_rest(root)
    return _document(root, certificate)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    open_workspace(root)  # nothing is made in a folder that is none
    with ExitStack() as held:
        for lock in LOCKS:
            held.enter_context(locked(root / lock))
        yield


# --- the plan ---------------------------------------------------------------------------------


def _planned(
    workspace: Workspace,
    scope: Scope,
    names: tuple[str, str],
    *,
    reason: str,
    leave_untold: bool,
) -> Document:
    """What goes, said and signed before anything does."""
    check_may_purge(workspace, scope, names, leave_untold=leave_untold)
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
        "begun_at": _now(),
        "round": current.number if current else 0,
        "audit_head": audit_head(workspace),
        "encryption": workspace.identity["encryption"],
        "left_untold": untold(workspace),
        "tables": tables,
        "outputs": [_listed(workspace, path) for path in _outputs(workspace, scope)],
        "to_be_destroyed_elsewhere": _delivered(workspace),
    }
    plan["opened_before"] = sum(tried(workspace, file).opened for file in _closed(plan))
    _write(workspace, PLAN, plan)
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


# --- carrying it out --------------------------------------------------------------------------


def _carried_out(workspace: Workspace, plan: Document) -> Document:
    """Keys, proof, files, certificate: each leaves a state from which the next call goes on."""
    classes = {Keep.WORKING} if plan["scope"] == "leak" else set(Keep)
    if any(key.keep in classes for key in workspace.keys.ring.keys):
        drop_classes(workspace, classes)
    drop_drafts(workspace.root / RING)
    workspace = open_workspace(workspace.root)
    if "tries" not in plan:
        plan = {**plan, **_proved(workspace, plan)}
        _write(workspace, PLAN, plan)
    _unlink(workspace, plan)
    certificate = {**plan, "done_at": _now(), "left": _left(workspace, plan)}
    _write(workspace, CERTIFICATE, certificate)
    told = {name: certificate[name] for name in ("number", "files", "tries", "failures", "left")}
    audit(workspace, f"purge --{plan['scope']}", by=" and ".join(plan["by"]), **told)
    _path(workspace, PLAN, plan).unlink(missing_ok=True)
    return certificate


def _proved(workspace: Workspace, plan: Document) -> Document:
    """Every file tried with every key that is left: `tries`, `failures`, which must be equal.

    Raises CheckFailed where one opens, before anything is removed.
    """
    found = {file: tried(workspace, file) for file in _closed(plan)}
    still = [file for file, one in found.items() if one.opened]
    if still and plan["encryption"] != PLAIN:
        raise CheckFailed(
            f"purge: {still[0]} still opens; nothing was removed, tell the developers"
        )
    return {
        "files": len(found),
        "opened": len(still),
        "tries": sum(one.tries for one in found.values()),
        "failures": sum(one.failures for one in found.values()),
    }


def _closed(plan: Document) -> list[str]:
    """What is tried: every part, and every output that is closed."""
    parts = [file["file"] for table in plan["tables"] for file in table["files"]]
    return parts + [f["file"] for f in plan["outputs"] if f["file"].endswith(".enc")]


def _unlink(workspace: Workspace, plan: Document) -> None:
    """Remove the parts with their notes and torn drafts, the outputs, and what lies in scratch."""
    for table in plan["tables"]:
        folder = workspace.root / TABLES[table["table"]].kind / table["table"]
        if folder.is_dir():
            for path in (*folder.glob("part-*"), *folder.glob(".part-*")):
                path.unlink()
            sync_folder(folder)
    for output in plan["outputs"]:
        (workspace.root / output["file"]).unlink(missing_ok=True)
    workspace.purge_scratch()


def _left(workspace: Workspace, plan: Document) -> int:
    files = [f["file"] for t in plan["tables"] for f in t["files"]]
    files += [f["file"] for f in plan["outputs"]]
    left = [file for file in files if (workspace.root / str(file)).exists()]
    return len(left) + len(workspace.scratch_entries())


# --- small things -----------------------------------------------------------------------------


def _begun(workspace: Workspace, scope: Scope) -> Document | None:
    """The plan of a purging that was begun here and not finished. Raises where it is another."""
    for plan in certificates(workspace):
        if not _path(workspace, PLAN, plan).exists():
            continue
        if plan["scope"] != scope:
            raise OperatorError(f"purge: --{plan['scope']} was begun here; call that again first")
        return signed(workspace.keys, _path(workspace, PLAN, plan))
    return None


def _of_all(workspace: Workspace) -> Document | None:
    """The certificate of a `--all` that was killed before the store left the key file."""
    found = [said for said in certificates(workspace) if said["scope"] == "all"]
    return next((said for said in found if "done_at" in said), None)


def _document(root: Path, certificate: Document) -> Document:
    number = certificate["number"]
    figures = (
        "number",
        "scope",
        "by",
        "reason",
        "files",
        "opened_before",
        "opened",
        "tries",
        "failures",
        "left",
    )
    return {
        "schema": SCHEMA,
        "certificate": str(root / "evidence" / CERTIFICATE.format(number)),
        **{name: certificate[name] for name in figures},
        "encryption": certificate["encryption"],
        "tables": [table["table"] for table in certificate["tables"]],
        "removed": certificate["files"],
        "left_untold": certificate["left_untold"],
        "to_be_destroyed_elsewhere": certificate["to_be_destroyed_elsewhere"],
    }


def purge_text(document: Document) -> str:
    """What went, what was proved, and what is still to be destroyed elsewhere."""
    if "scope" not in document:
        return f"{document['removed']} entries removed from scratch"
    proved = (
        f"{document['opened_before']:,} of {document['files']:,} files opened before,"
        f" {document['opened']:,} after; {document['failures']:,} of {document['tries']:,} tries failed"
    )
    lines = [f"purged --{document['scope']}: {len(document['tables'])} tables; {proved}"]
    if document["encryption"] == PLAIN:
        lines.append("  nothing was encrypted: the files are removed, which proves nothing")
    lines += [f"  never told now: {n:,} {what}" for what, n in document["left_untold"].items()]
    lines.append(f"  certificate {document['certificate']}")
    lines += [
        f"  still to be destroyed elsewhere: {file['path']} (SHA-256 {file['file_sha256']})"
        for file in document["to_be_destroyed_elsewhere"]
    ]
    return "\n".join(lines)


def _path(workspace: Workspace, form: str, plan: Document) -> Path:
    return workspace.root / "evidence" / form.format(plan["number"])


def _write(workspace: Workspace, form: str, said: Document) -> None:
    with replacing(_path(workspace, form, said)) as draft:
        draft.write_text(signed_text(workspace.keys, said))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
