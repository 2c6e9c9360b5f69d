"""Substitute notice: how many people of each entity no letter can reach, and what that asks for.

The decided pairs of each slice of people come in; the table `substitutes` goes out. The test of ten persons
(45 CFR 164.404(d)(2)) is redone in every round, so after every file of returns.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from matching.tables import TABLES

__all__ = ["POSTING_FROM", "counted", "substitutes"]

POSTING_FROM = 10
"""Persons of one entity: 164.404(d)(2)(ii), 10 or more."""


def counted(pairs: pl.DataFrame) -> pl.DataFrame:
    """One row per entity of a slice: `entity_id, people, came_back, learned_on, due_on`."""
    back = pl.col("told") == "returned"
    return (
        pairs.filter(pl.col("ledger_state") == "substitute")
        .group_by("entity_id")
        .agg(
            people=pl.len().cast(pl.Int64),
            came_back=back.sum().cast(pl.Int64),
            learned_on=pl.col("told_on").filter(back).max(),
            due_on=pl.col("due_on").min(),
        )
    )


def substitutes(slices: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Rows of `substitutes` from what `counted` gave for every slice."""
    table = TABLES["substitutes"]
    parts = list(slices)
    if not parts:
        return table.empty()
    whole = (
        pl.concat(parts)
        .group_by("entity_id")
        .agg(
            pl.col("people", "came_back").sum(),
            pl.col("learned_on").max(),
            pl.col("due_on").min(),
        )
    )
    many = pl.col("people") >= POSTING_FROM
    return table.complete(
        whole.with_columns(
            form=pl.when(many).then(pl.lit("posting")).otherwise(pl.lit("other")),
            due_on=pl.max_horizontal("due_on", "learned_on"),
        )
    )
