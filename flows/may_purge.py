"""Whether working data, or everything, may go: who asks, what holds forbid it, what counsel and the law say.

Every refusal is one line that names what stands in the way; all of them are told at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl

import notify.email
from flows.rounds import Round, latest, today
from flows.settings import IncidentFile, load_incident
from matching.errors import OperatorError, UsageError
from matching.names_alike import alike
from matching.store import Workspace
from notify.answers import current_facts, current_holds, holds_on
from notify.facts import Hold

__all__ = ["Scope", "check_may_purge", "check_names", "six_years_after", "two_people", "untold"]

Scope = Literal["leak", "all"]
RETENTION_YEARS = 6
"""45 CFR 164.530(j)(2): six years from when a record was made or was last in effect."""
HANDED_OVER = ("exported", "accepted")
MAIL = ("mail", "email")
UNSETTLED = ("pending", "claimed", "sending", "temporary", "uncertain")
"""States of the outbox in which an e-mail may still go out, or nobody knows whether it did."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the answer depends on: the file as it is now, the last round, the day."""

    workspace: Workspace
    incident: IncidentFile
    current: Round
    day: date


def two_people(by: Sequence[str]) -> tuple[str, str]:
    """Two different names. Raises UsageError for fewer, more, or one twice."""
    names = [name.strip() for name in by if name.strip()]
    if len(names) != 2 or len(set(names)) != 2 or alike(names):
        raise UsageError("purge: needs two different people: --by NAME --by NAME")
    return names[0], names[1]


def check_may_purge(
    workspace: Workspace, scope: Scope, by: Sequence[str], *, leave_untold: bool
) -> dict[str, int]:
    """Who waits to be told and never will be. Raises OperatorError with every reason why this may not go, one a line.

    `leave_untold`: those asking know that whoever waits to be told cannot be told afterwards.
    """
    asked = _asked(workspace)
    lines = [*_people(asked, by), *_holds(asked)]
    lines += _counsel(asked) if scope == "leak" else _retention(asked)
    waiting = untold(workspace)
    if waiting and not leave_untold:
        told = ", ".join(f"{count:,} {what}" for what, count in waiting.items())
        lines.append(
            f"purge --{scope}: still to be told: {told}; nobody could be told afterwards: tell them"
            " first, or say --leave-untold"
        )
    if lines:
        raise OperatorError("\n".join(lines))
    return waiting


def check_names(workspace: Workspace, by: Sequence[str]) -> None:
    """Raise OperatorError unless each of them has the right `purge`."""
    if lines := list(_people(_asked(workspace), by)):
        raise OperatorError("\n".join(lines))


def six_years_after(day: date) -> date:
    """First day on which what is kept six years may go; of a leap day, 1 March."""
    try:
        return day.replace(year=day.year + RETENTION_YEARS)
    except ValueError:
        return date(day.year + RETENTION_YEARS, 3, 1)


def _asked(workspace: Workspace) -> _Asked:
    """The incident file, where it is still there, else as the last round read it; and today.

    A made-up incident lives by its own calendar.
    """
    current = latest(workspace.root)
    if current is None:
        raise OperatorError(f"workspace {workspace.root}: no round yet; nothing to purge")
    path, incident = Path(current.incident_file), current.incident
    if path.exists():
        incident = load_incident(path, today=current.incident.as_of)
        if incident.incident.id != workspace.incident_id:
            raise OperatorError(f"{path}: of incident '{incident.incident.id}'; put its own back")
    day = incident.as_of if workspace.synthetic else today()
    return _Asked(workspace, incident, current, day)


def _people(asked: _Asked, by: Sequence[str]) -> Iterator[str]:
    for name in by:
        if "purge" not in asked.incident.people.get(name, ()):
            yield f"[people]: {name} may not purge; add the right in the incident file"


def _holds(asked: _Asked) -> Iterator[str]:
    """Those of the file as it is and as the last round read it, and the recorded ones that stand."""
    typed = dict.fromkeys((*asked.incident.holds, *asked.current.incident.holds))
    holds = current_holds(asked.workspace, typed)
    to_come = [hold for hold in holds if hold.stated_on > asked.day]
    for hold in dict.fromkeys((*holds_on(holds, asked.day), *to_come)):
        yield f"purge: {_hold_words(hold)} stands in the way; wait for its end, or record it"


def _hold_words(hold: Hold) -> str:
    until = f"until {hold.until}" if hold.until else "without an end"
    of = f" for {hold.entity_id}" if hold.entity_id else ""
    return f"{hold.kind} hold of {hold.stated_on} ({hold.agency}){of}, {until},"


def _counsel(asked: _Asked) -> Iterator[str]:
    from_day = asked.incident.counsel.working_data_may_go_on
    if from_day is None:
        yield "purge --leak: counsel has not said so; set counsel.working_data_may_go_on"
    elif asked.day < from_day:
        yield f"purge --leak: counsel said from {from_day} on; today is {asked.day}"


def _retention(asked: _Asked) -> Iterator[str]:
    last = _last_notice(asked)
    may_go_on = six_years_after(last)
    if asked.day < may_go_on:
        yield (
            f"purge --all: the last notice is of {last}; kept until {may_go_on}"
            f" (45 CFR 164.530(j)), today is {asked.day}"
        )


def _last_notice(asked: _Asked) -> date:
    """Latest day of any event or filing; where nothing was ever told, of what was known or recorded."""
    workspace = asked.workspace
    filed = current_facts(workspace, "filing")["dated_on"].max()
    told = workspace.scan("events").select(pl.col("dated_on").max()).collect().item()
    days = [day for day in (told, filed) if isinstance(day, date)]
    return max(days, default=max(asked.incident.incident.known_on, asked.current.incident.as_of))


def untold(workspace: Workspace) -> dict[str, int]:
    """What waits to be sent, by what it is; empty where everything went out. Purging ends the waiting."""
    counts = notify.email.outbox_counts(workspace.root)
    found = {
        "pieces": _rows(_pieces_not_out(workspace)) if workspace.has("ledger") else 0,
        "e-mails not settled": sum(counts.get(state, 0) for state in UNSETTLED),
        "people who wait for their covered entity": _rows(
            workspace.scan("ledger").filter(pl.col("state") == "waiting_ce")
        ),
        "packets": _rows(_packets_not_out(workspace)),
    }
    return {what: count for what, count in found.items() if count}


def _pieces_not_out(workspace: Workspace) -> pl.LazyFrame:
    """Notices that the ledger holds ready and that were never handed over."""
    who = ["person_id", "entity_id"]
    out = workspace.scan("events").filter(pl.col("kind").is_in(HANDED_OVER))
    queued = workspace.scan("ledger").filter(pl.col("state") == "queued")
    wanted = workspace.scan("notices").filter(pl.col("channel").is_in(MAIL))
    return wanted.join(queued, on=who, how="semi").join(out, on=[*who, "wave"], how="anti")


def _packets_not_out(workspace: Workspace) -> pl.LazyFrame:
    """Packets that are ready, of entities that no version of theirs was ever written for."""
    out = workspace.scan("events").filter(channel="packet", kind="exported")
    ready = workspace.scan("packets").filter(pl.col("state") == "ready")
    return ready.join(out, on="entity_id", how="anti")


def _rows(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect().item())
