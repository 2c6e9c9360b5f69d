"""The audit log: one JSON line an act, each holding the hash of the line before.

The head is sealed with a key derived from the store key, so that cutting lines off the end shows too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

from matching.errors import IntegrityError
from matching.store import Workspace, drop_drafts, locked, replacing

__all__ = ["audit", "audit_head", "broken_links"]

GENESIS = "0" * 64


def audit(workspace: Workspace, act: str, *, by: str = "", **details: str | int) -> str:
    """Append one act (ids, counts, digests; never a person's data); gives the new head."""
    folder = workspace.root / "evidence"
    with locked(folder / ".lock", wait=True):
        drop_drafts(folder)
        path = folder / "audit.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        previous = _hash(lines[-1]) if lines else GENESIS
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "act": act,
            "by": by,
            **details,
            "previous": previous,
        }
        line = json.dumps(entry, sort_keys=True)
        with path.open("a") as handle:
            handle.write(line + "\n")
        head = _hash(line)
        with replacing(folder / "audit.head.json") as draft:
            draft.write_text(
                json.dumps({"head": head, "lines": len(lines) + 1, "seal": _seal(workspace, head)})
            )
    return head


def audit_head(workspace: Workspace) -> str:
    """Hash of the last line; zeros where nothing was audited yet."""
    path = workspace.root / "evidence" / "audit.head.json"
    try:
        return str(json.loads(path.read_text())["head"]) if path.exists() else GENESIS
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("evidence/audit.head.json: damaged; restore it from a copy") from None


def broken_links(workspace: Workspace) -> int:
    """How many lines do not follow from the one before, or from the sealed head."""
    folder = workspace.root / "evidence"
    path, head_path = folder / "audit.jsonl", folder / "audit.head.json"
    if not path.exists():
        return int(head_path.exists())
    previous, broken = GENESIS, 0
    lines = path.read_text().splitlines()
    for line in lines:
        broken += json.loads(line)["previous"] != previous
        previous = _hash(line)
    return broken + _head_is_wrong(workspace, head_path, previous, len(lines))


def _head_is_wrong(workspace: Workspace, head_path: Path, head: str, lines: int) -> bool:
    if not head_path.exists():
        raise IntegrityError("evidence/audit.head.json: missing; the log may have been cut off")
    stored = json.loads(head_path.read_text())
    sealed = hmac.compare_digest(stored["seal"], _seal(workspace, head))
    return not (stored["head"] == head and stored["lines"] == lines and sealed)


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _seal(workspace: Workspace, head: str) -> str:
    return hmac.digest(workspace.keys.derived("audit head"), head.encode(), "sha256").hex()
