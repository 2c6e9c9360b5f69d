"""What a scored pair is called: its probability, its band, and in words the rules and guards behind it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from matching.link.guards import Guards, action_of
from matching.link.rules import rule_names
from matching.link.settings import LinkSettings

__all__ = ["BANDS", "SAME_VALUES_BIT", "band_number", "banded", "probability"]

BANDS: Final = ("no", "review", "match")
"""Band of a pair by number."""

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
    number = band_number(
        pl.col("action"),
        include_at_bits=settings.include_at_bits, merge_at_bits=settings.merge_at_bits,
    )  # fmt: skip
    band = number.replace_strict(range(len(BANDS)), BANDS, return_dtype=pl.String)
    return both.with_columns(probability=probability(), band=band)


def band_number(action: pl.Expr, *, include_at_bits: float, merge_at_bits: float) -> pl.Expr:
    """Place in BANDS by `match_weight`, as what guards did (`guards.action_of`) leaves it."""
    weight = pl.col("match_weight")
    by_weight = (weight >= include_at_bits).cast(pl.Int8) + (weight >= merge_at_bits).cast(pl.Int8)
    review = pl.lit(BANDS.index("review"), pl.Int8)
    return (
        pl.when(action == "veto").then(pl.lit(BANDS.index("no"), pl.Int8))
        .when(action == "review").then(review)
        .when(action == "cap").then(pl.min_horizontal(by_weight, review))
        .otherwise(by_weight)
    )  # fmt: skip
