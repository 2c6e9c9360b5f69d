"""Person ids: the oldest released one among a person's records, else minted from the first mention.

The first mention is the lowest by (file digest, row, role), so that the order in which files were
delivered or listed changes no id.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.people.compiled import NOT_THERE, Numbers, lower_to_first
from matching.people.decided import record_number
from matching.people.minting import Rows, mint_rows
from matching.people.partition import Ints
from matching.people.records import Records
from matching.store import Workspace
from matching.tables import ROLE_NUMBER

__all__ = ["name_persons", "released_records"]

_FILE_BITS = 40
_IN_FILE = 2**_FILE_BITS - 1
_NONE = np.iinfo(np.int64).max
_CHART = "chart"


def name_persons(
    workspace: Workspace, *, records: Records, person: Numbers, count: int
) -> pl.DataFrame:
    """One row a person number: `person`, `person_id`, `first_identified_on`, ascending by id.

    `person` is each record's person number, negative where it is in none. `first_identified_on` is
    null unless released before. Only ids that were never released are minted.
    """
    released = _oldest(released_records(workspace, records, person))
    new = np.ones(count, bool)
    new[released["person"].to_numpy()] = False
    wanted = np.flatnonzero(new)
    minted = pl.DataFrame(
        {"person": wanted, "person_id": _mint(workspace, records, person, wanted)}
    )
    named = pl.concat([minted, released], how="diagonal_relaxed").sort("person_id")
    ids = named["person_id"]
    if (ids.slice(1) == ids.slice(0, max(count - 1, 0))).any():
        raise AssertionError("two persons got one id")
    return named


def _mint(workspace: Workspace, records: Records, person: Numbers, wanted: Ints) -> pl.Series:
    """Ids of the wanted person numbers from the first mention, or chart where there is none."""
    files = workspace.read("files", ["file_no", "file_sha256"]).sort("file_sha256")
    rank = np.full(int(files["file_no"].max() or 0) + 1, -1, np.int64)  # type: ignore[arg-type]  # an Int32 column's maximum is an int
    rank[files["file_no"].to_numpy()] = np.arange(files.height)
    count = int(person.max(initial=-1)) + 1
    first, first_chart = (np.full(count, _NONE, np.int64) for _ in range(2))
    lower_to_first(first, person[: records.first_chart], records.mentions.ids, rank)
    lower_to_first(first_chart, person[records.first_chart :], records.charts.ids, rank)
    by_chart = first == _NONE
    key = np.where(by_chart, first_chart, first)[wanted]
    if (key < 0).any():
        raise AssertionError("a record's file is not in the inbox's files")
    roles = [*ROLE_NUMBER, _CHART]
    role = np.where(by_chart[wanted], len(ROLE_NUMBER), key & 7)
    rows = Rows(file=key >> _FILE_BITS, row=(key & _IN_FILE) >> 3, role=role)
    return mint_rows(workspace.keys.id_key, files["file_sha256"].to_list(), rows, roles=roles)


def released_records(workspace: Workspace, records: Records, person: Numbers) -> pl.DataFrame:
    """One row a record of a released person: its `person_id`, and the number of the `person` who has it now.

    `person` is null where the record is in nobody any more; with `minted_by`, `first_identified_on`,
    `recorded_at` and `record` (mention_id or chart_id).
    """
    registry = workspace.scan("registry").join(workspace.scan("files"), on="file_sha256")
    rows = registry.select(
        "person_id",
        "minted_by",
        "first_identified_on",
        "recorded_at",
        record_number("row_no", "role").alias("record"),
    ).collect()
    place = records.numbers(rows["record"].to_numpy())
    now = pl.Series(np.where(place != NOT_THERE, person[place], -1), dtype=pl.Int64)
    return rows.with_columns(person=now.set(now < 0, None))


def _oldest(released: pl.DataFrame) -> pl.DataFrame:
    """The oldest released id of each person; an id stays with the mention it was minted from."""
    found = released.drop_nulls("person")
    anchored = found.sort("person_id", "minted_by", "record", descending=[False, True, False])
    anchored = anchored.group_by("person_id", maintain_order=True).agg(
        pl.col("person").first(),
        pl.col("first_identified_on").min(),
        pl.col("recorded_at").min(),
    )
    oldest = anchored.sort("first_identified_on", "recorded_at", "person_id")
    return oldest.unique("person", keep="first", maintain_order=True).select(
        "person", "person_id", "first_identified_on"
    )
