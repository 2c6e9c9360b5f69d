"""Red clocks: duties that are overdue or nearly, told to the people of the incident by e-mail, once a day.

The day is the real one: a clock runs whether or not anybody starts a round. Counts, covered entities by id, days; never
a person's data.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from flows import step_settings
from flows.audit import audit
from flows.rounds import open_round, today
from flows.settings import IncidentFile
from matching.store import Workspace
from notify.duties import open_duties
from notify.email.alarm import send_alarm

__all__ = ["RED_DAYS", "red_clocks", "tell_red_clocks"]

RED_DAYS = 3
"""Days left from which a clock is red: a weekend fits between."""
SHOWN = 20
"""Lines of a message; the rest is a number."""
_ACT = "clocks"


@dataclass(frozen=True, slots=True)
class Red:
    """One covered entity's duties of one kind that are overdue or nearly."""

    entity_id: str
    recipient: str
    jurisdiction: str
    days_left: int
    duties: int


def red_clocks(workspace: Workspace, *, on: date, within_days: int) -> list[Red]:
    """The most urgent first; duties that wait for somebody else's act and those without a day are not in it."""
    waits = pl.col("status").is_in(["waiting", "waiting_receipt", "held"])
    rows = (
        open_duties(workspace, as_of=on)
        .filter(pl.col("days_left") <= within_days, ~waits)
        .group_by("entity_id", "recipient", "jurisdiction")
        .agg(pl.col("days_left").min(), duties=pl.len())
        .sort("days_left", "entity_id", "recipient", "jurisdiction")
    )
    return [
        Red(r["entity_id"], r["recipient"], r["jurisdiction"], r["days_left"], r["duties"])
        for r in rows.to_dicts()
    ]


def tell_red_clocks(
    root: Path, *, within_days: int = RED_DAYS, on: date | None = None
) -> dict[str, Any]:
    """Write to `[email] clocks_to`; gives `affected.clocks/1`: `red`, `told`, and why not where nobody was.

    The same clocks are told once a day: the audit log remembers. `on`: the day, default today; a made-up incident
    lives by its own.
    """
    workspace, current = open_round(root)
    incident = current.incident
    day = on or (incident.as_of if workspace.synthetic else today())
    found = red_clocks(workspace, on=day, within_days=within_days)
    lines = _lines(incident.incident.id, found, day)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    told: dict[str, str] = {}
    to = _addressees(incident)
    why = _why_not(workspace, found, to, digest)
    if why is None:
        told = send_alarm(step_settings.email(incident), to=to, subject=lines[0], lines=lines)
        taken = sum(not code for code in told.values())
        if taken:
            audit(workspace, _ACT, digest=digest, red=len(found), told=taken)
    return {
        "schema": "affected.clocks/1",
        "incident": incident.incident.id,
        "on": day.isoformat(),
        "red": len(found),
        "told": sum(not code for code in told.values()),
        "refused": sorted(code for code in told.values() if code),
        "not_told_because": why,
    }


def _addressees(incident: IncidentFile) -> tuple[str, ...]:
    return incident.email.clocks_to


def _why_not(
    workspace: Workspace, found: list[Red], to: tuple[str, ...], digest: str
) -> str | None:
    if not found:
        return "no clock is red"
    if not to:
        return "email.clocks_to is empty; name who must know"
    before = any(
        entry["act"] == _ACT and entry.get("digest") == digest
        for entry in workspace.evidence.entries()
    )
    return "told before on this day" if before else None


def _lines(incident: str, found: list[Red], day: date) -> list[str]:
    late = sum(red.duties for red in found if red.days_left < 0)
    soon = sum(red.duties for red in found) - late
    lines = [
        f"{incident}: {late} duties overdue, {soon} due soon",
        "",
        f"On {day.isoformat()}, by covered entity, to whom it is owed, and law:",
    ]
    lines += [
        f"  {red.entity_id}  {red.recipient} ({red.jurisdiction}): {red.duties} duties, {_words(red.days_left)}"
        for red in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        lines.append(f"  and {len(found) - SHOWN} more")
    return [
        *lines,
        "",
        "affected status WS names them all; `affected record` takes what was filed.",
    ]


def _words(days_left: int) -> str:
    return f"{-days_left} days overdue" if days_left < 0 else f"{days_left} days left"
