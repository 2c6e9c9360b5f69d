"""Person ids: the oldest released one among a person's records, else minted from the first mention.

The first mention is the lowest by (file digest, row, role), so that the order in which files were
delivered or listed changes no id.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.people.decided import record_number
from matching.people.partition import Ints
from matching.people.records import position_in
from matching.store import Workspace
from matching.tables import ROLE_NUMBER

__all__ = ["name_persons"]

_FILE_BITS = 40
_IN_FILE = 2**_FILE_BITS - 1
_NONE = np.iinfo(np.int64).max
_MINTED_AT_ONCE = 1_000_000
"""Texts and their MACs in memory at a time: about 200 MB."""


def name_persons(
    workspace: Workspace, *, ids: Ints, persons: Ints, first_chart: int
) -> pl.DataFrame:
    """One row a person number: `person_id` and, where released before, `first_identified_on`.

    `ids` are records, mentions before `first_chart`, and `persons` their person numbers.
    """
    count = int(persons.max()) + 1 if len(persons) else 0
    files = workspace.read("files", ["file_no", "file_sha256"]).sort("file_sha256")
    rank = np.full(int(files["file_no"].max() or 0) + 1, -1, np.int64)  # type: ignore[arg-type]  # an Int32 column's maximum is an int
    rank[files["file_no"].to_numpy()] = np.arange(files.height)
    key = rank[ids >> _FILE_BITS] << _FILE_BITS | ids & _IN_FILE
    if (key < 0).any():
        raise AssertionError("a record's file is not in the inbox's files")
    first = _lowest(count, persons[:first_chart], key[:first_chart])
    by_chart = first == _NONE
    first[by_chart] = _lowest(count, persons[first_chart:], key[first_chart:])[by_chart]
    minted = _mint(workspace, first, by_chart, files["file_sha256"])
    released = _released(workspace, ids, persons)
    named = pl.DataFrame({"person": np.arange(count), "minted": minted}).join(
        released, on="person", how="left", maintain_order="left"
    )
    named = named.select(
        "person",
        pl.coalesce("released_id", "minted").alias("person_id"),
        "first_identified_on",
    )
    if named["person_id"].n_unique() != named.height:
        raise AssertionError("two persons got one id")
    return named


def _lowest(count: int, persons: Ints, key: Ints) -> Ints:
    """Lowest key of each person; the highest integer where a person has none."""
    lowest = np.full(count, _NONE, np.int64)
    np.minimum.at(lowest, persons, key)
    return lowest


def _mint(workspace: Workspace, first: Ints, by_chart: Ints, digests: pl.Series) -> pl.Series:
    parts = [pl.Series("minted", [], dtype=pl.String)]
    names = pl.Series(list(ROLE_NUMBER))
    for start in range(0, len(first), _MINTED_AT_ONCE):
        keys = first[start : start + _MINTED_AT_ONCE]
        charts = pl.Series(by_chart[start : start + _MINTED_AT_ONCE])
        frame = pl.DataFrame(
            {
                "sha": digests.gather(keys >> _FILE_BITS),
                "row": (keys & _IN_FILE) >> 3,
                "role": names.gather(keys & 7).zip_with(~charts, pl.Series(["chart"])),
            }
        )
        text = frame.select(pl.format("{}:{}:{}", "sha", "row", "role")).to_series()
        parts.append(workspace.keys.mint("person", text, length=13).alias("minted"))
    return pl.concat(parts)


def _released(workspace: Workspace, ids: Ints, persons: Ints) -> pl.DataFrame:
    """The oldest released id of each person; an id stays with the mention it was minted from."""
    registry = workspace.scan("registry").join(workspace.scan("files"), on="file_sha256")
    rows = registry.select(
        "person_id",
        "minted_by",
        "first_identified_on",
        "recorded_at",
        record_number("row_no", "role").alias("record"),
    ).collect()
    records = rows["record"].to_numpy()
    order = np.argsort(ids, kind="stable")  # mentions and charts are ascending one by one only
    place, there = position_in(ids[order], records)
    found = rows.filter(pl.Series(there)).with_columns(
        pl.Series("person", persons[order][place[there]])
    )
    anchored = found.sort("person_id", "minted_by", "record", descending=[False, True, False])
    anchored = anchored.group_by("person_id", maintain_order=True).agg(
        pl.col("person").first(),
        pl.col("first_identified_on").min(),
        pl.col("recorded_at").min(),
    )
    oldest = anchored.sort("first_identified_on", "recorded_at", "person_id")
    return oldest.unique("person", keep="first", maintain_order=True).select(
        "person", pl.col("person_id").alias("released_id"), "first_identified_on"
    )
