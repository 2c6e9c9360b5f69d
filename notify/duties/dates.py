"""Due dates: clocks and holds first, then what a rule says of another duty's day.

Rows come in with their anchors; they go out with `due_on`, `stopped_days` and `held`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from notify.duties.clocks import Clock, Stop, due_on, is_held, stops
from notify.facts import Hold
from notify.rules import INDIVIDUAL_DUTY, relation_levels

__all__ = ["with_due_dates"]

_CLOCK = ("days", "day_type", "holidays", "restart_days", "restart_day_type")
_WHOSE = ["entity_id", "hypothesis"]


def with_due_dates(rows: pl.DataFrame, holds: Iterable[Hold], *, as_of: date) -> pl.DataFrame:
    """Add `due_on`, `related_on` (day of the duty it relates to), `stopped_days` and `held`.

    `due_on` is null where a rule neither counts days nor relates to another. `held`: a hold of law
    enforcement covers the entity today.
    """
    by_entity = _stops_by_entity(tuple(holds))
    covered = pl.col("entity_id").is_in([entity for entity in by_entity if entity])
    rows = rows.with_columns(hold_of=pl.when(covered).then("entity_id").otherwise(pl.lit("")))
    target = dict(rows.select("rule_id", "relation_to").unique().iter_rows())
    levels = relation_levels(target)
    dated = _counted(_of_level(rows, levels, 0), by_entity).with_columns(
        related_on=pl.lit(None, dtype=pl.Date)
    )
    for level in range(1, max(levels.values(), default=0) + 1):
        due = _with_related(_of_level(rows, levels, level), dated)
        dated = pl.concat([dated, _related(_counted(due, by_entity)).select(dated.columns)])
    held = [entity for entity, stopped in by_entity.items() if is_held(as_of, stopped)]
    return dated.with_columns(held=pl.col("hold_of").is_in(held))


def _of_level(rows: pl.DataFrame, levels: dict[str, int], level: int) -> pl.DataFrame:
    return rows.filter(pl.col("rule_id").is_in([r for r, at in levels.items() if at == level]))


def _counted(rows: pl.DataFrame, by_entity: dict[str, tuple[Stop, ...]]) -> pl.DataFrame:
    """Add what the clock says: one call per distinct (holds, anchor, clock), a few hundred in all."""
    key = ["hold_of", "anchor_on", *_CLOCK]
    running = pl.col("anchor_on").is_not_null() & pl.col("days").is_not_null()
    distinct = rows.filter(running).select(key).unique(maintain_order=True)
    days = [
        _dated(anchor, Clock(*clock), by_entity[hold_of])
        for hold_of, anchor, *clock in distinct.iter_rows()
    ]
    schema = {"due_on": pl.Date, "stopped_days": pl.Int64}
    found = pl.concat([distinct, pl.DataFrame(days, schema=schema, orient="row")], how="horizontal")
    joined = rows.join(found, on=key, how="left", nulls_equal=True)
    return joined.with_columns(pl.col("stopped_days").fill_null(0))


def _with_related(rows: pl.DataFrame, dated: pl.DataFrame) -> pl.DataFrame:
    """Add `related_on`; an anchor that only that other duty's performance will date is planned on it.

    A state's notice without days of its own goes out, like every letter, by the day HIPAA gives.
    """
    of_rule = dated.group_by(*_WHOSE, relation_to=pl.col("rule_id")).agg(one=pl.col("due_on").min())
    federal = dated.filter(pl.col("rule_id") == INDIVIDUAL_DUTY).select(*_WHOSE, other="due_on")
    joined = rows.join(of_rule, on=[*_WHOSE, "relation_to"], how="left")
    joined = joined.join(federal, on=_WHOSE, how="left")
    planned = joined.with_columns(related_on=pl.min_horizontal("one", "other")).drop("one", "other")
    open_anchor = pl.col("anchor_on").is_null() & pl.col("days").is_not_null()
    return planned.with_columns(
        anchor_on=pl.when(open_anchor).then("related_on").otherwise("anchor_on")
    )


def _related(rows: pl.DataFrame) -> pl.DataFrame:
    """The earlier of the rule's own clock and what it says of the other duty; before: the day before."""
    day = (
        pl.when(pl.col("relation") == "with")
        .then("related_on")
        .when(pl.col("relation") == "before")
        .then(pl.col("related_on").dt.offset_by("-1d"))
    )
    return rows.with_columns(due_on=pl.min_horizontal("due_on", day))


def _stops_by_entity(holds: tuple[Hold, ...]) -> dict[str, tuple[Stop, ...]]:
    """Merged stops per entity that has holds of its own; '' for everyone else."""
    entities = {hold.entity_id for hold in holds} | {""}
    return {
        entity: stops(hold for hold in holds if hold.entity_id in {"", entity})
        for entity in entities
    }


def _dated(anchor: date, clock: Clock, stopped: tuple[Stop, ...]) -> tuple[date, int]:
    due = due_on(anchor, clock, stopped)
    return due, (due - due_on(anchor, clock)).days
