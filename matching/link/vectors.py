"""Comparison vectors: 4 bits a comparison, first comparison lowest; 0 is missing, else level + 1."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

__all__ = ["BITS", "gammas"]

BITS = 4
_MASK = (1 << BITS) - 1


def gammas(vectors: pl.Series, names: Sequence[str]) -> pl.DataFrame:
    """One column per comparison: -1 missing, 0 worst level, and so on."""
    raw = vectors.to_numpy()
    columns = {name: ((raw >> (BITS * i)) & _MASK) - 1 for i, name in enumerate(names)}
    return pl.DataFrame(columns, schema={name: pl.Int64() for name in names})
