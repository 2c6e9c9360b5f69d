"""What a table is: its grain, key and columns, checked at the door.

One declaration gives the check of every frame, the reference page in `docs/`, and the test data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import polars as pl

__all__ = ["Column", "Keep", "Kind", "Privacy", "Table", "TableError"]


class TableError(Exception):
    """A frame does not fit its table: our own bug, with every difference named."""


class Privacy(StrEnum):
    """What a column may tell, and so where it may go."""

    NONE = "none"  # counts, dates of law, digests
    ID = "id"  # ids of ours that mean nothing outside the workspace
    ENTITY = "entity"  # names a covered entity
    PERSON = "person"  # a person's data: encrypted at rest, never logged


class Kind(StrEnum):
    """Where a table lives and who may write it."""

    STEP = "tables"  # written whole by one step, can be recomputed
    INBOX = "inbox"  # append-only, written by commands, migrated
    REFERENCE = "reference"  # made once per incident, then frozen


class Keep(StrEnum):
    """How long a table is kept, and so which data keys close it."""

    WORKING = "working"  # goes when counsel says so: leaked and master rows, and what repeats their values
    EVIDENCE = "evidence"  # stays six years: who was told what, when, and how the counts came about


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, what it says (unit included), what null means, who may see it."""

    dtype: pl.DataType
    doc: str
    null: str = ""  # empty: never null
    privacy: Privacy = Privacy.NONE


@dataclass(frozen=True, slots=True)
class Table:
    """One boundary table. `key` is unique and is the order in which rows are written."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    kind: Kind = Kind.STEP
    schema_version: int = 1
    polars: Mapping[str, pl.DataType] = field(init=False)

    def __post_init__(self) -> None:
        missing = [name for name in self.key if name not in self.columns]
        if missing:
            raise TableError(f"table '{self.name}': key columns not declared: {missing}")
        object.__setattr__(self, "polars", {n: c.dtype for n, c in self.columns.items()})

    def conform(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Select this table's columns in order; raise TableError naming every difference."""
        found = frame.collect_schema()
        problems = [
            f"{name}: expected {want}, found {found.get(name, 'no such column')}"
            for name, want in self.polars.items()
            if found.get(name) != want
        ]
        if problems:
            raise TableError(f"table '{self.name}': " + "; ".join(problems))
        return frame.select(list(self.columns))

    def empty(self) -> pl.DataFrame:
        """No rows, every column."""
        return pl.DataFrame(schema=dict(self.polars))

    def complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add declared columns that are absent as nulls, cast the rest, in declared order."""
        return frame.select(
            (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in self.polars.items()
        )

    def null_keys(self, frame: pl.DataFrame) -> list[str]:
        """Columns that may not be null and are."""
        must = [name for name, column in self.columns.items() if not column.null]
        return [name for name in must if frame[name].null_count()]
