"""The step `people`: read the graph, part it, name the persons, write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.log import log_counts
from matching.people.attributes import person_attributes
from matching.people.between import MaybeSame, maybe_same
from matching.people.links import RecordGraph, read_graph
from matching.people.naming import name_persons
from matching.people.partition import Ints, Marks, partition
from matching.people.settings import PeopleSettings
from matching.store import ROWS_PER_PART, Workspace
from matching.succession import legal_owner
from matching.tables import TABLES

__all__ = ["run"]


@dataclass(frozen=True, slots=True)
class _Members:
    """All member records: included mentions, then charts; `person` numbers follow person_id."""

    records: Ints
    person: Ints
    first_chart: int


def run(workspace: Workspace, settings: PeopleSettings) -> None:
    """Every included mention and every chart one reaches is in exactly one person.

    Holds about 350 bytes a record in memory; members are written part by part.
    """
    graph = read_graph(workspace, settings)
    nodes = _partition_nodes(workspace, graph, settings)
    records = np.concatenate([graph.mentions.ids, graph.ids[graph.first_chart :]])
    person = np.concatenate([nodes[graph.mentions.node], nodes[graph.first_chart :]])
    first_chart = len(graph.mentions.ids)
    named = name_persons(workspace, ids=records, persons=person, first_chart=first_chart)
    named = named.sort("person_id")
    rank = np.empty(named.height, np.int64)
    rank[named["person"].to_numpy()] = np.arange(named.height)
    members = _Members(records, rank[person] if len(person) else person, first_chart)
    between = maybe_same(graph, rank[nodes] if len(nodes) else nodes, persons=named.height)
    persons = _persons(workspace, members, named, between, settings)
    owner = legal_owner(workspace.read("entities"), on=settings.owner_on)
    _write_members(workspace, members, named["person_id"], owner)
    workspace.write("maybe_same", between.table(named["person_id"]))
    workspace.write("affected", between.affected(named["person_id"]))
    workspace.write("persons", persons.select(list(TABLES["persons"].columns)))
    _log(persons, between, members)


def _partition_nodes(workspace: Workspace, graph: RecordGraph, settings: PeopleSettings) -> Ints:
    """Person number of each node: strong links merge, decided pairs stay apart."""

    def identities(numbers: Ints) -> Ints:
        return _identity_codes(workspace, graph.ids[numbers])

    return partition(
        len(graph.ids),
        graph.strong,
        apart=np.concatenate([graph.no, graph.unsure]),
        cut_ties=True,
        identities=identities,
        identities_max=settings.identities_max,
    )


def _identity_codes(workspace: Workspace, ids: Ints) -> Ints:
    """A number per record, equal for equal first name, last name and birth date."""
    wanted = pl.LazyFrame({"id": ids})
    columns = ("first_name", "last_name", "date_of_birth")
    cleaned = pl.concat(
        [
            workspace.scan("leaked_std").select(pl.col("mention_id").alias("id"), *columns),
            workspace.scan("charts_std").select(pl.col("chart_id").alias("id"), *columns),
        ]
    )
    rows = wanted.join(cleaned, on="id", how="left", maintain_order="left").collect()
    codes = rows.select(pl.struct(columns).rank("dense").cast(pl.Int64)).to_series()
    return codes.to_numpy()


def _persons(
    workspace: Workspace,
    members: _Members,
    named: pl.DataFrame,
    between: MaybeSame,
    settings: PeopleSettings,
) -> pl.DataFrame:
    count = named.height
    mentions = np.bincount(members.person[: members.first_chart], minlength=count)
    charts = np.bincount(members.person[members.first_chart :], minlength=count)
    frame = pl.LazyFrame({"record": members.records, "person": members.person})
    known = person_attributes(workspace, frame)
    return named.select(
        "person_id",
        pl.Series("affected", np.where(mentions > 0, "confirmed", "possible"), dtype=pl.String),
        pl.Series("orphan", charts == 0),
        known["deceased"],
        known["minor_on"],
        known["language"],
        pl.col("first_identified_on").fill_null(settings.as_of),
        pl.Series("mentions", mentions.astype(np.int64)),
        pl.Series("charts", charts.astype(np.int64)),
        pl.col("person_id").gather(between.group).alias("merged_group"),
    )


def _write_members(
    workspace: Workspace, members: _Members, person_ids: pl.Series, owner: pl.Expr
) -> None:
    """`members` in key order, a part at a time."""
    order = np.lexsort((members.records, members.person))
    leaked = _origin(workspace, "leaked", "mention_id", members.records[: members.first_chart])
    charts = _origin(workspace, "charts", "chart_id", members.records[members.first_chart :])
    charts = charts.with_columns(owner)
    origin = pl.concat([leaked, charts])
    repeated = _repeated(members, charts["entity_id"])
    with workspace.writer("members") as writer:
        for index, start in enumerate(range(0, len(order), ROWS_PER_PART)):
            chosen = order[start : start + ROWS_PER_PART]
            part = origin[chosen].with_columns(
                person_ids.gather(members.person[chosen]).alias("person_id"),
                pl.when(pl.Series(repeated[chosen])).then(pl.lit("duplicate_chart")).alias("flag"),
            )
            writer.put(index, part.select(list(TABLES["members"].columns)))


def _origin(workspace: Workspace, table: str, key: str, ids: Ints) -> pl.DataFrame:
    """Where records come from, in the order of `ids`."""
    chart = table == "charts"
    source = workspace.scan(table).select(
        pl.col(key).alias("mention_id"),
        pl.lit("master" if chart else "leaked").alias("side"),
        "record_id",
        pl.col("entity_id") if chart else pl.lit(None, pl.String).alias("entity_id"),
        "file_no",
        "row_no",
    )
    wanted = pl.LazyFrame({"mention_id": ids})
    return wanted.join(source, on="mention_id", how="left", maintain_order="left").collect()


def _repeated(members: _Members, entity: pl.Series) -> Marks:
    """Which members are charts of a person with several charts at that entity."""
    person = pl.Series(members.person[members.first_chart :])
    charts = pl.DataFrame({"person": person, "entity": entity})
    several = pl.col("entity").is_not_null() & (pl.len().over("person", "entity") > 1)
    flags = charts.select(several).to_series().to_numpy()
    return np.concatenate([np.zeros(members.first_chart, bool), flags.astype(bool)])


def _log(persons: pl.DataFrame, between: MaybeSame, members: _Members) -> None:
    confirmed = int((persons["affected"] == "confirmed").sum())
    log_counts(
        "people",
        mentions=members.first_chart,
        charts=len(members.records) - members.first_chart,
        confirmed=confirmed,
        possible=persons.height - confirmed,
        orphans=int(persons["orphan"].sum()),
        maybe_same=between.pairs.height,
    )
