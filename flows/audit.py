"""The audit log as commands use it: who did what, in the chain that the store keeps of every durable file.

`matching.evidence` holds the log; a line comes in from each command that people answer for.
"""

from __future__ import annotations

from matching.errors import IntegrityError
from matching.store import Workspace

__all__ = ["audit", "audit_head", "log_faults", "names_head"]

SHOWN = 16
"""Hex digits of a head that people may read out: 64 bits, which nobody meets by chance."""


def audit(workspace: Workspace, act: str, *, by: str = "", **details: str | int) -> str:
    """Append one act (ids, counts, digests; never a person's data); gives the new head."""
    opened_by = workspace.keys.opened_by
    return workspace.evidence.append(act, by=by, opened_by=opened_by, **details)


def audit_head(workspace: Workspace) -> str:
    """Hash of the last line. Raises IntegrityError where the head is missing or not ours."""
    return workspace.evidence.head().hash


def log_faults(workspace: Workspace) -> list[str]:
    """What is wrong with the log: a line missing, changed or moved, or a head that another signed."""
    try:
        workspace.evidence.entries()
    except IntegrityError as error:
        return [str(error)]
    return []


def names_head(workspace: Workspace, printed: str) -> bool:
    """A head as it was printed, whole or its first digits, is that of a line of this log.

    Blanks do not count. A log that was cut off, or put back whole to an older state, lacks later heads.
    """
    wanted = "".join(printed.split()).lower()
    lines = workspace.evidence.entries()
    return len(wanted) >= SHOWN and any(line["hash"].startswith(wanted) for line in lines)
