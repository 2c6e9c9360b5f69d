"""Comparison vectors: 4 bits a comparison, first comparison lowest; 0 is missing, else level + 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["BITS", "codes", "gammas", "graded"]

BITS = 4
_MASK = (1 << BITS) - 1


def codes(vectors: npt.NDArray[np.int64], comparisons: int) -> npt.NDArray[np.int64]:
    """One row a vector, one column a comparison: 0 missing, else level + 1."""
    shifts = BITS * np.arange(comparisons)
    return np.asarray((vectors[:, None] >> shifts) & _MASK)


def gammas(vectors: pl.Series, names: Sequence[str]) -> pl.DataFrame:
    """One column per comparison: -1 missing, 0 worst level, and so on."""
    levels = codes(vectors.to_numpy(), len(names)) - 1
    columns = {name: levels[:, i] for i, name in enumerate(names)}
    return pl.DataFrame(columns, schema={name: pl.Int64() for name in names})


def graded(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Levels without the null level, from worst (0) to best, as vectors number them."""
    return [x for x in reversed(comparison["comparison_levels"]) if not x.get("is_null_level")]
