"""People by number, for counting: ids are text of 14 letters, numbers four bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matching.person_numbers import numbers_of
from matching.store import Workspace

__all__ = ["MILLION", "People", "merged_groups", "read_people"]

MILLION = 1_000_000
"""Probabilities are whole millionths: any order of rows gives the same digits."""

NAMED_IN_TEXT = MILLION // 2
"""Whom free text names with too little to tell who it is: as likely somebody counted already as not."""


@dataclass(frozen=True, slots=True)
class People:
    """Sorted person ids, and one row a person: confirmed, group (number), several, millionths.

    `several`: the group has more people than this one. `millionths`: that the person is affected.
    """

    ids: pl.Series
    rows: pl.DataFrame


def read_people(workspace: Workspace) -> People:
    """Read persons, and of each the likeliest link of the review band."""
    merged = pl.when(pl.col("merged_group") != pl.col("person_id")).then("merged_group")
    persons = workspace.scan("persons").select(
        "person_id", merged, confirmed=pl.col("affected") == "confirmed", mentions="mentions"
    )
    read = persons.collect(engine="streaming").sort("person_id")
    ids, count = read["person_id"], read.height
    group = np.arange(count, dtype=np.uint32)
    moved = read["merged_group"].is_not_null()
    group[moved.to_numpy()] = numbers_of(read["merged_group"].filter(moved), ids).to_numpy()
    told = workspace.read("affected", ["person_id", "probability"])
    told = told.group_by("person_id").agg((pl.col("probability").max() * MILLION).round())
    # presumed people have no likely mention: reasonably believed affected counts as one
    millionths = np.where((read["mentions"] > 0).to_numpy(), NAMED_IN_TEXT, MILLION)
    millionths[numbers_of(told["person_id"], ids).to_numpy()] = told["probability"].to_numpy()
    millionths[read["confirmed"].to_numpy()] = MILLION
    rows = read.select(
        "confirmed",
        group=group,
        several=np.bincount(group, minlength=count)[group] > 1,
        millionths=millionths,
    )
    return People(ids, rows)


def merged_groups(people: People, links: pl.DataFrame) -> pl.DataFrame:
    """The rows of `people` with the groups that are left when `links` (a, b) merge, too.

    The groups of the step people do not merge persons whom a guard holds somewhere, nor those with a likely link
    below the review band; the least number of people is that of merging all of them.
    """
    group = people.rows["group"].to_numpy().astype(np.int64)
    one, other = (group[links[end].to_numpy()] for end in ("a", "b"))
    heads = np.unique(np.concatenate([one, other]))
    if not len(heads):
        return people.rows
    ends = (np.searchsorted(heads, one), np.searchsorted(heads, other))
    _, label = connected_components(coo_array((np.ones(len(one)), ends), shape=(len(heads),) * 2))
    lowest = np.full(label.max() + 1, len(group))
    np.minimum.at(lowest, label, heads)
    moved = np.arange(len(group))
    moved[heads] = lowest[label]
    group = moved[group]
    several = np.bincount(group, minlength=len(group))[group] > 1
    return people.rows.with_columns(
        group=pl.Series(group, dtype=pl.UInt32), several=pl.Series(several)
    )
