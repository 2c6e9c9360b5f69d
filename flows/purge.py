"""`affected purge`: leaked data, or everything, made unreadable, proved to be, and then removed.

In this order, so that a kill at any point is gone on with when it is called again: a signed plan of
what goes; the keys go; every file is tried with all keys that are left; the files go; a signed
certificate says how many tries failed. Of `--all` nothing stays but certificates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from flows.audit import audit
from flows.may_purge import Scope, check_names, two_people
from flows.purge_all import certificate_without_keys, drop_store, remove_rest
from flows.purge_plan import closed_files, path_of, planned, utc_now, write_signed
from flows.rounds import holding, open_workspace
from matching.errors import CheckFailed, OperatorError
from matching.files import locked, sync
from matching.opening import PLAIN
from matching.purged import CERTIFICATE, PLAN, certificates, signed
from matching.rekey import drop_classes, interrupted, tidy
from matching.schema import Keep
from matching.store import Workspace
from matching.tables import TABLES
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
        workspace.drop_left(outputs=True)
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
        certificate = _of_all(workspace)
        if certificate is None:
            plan = _begun(workspace, scope, names) or planned(
                workspace, scope, names, reason=reason, leave_untold=leave_untold
            )
            certificate = _carried_out(workspace, plan, names)
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


# --- carrying it out --------------------------------------------------------------------------


def _carried_out(workspace: Workspace, plan: Document, names: Sequence[str]) -> Document:
    """Keys, proof, files, certificate: each leaves a state from which the next call goes on."""
    classes = _classes(plan["scope"])
    if any(k.keep in classes for k in workspace.keys.ring.keys) or interrupted(workspace):
        drop_classes(workspace, classes)
    tidy(workspace)
    workspace = open_workspace(workspace.root)
    if "tries" not in plan:
        plan = {**plan, **_proved(workspace, plan)}
        write_signed(workspace, PLAN, plan)
    _unlink(workspace, plan)
    finished = {"finished_by": list(names), "done_at": utc_now()}
    certificate = {**plan, **finished, "left": _left(workspace, plan)}
    write_signed(workspace, CERTIFICATE, certificate)
    told = {name: certificate[name] for name in ("number", "tries", "failures", "left")}
    audit(workspace, f"purge --{plan['scope']}", by=" and ".join(plan["by"]), **told)
    path_of(workspace, PLAN, plan).unlink(missing_ok=True)
    return certificate


def _proved(workspace: Workspace, plan: Document) -> Document:
    """Every file tried with every key that is left: `tries`, `failures`, which must be equal.

    Raises CheckFailed where one opens, before anything is removed.
    """
    found = {file: tried(workspace, file) for file in closed_files(plan)}
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


def _unlink(workspace: Workspace, plan: Document) -> None:
    """Remove the parts with their notes and torn drafts, the outputs, and what lies in scratch."""
    for table in plan["tables"]:
        folder = workspace.root / TABLES[table["table"]].kind / table["table"]
        if folder.is_dir():
            for path in (*folder.glob("part-*"), *folder.glob(".part-*")):
                path.unlink()
            sync(folder)
    outputs = {str(output["file"]): "" for output in plan["outputs"]}
    with workspace.evidence.recording("purged", files=outputs):
        for file in outputs:
            (workspace.root / file).unlink(missing_ok=True)
    workspace.purge_scratch()


def _left(workspace: Workspace, plan: Document) -> int:
    files = [f["file"] for t in plan["tables"] for f in t["files"]]
    files += [f["file"] for f in plan["outputs"]]
    left = [file for file in files if (workspace.root / str(file)).exists()]
    return len(left) + len(workspace.scratch_entries())


# --- small things -----------------------------------------------------------------------------


def _classes(scope: Scope) -> set[Keep]:
    return {Keep.WORKING} if scope == "leak" else set(Keep)


def _begun(workspace: Workspace, scope: Scope, names: Sequence[str]) -> Document | None:
    """The plan of a purging that was begun here and not finished. Raises where it is another.

    None while the keys are there, and the plan goes: what is in the way now counts, and what lies there now.
    """
    for plan in certificates(workspace):
        if not path_of(workspace, PLAN, plan).exists():
            continue
        if plan["scope"] != scope:
            raise OperatorError(f"purge: --{plan['scope']} was begun here; call that again first")
        if any(key.keep in _classes(scope) for key in workspace.keys.ring.keys):
            path_of(workspace, PLAN, plan).unlink()
            return None
        check_names(workspace, names)
        return signed(workspace.keys, path_of(workspace, PLAN, plan))
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
