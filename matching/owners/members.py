"""The people that owners are for, by number: their mentions, their charts, who is certain."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.store import Workspace

__all__ = ["People", "read_people"]

_BATCH_ROWS = 1_000_000
"""Members at a time while ids become numbers: 60 MB."""


@dataclass(frozen=True, slots=True)
class People:
    """Persons by their place in the order of ids. About 30 bytes a person and 13 a member."""

    ids: pl.Series
    certain: NDArray[np.bool_]  # some mention is certainly the person's
    mentions: pl.DataFrame  # mention_id, person; by mention
    charts: pl.DataFrame  # chart_id, person, entity_id; by person

    def numbers(self, persons: pl.Series) -> pl.Series:
        """Numbers of person ids; null where there is no such person."""
        known = pl.DataFrame({"id": self.ids}).with_row_index("person")
        asked = pl.DataFrame({"id": persons})
        return asked.join(known, on="id", how="left", maintain_order="left")["person"]


def read_people(workspace: Workspace, codes: pl.Enum) -> People:
    """Read persons and members; entities as codes."""
    sure = pl.col("affected") == "confirmed"
    persons = workspace.scan("persons").select("person_id", sure.alias("sure"))
    known = persons.collect(engine="streaming").with_row_index("person")
    members = workspace.scan("members").select(
        "person_id",
        "mention_id",
        (pl.col("side") == "leaked").alias("leaked"),
        pl.col("entity_id").cast(codes),
    )
    batches = members.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
    numbered = [_numbered(batch, known) for batch in chain([members.limit(0).collect()], batches)]
    charts = pl.concat([_charts(batch) for batch in numbered])
    if not charts["person"].is_sorted():
        raise AssertionError("members are not in order of persons")
    mentions = pl.concat([_mentions(batch) for batch in numbered]).sort("mention_id")
    return People(known["person_id"], known["sure"].to_numpy(), mentions, charts)


def _numbered(members: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Members with the number of their person instead of its id; once a run of equal ids."""
    run = members.select(pl.col("person_id").rle_id()).to_series()
    heads = members.select("person_id").filter(run.diff(null_behavior="ignore").fill_null(1) != 0)
    ends = heads.select(low=pl.col("person_id").min(), high=pl.col("person_id").max())
    low = known["person_id"].search_sorted(ends["low"], "left")
    high = known["person_id"].search_sorted(ends["high"], "right")
    near = known[low[0] : high[0]]
    numbers = heads.join(near, on="person_id", how="left", maintain_order="left")["person"]
    return members.with_columns(numbers.gather(run)).drop("person_id").drop_nulls("person")


def _mentions(members: pl.DataFrame) -> pl.DataFrame:
    return members.filter("leaked").select("mention_id", "person")


def _charts(members: pl.DataFrame) -> pl.DataFrame:
    charts = members.filter(~pl.col("leaked") & pl.col("entity_id").is_not_null())
    return charts.select(pl.col("mention_id").alias("chart_id"), "person", "entity_id")
