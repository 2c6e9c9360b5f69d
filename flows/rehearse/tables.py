"""What one block gives to each file: lines or tables, and the truth about them.

Comes in: columns under canonical names. Goes out: `BlockTables`, which a file takes as they are.
Row numbers of the leaked files are known beforehand, because each block's share of a file is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from flows.rehearse.leaked import LEAKED_FILES, LeakedFile
from flows.rehearse.lines import lines_of
from flows.rehearse.others import EXCLUSIONS, TRUE_ROLES, Others
from flows.rehearse.texts import Texts
from flows.rehearse.writers import Column, table_of

__all__ = ["MASTER_FILES", "REPEAT", "BlockTables", "Told", "chart_tables", "leaked_part",
           "leaked_truth", "master_path", "table_of"]  # fmt: skip

Ints = NDArray[np.int64]

MASTER_FILES: Final = 4
REPEAT: Final = "leak/waitlist_copy.tsv"
_FIRST_ID: Final = 100_000
_ROLES: Final = pl.concat([TRUE_ROLES, pl.Series(["guarantor"])])
_PATHS: Final = pl.Series([*(file.path for file in LEAKED_FILES), REPEAT])


@dataclass(slots=True)
class BlockTables:
    """The rows of one block by file; `charts` beside who each of their rows is about."""

    related: pa.Table
    charts: list[tuple[pa.Table, pa.Table]]
    leaked: list[tuple[pa.Table | bytes, int]]  # and how many rows
    leaked_truth: pa.Table


@dataclass(frozen=True, slots=True)
class Told:
    """The truth about the rows of one leaked file."""

    person: Ints  # -1: nobody
    guardian: Ints  # -1: nobody's name is there
    owner: Ints  # a practice
    what: Ints  # a position in `TRUE_ROLES`
    exclusion: Ints  # a position in `EXCLUSIONS`, -1: none

    @classmethod
    def stacked(cls, parts: Sequence[Told]) -> Told:
        """The rows of one part after those of another."""
        return cls(*(np.concatenate([getattr(p, c) for p in parts]) for c in cls.__slots__))

    def rows(self, at: Ints) -> Told:
        """These rows."""
        return Told(*(getattr(self, c)[at] for c in self.__slots__))


def patients_told(person: Ints, guardian: Ints, owner: Ints) -> Told:
    """The truth about rows of patients."""
    what = np.full(len(person), TRUE_ROLES.to_list().index("patient"))
    return Told(person, guardian, owner, what, np.full(len(person), -1))


def others_told(others: Others, owner: Ints) -> Told:
    """The truth about other rows; `owner` is that of every practice."""
    nobody = np.full(len(others.file), -1)
    return Told(others.number, nobody, owner[others.practice], others.what, others.exclusion)


def master_path(file: int) -> str:
    """Where one of the master files stands."""
    return f"masters/charts-{file + 1}.parquet"


def chart_tables(
    columns: dict[str, Column], file: Ints, person: Ints
) -> list[tuple[pa.Table, pa.Table]]:
    """Per master file its charts and who they are about; `file` rises over the rows.

    Row numbers are given when the tables are written.
    """
    edges = np.searchsorted(file, np.arange(MASTER_FILES + 1))
    entity = columns["practice_id"]
    parts = []
    for k, (start, end) in enumerate(pairwise(edges.tolist())):
        path = Texts.of(np.zeros(end - start, dtype=np.int64), pl.Series([master_path(k)]))
        rows = slice(start, end)
        told: dict[str, Column] = {"file": path, "person": pl.Series(person[rows])}
        told["entity_id"] = _part(entity, rows)
        some = {name: _part(column, rows) for name, column in columns.items()}
        parts.append((table_of(some), table_of(told)))
    return parts


def _part(column: Column, rows: slice) -> Column:
    return column.rows(rows) if isinstance(column, Texts) else column[rows]


def leaked_part(
    file: LeakedFile, columns: dict[str, Texts], *, first: int, header: bool
) -> tuple[pa.Table | bytes, int]:
    """Rows `first` and on of one leaked file, as the file has them, and how many."""
    size = len(columns["date_of_birth"])
    letter = file.path.removeprefix("leak/")[0].upper()
    ids = letter + pl.Series(_FIRST_ID + first + np.arange(size)).cast(pl.String)
    shown = {
        name: columns[source] if source in columns else Texts.missing(size)
        for source, name in file.layout()
        if source in columns or source not in ("ssn", "member_id")
    }
    key = str(file.columns["record_id"])
    if file.format == "parquet":
        return table_of({**shown, key: ids}), size
    return lines_of({**shown, key: Texts.dense(ids)}, kind=file.format, header=header), size


def leaked_truth(told: list[Told], first: list[int], entities: pl.Series) -> pa.Table:
    """One row per person named on a row: the patient and, on some, the guarantor after it."""
    repeated = np.full(len(told[-1].person), len(EXCLUSIONS) - 1)
    every = [*told, replace(told[-1], exclusion=repeated)]
    sizes = [len(part.person) for part in every]
    starts = zip([*first, first[-1]], sizes, strict=True)
    row_no = np.concatenate([start + np.arange(size) for start, size in starts])
    rows = Told.stacked(every)
    at = np.repeat(np.arange(len(row_no)), 1 + (rows.guardian >= 0))
    second = np.concatenate([[False], at[1:] == at[:-1]])
    person = np.where(second, rows.guardian[at], rows.person[at])
    return pa.table(
        {
            "file": Texts.of(np.repeat(np.arange(len(every)), sizes)[at], _PATHS).arrow(),
            "row_no": row_no[at],
            "role": Texts.of(np.where(second, len(TRUE_ROLES), rows.what[at]), _ROLES).arrow(),
            "person": pa.array(person, mask=person < 0),
            "entity_ids": Texts.of(rows.owner[at], entities).arrow(),
            "exclusion": Texts.of(rows.exclusion[at], EXCLUSIONS).arrow(),
        }
    )
