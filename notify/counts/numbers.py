"""confirmed, expected with its interval, and upper, for rows of people at entities.

Probabilities are summed as integer millionths: any order of rows gives the same digits.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from matching.tables import TABLES

__all__ = ["count_by"]

_MILLION = 1_000_000
_NORMAL_95 = 1.959964
"""Half width of a 95 % interval in standard deviations."""


def count_by(rows: pl.DataFrame, pairs: pl.DataFrame, *, by_state: bool) -> pl.DataFrame:
    """Rows of `counts`: per entity, or per entity and state of residence.

    `rows`: one a person and entity: person, group, several, state, group_state, entity_id,
    millionths, certain (inclusion and entity are). A merged group (`several`) is counted once, where
    its first person with a known residence lives. `pairs`: a, b, millionths of who may be one person.
    """
    keys = ["entity_id", "state"] if by_state else ["entity_id"]
    certain = rows.filter("certain").select("group", "several", "entity_id", state="group_state")
    groups = [certain.filter(~pl.col("several")), certain.filter("several").unique()]
    confirmed = pl.concat(groups).group_by(keys).agg(pl.len().alias("confirmed"))
    doubt = pl.col("millionths") * (_MILLION - pl.col("millionths")) // _MILLION
    people = rows.group_by(keys).agg(
        pl.len().alias("upper"),
        pl.col("millionths").sum().alias("people"),
        doubt.sum().alias("people_doubt"),
    )
    double = duplicates(rows, pairs, keys)
    twice = double.group_by(keys).agg(
        pl.col("millionths").sum().alias("double"), doubt.sum().alias("double_doubt")
    )
    joined = people.join(confirmed, on=keys, how="left", nulls_equal=True)
    joined = joined.join(twice, on=keys, how="left", nulls_equal=True)
    return _finished(joined.with_columns(pl.col(pl.Int64, pl.UInt32).fill_null(0)))


def _finished(sums: pl.DataFrame) -> pl.DataFrame:
    """The columns of `counts`; expected lies between confirmed and upper."""
    low, high = pl.col("confirmed").cast(pl.Float64), pl.col("upper").cast(pl.Float64)
    mean = (pl.col("people").cast(pl.Int64) - pl.col("double").cast(pl.Int64)) / _MILLION
    doubt = (pl.col("people_doubt") + pl.col("double_doubt")) / _MILLION
    half = doubt.sqrt() * _NORMAL_95
    named = sums.with_columns(
        (mean + offset).clip(low, high).round(6).alias(name)
        for name, offset in (("expected", 0.0), ("expected_low", -half), ("expected_high", half))
    )
    return TABLES["counts"].complete(named)


def duplicates(rows: pl.DataFrame, pairs: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The pairs to take off once: the likeliest way to join each cluster, within one count each.

    Both must be there to be one too many, so a pair is no likelier than either of its people.
    """
    paired = pl.concat([pairs["a"], pairs["b"]]).unique().implode()
    ends = rows.select("person", "millionths", *keys).filter(pl.col("person").is_in(paired))
    ends = ends.with_row_index("number")
    met = (
        pairs.join(ends, left_on="a", right_on="person", suffix="_a")
        .join(ends, left_on=["b", *keys], right_on=["person", *keys], suffix="_b", nulls_equal=True)
        .with_columns(pl.min_horizontal("millionths", "millionths_a", "millionths_b"))
        .filter(pl.col("millionths") > 0)
        .sort(pl.col("millionths"), "number", "number_b", descending=[True, False, False])
    )
    if met.is_empty():
        return met
    # ranks as weights: distinct, so that the forest is the same for any order of the rows
    rank = np.arange(1, met.height + 1, dtype=np.float64)
    ends_of = (
        met["number"].to_numpy().astype(np.int32),
        met["number_b"].to_numpy().astype(np.int32),
    )
    graph = coo_array((rank, ends_of), shape=(ends.height, ends.height)).tocsr()
    chosen = np.sort(minimum_spanning_tree(graph).data).astype(np.int64) - 1
    return met[chosen]
