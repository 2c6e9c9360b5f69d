"""Reference numbers: what a caller reads out, one per person and entity, the same in every wave.

Packets and letters both ask here, over all pairs of `ownership`, so that the number in a covered entity's
list is the one in the letter. Nine base32 characters hold 45 bits: among 20 million pairs a handful
collide, and the later of two takes the next counter. People who were told or named before keep theirs, so
they come first, the earliest named before the others.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED

__all__ = ["reference_numbers"]

_AT_ONCE = 1_000_000
"""Names turned into Python text at one time: 100 MB."""


def reference_numbers(workspace: Workspace, pairs: pl.DataFrame, told: pl.DataFrame) -> pl.Series:
    """The number of each of `pairs` (person_id, entity_id; unique), no two alike; null if unowned."""
    owned = pairs["entity_id"] != UNOWNED
    minted = [
        _of(workspace, pairs.slice(start, _AT_ONCE)) for start in range(0, pairs.height, _AT_ONCE)
    ]
    numbers = pl.concat(minted) if minted else pl.Series([], dtype=pl.String)
    twice = (owned & numbers.is_duplicated()).arg_true()
    if len(twice):
        several = pairs[twice].with_columns(reference_no=numbers[twice], place=twice)
        later = _resolved(workspace, several, told, numbers)
        numbers = numbers.scatter(later["place"], later["reference_no"])
    return numbers.alias("reference_no")


def _of(workspace: Workspace, pairs: pl.DataFrame) -> pl.Series:
    owned = pl.col("entity_id") != UNOWNED
    names = pairs.filter(owned).select(name=pl.concat_str("person_id", "entity_id", separator="|"))
    places = pairs.select(owned).to_series().arg_true()
    nothing = pl.repeat(None, pairs.height, dtype=pl.String, eager=True)
    return nothing.scatter(places, _mint(workspace, names["name"]))


def _mint(workspace: Workspace, names: pl.Series) -> pl.Series:
    return workspace.keys.mint("reference", names, length=9)


def _resolved(
    workspace: Workspace, twice: pl.DataFrame, told: pl.DataFrame, numbers: pl.Series
) -> pl.DataFrame:
    """New numbers for all but the first of each collision; a loop over the handful there is."""
    earlier = told.select("person_id", "entity_id", told_first=pl.lit(0))
    named = (
        workspace.scan("registry")
        .filter(pl.col("person_id").is_in(twice["person_id"].implode()))
        .group_by("person_id")
        .agg(named_at=pl.col("recorded_at").min())
        .collect()
    )
    ordered = (
        twice.join(earlier, on=["person_id", "entity_id"], how="left")
        .join(named, on="person_id", how="left")
        .sort("reference_no", "told_first", "named_at", "person_id", "entity_id", nulls_last=True)
    )
    later = ordered.filter(~pl.col("reference_no").is_first_distinct())
    given: list[str] = []
    for person, entity in later.select("person_id", "entity_id").iter_rows():
        counter = 1
        number = _mint(workspace, pl.Series([f"{person}|{entity}|{counter}"]))[0]
        while number in given or (numbers == number).any():
            counter += 1
            number = _mint(workspace, pl.Series([f"{person}|{entity}|{counter}"]))[0]
        given.append(number)
    return later.select("place", reference_no=pl.Series(given, dtype=pl.String))
