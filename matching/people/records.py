"""The nodes of the graph: records by number, and mentions with exactly the same cleaned values.

Included mentions come first, ascending by id, then charts that are not excluded: a record's number
is its row in `leaked_std` and `charts_std`, one after the other. Ids are looked up by file and row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.people.compiled import (
    NOT_THERE,
    Ids,
    Marks,
    Numbers,
    Whole,
    first_by_row,
    ids_of,
    numbers_of,
)
from matching.store import Workspace

__all__ = ["Records", "Side", "in_order", "marked", "read_records"]

_FILE_BITS = 40
_ROW_BITS = 37
_ROWS_MAX = 2**31 - 1
"""Records are numbered in 32 bits."""


@dataclass(frozen=True, slots=True)
class Side:
    """Ascending ids of one side and where each file's rows begin among them: 12 bytes a row."""

    ids: Ids
    base: Ids
    first: Numbers

    @classmethod
    def of(cls, ids: Ids) -> Side:
        """Rows of a file count up to its last id: rows without one cost four bytes each."""
        file = ids >> _FILE_BITS
        files = int(file[-1]) + 1 if len(ids) else 0
        ends = np.searchsorted(file, np.arange(files), side="right")
        rows = np.zeros(files + 1, np.int64)
        known = np.diff(ends, prepend=0) > 0
        rows[1:][known] = (ids[ends[known] - 1] >> 3 & (1 << _ROW_BITS) - 1) + 1
        base = np.cumsum(rows)
        return cls(ids, base, first_by_row(ids, base))

    def numbers(self, wanted: Ids) -> Numbers:
        """Places in `ids`; NOT_THERE where an id is none of them."""
        if not len(self.ids):
            return np.full(len(wanted), NOT_THERE, np.int32)
        found: Numbers = numbers_of(wanted, self.ids, self.base, self.first)
        return found


@dataclass(frozen=True, slots=True)
class Records:
    """Mentions without exclusion and charts without exclusion; `first_chart` counts the mentions."""

    mentions: Side
    charts: Side

    def __len__(self) -> int:
        return len(self.mentions.ids) + len(self.charts.ids)

    @property
    def first_chart(self) -> int:
        """Number of the first chart."""
        return len(self.mentions.ids)

    def ids(self, numbers: Whole) -> Ids:
        """mention_id or chart_id of each record number."""
        found: Ids = ids_of(numbers, self.mentions.ids, self.charts.ids)
        return found

    def mention_numbers(self, ids: Ids) -> Numbers:
        """Record numbers of mentions; NOT_THERE where an id is no included mention."""
        return self.mentions.numbers(ids)

    def chart_numbers(self, ids: Ids) -> Numbers:
        """Record numbers of charts; NOT_THERE where an id is no included chart."""
        found = self.charts.numbers(ids)
        found[found != NOT_THERE] += np.int32(self.first_chart)
        return found

    def numbers(self, ids: Ids) -> Numbers:
        """Record numbers of ids of either side."""
        mention = self.mention_numbers(ids)
        found: Numbers = np.where(mention == NOT_THERE, self.chart_numbers(ids), mention)
        return found


def read_records(workspace: Workspace) -> Records:
    """All included records of both sides. Holds 12 bytes a row."""
    sides = [
        Side.of(in_order(workspace, table, key, [])[key].to_numpy())
        for table, key in (("leaked", "mention_id"), ("charts", "chart_id"))
    ]
    records = Records(*sides)
    if len(records) > _ROWS_MAX:
        raise AssertionError("more records than 32 bits can number")
    return records


def in_order(workspace: Workspace, table: str, key: str, columns: list[str]) -> pl.DataFrame:
    """Included rows of `leaked` or `charts`: key and columns, ascending by key."""
    included = workspace.scan(table).filter(pl.col("exclusion").is_null())
    frame = included.select(key, *columns).collect()
    ids = frame[key].to_numpy()
    return frame if (ids[1:] > ids[:-1]).all() else frame.sort(key)


def marked(size: int, numbers: Numbers | Ids) -> Marks:
    """True at each number."""
    marks = np.zeros(size, bool)
    marks[numbers] = True
    return marks
