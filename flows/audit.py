"""The audit log as commands use it: who did what, in the chain that the store keeps of every durable file.

`matching.evidence` holds the log; a line comes in from each command that people answer for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from matching.evidence import Entry
from matching.store import Workspace

__all__ = ["approved_with_one_key", "audit", "audit_head", "is_head"]

SHOWN = 16
"""Hex digits of a head that people may read out: 64 bits, which nobody meets by chance."""


def audit(workspace: Workspace, act: str, *, by: str = "", **details: str | int) -> str:
    """Append one act (ids, counts, digests; never a person's data); gives the new head."""
    opened_by = workspace.keys.opened_by
    return workspace.evidence.append(act, by=by, opened_by=opened_by, **details)


def audit_head(workspace: Workspace) -> str:
    """Hash of the last line. Raises IntegrityError where the head is missing or not ours."""
    return workspace.evidence.head().hash


def is_head(printed: str, heads: Collection[str]) -> bool:
    """A head as it was printed, whole or its first digits, is one of these; blanks do not count."""
    wanted = "".join(printed.split()).lower()
    return len(wanted) >= SHOWN and any(head.startswith(wanted) for head in heads)


def approved_with_one_key(entries: Iterable[Entry]) -> list[str]:
    """A line for each gate whose subject several people approved with the key of one: worth a question."""
    names: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry in entries:
        if entry["act"] == "approve" and entry.get("opened_by"):
            names[entry["gate"], entry["subject"], entry["opened_by"]].add(entry["by"])
    return [
        f"gate {gate}: {' and '.join(sorted(by))} approved with the key of {whose}; ask them"
        for (gate, _, whose), by in sorted(names.items())
        if len(by) > 1
    ]
