"""Duty rows: for each rule, the entities (and states) it is tested on, under both hypotheses of agency.

An agent's discovery is its principal's: the entity's clock starts with the business associate's. An
independent contractor's is not: the clock starts when the entity receives the notice or learns otherwise
(preamble to 164.404, 74 FR 42740). Both are rows until the roster says which holds.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from notify.duties.anchors import DATED_LATER
from notify.duties.lines import Tested, count_used, crosses
from notify.rules import Rule

__all__ = ["HYPOTHESES", "TOLD_BY_US", "entity_clocks", "rule_rows"]

HYPOTHESES = ("agent", "independent")
TOLD_BY_US = ("entity", "owner")
"""Recipients who are told by a packet: the business associate's own duties."""
_FROM_DISCOVERY = ("determination", "confirmation", "unknown")
"""No such day is before discovery, so that a plan from discovery is never too late."""
_COLUMNS = (
    "entity_id", "hypothesis", "agency", "received_on", "jurisdiction", "recipient", "rule_id", "duty",
    "owed_by", "count_used", "flips", "crosses", "anchor_on", "basis", "waits_for", "days", "day_type",
    "holidays", "restart_days", "restart_day_type", "relation", "relation_to", "credit_months", "citation",
    "needs_counsel", "spared", "exemption", "reviewed",
)  # fmt: skip


def entity_clocks(
    entities: pl.LazyFrame, receipts: pl.LazyFrame, recorded: pl.LazyFrame, *,
    discovered_on: date, as_of: date,
) -> pl.DataFrame:  # fmt: skip
    """One row per entity and hypothesis with the day its own clock starts and why.

    `waiting`: nothing is known of a receipt, so the clock is counted from today for the time being.
    """
    roster = (
        entities.select("entity_id", "kind", "agency", "baa_days", "known_on")
        .join(receipts, on="entity_id", how="left")
        .join(recorded, on="entity_id", how="left")
    )
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
    return pl.concat([agent, independent]).with_columns(ba_discovery=ours).collect()


def rule_rows(rule: Rule, tested: Tested, clocks: pl.DataFrame) -> pl.DataFrame:
    """The rule's rows before their due dates: counts compared, anchors and days chosen.

    A roster entry that is itself a business associate is only told, it owes nothing to individuals.
    HIPAA's tests are rows whatever they give; a state's where it is passed, or from half its line on.
    """
    rows = tested.of(rule).filter(_worth_a_row(rule)).join(clocks, on="entity_id")
    if rule.recipient != "entity":
        rows = rows.filter(pl.col("kind") == "covered_entity")
    named = rows.with_columns(
        jurisdiction=pl.coalesce("state", pl.lit(rule.jurisdiction)),
        count_used=count_used(rule),
        flips=count_used(rule) != pl.col("upper"),
        crosses=crosses(rule),
        days=pl.col("baa_days") if rule.days_from else pl.lit(rule.days, dtype=pl.Int64),
        **_start(rule),
        **_said(rule),
    )
    if rule.days_from:
        named = named.filter(pl.col("days").is_not_null())
    return _with_credit(rule, tested, named).select(_COLUMNS)


def _worth_a_row(rule: Rule) -> pl.Expr:
    """Most entities have a few patients in every other state: two million rows that nothing is owed."""
    if rule.jurisdiction == "US":
        return pl.lit(value=True)
    near = (count_used(rule) > 0) & (count_used(rule) * 2 >= rule.min_n)
    return (crosses(rule) != "no") | near


def _start(rule: Rule) -> dict[str, pl.Expr]:
    """`anchor_on`, `basis`, `waits_for`: when the clock starts, why, and what must be known first."""
    nothing = pl.lit(None, dtype=pl.String)
    receipt = pl.when("waiting").then(pl.lit("receipt"))
    name = rule.clock_anchor
    if name == "none":
        return {"anchor_on": pl.lit(None, pl.Date), "basis": pl.lit(""), "waits_for": nothing}
    if name == "ba_discovery":
        basis = pl.lit("discovery by the business associate")
        return {"anchor_on": pl.col(name), "basis": basis, "waits_for": nothing}
    if name in DATED_LATER:
        day = pl.col(name)
        first = pl.col("ce_discovery") if name in _FROM_DISCOVERY else pl.lit(None, pl.Date)
        plan = pl.lit("") if name not in _FROM_DISCOVERY else pl.lit("planned from: ") + "basis"
        return {
            "anchor_on": pl.coalesce(day, first),
            "basis": pl.when(day.is_null()).then(plan).otherwise(pl.lit(name)),
            "waits_for": pl.when(day.is_null()).then(pl.lit(name)),
        }
    discovery = pl.col("ce_discovery")
    if name == "ce_discovery_year_end":
        # 164.408(c): after the end of the calendar year in which the breach was discovered
        discovery = pl.date(discovery.dt.year(), 12, 31)
    planned = pl.lit("planned from: ") if name == "unknown" else pl.lit("")
    return {"anchor_on": discovery, "basis": planned + "basis", "waits_for": receipt}


def _said(rule: Rule) -> dict[str, pl.Expr]:
    """What the row says of every entity alike."""
    restart = rule.delay
    texts = {
        "recipient": rule.recipient, "rule_id": rule.rule_id, "duty": rule.duty, "owed_by": rule.owed_by,
        "day_type": rule.day_type, "relation": rule.relation, "relation_to": rule.relation_to,
        "citation": rule.citation, "needs_counsel": rule.needs_counsel, "exemption": rule.hipaa_mode,
        "restart_day_type": restart.day_type if restart else "calendar",
    }  # fmt: skip
    return {
        **{name: pl.lit(text, dtype=pl.String) for name, text in texts.items()},
        "restart_days": pl.lit(restart.days if restart else None, dtype=pl.Int64),
        # without them the day is earlier: an unreviewed row gets no holidays
        "holidays": pl.lit(rule.reviewed),
        "spared": pl.lit(rule.spared_by_hipaa),
        "reviewed": pl.lit(rule.reviewed),
    }


def _with_credit(rule: Rule, tested: Tested, rows: pl.DataFrame) -> pl.DataFrame:
    """Add `credit_months`, where somebody's data obliges to offer monitoring."""
    months = pl.lit(rule.credit_months, dtype=pl.Int64)
    if not rule.credit_months:
        return rows.with_columns(credit_months=months)
    some = tested.residents(rule, rule.credit_trigger).filter(pl.col("upper") > 0)
    some = some.select("entity_id", "state", credit_months=months)
    return rows.join(some, on=["entity_id", "state"], how="left")
