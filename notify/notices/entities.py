"""What holds for a covered entity as a whole: who tells its patients, holds, and the last day.

Each function gives one row per entity. Later inbox rows supersede the incident file's.
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from matching.store import Workspace
from notify.answers import current_holds, delegations, holds_on
from notify.notices.settings import NoticesSettings

__all__ = ["default_due", "holds", "told_by"]

_INDIVIDUAL_DAYS = 60
"""45 CFR 164.404(b): the outer limit, used where no duty was computed."""


def told_by(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, told_by`: ba or ce performs the individual notice; anything else is undecided."""
    individual = delegations(workspace).filter(pl.col("duty") == "individual")
    return individual.select("entity_id", told_by="by")


def holds(workspace: Workspace, settings: NoticesSettings) -> pl.DataFrame:
    """`entity_id, hold`: what stops sending today; entity_id is null for a hold on all."""
    in_force = holds_on(current_holds(workspace, settings.holds), settings.as_of)
    rows = [(hold.entity_id or None, hold.kind) for hold in in_force]
    frame = pl.DataFrame(rows, schema={"entity_id": pl.String, "hold": pl.String}, orient="row")
    return frame.group_by("entity_id").agg(pl.col("hold").min()).sort("entity_id")


def default_due(settings: NoticesSettings) -> date:
    """Sixty days after discovery (164.404(b)), for an entity without a computed duty."""
    return settings.incident.discovered_on + timedelta(days=_INDIVIDUAL_DAYS)
