"""Reference numbers: what a caller reads out, one per person and entity, the same in every wave.

Nine base32 characters hold 45 bits: among 20 million pairs a handful collide, and the later of two
takes the next counter. People who were told before keep theirs, so they come first.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["reference_numbers"]

_AT_ONCE = 1_000_000
"""Names turned into Python text at one time: 100 MB."""


def reference_numbers(
    workspace: Workspace, pairs: pl.DataFrame, told: pl.DataFrame
) -> pl.DataFrame:
    """`pairs` (person_id, entity_id; unique) with `reference_no`, unique as well."""
    names = pairs.select(name=pl.concat_str("person_id", "entity_id", separator="|"))["name"]
    minted = [_mint(workspace, names.slice(i, _AT_ONCE)) for i in range(0, len(names), _AT_ONCE)]
    numbers = pl.concat(minted) if minted else pl.Series([], dtype=pl.String)
    frame = pairs.with_columns(reference_no=numbers)
    twice = frame.filter(pl.col("reference_no").is_duplicated())
    if twice.is_empty():
        return frame
    return frame.update(
        _resolved(workspace, twice, told, set(frame["reference_no"])), on=["person_id", "entity_id"]
    )


def _mint(workspace: Workspace, names: pl.Series) -> pl.Series:
    return workspace.keys.mint("reference", names, length=9)


def _resolved(
    workspace: Workspace, twice: pl.DataFrame, told: pl.DataFrame, taken: set[str]
) -> pl.DataFrame:
    """New numbers for all but the first of each collision; a loop over the handful there is."""
    earlier = told.select("person_id", "entity_id", told_first=pl.lit(0))
    ordered = twice.join(earlier, on=["person_id", "entity_id"], how="left").sort(
        "reference_no", "told_first", "person_id", "entity_id", nulls_last=True
    )
    later = ordered.filter(~pl.col("reference_no").is_first_distinct())
    found: list[str] = []
    for person, entity in later.select("person_id", "entity_id").iter_rows():
        counter = 1
        number = _mint(workspace, pl.Series([f"{person}|{entity}|{counter}"]))[0]
        while number in taken:
            counter += 1
            number = _mint(workspace, pl.Series([f"{person}|{entity}|{counter}"]))[0]
        taken.add(number)
        found.append(number)
    return later.select("person_id", "entity_id", reference_no=pl.Series(found, dtype=pl.String))
