"""What a scored pair is called: its probability, its band, and the rules that made it, in words."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from matching.link.rules import rule_names
from matching.link.settings import LinkSettings

__all__ = ["SAME_VALUES_BIT", "band", "probability", "reasons"]

SAME_VALUES = "same_values"
"""Reason of a group's pair with itself: is the agreement of these values enough?"""
SAME_VALUES_BIT = 62
"""Behind the bits of all rules; the sign bit stays free."""
_PROBABILITY_DECIMALS = 9


def probability() -> pl.Expr:
    """Posterior of `match_weight`."""
    return (1 / (1 + 2.0 ** -pl.col("match_weight"))).round(_PROBABILITY_DECIMALS)


def band(settings: LinkSettings) -> pl.Expr:
    """match, review or no by `match_weight`."""
    weight = pl.col("match_weight")
    return (
        pl.when(weight >= settings.merge_at_bits).then(pl.lit("match"))
        .when(weight >= settings.include_at_bits).then(pl.lit("review"))
        .otherwise(pl.lit("no"))
    )  # fmt: skip


def reasons(rules: pl.Series, named: Iterable[str]) -> pl.DataFrame:
    """The words for each set of rules that occurs: columns rules, reasons."""
    distinct = rules.unique().to_frame("rules")
    own = pl.col("rules") & (1 << SAME_VALUES_BIT) != 0
    words = pl.when(own).then(pl.lit(SAME_VALUES)).otherwise(rule_names(pl.col("rules"), named))
    return distinct.with_columns(reasons=words)
