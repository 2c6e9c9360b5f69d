"""What holds for a covered entity as a whole: who tells its patients, holds, and the last day.

Each function gives one row per entity. Later inbox rows supersede the incident file's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from matching.store import Workspace
from notify.answers import current_holds, delegations, holds_on
from notify.facts import Hold
from notify.notices.settings import NoticesSettings

__all__ = ["default_due", "holds", "told_by"]

_INDIVIDUAL_DAYS = 60
"""45 CFR 164.404(b): the outer limit, used where no duty was computed."""


def told_by(workspace: Workspace, *, unreachable_by_us: bool) -> pl.DataFrame:
    """`entity_id, told_by`: ba or ce, who tells the entity's individuals; no row: undecided.

    `unreachable_by_us`: counsel decided that the business associate tells the patients of entities that cannot be
    reached, where nobody decided otherwise.
    """
    individual = delegations(workspace).filter(pl.col("duty") == "individual")
    decided = individual.select("entity_id", told_by="by")
    if not unreachable_by_us:
        return decided
    lost = (
        workspace.scan("packets")
        .filter(pl.col("state") == "unreachable")
        .select("entity_id")
        .collect()
    )
    said = decided.filter(pl.col("told_by") != "undecided")
    more = lost.join(said, on="entity_id", how="anti").with_columns(told_by=pl.lit("ba"))
    return pl.concat([decided.join(more, on="entity_id", how="anti"), more])


def holds(workspace: Workspace, typed: Iterable[Hold], *, on: date) -> tuple[pl.DataFrame, pl.Expr]:
    """`entity_id, hold`, what stops sending for an entity on that day; and what does for all, null where nothing."""
    in_force = holds_on(current_holds(workspace, typed), on)
    rows = [(hold.entity_id, hold.kind) for hold in in_force if hold.entity_id]
    frame = pl.DataFrame(rows, schema={"entity_id": pl.String, "hold": pl.String}, orient="row")
    for_all = min((hold.kind for hold in in_force if not hold.entity_id), default=None)
    held = frame.group_by("entity_id").agg(pl.col("hold").min()).sort("entity_id")
    return held, pl.lit(for_all, dtype=pl.String)


def default_due(settings: NoticesSettings) -> date:
    """Sixty days after discovery (164.404(b)), for an entity without a computed duty."""
    return settings.incident.discovered_on + timedelta(days=_INDIVIDUAL_DAYS)
