"""The operator's failures: one line, an exit code, no traceback.

Anything else that is raised is our own bug and keeps its traceback (exit code 1).
Messages name files, keys, rows and ids; never a person's data.
"""

from __future__ import annotations

import re

__all__ = [
    "ApprovalMissing",
    "CheckFailed",
    "IntegrityError",
    "OperatorError",
    "TryAgainLater",
    "UsageError",
    "WorkerFailed",
    "printable",
]


_WORD_MAX = 400
_LINE_MAX = 4_000
_LONG_WORD = re.compile(rf"(\S{{200}})\S{{{_WORD_MAX - 200},}}")
"""A name without end is a damaged file's; its beginning is enough to find it."""


class OperatorError(Exception):
    """Bad configuration or input: shown as one line with the fix."""

    exit_code = 3

    def __init__(self, said: str) -> None:
        super().__init__(printable(said))


def printable(said: str) -> str:
    r"""The text with signs that a terminal obeys, as a name in a delivered file may have, written as `\x1b`."""
    if len(said) > _WORD_MAX:
        said = "\n".join(_bounded(_LONG_WORD.sub(r"\1...", line)) for line in said.split("\n"))
    if said.replace("\n", "").isprintable():
        return said
    return "".join(
        one if one == "\n" or one.isprintable() else one.encode("unicode_escape").decode()
        for one in said
    )


def _bounded(line: str) -> str:
    """What is wrong stands at the beginning, the fix at the end."""
    return line if len(line) <= _LINE_MAX else f"{line[: _LINE_MAX - 300]} ... {line[-300:]}"


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
