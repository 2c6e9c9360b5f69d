"""How common each value of a term-frequency column is: agreement on a rare name says more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import polars as pl

__all__ = ["OTHERS", "TF_SCHEMA", "Counted", "count_frequencies", "tf_columns", "with_frequencies"]

TF_SCHEMA = {"field": pl.String(), "value": pl.String(), "frequency": pl.Float64()}
DECIMALS = 12
"""Shares are ratios of counts; rounded so that they are the same on any machine."""


SLICE_ROWS = 8_000_000
"""Distinct values that are counted at a time: at most 1 GB of chart numbers."""
_SLICE_SEED = 29
SAMPLE_ROWS = 1 << 18
"""Rows that show how often a column repeats its values."""


OTHERS = "*"
"""Instead of a value: every value that is not listed. No cleaned value has a star."""


class Counted(Protocol):
    """Records whose values are counted."""

    @property
    def rows(self) -> int:
        """Number of records."""
        ...

    def lazy(self) -> pl.LazyFrame:
        """All records in any order."""
        ...


def tf_columns(settings: dict[str, Any]) -> tuple[str, ...]:
    """Columns whose values are weighed by how common they are, in model order."""
    found = [
        level["tf_adjustment_column"]
        for comparison in settings["comparisons"]
        for level in comparison["comparison_levels"]
        if level.get("tf_adjustment_column")
    ]
    return tuple(dict.fromkeys(found))


def count_frequencies(sides: Sequence[Counted], settings: dict[str, Any]) -> pl.DataFrame:
    """Share of each value among the non-null rows of all sides together, sorted by field and value.

    Where the model sets a smallest share, values below it are left out and the row OTHERS says that
    share for all of them. Memory: the values of one slice of one column.
    """
    counted = [
        _one_column(sides, column, least) for column, least in _smallest_shares(settings).items()
    ]
    return pl.concat([pl.DataFrame(schema=TF_SCHEMA), *counted])


def _smallest_shares(settings: dict[str, Any]) -> dict[str, float]:
    """Column -> the smallest share that any of its levels tells apart."""
    found: dict[str, float] = {}
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            column = level.get("tf_adjustment_column")
            if column:
                least = float(level.get("tf_minimum_u_value") or 0.0)
                found[column] = min(found.get(column, 1.0), least)
    return found


def _one_column(sides: Sequence[Counted], column: str, least: float) -> pl.DataFrame:
    values = pl.concat([side.lazy().select(pl.col(column).alias("value")) for side in sides])
    known, slices = values.drop_nulls(), _slices(sides, values)
    place = pl.col("value").hash(_SLICE_SEED) % slices
    counted = []
    for number in range(slices):
        mine = known.filter(place == number) if slices > 1 else known
        counted.append(mine.group_by("value").agg(pl.len()).collect(engine="streaming"))
    total = sum(int(part["len"].sum()) for part in counted)
    share = (pl.col("len") / total).round(DECIMALS).alias("frequency")
    rare = share <= least
    listed = pl.concat([part.filter(~rare).select("value", share) for part in counted])
    if any(part.select(rare.any()).item() for part in counted):
        listed = pl.concat([listed, pl.DataFrame({"value": [OTHERS], "frequency": [least]})])
    named = listed.sort("value").select(pl.lit(column).alias("field"), "value", "frequency")
    return named.cast(TF_SCHEMA)  # type: ignore[arg-type]  # a plain dict


def _slices(sides: Sequence[Counted], values: pl.LazyFrame) -> int:
    """Into how many portions the values go, judged by the first rows: names repeat, chart numbers do not."""
    rows = sum(side.rows for side in sides)
    first = values.head(SAMPLE_ROWS).select(n=pl.col("value").n_unique(), of=pl.len()).collect()
    distinct = rows * int(first["n"][0]) / max(int(first["of"][0]), 1)
    return max(1, math.ceil(distinct / SLICE_ROWS))


def with_frequencies(
    rows: pl.DataFrame, frequencies: pl.DataFrame, columns: tuple[str, ...]
) -> pl.DataFrame:
    """Add `tf_<column>` per row; the share of unlisted values where there is one, else null."""
    for column in columns:
        mine = frequencies.filter(pl.col("field") == column)
        listed = mine.filter(pl.col("value") != OTHERS)
        others = mine.filter(pl.col("value") == OTHERS)["frequency"]
        shares = listed.select(
            pl.col("value").alias(column), pl.col("frequency").alias(f"tf_{column}")
        )
        rows = rows.join(shares, on=column, how="left", maintain_order="left")
        if len(others):
            known = pl.col(column).is_not_null()
            unlisted = pl.when(known).then(pl.col(f"tf_{column}").fill_null(others[0]))
            rows = rows.with_columns(unlisted.alias(f"tf_{column}"))
    return rows
