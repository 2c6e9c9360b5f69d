"""Commands of the program called in this process as a person calls them: by the command line, to an exit code.

In: arguments. Out: `Called`: exit code and what was said on stderr. A call may be cut short where a certain step
would begin, so that one step alone is tried. The delivered files, which nothing here changes, are checked in the
first call of each incident file, not in the thousands that follow.
"""

from __future__ import annotations

import contextlib
import functools
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import flows.check
import flows.cli
import flows.run
import flows.steps
import matching.intake.workbooks.workbook as workbooks
from flows.settings import IncidentFile, load_incident

__all__ = ["Boundary", "Called", "called"]


class Boundary(BaseException):
    """The next step would begin: enough was seen."""


@dataclass(frozen=True, slots=True)
class Called:
    """How a call ended. `code` None: cut short before the step that was named."""

    code: int | None
    said: str

    @property
    def well(self) -> bool:
        """It did what it should; 5 and 6 say what waits."""
        return self.code in {None, 0, 5, 6}

    def told_plainly(self) -> bool:
        """One line for the operator and the exit code that belongs to it."""
        lines = [line for line in self.said.splitlines() if not line.startswith("key file made")]
        one = len(lines) == 1 and lines[0].startswith("affected: ")
        return self.code in {3, 7, 75} and one and "internal error" not in self.said


def called(
    arguments: list[str],
    *,
    stop: str = "",
    began: Callable[[str], None] | None = None,
    opened: bool = False,
) -> Called:
    """Call `affected` with these arguments; `began` is told of each step, `stop` names one not to begin.

    `opened`: workbooks that an earlier call opened are open still, which saves a process where no step reads them.
    """
    if not opened:
        workbooks._KEPT.clear()
    said, shown, given = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["affected", *arguments]
    code: int | None
    try:
        with (
            _steps(stop, began),
            contextlib.redirect_stderr(said),
            contextlib.redirect_stdout(shown),
        ):
            code = flows.cli.answered()
    except Boundary:
        code = None
    finally:
        sys.argv = given
    return Called(code, said.getvalue())


@functools.cache
def _problems(path: Path, changed_ns: int) -> list[str]:
    """`affected check` of an incident file in this form."""
    del changed_ns
    return flows.check.problems(load_incident(path), path)


def _checked_once(incident: IncidentFile, path: Path) -> list[str]:
    del incident
    return _problems(path, path.stat().st_mtime_ns)


@contextmanager
def _steps(stop: str, began: Callable[[str], None] | None) -> Iterator[None]:
    attempt = flows.steps._attempt

    def attempted(step: Any, workspace: Any, settings: Any) -> Exception | None:
        if step.name == stop:
            raise Boundary
        if began is not None:
            began(step.name)
        return attempt(step, workspace, settings)

    flows.steps._attempt = attempted
    try:
        with mock.patch.object(flows.run, "problems", _checked_once):
            yield
    finally:
        flows.steps._attempt = attempt
