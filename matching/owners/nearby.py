"""People none of whose rows or charts names an entity: whose patients those around them are.

Two kinds of neighbours. People with the same address, telephone or e-mail go to the same practice more often
than not: their entities are possible. People with the same ZIP code tell only how likely each entity is: such
entities are candidates, counted in `upper`, and the person stays UNOWNED.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.owners.ladder import is_sure
from matching.owners.members import People
from matching.owners.order import found_in
from matching.owners.said import Said
from matching.owners.slices import SLICES_AT_ONCE, inside, mention_slices
from matching.store import Workspace

__all__ = ["Nearby", "nearby"]

_HOUSEHOLD_AT_MOST = 10
"""People who share an address, a number or a mailbox: more are a block of flats, an office or a shelter."""
_ENTITIES_AT_MOST = 3
"""Households of more entities than this tell too little."""
_LIKELY = 0.05
"""An entity with less than one in twenty of a place's patients is no candidate there."""
_PATIENTS_LEAST = 20
"""Rows with a known owner before a place is worth a share; below it, the three digits of the ZIP code are."""
_NO_ZIP = -1
_ZIPS = 100_000


@dataclass(frozen=True, slots=True)
class Nearby:
    """`household`: person, entity_id, by person. `candidates`: person, entity_id, share (0..1)."""

    household: pl.DataFrame
    candidates: pl.DataFrame


def nearby(workspace: Workspace, people: People, said: Said, known: NDArray[np.bool_]) -> Nearby:
    """Neighbours of people with leaked rows that are not `known` (by person).

    One pass over `leaked_std`; 4 bytes a mention are held.
    """
    sure = pl.concat([frame.filter(is_sure(pl.col("standing"))) for frame in said.named])
    sure = sure.select("person", "mention", "entity_id")
    open_ = said.mentioned & ~known
    if not open_.any():
        nobody = sure.clear().select("person", "entity_id")
        return Nearby(nobody, nobody.with_columns(share=pl.lit(0.0)))
    zips, shared = _places(workspace, people, open_)
    household = _household(shared, sure, open_)
    rest = open_.copy()
    rest[household["person"].to_numpy()] = False
    return Nearby(household, _candidates(zips, people, sure, rest))


def _places(
    workspace: Workspace, people: People, open_: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], pl.DataFrame]:
    """ZIP code by mention (its place), and person, key of everybody who shares a key with an open person."""
    person = people.mentions["person"].to_numpy()
    asked = people.mentions.filter(pl.Series(open_[person]))
    wanted = _keys(workspace, pl.col("mention_id").is_in(asked["mention_id"].implode()))
    wanted = wanted.select("key").unique()

    def read(slice_: tuple[int, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        within = inside(*slice_)
        homes = workspace.scan("leaked_std").filter(within, pl.col("zip5").is_not_null())
        zips = homes.select("mention_id", pl.col("zip5").cast(pl.Int32)).collect()
        return zips, _keys(workspace, within).join(wanted, on="key", how="semi")

    zips, shared = np.full(len(person), _NO_ZIP, np.int32), []
    with ThreadPoolExecutor(SLICES_AT_ONCE) as pool:
        for found, keys in pool.map(read, mention_slices(workspace)):
            place, there = _placed(people, found["mention_id"])
            zips[place] = found["zip5"].to_numpy()[there]
            place, there = _placed(people, keys["mention_id"])
            shared.append(
                keys.filter(pl.Series(there)).select("key", person=pl.Series(person[place]))
            )
    return zips, pl.concat(shared).unique()


def _placed(people: People, mentions: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Places of those mentions that are a person's, and which are."""
    place, there = found_in(people.mentions["mention_id"].to_numpy(), mentions.to_numpy())
    return place[there], there


def _keys(workspace: Workspace, wanted: pl.Expr) -> pl.DataFrame:
    """mention_id, key: hashes of what a household shares, one row each."""
    rows = workspace.scan("leaked_std").filter(wanted)
    home = pl.when(pl.col("zip5").is_not_null() & pl.col("street").is_not_null()).then(
        pl.struct("zip5", "street", pl.col("unit").fill_null("")).hash(seed=1)
    )
    kinds = (home, _hash("phone", 2), _hash("phone2", 2), _hash("email", 3))
    read = rows.select("mention_id", *(key.alias(str(n)) for n, key in enumerate(kinds))).collect()
    each = [read.select("mention_id", key=str(n)).drop_nulls() for n in range(len(kinds))]
    return pl.concat(each)


def _hash(column: str, seed: int) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).hash(seed=seed))


def _household(shared: pl.DataFrame, sure: pl.DataFrame, open_: NDArray[np.bool_]) -> pl.DataFrame:
    """person, entity_id of open people: confirmed entities of those with a key in common."""
    few = shared.filter(pl.len().over("key") <= _HOUSEHOLD_AT_MOST)
    mine = few.filter(pl.Series(open_[few["person"].to_numpy()]))
    beside = few.join(mine.select("key").unique(), on="key", how="semi").rename({"person": "other"})
    near = sure.select("person", "entity_id").filter(
        pl.col("person").is_in(beside["other"].unique().implode())
    )
    met = mine.join(beside, on="key").join(near.unique(), left_on="other", right_on="person")
    found = met.select("person", "entity_id").unique()
    return found.filter(pl.len().over("person") <= _ENTITIES_AT_MOST).sort("person", "entity_id")


def _candidates(
    zips: NDArray[np.int32], people: People, sure: pl.DataFrame, open_: NDArray[np.bool_]
) -> pl.DataFrame:
    """person, entity_id, share: entities with a good part of the patients where the person lives."""
    person = people.mentions["person"].to_numpy()
    rows = np.flatnonzero(open_[person] & (zips != _NO_ZIP))
    living = pl.DataFrame({"person": person[rows], "place": zips[rows]})
    living = living.group_by("person").agg(
        pl.col("place").min()
    )  # of several the same in any order
    of_sure = zips[sure["mention"].to_numpy()]
    counted = sure.select("entity_id").with_columns(place=pl.Series(of_sure, dtype=pl.Int32))
    by_zip = counted.filter(pl.col("place") != _NO_ZIP).group_by("place", "entity_id").len()
    by_area = by_zip.with_columns(pl.col("place") // 100 + _ZIPS)
    by_area = by_area.group_by("place", "entity_id").agg(pl.col("len").sum())
    whole = pl.col("len").sum().over("place")
    shares = [
        places.filter(whole >= _PATIENTS_LEAST).select(
            "place", "entity_id", share=(pl.col("len") / whole).round(6)
        )
        for places in (by_zip, by_area)
    ]
    known = shares[0]["place"].unique()
    near = living.with_columns(
        pl.when(pl.col("place").is_in(known.implode()))
        .then("place")
        .otherwise(pl.col("place") // 100 + _ZIPS)
    )
    likely = pl.concat(shares).filter(pl.col("share") >= _LIKELY)
    return (
        near.join(likely, on="place")
        .select("person", "entity_id", "share")
        .sort("person", "entity_id")
    )
