"""How common each value of a term-frequency column is: agreement on a rare name says more."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import polars as pl

__all__ = ["OTHERS", "TF_SCHEMA", "Counted", "count_frequencies", "tf_columns", "with_frequencies"]

TF_SCHEMA = {"field": pl.String(), "value": pl.String(), "frequency": pl.Float64()}
DECIMALS = 12
"""Shares are ratios of counts; rounded so that they are the same on any machine."""


SLICE_ROWS = 8_000_000
"""Distinct values that are counted at a time: at most 1 GB of chart numbers."""
_SLICE_SEED = 29
_MERGE_ROWS = 4_000_000
"""Counts of ranges that wait to be added up: 200 MB with their values."""


OTHERS = "*"
"""Instead of a value: every value that is not listed. No cleaned value has a star."""


class Counted(Protocol):
    """Records whose values are counted."""

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Consecutive ranges of records that can be held."""
        ...

    def frame(self, start: int, stop: int, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of records start..stop - 1."""
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


Range = tuple[Counted, int, int]
"""Records start..stop - 1 of a side."""


def count_frequencies(
    sides: Sequence[Counted], settings: dict[str, Any], *, threads: int = 1
) -> pl.DataFrame:
    """Share of each value among the non-null rows of all sides together, sorted by field and value.

    Where the model sets a smallest share, values below it are left out and the row OTHERS says that
    share for all of them. Memory: the values of one slice of one column.
    """
    ranges = [(side, *bounds) for side in sides for bounds in side.ranges()]
    with ThreadPoolExecutor(threads) as pool:
        counted = [
            _one_column(ranges, column, least, pool)
            for column, least in _smallest_shares(settings).items()
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


def _one_column(
    ranges: Sequence[Range], column: str, least: float, pool: ThreadPoolExecutor
) -> pl.DataFrame:
    slices = _slices(ranges, column)

    def of(number: int) -> pl.DataFrame:
        return _added(pool.map(lambda place: _counts(place, column, number, slices), ranges))

    counted = [of(number) for number in range(slices)]
    total = sum(int(part["len"].sum()) for part in counted)
    share = (pl.col("len") / total).round(DECIMALS).alias("frequency")
    rare = share <= least
    listed = pl.concat([part.filter(~rare).select("value", share) for part in counted])
    if any(part.select(rare.any()).item() for part in counted):
        listed = pl.concat([listed, pl.DataFrame({"value": [OTHERS], "frequency": [least]})])
    named = listed.sort("value").select(pl.lit(column).alias("field"), "value", "frequency")
    return named.cast(TF_SCHEMA)  # type: ignore[arg-type]  # a plain dict


def _counts(place: Range, column: str, number: int, slices: int) -> pl.DataFrame:
    """Columns value, len: how often the values of one slice occur in a range."""
    side, start, stop = place
    values = side.frame(start, stop, [column])[column].alias("value").drop_nulls()
    if slices > 1:
        values = values.filter(values.hash(_SLICE_SEED) % slices == number)
    return values.to_frame().group_by("value").len()


def _added(counts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Counts of all ranges together."""
    total = pl.DataFrame(schema={"value": pl.String(), "len": pl.UInt32()})
    waiting: list[pl.DataFrame] = []
    for part in counts:
        waiting.append(part)
        if sum(w.height for w in waiting) > _MERGE_ROWS + total.height:
            total, waiting = _together([total, *waiting]), []
    return _together([total, *waiting])


def _together(counts: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(counts).group_by("value").agg(pl.col("len").sum())


def _slices(ranges: Sequence[Range], column: str) -> int:
    """Into how many portions the values go, judged by a first range: names repeat, chart numbers do not."""
    if not ranges:
        return 1
    side, start, stop = ranges[0]
    values = side.frame(start, stop, [column])[column]
    rows = sum(end - begin for _, begin, end in ranges)
    distinct = rows * values.n_unique() / max(len(values), 1)
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
