"""How common each value of a term-frequency column is: agreement on a rare name says more."""

from __future__ import annotations

from typing import Any

import polars as pl

__all__ = ["TF_SCHEMA", "count_frequencies", "tf_columns", "with_frequencies"]

TF_SCHEMA = {"field": pl.String(), "value": pl.String(), "frequency": pl.Float64()}
DECIMALS = 12
"""Shares are ratios of counts; rounded so that they are the same on any machine."""


def tf_columns(settings: dict[str, Any]) -> tuple[str, ...]:
    """Columns whose values are weighed by how common they are, in model order."""
    found = [
        level["tf_adjustment_column"]
        for comparison in settings["comparisons"]
        for level in comparison["comparison_levels"]
        if level.get("tf_adjustment_column")
    ]
    return tuple(dict.fromkeys(found))


def count_frequencies(frames: list[pl.DataFrame], columns: tuple[str, ...]) -> pl.DataFrame:
    """Share of each value among the non-null rows of all frames together, sorted."""
    counted = [_one_column(frames, column) for column in columns]
    return pl.concat(counted) if counted else pl.DataFrame(schema=TF_SCHEMA)


def _one_column(frames: list[pl.DataFrame], column: str) -> pl.DataFrame:
    values = pl.concat([frame.select(pl.col(column).alias("value")) for frame in frames])
    rows = values.lazy().drop_nulls().group_by("value").agg(n=pl.len())
    share = (pl.col("n") / pl.col("n").sum()).round(DECIMALS).alias("frequency")
    field = pl.lit(column).alias("field")
    return rows.select(field, "value", share).sort("value").collect().cast(TF_SCHEMA)  # type: ignore[arg-type]  # a plain dict


def with_frequencies(
    rows: pl.DataFrame, frequencies: pl.DataFrame, columns: tuple[str, ...]
) -> pl.DataFrame:
    """Add `tf_<column>` per row; null where the value is missing or was never counted."""
    for column in columns:
        shares = frequencies.filter(pl.col("field") == column).select(
            pl.col("value").alias(column), pl.col("frequency").alias(f"tf_{column}")
        )
        rows = rows.join(shares, on=column, how="left", maintain_order="left")
    return rows
