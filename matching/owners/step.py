"""The step `owners`: from rows to people and kinds of data."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.log import log_counts
from matching.owners.chances import write_same_chances
from matching.owners.codes import entity_codes
from matching.owners.elements import elements, free_kinds, with_chart_kinds, with_free_kinds
from matching.owners.members import People, read_people
from matching.owners.nearby import Nearby, nearby
from matching.owners.order import between
from matching.owners.people import Reached, charts_reached, entity_sets, ownership, person_ranges
from matching.owners.rows import write_row_owners
from matching.owners.said import Said, gather_said
from matching.owners.settings import OwnersSettings
from matching.store import Workspace
from matching.tables import TABLES, UNOWNED

__all__ = ["run"]

_RANGES_AT_ONCE = 2
"""Ranges of people in work: 0.3 GB each; one is written while another is worked on."""


def run(workspace: Workspace, settings: OwnersSettings) -> None:
    """Every person has at least one row of `ownership`; without any evidence it says UNOWNED.

    `row_owners` is written slice by slice, `ownership` and `elements` by ranges of people. In memory about
    130 bytes a mention and 30 a chart, besides what is in work.
    """
    write_row_owners(workspace, settings)
    codes = entity_codes(workspace.read("entities"))
    people = read_people(workspace, codes)
    with ThreadPoolExecutor(1) as beside:
        chances = beside.submit(write_same_chances, workspace, people)
        said = gather_said(workspace, people, codes)
        reached = charts_reached(workspace, settings, people)
        near = nearby(workspace, people, said, _known(said, people, reached))
        _write_candidates(workspace, people, near)
        sets = with_chart_kinds(workspace, people, _sets(people, said, reached, near))
        chances.result()
    counted: Counter[str] = Counter(mentions_confirmed=said.certain_mentions)
    counted.update(_write(workspace, people, sets))
    log_counts("owners", **counted)


def _sets(people: People, said: Said, reached: Reached, near: Nearby) -> pl.DataFrame:
    """Owners of all persons, with the kinds of data that rows tell; in order of person and entity."""
    free = free_kinds(said, reached)

    def of(ends: tuple[int, int]) -> pl.DataFrame:
        low, high = ends
        sets = entity_sets(people, said, reached, near.household, low=low, high=high)
        return with_free_kinds(sets, free)

    with ThreadPoolExecutor(_RANGES_AT_ONCE) as pool:
        return pl.concat(pool.map(of, person_ranges(people)))


def _write(workspace: Workspace, people: People, sets: pl.DataFrame) -> Counter[str]:
    """Write `ownership` and `elements`; gives how many are confirmed, possible and unowned."""
    counted: Counter[str] = Counter()
    with workspace.writer("ownership") as owners, workspace.writer("elements") as kinds:

        def put(part: tuple[int, tuple[int, int]]) -> dict[str, int]:
            index, (low, high) = part
            rows = between(sets, "person", low, high)
            owned = ownership(people, rows)
            owners.put(index, owned)
            kinds.put(index, elements(people, rows))
            return _counted(owned)

        with ThreadPoolExecutor(_RANGES_AT_ONCE) as pool:
            for found in pool.map(put, enumerate(person_ranges(people))):
                counted.update(found)
    return counted


def _known(said: Said, people: People, reached: Reached) -> NDArray[np.bool_]:
    """By person: a row or chart gives an entity."""
    known = np.zeros(len(people.ids), bool)
    for frame in (*said.named, people.charts, reached.review):
        known[frame["person"].to_numpy()] = True
    return known


def _write_candidates(workspace: Workspace, people: People, near: Nearby) -> None:
    rows = near.candidates.select(
        people.ids.gather(near.candidates["person"]).alias("person_id"),
        pl.col("entity_id").cast(pl.String),
        "share",
    )
    workspace.write(
        "candidate_owners", TABLES["candidate_owners"].complete(rows.sort("person_id", "entity_id"))
    )


def _counted(owned: pl.DataFrame) -> dict[str, int]:
    sure, known = pl.col("status") == "confirmed", pl.col("entity_id") != UNOWNED
    return owned.select(
        confirmed=sure.sum(), possible=(~sure & known).sum(), unowned=(~known).sum()
    ).row(0, named=True)
