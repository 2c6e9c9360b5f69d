"""The signed manifest of a step: what it read and with which settings, and each file that it wrote.

A finished step comes in; `evidence/steps/<step>.json` goes out, signed with the incident's Ed25519 key, so that
outsiders can check it with the public key alone. It is written with the journal's row, in one act of the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from flows.journal import Done
from matching.chain import signed
from matching.errors import IntegrityError
from matching.store import Workspace

__all__ = ["differences", "step_manifest_of"]


def step_manifest_of(workspace: Workspace, done: Done, *, settings: str) -> bytes:
    """The manifest of a step that just finished; `settings` is their digest."""
    body = {
        "schema": "affected.step/1",
        "incident": workspace.incident_id,
        "step": done.step,
        "version": done.version,
        "round": done.round,
        "inputs": done.inputs,
        "settings": settings,
        "tables": {name: _table(workspace, name) for name in sorted(done.outputs)},
    }
    return signed(body, workspace.keys.signing_key())


def differences(
    workspace: Workspace, data: bytes, done: Done | None, *, tables: Iterable[str]
) -> list[str]:
    """What of a step's manifest is not so: its signature, the journal's row, and these of its tables."""
    try:
        body = json.loads(data)["body"]
        if signed(body, workspace.keys.signing_key()) != data:
            return ["not signed with this incident's key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["damaged"]
    found = []
    if done is not None:
        digests = {name: said["content_digest"] for name, said in body["tables"].items()}
        said = (body["version"], body["round"], body["inputs"], digests)
        if said != (done.version, done.round, done.inputs, done.outputs):
            found.append("not as the journal says")
    for name in tables:
        try:
            if body["tables"].get(name) != _table(workspace, name):
                found.append(f"table {name} is another")
        except IntegrityError:
            continue  # told where the table itself is looked at
    return found


def _table(workspace: Workspace, name: str) -> dict[str, Any]:
    manifest = workspace.manifest(name)
    return {
        "content_digest": manifest.content_digest if manifest else "",
        "rows": manifest.rows if manifest else 0,
        "parts": [
            {"file": part.file, "rows": part.rows, "file_sha256": part.file_sha256}
            for part in (manifest.parts if manifest else ())
        ],
    }
