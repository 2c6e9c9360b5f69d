"""confirmed, expected with its interval, and upper, for rows of people at entities.

Whoever may be somebody else is counted with that somebody, over all ways in which they may be the same
(`posterior`); everybody else by their own chance. Clusters and people are independent of each other.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.tables import TABLES, UNOWNED
from notify.counts.clusters import Clusters, numbers_at
from notify.counts.people import MILLION
from notify.counts.posterior import NORMAL_95, QUANTA, sum_quantiles

__all__ = ["count_by", "overlap", "spread"]

_KEY = "key"
_UNSURE = 0.7
"""Logarithm of the factor by which rehearsed odds of links may all be off together: a bit, as rehearsals differ."""


def count_by(rows: pl.DataFrame, clusters: Clusters, *, by_state: bool) -> pl.DataFrame:
    """Rows of `counts`: per entity, or per entity and state of residence.

    `rows`: one a person and entity: person, group, several, state, group_state, entity_id, certain
    (inclusion and entity are), millionths (that both hold), chance (that the entity holds if the person is
    affected; NEVER: not beside an owned one). A merged group (`several`) is counted once, where its first
    person with a known residence lives.
    """
    keys = ["entity_id", "state"] if by_state else ["entity_id"]
    certain = rows.filter("certain").select("group", "several", "entity_id", state="group_state")
    groups = [certain.filter(~pl.col("several")), certain.filter("several").unique()]
    confirmed = pl.concat(groups).group_by(keys).agg(pl.len().alias("confirmed"))
    clustered = clusters.has(rows["person"])
    real = pl.col("chance") >= 0
    alone = ~pl.col("clustered") & (pl.col("millionths") == MILLION)
    people = rows.with_columns(clustered=clustered).group_by(keys).agg(
        upper=real.sum(), sure=(real & alone).sum()
    ).sort(keys, nulls_last=True).with_row_index(_KEY)  # fmt: skip
    joined = people.join(confirmed, on=keys, how="left", nulls_equal=True, maintain_order="left")
    joined = joined.with_columns(pl.col("confirmed").fill_null(0))
    open_rows = rows.filter(clustered | (pl.col("millionths") < MILLION))
    open_rows = open_rows.join(people.select(_KEY, *keys), on=keys, nulls_equal=True)
    return _finished(joined, _open_numbers(open_rows, clusters, keys=joined.height))


def _open_numbers(rows: pl.DataFrame, clusters: Clusters, *, keys: int) -> pl.DataFrame:
    """mean, low, high by key: how many people the rows are that leave anything open."""
    clustered = clusters.has(rows["person"])
    single = rows.filter(~clustered)
    q = single["millionths"].to_numpy() / MILLION
    bernoulli = np.stack([1.0 - q, q], axis=1).ravel()
    asked, starts, chances, doubt = numbers_at(rows.filter(clustered), clusters)
    key = np.concatenate([single[_KEY].to_numpy(), asked]).astype(np.int64)
    length = np.concatenate([np.full(len(q), 2), np.diff(starts)])
    first = np.concatenate([np.arange(len(q)) * 2, starts[:-1] + len(bernoulli)])
    order = np.argsort(key, kind="stable")
    ends = np.searchsorted(key[order], np.arange(keys + 1))
    part_starts = np.concatenate([[0], np.cumsum(length[order])])
    at = np.repeat(first[order] - part_starts[:-1], length[order]) + np.arange(part_starts[-1])
    every = np.concatenate([bernoulli, chances])[at]
    mean, low, high = sum_quantiles(ends, part_starts, every)
    unsure = _UNSURE * np.bincount(asked, np.rint(doubt * QUANTA), minlength=keys) / QUANTA
    return pl.DataFrame({"mean": mean, "low": low - unsure, "high": high + unsure})


def _finished(people: pl.DataFrame, open_numbers: pl.DataFrame) -> pl.DataFrame:
    """The columns of `counts`; expected lies between confirmed and upper, its low end perhaps below.

    Confirmed merges likely links only; that persons with weaker ones are one is in the interval.
    """
    low, high = pl.col("confirmed").cast(pl.Float64), pl.col("upper").cast(pl.Float64)
    named = pl.concat(
        [people, open_numbers.rename({"low": "least", "high": "most"})], how="horizontal"
    )
    named = named.with_columns(
        (pl.col("sure") + pl.col(of)).clip(at_least, high).round(6).alias(name)
        for name, of, at_least in (
            ("expected", "mean", low),
            ("expected_low", "least", 0),
            ("expected_high", "most", low),
        )
    )
    return TABLES["counts"].complete(named)


def spread() -> pl.Expr:
    """Standard deviation of the number of people, from the width of its interval."""
    return (pl.col("expected_high") - pl.col("expected_low")) / (2 * NORMAL_95)


def overlap(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `overlap` from rows of people at entities: why the sum over entities is above the union."""
    real = rows.filter(pl.col("chance") >= 0)
    named = pl.col("entity_id") != UNOWNED
    people = real.group_by("person").agg(
        confirmed=(pl.col("certain") & named).sum(),
        upper=named.sum(),
        affected=pl.col("confirmed").any(),
    )
    sure = people.filter("affected").group_by(entities="confirmed").agg(confirmed=pl.len())
    both = sure.join(
        people.group_by(entities="upper").agg(upper=pl.len()),
        on="entities",
        how="full",
        coalesce=True,
    )
    return TABLES["overlap"].complete(both.with_columns(pl.all().fill_null(0)).sort("entities"))
