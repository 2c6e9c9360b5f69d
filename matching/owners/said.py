"""What all rows of a person say together: entities named, and kinds of data that nobody fenced."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.owners.kinds import row_kinds
from matching.owners.ladder import FENCES, standing
from matching.owners.members import People
from matching.owners.order import between, place_in
from matching.owners.slices import SLICES_AT_ONCE, inside, mention_slices
from matching.store import Workspace

__all__ = ["BY_ROW", "MILLION", "Said", "gather_said"]

MILLION = 1_000_000
"""Probabilities are whole millionths: any order of rows gives the same digits."""
BY_ROW = 1 << 30
"""Beside the bits of `kinds`: a leaked row itself says so, though it may hold none of them."""


@dataclass(frozen=True, slots=True)
class Said:
    """Rows of `named`: person, mention (number), entity_id, standing, millionths, kinds; each frame by person.

    About 19 bytes a row of `row_owners` and 7 a person.
    """

    named: list[pl.DataFrame]
    mentioned: NDArray[np.bool_]  # by person: has a leaked row
    unsettled: NDArray[np.bool_]  # by person: has one without a confirmed owner
    unfenced: NDArray[np.bool_]  # by person: has one without the account number of an entity
    free_kinds: NDArray[np.int64]  # by person: kinds of data in those
    certain_mentions: int

    def of(self, low: int, high: int) -> pl.DataFrame:
        """What rows of the persons from low to below high say."""
        return pl.concat([between(frame, "person", low, high) for frame in self.named])


def gather_said(workspace: Workspace, people: People, codes: pl.Enum) -> Said:
    """Read rows and their owners slice by slice."""
    count = len(people.ids)
    mentioned, unsettled, unfenced = (np.zeros(count, bool) for _ in range(3))
    free_kinds = np.zeros(count, np.int64)
    mentioned[people.mentions["person"].to_numpy()] = True
    named, certain, before = [], 0, 0
    slices = [(0, 0), *mention_slices(workspace)]  # an empty one: there may be no leak
    with ThreadPoolExecutor(SLICES_AT_ONCE) as pool:
        for held, owners in pool.map(lambda s: _slice(workspace, people, codes, *s), slices):
            place = owners["mention"].to_numpy()
            free = held.filter(pl.Series(~_marked(held, place[owners["fenced"].to_numpy()])))
            unfenced[free["person"].to_numpy()] = True
            np.bitwise_or.at(free_kinds, free["person"].to_numpy(), free["kinds"].to_numpy())
            settled = _marked(held, place[owners["sure"].to_numpy()])
            unsettled[held.filter(pl.Series(~settled))["person"].to_numpy()] = True
            certain += int(owners["sure"].sum())
            named.append(_named(held[place], owners.with_columns(pl.col("mention") + before)))
            before += held.height
    return Said(named, mentioned, unsettled, unfenced, free_kinds, certain)


def _slice(
    workspace: Workspace, people: People, codes: pl.Enum, start: int, end: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Mentions of one range with their kinds of data, and what `_owners` says, `mention` by its place there."""
    held = between(people.mentions, "mention_id", start, end)
    rows = row_kinds(workspace, inside(start, end))
    held = held.with_columns(rows["kinds"].gather(place_in(rows["mention_id"], held["mention_id"])))
    owners = _owners(workspace, codes, start, end)
    place = place_in(held["mention_id"], owners["mention_id"])
    return held, owners.with_columns(mention=pl.Series(place, dtype=pl.UInt32))


def _marked(held: pl.DataFrame, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    marks = np.zeros(held.height, bool)
    marks[places] = True
    return marks


def _owners(workspace: Workspace, codes: pl.Enum, start: int, end: int) -> pl.DataFrame:
    """mention_id, entity_id, standing, millionths, sure, fenced; a chart's weight is its odds."""
    odds = pl.lit(2.0).pow(pl.col("weight_bits").clip(upper_bound=60.0))
    millionths = (odds / (1 + odds) * MILLION).round().cast(pl.Int32).fill_null(MILLION)
    sure = pl.col("status") == "confirmed"
    return (
        workspace.scan("row_owners")
        .filter(inside(start, end))
        .select(
            "mention_id",
            pl.col("entity_id").cast(codes),
            standing(sure, pl.col("basis")).alias("standing"),
            millionths.alias("millionths"),
            sure.alias("sure"),
            pl.col("basis").is_in(FENCES).alias("fenced"),
        )
        .collect()
    )


def _named(held: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """Both row by row the same mention."""
    met = owners.select("mention", "entity_id", "standing", "millionths").with_columns(
        held["person"], held["kinds"].cast(pl.Int32) | BY_ROW
    )
    return met.sort("person").select(
        "person", "mention", "entity_id", "standing", "millionths", "kinds"
    )
