"""The duty of substitute notice, tested again on the people whom no letter reaches by now.

`duties` are planned before notices are: they count people of unknown residence and letters that came back. Once
the notices of the round stand, `substitutes` says exactly whom no letter reaches, and what is written goes by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

from matching.store import Workspace
from notify.rules import Rule

__all__ = ["retested"]

_STANDS = ("held", "needs_counsel", "waiting_receipt", "waiting", "met")
"""Whatever the number, these stay as they are where the line is passed."""


def retested(
    workspace: Workspace, duties: pl.DataFrame, rules: Mapping[str, Rule], *, as_of: date
) -> pl.DataFrame:
    """`duties` with the rows of substitute notice counted by `substitutes`; as they are before it was written."""
    lines = [
        (rule.rule_id, rule.min_op == "lt", rule.min_n)
        for rule in rules.values()
        if rule.duty == "substitute"
    ]
    if not lines or not workspace.has("substitutes"):
        return duties
    tests = pl.DataFrame(lines, schema=["rule_id", "below", "line"], orient="row")
    known = workspace.read("substitutes", ["entity_id", "people", "due_on"])
    met = duties.join(tests, on="rule_id", how="left", maintain_order="left").join(
        known.rename({"due_on": "reach_by"}), on="entity_id", how="left", maintain_order="left"
    )
    people = pl.col("people").fill_null(0)
    passes = (people > 0) & ((people < pl.col("line")) == pl.col("below"))
    due = pl.coalesce("reach_by", "due_on")
    status = (
        pl.when(~passes)
        .then(pl.lit("not_required"))
        .when(pl.col("status").is_in(_STANDS))
        .then("status")
        .when(due < as_of)
        .then(pl.lit("overdue"))
        .otherwise(pl.lit("due"))
    )
    of_substitute = pl.col("line").is_not_null()
    found = {
        "count_used": people,
        "crosses": pl.when(passes).then(pl.lit("confirmed")).otherwise(pl.lit("no")),
        "status": status,
        "due_on": due,
    }
    kept = (
        pl.when(of_substitute).then(value).otherwise(name).alias(name)
        for name, value in found.items()
    )
    return met.with_columns(*kept).select(duties.columns)
