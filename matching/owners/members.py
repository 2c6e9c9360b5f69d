"""The people that owners are for, by number: their mentions, their charts, who is certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.person_numbers import batches, numbers_of
from matching.store import Workspace

__all__ = ["People", "read_people"]


@dataclass(frozen=True, slots=True)
class People:
    """Persons by their place in the order of ids. About 30 bytes a person and 13 a member."""

    ids: pl.Series
    certain: NDArray[np.bool_]  # some mention is certainly the person's
    mentions: pl.DataFrame  # mention_id, person; by mention
    charts: pl.DataFrame  # chart_id, person, entity_id; by person

    def numbers(self, persons: pl.Series) -> pl.Series:
        """Numbers of person ids; null where there is no such person."""
        return numbers_of(persons, self.ids)


def read_people(workspace: Workspace, codes: pl.Enum) -> People:
    """Read persons and members; entities as codes."""
    sure = pl.col("affected") == "confirmed"
    persons = workspace.scan("persons").select("person_id", sure.alias("sure"))
    known = persons.collect(engine="streaming")
    members = workspace.scan("members").select(
        "person_id",
        "mention_id",
        (pl.col("side") == "leaked").alias("leaked"),
        pl.col("entity_id").cast(codes),
    )
    numbered = [_numbered(batch, known["person_id"]) for batch in batches(members)]
    charts = pl.concat([_charts(batch) for batch in numbered])
    if not charts["person"].is_sorted():
        raise AssertionError("members are not in order of persons")
    mentions = pl.concat([_mentions(batch) for batch in numbered]).sort("mention_id")
    return People(known["person_id"], known["sure"].to_numpy(), mentions, charts)


def _numbered(members: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """Members with the number of their person instead of its id."""
    numbers = numbers_of(members["person_id"], ids)
    return members.drop("person_id").with_columns(numbers).drop_nulls("person")


def _mentions(members: pl.DataFrame) -> pl.DataFrame:
    return members.filter("leaked").select("mention_id", "person")


def _charts(members: pl.DataFrame) -> pl.DataFrame:
    charts = members.filter(~pl.col("leaked") & pl.col("entity_id").is_not_null())
    return charts.select(pl.col("mention_id").alias("chart_id"), "person", "entity_id")
