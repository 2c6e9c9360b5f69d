"""`same_chances`: with which probability two persons are one, from every kept link between them.

The partition left these links between two people. Some of them a guard or a stronger link contradicts, some
are below the review band: their match weight alone says too much. So each kind of link has its own way from
weight to probability, measured on rehearsals of other seeds than those that judge it (`benchmarks.owners
--links`). Persons between whom a guard vetoes any pair are two.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.link.guards import action_of
from matching.owners.members import People
from matching.owners.order import found_in
from matching.people.decided import read_decided
from matching.person_numbers import batches
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["write_same_chances"]

_SLOPE, _OFFSET = 0.75, -1.75
"""Of a link below review, or beside a capped one: log2 of its odds is three quarters of its bits, less this."""
_LEAST = 0.1
"""Links less likely are left out: many, they make clusters large, and all of them tell of two people in 10,000."""
_CUT = 0.78
"""A link strong enough to merge that the partition cut, because two of the group are two people."""
_CAPPED = 0.53
"""A pair that a guard lets nobody merge unseen, twins most of all: half of them are one person, misspelt.

All four from 5 to 6,000 links of each kind in rehearsals of 300,000 people, dental and clinic, seeds 11 and 12:
capped .52 to .56, cut .71 to .84, below within a bit.
"""

_NOBODY = -1
"""Whose record is no person's; lower than every number."""


def write_same_chances(workspace: Workspace, people: People) -> None:
    """Write `same_chances`: one row two persons, a < b."""
    review = workspace.read("maybe_same", ["person_a", "person_b", "match_weight", "probability"])
    bands = workspace.scan("pairs").filter(pl.col("band") == "match").select("match_weight").min()
    merged_at = bands.collect(engine="streaming").item()
    cut = pl.col("match_weight") >= (np.inf if merged_at is None else merged_at)
    numbered = review.select(
        a=people.numbers(review["person_a"]).cast(pl.Int64),
        b=people.numbers(review["person_b"]).cast(pl.Int64),
        match_weight="match_weight",
        kind=pl.when(cut).then(pl.lit("cut")).otherwise(pl.lit("review")),
        probability=pl.when(cut).then(pl.lit(_CUT)).otherwise("probability"),
    )
    left = _left_apart(workspace, people).join(numbered, on=["a", "b"], how="anti")
    left = left.filter(pl.col("probability") >= _LEAST).select(numbered.columns)
    every = pl.concat([numbered, left]).sort("a", "b")
    rows = every.select(
        people.ids.gather(every["a"]).alias("person_a"),
        people.ids.gather(every["b"]).alias("person_b"),
        "match_weight",
        "kind",
        pl.col("probability").round(6),
    )
    workspace.write("same_chances", TABLES["same_chances"].complete(rows))


def _left_apart(workspace: Workspace, people: People) -> pl.DataFrame:
    """a, b, match_weight, kind, probability of pairs of persons with links below the merge threshold."""
    pairs = workspace.scan("pairs").filter(
        pl.col("band") != "match",
        pl.col("kind").cast(pl.String) != "master_master",
        pl.col("left") != pl.col("right"),
    )
    acted = action_of(pl.col("reasons"))
    pairs = pairs.select(
        "left", "right", "match_weight", review=pl.col("band") == "review",
        capped=acted.is_not_null(), vetoed=(acted == "veto").fill_null(value=False),
    )  # fmt: skip
    records, person = _person_of(people)
    found = [_between(batch, records, person) for batch in batches(pairs)]
    two = _decided_two(workspace, records, person)
    every = pl.concat(found).join(two, on=["a", "b"], how="anti")
    best = every.group_by("a", "b").agg(
        pl.col("vetoed").any(),
        pl.col("capped").all(),
        review=(pl.col("review") & ~pl.col("capped")).any(),
        match_weight=pl.coalesce(
            pl.col("match_weight").filter(~pl.col("capped")).max(), pl.col("match_weight").max()
        ),
    ).filter(~pl.col("vetoed"))  # fmt: skip
    odds = pl.lit(2.0).pow(_SLOPE * pl.col("match_weight") + _OFFSET)
    return best.with_columns(
        kind=pl.when("capped").then(pl.lit("capped"))
        .when("review").then(pl.lit("held")).otherwise(pl.lit("below")),
        probability=pl.when("capped").then(_CAPPED).otherwise(odds / (1 + odds)),
    )  # fmt: skip


def _decided_two(
    workspace: Workspace, records: NDArray[np.int64], person: NDArray[np.int64]
) -> pl.DataFrame:
    """a, b: persons who are two by somebody's decision."""
    no = pl.DataFrame(read_decided(workspace).no, schema={"left": pl.Int64, "right": pl.Int64})
    return _between(no, records, person).select("a", "b").unique()


def _person_of(people: People) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids of mentions and charts in order, and the number of each one's person."""
    ids = np.concatenate([people.mentions["mention_id"], people.charts["chart_id"]])
    person = np.concatenate([people.mentions["person"], people.charts["person"]])
    order = np.argsort(ids, kind="stable")
    return ids[order].astype(np.int64), person[order].astype(np.int64)


def _between(
    pairs: pl.DataFrame, records: NDArray[np.int64], person: NDArray[np.int64]
) -> pl.DataFrame:
    """Pairs whose records are two persons': a, b, match_weight, review, capped, vetoed."""
    ends = []
    for side in ("left", "right"):
        place, there = found_in(records, pairs[side].to_numpy())
        end = np.full(pairs.height, _NOBODY)
        end[there] = person[place[there]]
        ends.append(end)
    met = pairs.drop("left", "right").with_columns(
        a=pl.Series(np.minimum(*ends), dtype=pl.Int64), b=pl.Series(np.maximum(*ends), dtype=pl.Int64)
    )  # fmt: skip
    return met.filter(pl.col("a") != _NOBODY, pl.col("a") != pl.col("b"))
