"""Sets of kinds of data as `ownership` has them, one integer each, and as tables and letters spell them."""

from __future__ import annotations

import polars as pl

from matching.tables import ELEMENT_KINDS

__all__ = ["spelt_sets"]


def spelt_sets(kinds: pl.Series) -> pl.DataFrame:
    """`kinds, elements`: each distinct set once, its kinds in order of the letters and joined by `|`; empty: none."""
    sets = kinds.unique().sort().alias("kinds")
    spelt = [
        "|".join(kind for place, kind in enumerate(ELEMENT_KINDS) if held >> place & 1)
        for held in sets.to_list()
    ]
    return pl.DataFrame([sets, pl.Series("elements", spelt, dtype=pl.String)])
