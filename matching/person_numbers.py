"""People by number, their place in the order of ids: ids are text of 14 letters, numbers four bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import polars as pl

__all__ = ["batches", "numbers_of"]

_BATCH_ROWS = 1_000_000
"""Rows at a time while ids become numbers: 60 MB."""


def batches(rows: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The rows piece by piece, in order; at least one piece, which may be empty."""
    more = rows.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
    return chain([rows.limit(0).collect()], more)


def numbers_of(ids: pl.Series, people: pl.Series) -> pl.Series:
    """Number of each person id: its place in the sorted ids of `people`; null where unknown.

    Equal ids in a row are looked up once, among those people only that lie between the ends. Ids that come in
    order are not looked up one by one.
    """
    run = ids.to_frame("id").select(pl.col("id").rle_id()).to_series()
    heads = ids.filter(run.diff(null_behavior="ignore").fill_null(1) != 0).alias("id")
    ends = heads.to_frame().select(low=pl.col("id").min(), high=pl.col("id").max())
    low = people.search_sorted(ends["low"], "left")[0]
    high = people.search_sorted(ends["high"], "right")[0]
    near = people[low:high].to_frame("id").with_row_index("person", offset=low)
    if heads.equals(near["id"]):
        return near["person"].gather(run)
    asked = near.filter(near["id"].is_in(heads.implode()))
    if heads.equals(asked["id"]):
        return asked["person"].gather(run)
    found = heads.to_frame().join(asked, on="id", how="left", maintain_order="left")
    return found["person"].gather(run)
