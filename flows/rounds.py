"""A round: one pass from the delivered files, configuration and inbox as of its start.

`runs/<n>.json` holds all that a step needs besides tables: the configuration, the day, how far each
inbox table is read. A round that was killed or stopped at a gate is resumed while files,
configuration and inbox are unchanged (approvals do not count); else the next begins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flows.settings import IncidentFile
from matching.errors import IntegrityError, OperatorError
from matching.intake import register_files
from matching.store import Workspace, drop_drafts, locked, replacing
from matching.tables import INBOX

__all__ = [
    "Round",
    "begin",
    "holding",
    "latest",
    "open_round",
    "open_workspace",
    "profiled_before",
    "save",
]

STOPPED, RUNNING, FINISHED = "stopped", "running", "finished"
NOTED = frozenset({"count_changes"})
"""Inbox tables that rounds write themselves and none reads: they change no round."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round as recorded. `inbox` is the number of parts of each inbox table that it reads."""

    number: int
    incident_file: str
    config: dict[str, Any]
    config_digest: str
    inbox: dict[str, int]
    state: str = RUNNING
    stopped_at: str | None = None
    started_at: str = ""
    result: dict[str, Any] | None = None
    profile: list[tuple[str, str, int]] | None = None
    """Rows of table `profile`, so that a later round can be held against this one."""

    @property
    def incident(self) -> IncidentFile:
        """The configuration of this round, as_of included."""
        return IncidentFile.model_validate(self.config)


def begin(
    workspace: Workspace, incident_file: Path, incident: IncidentFile, *, as_of_given: bool
) -> Round:
    """Resume the last unfinished round where nothing changed, else start the next.

    Registers delivered files in the inbox first, so that their numbers are settled.
    """
    register_files(workspace, intake_settings(incident), recorded_at=datetime.now(UTC))
    read = [table.name for table in INBOX if table.name not in NOTED]
    inbox = {name: _parts(workspace, name) for name in read}
    last = latest(workspace.root)
    if last and last.state != FINISHED and _same(last, incident, inbox, as_of_given=as_of_given):
        config = {**last.config, "dask": incident.dump()["dask"]}  # no matter of the round
        resumed = replace(last, state=RUNNING, stopped_at=None, config=config)
        save(workspace.root, resumed)
        return resumed
    number = last.number + 1 if last else 1
    started = Round(
        number,
        str(incident_file.resolve()),
        incident.dump(),
        incident.digest,
        inbox,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    save(workspace.root, started)
    return started


def intake_settings(incident: IncidentFile) -> Any:
    """Imported late: the steps import this module."""
    from flows.step_settings import intake  # noqa: PLC0415 - steps import this module

    return intake(incident)


def _same(last: Round, incident: IncidentFile, inbox: dict[str, int], *, as_of_given: bool) -> bool:
    same_day = not as_of_given or last.incident.as_of == incident.as_of
    return same_day and last.config_digest == incident.digest and last.inbox == inbox


def _parts(workspace: Workspace, name: str) -> int:
    manifest = workspace.manifest(name)
    return len(manifest.parts) if manifest else 0


def latest(root: Path) -> Round | None:
    """The last round begun; None before the first."""
    files = _files(root)
    return _load(files[-1]) if files else None


def profiled_before(root: Path, number: int) -> Round | None:
    """The last round before this one that came as far as a profile."""
    earlier = (_load(path) for path in reversed(_files(root)) if int(path.stem) < number)
    return next((each for each in earlier if each.profile), None)


def _files(root: Path) -> list[Path]:
    return sorted((root / "runs").glob("*.json"), key=lambda path: int(path.stem))


def _load(path: Path) -> Round:
    try:
        stored = json.loads(path.read_text())
        stored.pop("schema")
        return Round(**stored)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(f"runs/{path.name}: damaged; restore it from a copy") from None


def open_workspace(root: Path, *, complete: bool = False) -> Workspace:
    """The workspace there. Raises OperatorError where there is none, IntegrityError where damaged."""
    if root.exists() and not root.is_dir():
        raise OperatorError(f"workspace {root}: no folder; name the one that `affected run` made")
    try:
        return Workspace.open(root, complete=complete)
    except (KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"workspace {root}: workspace.json is damaged; restore it from a copy"
        ) from None


@contextmanager
def holding(root: Path, lock: str) -> Iterator[None]:
    """Hold `run.lock` or `send.lock` of a workspace; nothing is made in a folder that is none."""
    open_workspace(root)
    with locked(root / lock):
        drop_drafts(root, below=True)
        yield


def open_round(root: Path, *, complete: bool = False) -> tuple[Workspace, Round]:
    """The workspace as its last round sees it. Raises OperatorError before the first round."""
    workspace = open_workspace(root, complete=complete)
    current = latest(root)
    if current is None:
        raise OperatorError(f"workspace {root}: no round yet; run `affected run` first")
    if not complete:
        workspace.inbox_parts = current.inbox
    return workspace, current


def save(root: Path, current: Round) -> None:
    """Write `runs/<n>.json` atomically."""
    fields = {name: getattr(current, name) for name in Round.__slots__}
    with replacing(root / "runs" / f"{current.number}.json") as draft:
        draft.write_text(json.dumps({"schema": "affected.round/1", **fields}, indent=1))


def today() -> date:
    """The only wall clock of a round: its default day, recorded when the round begins."""
    return datetime.now(UTC).astimezone().date()
