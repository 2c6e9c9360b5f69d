"""The operator's failures: one line, an exit code, no traceback.

Anything else that is raised is our own bug and keeps its traceback (exit code 1).
Messages name files, keys, rows and ids; never a person's data.
"""

from __future__ import annotations

__all__ = [
    "ApprovalMissing",
    "CheckFailed",
    "IntegrityError",
    "OperatorError",
    "TryAgainLater",
    "UsageError",
    "WorkerFailed",
]


class OperatorError(Exception):
    """Bad configuration or input: shown as one line with the fix."""

    exit_code = 3


class UsageError(OperatorError):
    """The command was called wrongly."""

    exit_code = 2


class CheckFailed(OperatorError):
    """A figure that must hold does not."""

    exit_code = 4


class ApprovalMissing(OperatorError):
    """A gate is closed: an approval is missing or its subject has changed since."""

    exit_code = 5

    def __init__(self, gate: str, needs: str) -> None:
        super().__init__(f"gate '{gate}' is closed: {needs}")
        self.gate = gate


class IntegrityError(OperatorError):
    """A durable file is not what its manifest says."""

    exit_code = 7


class TryAgainLater(OperatorError):
    """Locked, disk full, or a server that does not answer: nothing is lost, call again."""

    exit_code = 75


class WorkerFailed(Exception):
    """Our bug, met by a worker elsewhere: type and place as it told them, so fit to be shown."""
