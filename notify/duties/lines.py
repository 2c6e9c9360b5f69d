"""Which lines of law the counts pass: expressions over confirmed, expected, upper and `unknown`.

`unknown` is the upper count of people whose residence nobody knows. It is added to each state in turn
for the worst case, and can only lift a duty to `upper`.
"""

from __future__ import annotations

import polars as pl

from notify.rules import Rule

__all__ = ["count_used", "counts_by_state", "counts_of_all", "crosses"]

UNKNOWN_RESIDENCE = "UNK"
_NUMBERS = ("confirmed", "expected", "upper")


def counts_of_all(counts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per entity over all states: `entity_id, state (null), confirmed, expected, upper, unknown`."""
    return counts.filter(pl.col("entity_id").is_not_null() & pl.col("state").is_null()).select(
        "entity_id", "state", *_NUMBERS, unknown=pl.lit(0, dtype=pl.Int64)
    )


def counts_by_state(
    counts: pl.LazyFrame, entities: pl.LazyFrame, jurisdictions: tuple[str, ...]
) -> pl.LazyFrame:
    """One row per entity and state in which residents are, or could be, with the UNK bucket beside it.

    Where residence is known of nobody, the entity's own state stands in for the worst case.
    """
    per_state = counts.filter(pl.col("entity_id").is_not_null() & pl.col("state").is_not_null())
    unknown = per_state.filter(pl.col("state") == UNKNOWN_RESIDENCE).select(
        "entity_id", unknown="upper"
    )
    own = (
        unknown.join(entities.select("entity_id", "state"), on="entity_id")
        .filter(pl.col("state").is_in(jurisdictions))
        .select(
            "entity_id",
            "state",
            confirmed=pl.lit(0, dtype=pl.Int64),
            expected=pl.lit(0.0),
            upper=pl.lit(0, dtype=pl.Int64),
        )
    )
    known = per_state.filter(pl.col("state").is_in(jurisdictions)).select(
        "entity_id", "state", *_NUMBERS
    )
    return (
        pl.concat([known, own.join(known, on=["entity_id", "state"], how="anti")])
        .join(unknown, on="entity_id", how="left")
        .with_columns(pl.col("unknown").fill_null(0))
    )


def crosses(rule: Rule) -> pl.Expr:
    """`confirmed`, `expected`, `upper` or `no`: the most certain number that passes the rule's line.

    A line from below (`lt`) is passed only when even the upper number stays under it, because plans are
    made on upper and the other side of the same line is planned then. Expected is rounded to people.
    """
    if rule.min_op == "lt":
        passed = (pl.col("upper") < rule.min_n) & (pl.col("upper") > 0)
        surest = (
            pl.when(pl.col("confirmed") > 0)
            .then(pl.lit("confirmed"))
            .when(pl.col("expected").round() > 0)
            .then(pl.lit("expected"))
            .otherwise(pl.lit("upper"))
        )
        return pl.when(passed).then(surest).otherwise(pl.lit("no"))
    return (
        pl.when(_passes(rule, pl.col("confirmed")))
        .then(pl.lit("confirmed"))
        .when(_passes(rule, pl.col("expected").round()))
        .then(pl.lit("expected"))
        .when(_passes(rule, pl.col("upper") + pl.col("unknown")))
        .then(pl.lit("upper"))
        .otherwise(pl.lit("no"))
    )


def count_used(rule: Rule) -> pl.Expr:
    """The number compared with the line: upper, with unknown residence where only that passes it."""
    worst = pl.col("upper") + pl.col("unknown")
    flips = _passes(rule, worst) & ~_passes(rule, pl.col("upper"))
    return pl.when(flips).then(worst).otherwise(pl.col("upper"))


def _passes(rule: Rule, count: pl.Expr) -> pl.Expr:
    return {"ge": count >= rule.min_n, "gt": count > rule.min_n, "lt": count < rule.min_n}[
        rule.min_op
    ]
