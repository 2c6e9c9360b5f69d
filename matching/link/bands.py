"""What a scored pair is called: its probability, its band, and in words the rules and guards behind it."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from matching.link.guards import Guards, action_of
from matching.link.rules import rule_names
from matching.link.settings import LinkSettings

__all__ = ["SAME_VALUES_BIT", "banded", "probability"]

SAME_VALUES = "same_values"
"""Reason of a group's pair with itself: is the agreement of these values enough?"""
SAME_VALUES_BIT = 62
"""Behind the bits of all rules; the sign bit stays free."""
_PROBABILITY_DECIMALS = 9


def probability() -> pl.Expr:
    """Posterior of `match_weight`."""
    return (1 / (1 + 2.0 ** -pl.col("match_weight"))).round(_PROBABILITY_DECIMALS)


def banded(
    scored: pl.DataFrame, settings: LinkSettings, *, rules: Iterable[str], guards: Guards
) -> pl.DataFrame:
    """Scored pairs, in their order, with `probability`, `band` and `reasons` (rules; guards)."""
    spoken = scored.select("rules", "vector").unique()
    words = pl.DataFrame({"guards": guards.words(spoken["vector"])})
    own = pl.col("rules") & (1 << SAME_VALUES_BIT) != 0
    named = pl.when(own).then(pl.lit(SAME_VALUES)).otherwise(rule_names(pl.col("rules"), rules))
    said = pl.concat([spoken, words], how="horizontal").with_columns(
        reasons=pl.concat_str(named, "guards", separator=";", ignore_nulls=True),
        action=action_of(pl.col("guards")),
    )
    both = scored.join(said, on=["rules", "vector"], how="left", maintain_order="left")
    by_weight = _by_weight(settings)
    band = (
        pl.when(action="veto").then(pl.lit("no"))
        .when(action="review").then(pl.lit("review"))
        .when((pl.col("action") == "cap") & (by_weight == "match")).then(pl.lit("review"))
        .otherwise(by_weight)
    )  # fmt: skip
    return both.with_columns(probability=probability(), band=band)


def _by_weight(settings: LinkSettings) -> pl.Expr:
    weight = pl.col("match_weight")
    return (
        pl.when(weight >= settings.merge_at_bits).then(pl.lit("match"))
        .when(weight >= settings.include_at_bits).then(pl.lit("review"))
        .otherwise(pl.lit("no"))
    )  # fmt: skip
