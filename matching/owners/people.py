"""`ownership`: one row a person and covered entity, from the rows and charts of the person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.owners.ladder import (
    HOUSEHOLD,
    LADDER,
    MAYBE_CHART,
    NO_BASIS,
    PRESUMED,
    basis_of,
    is_sure,
    standing,
)
from matching.owners.members import People
from matching.owners.narrow import weighed_rows
from matching.owners.order import between, by_pair
from matching.owners.said import MILLION, Said
from matching.owners.settings import OwnersSettings
from matching.store import Workspace
from matching.succession import legal_owner
from matching.tables import UNOWNED

__all__ = ["Reached", "charts_reached", "entity_sets", "ownership", "person_ranges"]

_PERSONS = 250_000
"""People at a time: about 0.3 GB with their rows, charts and kinds of data."""
_NOT_REACHED = -1


def person_ranges(people: People) -> Iterator[tuple[int, int]]:
    """Ranges of person numbers [low, high) that together cover all; an empty one of nobody."""
    count = len(people.ids)
    for low in range(0, max(count, 1), _PERSONS):
        yield low, min(low + _PERSONS, count)


@dataclass(frozen=True, slots=True)
class Reached:
    """Charts that may be an affected person's."""

    own: NDArray[np.int32]  # by person: millionths that its charts are affected, or _NOT_REACHED
    review: pl.DataFrame  # person, entity_id, millionths: charts of those whom it may be; by person
    links: pl.DataFrame  # person, other: who may be whom (review band)
    presumed: tuple[str, ...]  # entities all of whose charts count


def charts_reached(workspace: Workspace, settings: OwnersSettings, people: People) -> Reached:
    """From certain people, links in the review band, and presumed entities."""
    told = workspace.read("affected", ["person_id", "maybe_same_as", "probability"])
    links = told.select(
        people.numbers(told["person_id"]).alias("person"),
        people.numbers(told["maybe_same_as"]).alias("other"),
        (pl.col("probability") * MILLION).round().cast(pl.Int32).alias("millionths"),
    ).drop_nulls()
    own = np.where(people.certain, MILLION, _NOT_REACHED).astype(np.int32)
    np.maximum.at(own, links["person"].to_numpy(), links["millionths"].to_numpy())
    review = links.join(people.charts.drop("chart_id"), on="person").select(
        pl.col("other").alias("person"), "entity_id", "millionths"
    )
    named = pl.DataFrame({"entity_id": settings.presumed_entities}, schema={"entity_id": pl.String})
    owner = legal_owner(workspace.read("entities"), on=settings.owner_on)
    return Reached(
        own,
        review.sort("person"),
        links.select("person", "other"),
        tuple(named.select(owner).to_series().to_list()),
    )


def entity_sets(
    people: People, said: Said, reached: Reached, household: pl.DataFrame, *, low: int, high: int
) -> pl.DataFrame:
    """Owners of the persons from low to below high: person, entity_id, standing, millionths, kinds.

    In order of person and entity. `kinds` has the bit BY_ROW where a row of the person names it.
    `household`: person, entity_id of people whom nothing else gives an entity; by person.
    """
    own = between(people.charts, "person", low, high).select("person", "entity_id").unique()
    rows = weighed_rows(said.of(low, high), own)
    charts = _charts(own, rows, said, reached, low=low, high=high)
    beside = between(household, "person", low, high).select(
        "person",
        "entity_id",
        standing(pl.lit(value=False), pl.lit(HOUSEHOLD)).alias("standing"),
        pl.lit(MILLION, pl.Int32).alias("millionths"),
    )
    charts = pl.concat([charts, beside]).with_columns(kinds=pl.lit(0, pl.Int32))
    found = pl.concat([rows, charts.select(rows.columns)])
    named = np.zeros(high - low, bool)
    named[found["person"].to_numpy() - low] = True
    unowned = pl.DataFrame({"person": (np.flatnonzero(~named) + low).astype(np.uint32)}).select(
        "person",
        pl.lit(UNOWNED, dtype=rows["entity_id"].dtype).alias("entity_id"),
        standing(pl.lit(value=False), pl.lit(NO_BASIS)).alias("standing"),
        pl.lit(MILLION, pl.Int32).alias("millionths"),
        pl.lit(0, pl.Int32).alias("kinds"),
    )
    ordered, starts = by_pair(pl.concat([found, unowned]), "person")
    best = {"standing": np.minimum, "millionths": np.maximum, "kinds": np.bitwise_or}
    return ordered[starts].with_columns(
        pl.Series(name, pick.reduceat(ordered[name].to_numpy(), starts))
        for name, pick in best.items()
    )


def _charts(
    charts: pl.DataFrame, rows: pl.DataFrame, said: Said, reached: Reached, *, low: int, high: int
) -> pl.DataFrame:
    """Entities of the person's own charts, and of charts that may be the person's (review band).

    Not where each leaked row of the person bears the account number of an entity. Nor where each has a
    confirmed owner, and a chart there: who is known at one practice may be a patient of another, too, but no
    row of that one is left. Without such a chart rows and charts contradict each other, and both stay.
    """
    millionths = pl.Series("millionths", reached.own[charts["person"].to_numpy()])
    own = charts.with_columns(millionths, basis=pl.lit(LADDER[-1]))
    own = own.filter(pl.col("millionths") != _NOT_REACHED)
    maybe = between(reached.review, "person", low, high).with_columns(basis=pl.lit(MAYBE_CHART))
    linked = pl.concat([own, maybe])
    sure = rows.filter(is_sure(pl.col("standing")))
    agreed = np.zeros(len(said.mentioned), bool)
    agreed[sure.join(charts, on=["person", "entity_id"], how="semi")["person"].to_numpy()] = True
    nothing_open = said.mentioned & ~(said.unfenced & (said.unsettled | ~agreed))
    linked = linked.filter(pl.Series(~nothing_open[linked["person"].to_numpy()]))
    presumed = charts.filter(pl.col("entity_id").cast(pl.String).is_in(reached.presumed))
    presumed = presumed.with_columns(
        millionths=pl.lit(MILLION, pl.Int32), basis=pl.lit(PRESUMED, pl.String)
    )
    possible = standing(pl.lit(value=False), pl.col("basis")).alias("standing")
    return pl.concat([linked, presumed]).select("person", "entity_id", possible, "millionths")


def ownership(people: People, sets: pl.DataFrame) -> pl.DataFrame:
    """Rows of `ownership` for whole persons; UNOWNED where nothing names an entity.

    Confirmed where a row of the person is. `probability` is that of the likeliest link, shared
    evenly among the person's entities; 1 where confirmed, presumed or unowned.
    """
    sure, basis = is_sure(pl.col("standing")), basis_of(pl.col("standing"))
    share = pl.col("millionths") // pl.len().over("person")
    whole = pl.when(sure | (pl.col("basis") == PRESUMED)).then(MILLION).otherwise(share)
    return sets.with_columns(basis.alias("basis")).select(
        people.ids.gather(sets["person"]).alias("person_id"),
        pl.col("entity_id").cast(pl.String),
        pl.when(sure).then(pl.lit("confirmed")).otherwise(pl.lit("possible")).alias("status"),
        "basis",
        (whole / MILLION).alias("probability"),
        pl.col("kinds").fill_null(0),
    )
