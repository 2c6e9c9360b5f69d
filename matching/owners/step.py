"""The step `owners`: from rows to people and kinds of data."""

from __future__ import annotations

from collections import Counter

import polars as pl

from matching.log import log_counts
from matching.owners.chances import write_same_chances
from matching.owners.codes import entity_codes
from matching.owners.elements import elements, with_chart_kinds, with_free_kinds
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

_KEPT = ("person", "entity_id", "kinds")


def run(workspace: Workspace, settings: OwnersSettings) -> None:
    """Every person has at least one row of `ownership`; without any evidence it says UNOWNED.

    `row_owners` is written slice by slice, the other two by ranges of people. In memory about 130
    bytes a mention and 14 a chart, besides a slice.
    """
    write_row_owners(workspace, settings)
    codes = entity_codes(workspace.read("entities"))
    people = read_people(workspace, codes)
    write_same_chances(workspace, people)
    said = gather_said(workspace, people, codes)
    reached = charts_reached(workspace, settings, people)
    near = nearby(workspace, people, said, _known(said, people, reached))
    _write_candidates(workspace, people, near)
    counted: Counter[str] = Counter(mentions_confirmed=said.certain_mentions)
    kept = []
    with workspace.writer("ownership") as writer:
        for index, (low, high) in enumerate(person_ranges(people)):
            sets = entity_sets(people, said, reached, near.household, low=low, high=high)
            owned = ownership(people, sets)
            writer.put(index, owned)
            counted.update(_counted(owned))
            kept.append(with_free_kinds(sets, said, reached).select(_KEPT))
    _write_elements(workspace, people, kept)
    log_counts("owners", **counted)


def _known(said: Said, people: People, reached: Reached) -> pl.Series:
    """People whom a row or chart gives an entity."""
    frames = [*said.named, people.charts, reached.review]
    return pl.concat([frame["person"] for frame in frames]).unique()


def _write_candidates(workspace: Workspace, people: People, near: Nearby) -> None:
    rows = near.candidates.select(
        people.ids.gather(near.candidates["person"]).alias("person_id"),
        pl.col("entity_id").cast(pl.String),
        "share",
    )
    workspace.write(
        "candidates", TABLES["candidates"].complete(rows.sort("person_id", "entity_id"))
    )


def _write_elements(workspace: Workspace, people: People, kept: list[pl.DataFrame]) -> None:
    sets = with_chart_kinds(workspace, people, pl.concat(kept))
    with workspace.writer("elements") as writer:
        for index, (low, high) in enumerate(person_ranges(people)):
            writer.put(index, elements(people, between(sets, "person", low, high)))


def _counted(owned: pl.DataFrame) -> dict[str, int]:
    sure, known = pl.col("status") == "confirmed", pl.col("entity_id") != UNOWNED
    return owned.select(
        confirmed=sure.sum(), possible=(~sure & known).sum(), unowned=(~known).sum()
    ).row(0, named=True)
