"""What holds for a covered entity as a whole: who tells its patients, holds, and the last day.

Each function gives one row per entity. Later inbox rows supersede the incident file's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from matching.store import Workspace
from notify.answers import current_holds, delegations
from notify.facts import Hold
from notify.notices.settings import NoticesSettings

__all__ = ["active", "default_due", "holds", "told_by"]

_INDIVIDUAL_DAYS = 60
"""45 CFR 164.404(b): the outer limit, used where no duty was computed."""
_ORAL_DAYS = 30
"""45 CFR 164.412(b): an oral statement holds for 30 days from the statement."""


def told_by(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, told_by`: ba or ce performs the individual notice; anything else is undecided."""
    individual = delegations(workspace).filter(pl.col("duty") == "individual")
    return individual.select("entity_id", told_by="by")


def holds(workspace: Workspace, settings: NoticesSettings) -> pl.DataFrame:
    """`entity_id, hold`: what stops sending today; entity_id is null for a hold on all."""
    in_force = active(current_holds(workspace, settings.holds), settings.as_of)
    rows = [(hold.entity_id or None, hold.kind) for hold in in_force]
    frame = pl.DataFrame(rows, schema={"entity_id": pl.String, "hold": pl.String}, orient="row")
    return frame.group_by("entity_id").agg(pl.col("hold").min()).sort("entity_id")


def active(all_holds: Iterable[Hold], today: date) -> list[Hold]:
    """Holds in force on a day; an oral one for 30 days at most (164.412(b))."""
    return [hold for hold in all_holds if hold.stated_on <= today <= _last_day(hold)]


def _last_day(hold: Hold) -> date:
    if hold.kind == "law_enforcement_oral":
        latest = hold.stated_on + timedelta(days=_ORAL_DAYS)
        return min(hold.until or latest, latest)
    return hold.until or date.max


def default_due(settings: NoticesSettings) -> date:
    """Sixty days after discovery (164.404(b)), for an entity without a computed duty."""
    return settings.incident.discovered_on + timedelta(days=_INDIVIDUAL_DAYS)
