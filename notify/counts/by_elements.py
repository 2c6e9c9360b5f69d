"""People by the kinds of data that an entity held of them: what statutes with trigger elements count.

A set of kinds is an integer, one per person and entity: `kinds` of `ownership`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from matching.tables import TABLES
from notify.counts.people import MILLION
from notify.kinds import spelt_sets

__all__ = ["element_counts"]

_BY = ["entity_id", "state", "kinds"]


def element_counts(
    owned: pl.DataFrame, candidates: pl.DataFrame, links: pl.DataFrame
) -> pl.DataFrame:
    """Rows of `element_counts`.

    `owned` and `candidates`: as for `count_by`, a row a person and entity, with `kinds`: the set of kinds of data
    as bits. `links`: a, b, probability.

    Merged people hold together what each of them does. A pair of people who may be one is taken off
    expected where both have the same kinds, else off the kinds that both have: expected is never too low.
    """
    rows = pl.concat([owned.filter(pl.col("chance") >= 0), candidates])
    certain = rows.filter("certain").select(
        "group", "several", "entity_id", "kinds", state="group_state"
    )
    merged = (
        certain.filter("several")
        .group_by("group", "entity_id", "state")
        .agg(pl.col("kinds").bitwise_or())
    )
    alone = certain.filter(~pl.col("several"))
    confirmed = pl.concat([alone.select(_BY), merged.select(_BY)]).group_by(_BY).len("confirmed")
    there = rows.group_by(_BY).agg(
        pl.len().alias("upper"), pl.col("millionths").cast(pl.Int64).sum().alias("people")
    )
    joined = there.join(confirmed, on=_BY, how="full", coalesce=True)
    joined = joined.join(_twice(rows, links), on=_BY, how="full", coalesce=True)
    return _finished(joined)


def _twice(rows: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """entity_id, state, kinds, double: millionths of people to take off."""
    keys = ["entity_id", "state"]
    met = _duplicates(rows, links, keys).select("a", "b", *keys, "millionths")
    held = rows.select("person", *keys, "kinds").filter(
        pl.col("person").is_in(pl.concat([met["a"], met["b"]]).unique().implode())
    )
    both = met.join(held, left_on=["a", *keys], right_on=["person", *keys]).join(
        held, left_on=["b", *keys], right_on=["person", *keys], suffix="_b"
    )
    shared = both.with_columns(kinds=pl.col("kinds") & pl.col("kinds_b"))
    return shared.group_by(_BY).agg(pl.col("millionths").cast(pl.Int64).sum().alias("double"))


def _duplicates(rows: pl.DataFrame, links: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Links to take off once: the likeliest way to join each cluster, within one count each.

    Both must be there to be one too many, so a link is no likelier than either of its people. More ways may
    join a cluster than the likeliest one: what is taken off is never too much.
    """
    paired = pl.concat([links["a"], links["b"]]).unique().implode()
    ends = rows.select("person", "millionths", *keys).filter(pl.col("person").is_in(paired))
    ends = ends.with_row_index("number")
    likely = links.select(
        "a", "b", (pl.col("probability") * MILLION).round().cast(pl.Int64).alias("millionths")
    )
    met = (
        likely.join(ends, left_on="a", right_on="person", suffix="_a")
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


def _finished(sums: pl.DataFrame) -> pl.DataFrame:
    """Columns of the table; expected lies between 0 and upper, sets are spelt out."""
    filled = sums.with_columns(pl.col("upper", "people", "confirmed", "double").fill_null(0))
    mean = (pl.col("people") - pl.col("double")) / MILLION
    named = filled.join(spelt_sets(filled["kinds"]), on="kinds", how="left").with_columns(
        expected=mean.clip(0, pl.col("upper").cast(pl.Float64)).round(6)
    )
    return TABLES["element_counts"].complete(named)
