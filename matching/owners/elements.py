"""`elements`: the kinds of data per person and entity, from the rows which that entity owns.

Never the union over entities: it would tell one practice, and a household, what another held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.owners.kinds import KINDS, column_kinds
from matching.owners.members import People
from matching.owners.people import Reached
from matching.owners.said import BY_ROW, Said
from matching.store import Workspace

__all__ = ["FreeKinds", "elements", "free_kinds", "with_chart_kinds", "with_free_kinds"]


@dataclass(frozen=True, slots=True)
class FreeKinds:
    """By person: kinds of data in rows that bear no account number of an entity; `known` where there are any."""

    kinds: NDArray[np.int32]
    known: NDArray[np.bool_]


def free_kinds(said: Said, reached: Reached) -> FreeKinds:
    """Of the person's own rows; of a person known by charts only those of the person it may be."""
    count = len(said.unfenced)
    via, known = np.zeros(count, np.int64), np.zeros(count, bool)
    person, other = (reached.links[name].to_numpy() for name in ("person", "other"))
    free = said.unfenced[other]
    np.bitwise_or.at(via, person[free], said.free_kinds[other[free]])
    known[person[free]] = True
    kinds = np.where(said.unfenced, said.free_kinds, via).astype(np.int32)
    return FreeKinds(kinds, said.unfenced | known)


def with_free_kinds(sets: pl.DataFrame, free: FreeKinds) -> pl.DataFrame:
    """Kinds of entities that own none of the person's rows, which is possible through a chart.

    Then the rows that may be its (no account number of another) count. Null where that leaves none.
    """
    at = sets["person"].to_numpy()
    open_kinds = pl.DataFrame({"kinds": free.kinds[at], "known": free.known[at]})
    allowed = open_kinds.select(pl.when("known").then("kinds")).to_series()
    by_row = pl.when(pl.col("kinds") >= BY_ROW).then(pl.col("kinds") - BY_ROW)
    return sets.with_columns(pl.coalesce(by_row, allowed).alias("kinds"))


def with_chart_kinds(workspace: Workspace, people: People, sets: pl.DataFrame) -> pl.DataFrame:
    """Kinds that are still null from what the entity's own charts hold of the person."""
    open_sets = sets.filter(pl.col("kinds").is_null()).select("person", "entity_id")
    charts = people.charts.join(open_sets, on=["person", "entity_id"], how="semi")
    wanted = pl.col("chart_id").is_in(charts["chart_id"].implode())
    held = workspace.scan("charts").filter(wanted).select("chart_id", column_kinds().alias("held"))
    found = (
        charts.lazy()
        .join(held, on="chart_id")
        .group_by("person", "entity_id")
        .agg(pl.col("held").bitwise_or().cast(pl.Int32))
        .collect(engine="streaming")
    )
    met = sets.join(found, on=["person", "entity_id"], how="left", maintain_order="left")
    return met.with_columns(pl.coalesce("kinds", "held")).drop("held")


def elements(people: People, sets: pl.DataFrame) -> pl.DataFrame:
    """Rows of `elements` for sets in order of person and entity."""
    distinct = sets.select("kinds").drop_nulls().unique()
    bits = pl.DataFrame({"element": KINDS, "bit": [1 << place for place in range(len(KINDS))]})
    named = distinct.join(bits, how="cross").filter(pl.col("kinds") & pl.col("bit") != 0)
    lists = named.sort("kinds", "element").group_by("kinds").agg("element")
    rows = sets.join(lists, on="kinds", maintain_order="left").explode("element")
    return rows.select(
        people.ids.gather(rows["person"]).alias("person_id"),
        pl.col("entity_id").cast(pl.String),
        "element",
    )
