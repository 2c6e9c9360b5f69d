"""Duty rows: for each rule, the entities (and states) it is tested on, under both hypotheses of agency.

An agent's discovery is its principal's: the entity's clock starts with the business associate's. An
independent contractor's is not: the clock starts when the entity receives the notice or learns otherwise
(preamble to 164.404, 74 FR 42740). Both are rows until the roster says which holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

import polars as pl

from notify.duties.clocks import Stop, due_on, is_held, stops
from notify.duties.lines import count_used, crosses
from notify.facts import Hold
from notify.rules import Rule

__all__ = ["entity_clocks", "rule_rows", "with_due_dates", "with_status"]

HYPOTHESES = ("agent", "independent")
_KEY = ("entity_id", "jurisdiction", "recipient", "rule_id", "hypothesis")


def entity_clocks(
    entities: pl.LazyFrame, receipts: pl.LazyFrame, *, discovered_on: date, as_of: date
) -> pl.LazyFrame:
    """One row per entity and hypothesis with the day its own clock starts and why.

    `waiting`: nothing is known of a receipt, so the clock is counted from today for the time being.
    """
    roster = entities.select(
        "entity_id", "kind", "agency", "baa_days", "known_on", home=pl.col("state")
    ).join(receipts, on="entity_id", how="left")
    known, received = pl.col("known_on"), pl.col("received_on")
    ours = pl.lit(discovered_on)
    agent = roster.with_columns(
        hypothesis=pl.lit("agent"),
        ce_discovery=pl.min_horizontal(known, ours),
        basis=pl.when(known < ours)
        .then(pl.lit("the entity knew"))
        .otherwise(pl.lit("discovery by its agent, the business associate")),
        waiting=pl.lit(False),
    )
    independent = roster.with_columns(
        hypothesis=pl.lit("independent"),
        ce_discovery=pl.coalesce(pl.min_horizontal(known, received), pl.lit(as_of)),
        basis=pl.when(known.is_null() & received.is_null())
        .then(pl.lit("today, for want of a receipt"))
        .when(received.is_null() | (known <= received))
        .then(pl.lit("the entity knew"))
        .otherwise(pl.lit("receipt of the notice")),
        waiting=known.is_null() & received.is_null(),
    )
    return pl.concat([agent, independent]).with_columns(ba_discovery=ours)


def rule_rows(rule: Rule, tested: pl.LazyFrame, clocks: pl.LazyFrame) -> pl.LazyFrame:
    """The rule's rows before their due dates: counts compared, anchors and days chosen.

    A roster entry that is itself a business associate is only told, it owes nothing to individuals.
    """
    anchor = {
        "ba_discovery": pl.col("ba_discovery"),
        "ce_discovery": pl.col("ce_discovery"),
        # 164.408(c): after the end of the calendar year in which the breach was discovered
        "ce_discovery_year_end": pl.date(pl.col("ce_discovery").dt.year(), 12, 31),
    }[rule.clock_anchor]
    from_us = rule.clock_anchor == "ba_discovery"
    rows = tested.join(clocks, on="entity_id")
    if rule.recipient != "entity":
        rows = rows.filter(pl.col("kind") == "covered_entity")
    return rows.select(
        "entity_id",
        "hypothesis",
        "agency",
        "received_on",
        jurisdiction=pl.coalesce("state", pl.lit(rule.jurisdiction)),
        recipient=pl.lit(rule.recipient),
        rule_id=pl.lit(rule.rule_id),
        duty=pl.lit(rule.duty),
        owed_by=pl.lit(rule.owed_by),
        count_used=count_used(rule),
        flips=count_used(rule) != pl.col("upper"),
        crosses=crosses(rule),
        anchor_on=anchor,
        basis=pl.lit("discovery by the business associate") if from_us else pl.col("basis"),
        waiting=pl.lit(False) if from_us else pl.col("waiting"),
        days=pl.lit(rule.days, dtype=pl.Int64) if rule.days is not None else pl.col("baa_days"),
        day_type=pl.lit(rule.day_type),
        citation=pl.lit(rule.citation),
        reviewed=pl.lit(rule.reviewed),
    ).filter(pl.col("days").is_not_null())


def with_due_dates(rows: pl.DataFrame, holds: Iterable[Hold], *, as_of: date) -> pl.DataFrame:
    """Add `due_on`, `stopped_days` and `held` (a law-enforcement hold covers the entity today).

    One call of the clock per distinct (holds, anchor, days): a few hundred, not one per row.
    """
    by_entity = _stops_by_entity(tuple(holds))
    covered = pl.col("entity_id").is_in([entity for entity in by_entity if entity])
    rows = rows.with_columns(hold_of=pl.when(covered).then("entity_id").otherwise(pl.lit("")))
    distinct = rows.select("hold_of", "anchor_on", "days", "day_type").unique(maintain_order=True)
    dated = [
        _dated(anchor, days, day_type, by_entity[hold_of], as_of)
        for hold_of, anchor, days, day_type in distinct.iter_rows()
    ]
    schema = {"due_on": pl.Date, "stopped_days": pl.Int64, "held": pl.Boolean}
    found = pl.concat(
        [distinct, pl.DataFrame(dated, schema=schema, orient="row")], how="horizontal"
    )
    return rows.join(found, on=distinct.columns, how="left")


def with_status(rows: pl.DataFrame, delegation: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """Add who performs the duty, its status, its explanation and its id."""
    settled = pl.col("agency").is_in(HYPOTHESES)
    excluded = settled & (pl.col("agency") != pl.col("hypothesis"))
    performed = pl.when(pl.col("owed_by") == "ba").then(pl.lit("ba"))
    status = (
        pl.when((pl.col("crosses") == "no") | excluded)
        .then(pl.lit("not_required"))
        .when((pl.col("recipient") == "entity") & pl.col("received_on").is_not_null())
        .then(pl.lit("met"))
        .when(pl.col("held"))
        .then(pl.lit("held"))
        .when(pl.col("waiting"))
        .then(pl.lit("waiting_receipt"))
        .when(pl.col("due_on") < as_of)
        .then(pl.lit("overdue"))
        .when(pl.col("crosses") == "upper")
        .then(pl.lit("planned"))
        .otherwise(pl.lit("due"))
    )
    return rows.join(
        delegation.select("entity_id", "duty", "by"), on=["entity_id", "duty"], how="left"
    ).with_columns(
        performed_by=performed.otherwise(pl.col("by").fill_null("undecided")),
        status=status,
        explanation=_explanation(excluded),
        duty_id=_ids(rows),
    )


def _explanation(excluded: pl.Expr) -> pl.Expr:
    def where(condition: pl.Expr, *text: pl.Expr | str) -> pl.Expr:
        parts = [pl.lit(part) if isinstance(part, str) else part for part in text]
        return pl.when(condition).then(pl.concat_str(parts))

    day = pl.col("anchor_on").cast(pl.String)
    first = pl.concat_str(
        "citation", pl.lit(": "), "days", pl.lit(" "), "day_type", pl.lit(" days after ")
    )
    return pl.concat_str(
        pl.concat_str(first, day, pl.lit(" ("), "basis", pl.lit(")")),
        where(
            pl.col("stopped_days") > 0,
            "stopped ",
            pl.col("stopped_days"),
            " days by law enforcement",
        ),
        where(pl.col("waiting"), "moves with every round until a receipt is recorded"),
        where(pl.col("flips"), "passes the line only with everyone of unknown residence"),
        where(excluded, "does not apply: the roster says ", pl.col("agency")),
        where(
            (pl.col("recipient") == "entity") & pl.col("received_on").is_not_null(),
            "received on ",
            pl.col("received_on").cast(pl.String),
        ),
        where(~pl.col("reviewed"), "rule row not reviewed"),
        separator="; ",
        ignore_nulls=True,
    )


def _stops_by_entity(holds: tuple[Hold, ...]) -> dict[str, tuple[Stop, ...]]:
    """Merged stops per entity that has holds of its own; '' for everyone else."""
    entities = {hold.entity_id for hold in holds} | {""}
    return {
        entity: stops(hold for hold in holds if hold.entity_id in {"", entity})
        for entity in entities
    }


def _dated(
    anchor: date, days: int, day_type: str, stopped: tuple[Stop, ...], as_of: date
) -> tuple[date, int, bool]:
    due = due_on(anchor, days, day_type=day_type, stopped=stopped)
    plain = due_on(anchor, days, day_type=day_type)
    return due, (due - plain).days, is_held(as_of, stopped)


def _ids(rows: pl.DataFrame) -> pl.Series:
    texts = rows.select(pl.concat_str(_KEY, separator="\x1f")).to_series()
    digests = [hashlib.sha256(text.encode()).hexdigest()[:20] for text in texts.to_list()]
    return pl.Series("duty_id", digests, dtype=pl.String)
