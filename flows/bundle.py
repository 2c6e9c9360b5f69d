"""`affected explain WS PERSON --bundle FILE.zip`: one person's evidence, in the clear, for who may see it. Audited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import notify.bundle
from flows import step_settings
from flows.audit import audit
from flows.explain import explain
from flows.gates import check_by
from flows.places import check_place
from flows.rounds import open_round
from matching.errors import OperatorError
from matching.store import replacing

__all__ = ["bundle_text", "write_bundle"]


def write_bundle(root: Path, person: str, out: Path, *, by: str) -> dict[str, Any]:
    """Write the zip (mode 0600); gives `affected.bundle-written/1`.

    Raises OperatorError where the id is no person's or whoever asks may not `reveal`, UsageError for a path that
    no bundle should be written to.
    """
    workspace, current = open_round(root)
    check_by(workspace, current.incident, by, "reveal")
    check_place(root, out, option="--bundle", endings=(".zip",))
    explained = explain(root, person)
    if explained["kind"] != "person":
        raise OperatorError(
            f"id '{person}': a record, no person; give its person_id, {explained['person_id']}"
        )
    audit(workspace, "bundle", by=by, person=explained["person_id"])  # before anybody sees it
    page = step_settings.report(current.incident).model_copy(
        update={"audit_log": workspace.printed_head()}
    )
    data = notify.bundle.bundle(workspace, step_settings.batches(current.incident), page, explained)
    with replacing(out) as draft:
        draft.write_bytes(data)
    return {
        "schema": "affected.bundle-written/1",
        "person_id": explained["person_id"],
        "out": str(out),
        "bytes": len(data),
    }


def bundle_text(document: dict[str, Any]) -> str:
    """Where it is, and that it names somebody."""
    return f"evidence about {document['person_id']} in the clear: {document['out']} (unpack it, then python check_bundle.py)"
