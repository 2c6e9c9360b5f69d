"""The step `counts`: three numbers everywhere, and the way from raw rows to people."""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from matching.store import Workspace, log_counts
from matching.tables import UNOWNED
from notify.counts.bridge import bridge_lines
from notify.counts.by_elements import element_counts
from notify.counts.numbers import count_by
from notify.counts.people import MILLION, People, batches, numbers_of, read_people
from notify.counts.residence import UNKNOWN, residence

__all__ = ["CountsSettings", "run"]


class CountsSettings(BaseModel):
    """Nothing to set: counts follow from the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def run(workspace: Workspace, settings: CountsSettings) -> None:
    """Write `counts` (entity, entity x state, and the union over entities), `element_counts` and `bridge`."""
    del settings
    people = read_people(workspace)
    persons = _persons(workspace, people)
    pairs = _pairs(workspace, people)
    owned = _owned(workspace, people, persons)
    union = persons.with_columns(entity_id=pl.lit(None, pl.String), certain=pl.col("confirmed"))
    counted = [
        count_by(frame, pairs, by_state=by_state)
        for frame in (owned, union)
        for by_state in (False, True)
    ]
    counts = pl.concat(counted)
    workspace.write("counts", counts)
    workspace.write("element_counts", element_counts(workspace, people, owned, pairs))
    workspace.write("bridge", bridge_lines(workspace))
    whole = counts.filter(pl.col("entity_id").is_null(), pl.col("state").is_null())
    confirmed, upper = int(whole["confirmed"].sum()), int(whole["upper"].sum())
    log_counts("counts", entities=counts["entity_id"].n_unique(), confirmed=confirmed, upper=upper)


def _persons(workspace: Workspace, people: People) -> pl.DataFrame:
    """One row a person: person (number), the columns of People, state, group_state."""
    persons = people.rows.with_row_index("person").with_columns(residence(workspace, people.ids))
    shared = persons.filter("several").select("person", "group", "state")
    first = pl.col("state").sort_by(pl.col("state") == UNKNOWN, "state").first().over("group")
    place = np.arange(persons.height)
    place[shared["person"].to_numpy()] = np.arange(shared.height) + persons.height
    states = pl.concat([persons["state"], shared.select(first).to_series()])
    return persons.with_columns(states.gather(place).alias("group_state"))


def _owned(workspace: Workspace, people: People, persons: pl.DataFrame) -> pl.DataFrame:
    """One row a person and entity, UNOWNED too, with the probability that both hold.

    A group without an owner is certainly one more person only if none of it has an owner.
    """
    ownership = workspace.scan("ownership")
    entities = ownership.select(pl.col("entity_id").unique()).collect(engine="streaming")
    codes = pl.Enum(entities["entity_id"].sort())
    columns = ownership.select(
        "person_id",
        pl.col("entity_id").cast(codes),
        (pl.col("status") == "confirmed").alias("sure"),
        (pl.col("probability") * MILLION).round().cast(pl.Int64).alias("own"),
    )
    rows = pl.concat([_with_person(batch, people, persons) for batch in batches(columns)])
    owned = np.zeros(persons.height, bool)
    owned[rows.filter(pl.col("entity_id") != UNOWNED)["group"].to_numpy()] = True
    nobody = pl.Series(~owned[rows["group"].to_numpy()])
    settled = pl.when(pl.col("entity_id") != UNOWNED).then("sure").otherwise(nobody)
    return rows.with_columns(certain=pl.col("confirmed") & settled).drop("sure")


def _with_person(owned: pl.DataFrame, people: People, persons: pl.DataFrame) -> pl.DataFrame:
    person = numbers_of(owned["person_id"], people.ids)
    met = pl.concat([persons[person], owned.drop("person_id")], how="horizontal")
    return met.with_columns(pl.min_horizontal("own", "millionths").alias("millionths")).drop("own")


def _pairs(workspace: Workspace, people: People) -> pl.DataFrame:
    """a, b (person numbers), millionths: who may be one person."""
    pairs = workspace.read("maybe_same", ["person_a", "person_b", "probability"])
    return pairs.select(
        numbers_of(pairs["person_a"], people.ids).alias("a"),
        numbers_of(pairs["person_b"], people.ids).alias("b"),
        (pl.col("probability") * MILLION).round().cast(pl.Int64).alias("millionths"),
    )
