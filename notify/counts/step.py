"""The step `counts`: three numbers everywhere, and the way from raw rows to people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from matching.person_numbers import batches, numbers_of
from matching.store import Workspace, log_counts
from matching.tables import UNOWNED
from notify.counts.bridge import bridge_lines
from notify.counts.by_elements import element_counts
from notify.counts.clusters import Clusters, clusters_of
from notify.counts.lines import open_lines, open_questions
from notify.counts.numbers import count_by, overlap
from notify.counts.people import (
    MILLION,
    People,
    merged_groups,
    read_people,
)
from notify.counts.posterior import NEVER
from notify.counts.residence import UNKNOWN, residence
from notify.counts.unowned import candidate_rows, left_over, with_unowned

__all__ = ["CountsSettings", "run"]


_AT_ONCE = 2
"""Ways to count in work: 0.7 GB each at 18 million people and entities."""

_LIKELY = 1 / 3
"""Links this likely merge in `confirmed`, also below the review band: the least number of people."""


class CountsSettings(BaseModel):
    """Nothing to set: counts follow from the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def run(workspace: Workspace, settings: CountsSettings) -> None:
    """Write the counts of entities, states, kinds of data and the union, what is open in them, and `bridge`."""
    del settings
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # what reads most and shares nothing
        bridge = pool.submit(bridge_lines, workspace)
        people = read_people(workspace)
        home = pool.submit(residence, workspace, people.ids)
        links = _links(workspace, people)
        likely = links.filter(pl.col("probability") >= _LIKELY)
        people = replace(people, rows=merged_groups(people, likely))
        persons = _persons(people, home.result())
    present = people.rows.select(pl.col("confirmed") | (pl.col("millionths") == MILLION))
    clusters = clusters_of(links, present.to_series().to_numpy())
    owned = _owned(workspace, people, persons, clusters)
    candidates = candidate_rows(workspace, people, owned)
    counts = _counted(persons, owned, candidates, clusters)
    lines = open_lines(counts)
    in_review = links.filter(pl.col("kind").is_in(["review", "cut", "held", "capped"]))
    workspace.write("counts", counts)
    workspace.write("element_counts", element_counts(owned, candidates, links))
    workspace.write("overlap", overlap(owned))
    workspace.write("open_lines", lines)
    workspace.write("open_questions", open_questions(lines, owned, in_review, people.ids))
    workspace.write("bridge", bridge.result())
    whole = counts.filter(pl.col("entity_id").is_null(), pl.col("state").is_null())
    confirmed, upper = int(whole["confirmed"].sum()), int(whole["upper"].sum())
    log_counts("counts", entities=counts["entity_id"].n_unique(), confirmed=confirmed, upper=upper)


def _counted(
    persons: pl.DataFrame, owned: pl.DataFrame, candidates: pl.DataFrame, clusters: Clusters
) -> pl.DataFrame:
    """Rows of `counts`: entities, entities by state, their union, and that by state."""
    union = persons.with_columns(
        entity_id=pl.lit(None, pl.String), certain=pl.col("confirmed"), chance=pl.lit(1.0)
    )
    every = pl.concat([owned, candidates])
    wanted = [(frame, by_state) for frame in (every, union) for by_state in (False, True)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        whole, in_states, union_whole, union_in_states = pool.map(
            lambda asked: count_by(asked[0], clusters, by_state=asked[1]), wanted
        )
    each = with_unowned(whole, in_states, left_over(owned, candidates))
    return pl.concat([*each, union_whole, union_in_states])


def _persons(people: People, home: pl.Series) -> pl.DataFrame:
    """One row a person: person (number), the columns of People, state, group_state."""
    persons = people.rows.with_row_index("person").with_columns(home)
    shared = persons.filter("several").select("person", "group", "state")
    first = pl.col("state").sort_by(pl.col("state") == UNKNOWN, "state").first().over("group")
    place = np.arange(persons.height)
    place[shared["person"].to_numpy()] = np.arange(shared.height) + persons.height
    states = pl.concat([persons["state"], shared.select(first).to_series()])
    return persons.with_columns(states.gather(place).alias("group_state"))


def _owned(
    workspace: Workspace, people: People, persons: pl.DataFrame, clusters: Clusters
) -> pl.DataFrame:
    """One row a person and entity, UNOWNED too, with the probability that both hold and the kinds of data.

    A group without an owner is certainly one more person only if none of it has an owner; so owned
    persons of a cluster with unowned ones stand beside them with the chance NEVER.
    """
    ownership = workspace.scan("ownership")
    named = [
        workspace.scan(table).select("entity_id") for table in ("ownership", "candidate_owners")
    ]
    entities = pl.concat(named).unique().collect(engine="streaming")
    codes = pl.Enum(sorted({*entities["entity_id"], UNOWNED}))
    columns = ownership.select(
        "person_id",
        pl.col("entity_id").cast(codes),
        (pl.col("status") == "confirmed").alias("sure"),
        (pl.col("basis") == "maybe_chart").alias("tied"),
        (pl.col("probability") * MILLION).round().cast(pl.Int64).alias("own"),
        "kinds",
    )
    rows = pl.concat([_with_person(batch, people, persons) for batch in batches(columns)])
    unowned = pl.col("entity_id") == UNOWNED
    owned = np.zeros(persons.height, bool)
    owned[rows.filter(~unowned)["group"].to_numpy()] = True
    nobody = pl.Series(~owned[rows["group"].to_numpy()])
    settled = pl.when(~unowned).then("sure").otherwise(nobody)
    rows = rows.with_columns(certain=pl.col("confirmed") & settled).drop("sure")
    near = clusters.with_any(rows.filter(unowned)["person"])
    beside = rows.filter(~unowned & pl.Series(near[rows["person"].to_numpy()]))
    beside = beside.unique("person", keep="first", maintain_order=True)
    nothing = (pl.lit(UNOWNED, codes).alias("entity_id"), pl.lit(value=False).alias("certain"),
               pl.lit(NEVER).alias("chance"))  # fmt: skip
    return pl.concat([rows, beside.with_columns(nothing).select(rows.columns)])


def _with_person(owned: pl.DataFrame, people: People, persons: pl.DataFrame) -> pl.DataFrame:
    """With `chance`: of the entity if the person is affected; 0 where it follows from a link only."""
    person = numbers_of(owned["person_id"], people.ids)
    met = pl.concat([persons[person], owned.drop("person_id")], how="horizontal")
    given = (pl.col("own") / pl.col("millionths")).clip(upper_bound=1.0)
    return met.with_columns(
        pl.min_horizontal("own", "millionths").alias("millionths"),
        pl.when("tied").then(0.0).otherwise(given).alias("chance"),
    ).drop("own", "tied")


def _links(workspace: Workspace, people: People) -> pl.DataFrame:
    """a, b (person numbers), probability: who may be one person, and how likely; kind, and whether that is unsure.

    Probabilities of the review band are weighed and reviewed, those of other kinds rehearsals' only.
    """
    pairs = workspace.read("same_chances", ["person_a", "person_b", "probability", "kind"])
    return pairs.select(
        numbers_of(pairs["person_a"], people.ids).alias("a"),
        numbers_of(pairs["person_b"], people.ids).alias("b"),
        "probability",
        "kind",
        unsure=pl.col("kind") != "review",
    )
