"""The step `counts`: three numbers everywhere, and the way from raw rows to people."""

from __future__ import annotations

import polars as pl
from pydantic import BaseModel, ConfigDict

from matching.store import Workspace, log_counts
from matching.tables import UNOWNED
from notify.counts.bridge import bridge_lines
from notify.counts.numbers import count_by
from notify.counts.residence import UNKNOWN, residence

__all__ = ["CountsSettings", "run"]


class CountsSettings(BaseModel):
    """Nothing to set: counts follow from the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def run(workspace: Workspace, settings: CountsSettings) -> None:
    """Write `counts` (entity, entity x state, and the union over entities) and `bridge`."""
    del settings
    persons = _persons(workspace)
    owned = _owned(workspace, persons)
    union = persons.with_columns(entity_id=pl.lit(None, pl.String), certain=pl.col("confirmed"))
    pairs = _pairs(workspace, persons)
    counted = [
        count_by(frame, pairs, by_state=by_state)
        for frame in (owned, union.select(owned.columns))
        for by_state in (False, True)
    ]
    counts = pl.concat(counted)
    workspace.write("counts", counts)
    workspace.write("bridge", bridge_lines(workspace))
    whole = counts.filter(pl.col("entity_id").is_null(), pl.col("state").is_null())
    confirmed, upper = int(whole["confirmed"].sum()), int(whole["upper"].sum())
    log_counts("counts", entities=counts["entity_id"].n_unique(), confirmed=confirmed, upper=upper)


def _persons(workspace: Workspace) -> pl.DataFrame:
    """One row a person: person (number), confirmed, group (number), state, group_state, millionths."""
    persons = workspace.read("persons", ["person_id", "affected", "merged_group"])
    persons = persons.sort("person_id").with_row_index("person")
    told = workspace.scan("affected").group_by("person_id").agg(pl.col("probability").max())
    persons = persons.join(told.collect(), on="person_id", how="left", maintain_order="left")
    persons = persons.join(residence(workspace), on="person_id", how="left", maintain_order="left")
    numbers = persons.select("person_id", pl.col("person").alias("group"))
    confirmed = pl.col("affected") == "confirmed"
    # presumed people have no likely mention: reasonably believed affected counts as one
    probability = pl.when(confirmed).then(1.0).otherwise(pl.col("probability").fill_null(1.0))
    persons = persons.join(
        numbers, left_on="merged_group", right_on="person_id", maintain_order="left"
    ).with_columns(
        confirmed=confirmed,
        millionths=(probability * 1_000_000).round().cast(pl.Int64),
        state=pl.col("state").fill_null(UNKNOWN),
    )
    group_state = pl.col("state").sort_by(pl.col("state") == UNKNOWN, "state").first().over("group")
    return persons.select(
        "person_id", "person", "confirmed", "group", "state", "millionths", group_state=group_state
    )


def _owned(workspace: Workspace, persons: pl.DataFrame) -> pl.DataFrame:
    """One row a person and entity, UNOWNED too, with the probability that both hold.

    A group without an owner is certainly one more person only if none of it has an owner.
    """
    ownership = workspace.read("ownership").join(persons, on="person_id")
    owner = pl.col("entity_id") != UNOWNED
    settled = (
        pl.when(owner).then(pl.col("status") == "confirmed").otherwise(~owner.any().over("group"))
    )
    own = (pl.col("probability") * 1_000_000).round().cast(pl.Int64)
    return ownership.select(
        *(name for name in persons.columns if name != "millionths"),
        pl.min_horizontal(own, "millionths").alias("millionths"),
        "entity_id",
        certain=pl.col("confirmed") & settled,
    )


def _pairs(workspace: Workspace, persons: pl.DataFrame) -> pl.DataFrame:
    """a, b (person numbers), millionths: who may be one person."""
    numbers = persons.select("person_id", "person")
    pairs = workspace.read("maybe_same", ["person_a", "person_b", "probability"])
    return (
        pairs.join(numbers, left_on="person_a", right_on="person_id")
        .join(numbers, left_on="person_b", right_on="person_id", suffix="_of_b")
        .select(
            a="person",
            b="person_of_b",
            millionths=(pl.col("probability") * 1_000_000).round().cast(pl.Int64),
        )
    )
