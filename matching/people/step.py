"""The step `people`: read the graph, part it, name the persons, write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.log import log_counts
from matching.model.definition import CLEANED_COLUMNS
from matching.people.attributes import person_attributes
from matching.people.between import MaybeSame, maybe_same
from matching.people.compiled import NOT_THERE, Ids, Numbers, grouped, repeated
from matching.people.history import histories
from matching.people.links import RecordGraph, read_graph
from matching.people.naming import name_persons, released_records
from matching.people.pairs import MATCH, read_evidence
from matching.people.partition import Hashes, Ints, partition
from matching.people.profile import profile
from matching.people.records import Records, in_order
from matching.people.review_order import write_review_order
from matching.people.settings import PeopleSettings
from matching.people.tree import write_merge_tree
from matching.store import ROWS_PER_PART, Workspace
from matching.succession import legal_owner
from matching.tables import TABLES

__all__ = ["run"]


@dataclass(frozen=True, slots=True)
class _Members:
    """Records of each person, in key order; person numbers follow person_id.

    `person` is each record's person number, negative where it is in none;
    `records[starts[p]:starts[p + 1]]` are person p's, ascending by id.
    """

    of: Records
    person: Numbers
    starts: Ids
    records: Numbers

    def each(self) -> tuple[Ints, Ints]:
        """(leaked members, chart members) of each person."""
        person = self.person[self.records]
        leaked = self.records < self.of.first_chart
        both = (
            np.bincount(p, minlength=len(self.starts) - 1)
            for p in (person[leaked], person[~leaked])
        )
        mentions, charts = both
        return mentions, charts

    def doubtful(self, workspace: Workspace) -> Ints:
        """Leaked members of each person that only free text names, with too little to tell who it is."""
        rows = workspace.scan("leaked").filter(pl.col("doubtful")).select("mention_id").collect()
        numbers = self.of.mention_numbers(rows["mention_id"].to_numpy())
        person = self.person[numbers[numbers != NOT_THERE]]
        return np.bincount(person[person >= 0], minlength=len(self.starts) - 1)


def run(workspace: Workspace, settings: PeopleSettings) -> None:
    """Every included mention and every chart one reaches is in exactly one person.

    The merge tree is made beside it: compiled loops leave the interpreter free. Holds about 60
    bytes a record and 60 a kept pair in memory; members are written part by part.
    """
    evidence = read_evidence(workspace, settings)
    with ThreadPoolExecutor(1) as beside:
        tree = beside.submit(write_merge_tree, workspace, evidence)
        graph = read_graph(workspace, settings, evidence)
        del evidence
        told = _told_apart(workspace, graph, settings)
        del graph
        _write(workspace, settings, *told)
        workspace.write("profile", profile(workspace))
        write_review_order(workspace)
        tree.result()


def _told_apart(
    workspace: Workspace, graph: RecordGraph, settings: PeopleSettings
) -> tuple[_Members, pl.DataFrame, MaybeSame]:
    """(members, names by person number, what lies between persons)."""
    person, count = _persons_of(workspace, graph, settings)
    named = name_persons(workspace, records=graph.records, person=person, count=count)
    released = released_records(workspace, graph.records, person)
    workspace.write("histories", histories(released, named))
    rank = np.full(count + 1, -1, np.int32)
    rank[named["person"].to_numpy()] = np.arange(count)
    person = rank[person]
    between = maybe_same(graph, person, persons=count)
    return _members(graph.records, person, count), named, between


def _write(
    workspace: Workspace,
    settings: PeopleSettings,
    members: _Members,
    named: pl.DataFrame,
    between: MaybeSame,
) -> None:
    workspace.write("maybe_same", between.table(named["person_id"]))
    workspace.write("affected", between.affected(named["person_id"]))
    persons = _persons(workspace, members, named, between, settings)
    _write_in_order(workspace, "persons", persons)
    _log(persons, between, members)
    del persons
    owner = legal_owner(workspace.read("entities"), on=settings.owner_on)
    _write_members(workspace, members, named["person_id"], owner)


def _persons_of(
    workspace: Workspace, graph: RecordGraph, settings: PeopleSettings
) -> tuple[Numbers, int]:
    """Person number of each record (-1: in none) and how many there are."""

    def identities(numbers: Ints) -> Ints:
        return _identity_codes(workspace, graph.records.ids(numbers))

    def contents(numbers: Ints) -> Hashes:
        return _contents(workspace, graph.records.ids(numbers))

    root = partition(
        len(graph.records),
        graph.links,
        apart=np.concatenate([graph.no, graph.unsure]),
        guarded=graph.guarded,
        cut_ties=True,
        chosen=graph.strength == MATCH,
        identities=identities,
        identities_max=settings.identities_max,
        contents=contents,
    )
    root[: graph.records.first_chart] = root[graph.node]
    own = np.zeros(len(root), bool)
    own[root[graph.present]] = True
    number = np.cumsum(own, dtype=np.int32) - np.int32(1)
    return np.where(graph.present, number[root], np.int32(-1)), int(own.sum())


def _identity_codes(workspace: Workspace, ids: Ints) -> Ints:
    """A number per record, equal for equal first name, last name and birth date."""
    columns = ("first_name", "last_name", "date_of_birth")
    rows = _cleaned(workspace, ids, lambda _: [pl.col(columns)])
    codes = rows.select(pl.struct(columns).rank("dense").cast(pl.Int64)).to_series()
    return codes.to_numpy()


def _contents(workspace: Workspace, ids: Ints) -> Hashes:
    """A hash of the cleaned values of each record, and of its table."""
    values = pl.struct(CLEANED_COLUMNS)
    rows = _cleaned(workspace, ids, lambda side: [values.hash(side).alias("content")])
    return rows["content"].fill_null(0).to_numpy()


def _cleaned(
    workspace: Workspace, ids: Ints, made: Callable[[int], Sequence[pl.Expr]]
) -> pl.DataFrame:
    """What is made of the cleaned values of each record, in the order of `ids`; side 0 is leaked, 1 charts.

    Read a part at a time: few records are asked for, and a scan of all of them held 10 GiB at 30 million.
    """
    wanted = pl.DataFrame({"id": ids})
    found = [
        rows.select(pl.col(key).alias("id"), pl.col(CLEANED_COLUMNS))
        .join(wanted.lazy(), on="id", how="semi")
        .select("id", *made(side))
        .collect()
        for side, (table, key) in enumerate(
            (("leaked_std", "mention_id"), ("charts_std", "chart_id"))
        )
        for _, rows in workspace.lazy_parts(table)
    ]
    return wanted.join(pl.concat(found), on="id", how="left", maintain_order="left")


def _members(records: Records, person: Numbers, count: int) -> _Members:
    present = np.flatnonzero(person >= 0).astype(np.int32)
    ids = records.ids(present)
    by_id = np.argsort(ids, kind="stable").astype(np.int32)
    starts, items = grouped(count, person[present], by_id)
    return _Members(records, person, starts, present[items])


def _persons(
    workspace: Workspace,
    members: _Members,
    named: pl.DataFrame,
    between: MaybeSame,
    settings: PeopleSettings,
) -> pl.DataFrame:
    mentions, charts = members.each()
    surely = (mentions > members.doubtful(workspace)) | ((mentions > 0) & (charts > 0))
    known = person_attributes(workspace, members.of, starts=members.starts, members=members.records)
    return named.select(
        "person_id",
        pl.Series("affected", np.where(surely, "confirmed", "possible"), dtype=pl.String),
        pl.Series("orphan", charts == 0),
        known["deceased"],
        known["minor_on"],
        known["language"],
        pl.col("first_identified_on").fill_null(settings.as_of),
        pl.Series("mentions", mentions.astype(np.int64)),
        pl.Series("charts", charts.astype(np.int64)),
        pl.col("person_id").gather(between.group).alias("merged_group"),
    )


def _write_in_order(workspace: Workspace, table: str, rows: pl.DataFrame) -> None:
    """Rows that are in key order already."""
    with workspace.writer(table) as writer:
        for index, start in enumerate(range(0, max(rows.height, 1), ROWS_PER_PART)):
            writer.put(index, rows.slice(start, ROWS_PER_PART))


def _write_members(
    workspace: Workspace, members: _Members, person_ids: pl.Series, owner: pl.Expr
) -> None:
    """`members` in key order, a part at a time."""
    first_chart = members.of.first_chart
    leaked = in_order(workspace, "leaked", "mention_id", ["record_id"])["record_id"]
    charts = in_order(workspace, "charts", "chart_id", ["record_id", "entity_id"])
    record_ids = pl.concat([leaked, charts["record_id"]])
    entity = charts.select(owner.cast(pl.Categorical)).to_series()
    code = np.full(len(members.of), -1, np.int32)
    code[first_chart:] = entity.to_physical().cast(pl.Int32).fill_null(-1).to_numpy()
    twice = repeated(members.starts, members.records, code)
    with workspace.writer("members") as writer:
        for index, start in enumerate(range(0, len(members.records), ROWS_PER_PART)):
            numbers = members.records[start : start + ROWS_PER_PART]
            ids = members.of.ids(numbers)
            chart = pl.Series(numbers >= first_chart)
            place = pl.Series(numbers).cast(pl.Int64) - first_chart
            part = pl.DataFrame(
                {
                    "person_id": person_ids.gather(members.person[numbers]),
                    "mention_id": ids,
                    "record_id": record_ids.gather(numbers),
                    "entity_id": entity.gather(
                        place.zip_with(chart, pl.Series([None], dtype=pl.Int64))
                    ),
                    "file_no": (ids >> 40).astype(np.int32),
                    "row_no": (ids & 2**40 - 1) >> 3,
                    "chart": chart,
                    "twice": twice[start : start + ROWS_PER_PART],
                }
            )
            writer.put(index, _member_rows(part))


def _member_rows(part: pl.DataFrame) -> pl.DataFrame:
    rows = part.with_columns(
        pl.col("entity_id").cast(pl.String),
        pl.when("chart").then(pl.lit("master")).otherwise(pl.lit("leaked")).alias("side"),
        pl.when("twice").then(pl.lit("duplicate_chart")).alias("flag"),
    )
    return rows.select(list(TABLES["members"].columns))


def _log(persons: pl.DataFrame, between: MaybeSame, members: _Members) -> None:
    confirmed = int((persons["affected"] == "confirmed").sum())
    log_counts(
        "people",
        mentions=members.of.first_chart,
        charts=len(members.records) - members.of.first_chart,
        confirmed=confirmed,
        possible=persons.height - confirmed,
        orphans=int(persons["orphan"].sum()),
        maybe_same=between.pairs.height,
    )
