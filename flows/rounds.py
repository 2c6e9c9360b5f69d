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

from flows.settings import IncidentFile, load_incident
from matching.errors import IntegrityError, OperatorError
from matching.intake import register_files
from matching.store import Evidence, Workspace, locked
from matching.tables import INBOX

__all__ = [
    "Round",
    "begin",
    "holding",
    "latest",
    "open_round",
    "open_workspace",
    "profiled_before",
    "refuse_changed",
    "refuse_purged",
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
        now = incident.dump()
        config = {
            **last.config,
            "dask": now["dask"],
            "security": now["security"],
        }  # no matter of it
        resumed = replace(last, state=RUNNING, stopped_at=None, config=config)
        save(workspace, resumed)
        return resumed
    from flows.scenarios import in_force  # noqa: PLC0415 - gates import this module

    number = last.number + 1 if last else 1
    started = Round(
        number,
        str(incident_file.resolve()),
        in_force(workspace, incident).dump(),
        incident.digest,
        inbox,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    save(workspace, started)
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
    return _load(root, files[-1]) if files else None


def profiled_before(root: Path, number: int) -> Round | None:
    """The last round before this one that came as far as a profile."""
    numbers = reversed(_files(root))
    earlier = (_load(root, each) for each in numbers if each < number)
    return next((each for each in earlier if each.profile), None)


def _files(root: Path) -> list[int]:
    """Numbers of the rounds that are there or were recorded, in order; not of one whose first writing was killed."""
    if not (root / "runs").is_dir():
        return []
    there = {path.stem for path in (root / "runs").glob("*.json")}
    head = Evidence(root).head()
    written = (name for name in head.files if head.before.get(name) != "")
    recorded = {Path(name).stem for name in written if name.startswith("runs/")}
    return sorted(int(number) for number in there | recorded if number.isdecimal())


def _load(root: Path, number: int) -> Round:
    name = f"runs/{number}.json"
    try:
        stored = json.loads(Evidence(root).read(name) or b"")
        stored.pop("schema")
        return Round(**stored)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise IntegrityError(f"{name}: damaged; restore it from a copy") from None


def open_workspace(root: Path, *, complete: bool = False) -> Workspace:
    """The workspace there. Raises OperatorError where there is none, IntegrityError where damaged."""
    if root.exists() and not root.is_dir():
        raise OperatorError(f"workspace {root}: no folder; name the one that `affected run` made")
    try:
        opened = Workspace.open(root, complete=complete)
        if opened.evidence.kept:
            return opened
        raise OperatorError(f"workspace {root}: a worker's folder; name the incident's own")
    except (KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"workspace {root}: workspace.json is damaged; restore it from a copy"
        ) from None


@contextmanager
def holding(root: Path, lock: str) -> Iterator[None]:
    """Hold `run.lock` or `send.lock` of a workspace; nothing is made in a folder that is none."""
    opened = open_workspace(root)
    with locked(root / lock):
        opened.drop_left(outputs=lock == "send.lock")
        yield


def open_round(root: Path, *, complete: bool = False) -> tuple[Workspace, Round]:
    """The workspace as its last round sees it. Raises OperatorError before the first round."""
    workspace = open_workspace(root, complete=complete)
    current = latest(root)
    if current is None:
        raise OperatorError(f"workspace {root}: no round yet; run `affected run` first")
    workspace.scratch_in = current.incident.security.scratch
    if not complete:
        workspace.inbox_parts = current.inbox
    return workspace, current


def refuse_purged(workspace: Workspace) -> None:
    """Raise OperatorError where working data was purged: what reads it can neither run nor release."""
    if workspace.purged:
        raise OperatorError(
            f"workspace {workspace.root}: its working data was purged (evidence/purge-*.json);"
            " it can be read, not run or released from"
        )


def refuse_changed(current: Round) -> None:
    """Raise OperatorError where the incident file says something else than the round that planned read.

    A hold, a right or counsel's word that was typed since would be passed over. Without the file the round counts.
    """
    path = Path(current.incident_file)
    if not path.is_file():
        return
    if load_incident(path, today=current.incident.as_of).digest != current.config_digest:
        raise OperatorError(
            f"{path}: changed since round {current.number}; `affected run` first, nothing was released"
        )


def save(workspace: Workspace, current: Round) -> None:
    """Write `runs/<n>.json` atomically, and say in the audit log under which configuration."""
    fields = {name: getattr(current, name) for name in Round.__slots__}
    data = json.dumps({"schema": "affected.round/1", **fields}, indent=1).encode()
    workspace.evidence.put(
        "round", {f"runs/{current.number}.json": data}, round=current.number, state=current.state,
        configuration=current.config_digest,
    )  # fmt: skip


def today() -> date:
    """The only wall clock of a round: its default day, recorded when the round begins."""
    return datetime.now(UTC).astimezone().date()
