"""Which bytes of a dump belong to which table: runs that follow each other without a gap.

One pass in bounded memory, whatever is in the file. A run is rows of one kind, one row that cannot be read,
or what stands between: that belongs to the table among whose statements it stands, to the first before any.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.errors import OperatorError
from matching.intake.pieces import distinct_names
from matching.intake.sql.dialect import SqlDialect
from matching.intake.sql.statements import COLUMNS_MAX, Created, Head, Name

__all__ = [
    "COPIED", "INSERTED", "REASONS", "REJECTED", "STRUCTURE", "Layout", "Runs", "reason_number",
]  # fmt: skip

STRUCTURE, INSERTED, COPIED, REJECTED = range(4)
"""Kinds of runs."""
REASONS = (
    "",
    "short_row",
    "long_row",
    "unclosed_quote",
    "bad_quote",
    "nul_byte",
    "too_long",
    "truncated_last_row",
    "undecodable_bytes",
    "broken_row",
    "other_statement",
    "unknown_statement",
)
"""Reason codes of rejects of a dump; those of delimited text where they mean the same."""
RUNS_MAX = 4_000_000
"""About 160 MB. A dump has a few for each table and each 4 MiB; millions are tables mixed row by row."""


def reason_number(reason: str) -> int:
    """Its place in REASONS."""
    return REASONS.index(reason)


class Runs:
    """Runs in file order, as columns.

    `table`: -1 before any; `state` and `after`: what comes first in a run of rows, and what behind it.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self.start, self.end, self.rows = array("q"), array("q"), array("q")
        self.table, self.head = array("i"), array("i")
        self.kind, self.state, self.reason = array("b"), array("b"), array("b")
        self.after = array("b")

    def add(
        self,
        kind: int,
        start: int,
        end: int,
        *,
        table: int,
        head: int = -1,
        state: int = 0,
        after: int = 0,
        rows: int = 0,
        reason: int = 0,
    ) -> None:
        """One more; structure that goes on is one run. Raises OperatorError at RUNS_MAX."""
        if kind == STRUCTURE:
            if start == end:
                return
            if self.kind and self.kind[-1] == STRUCTURE and self.table[-1] == table:
                self.end[-1] = end
                return
        if len(self.start) >= RUNS_MAX:
            raise OperatorError(
                f"{self._shown}: byte {start}: more than {RUNS_MAX} changes of table or damaged places;"
                " split it by table and deliver the files"
            )
        self.start.append(start)
        self.end.append(end)
        self.rows.append(rows)
        self.table.append(table)
        self.head.append(head)
        self.kind.append(kind)
        self.state.append(state)
        self.after.append(after)
        self.reason.append(reason)


@dataclass(frozen=True, slots=True)
class Layout:
    """Runs of a whole dump.

    `columns`: of each head, for its rows; `binary`: which of them hold bytes, None where no CREATE TABLE
    says it; `part_columns`: of each part, all that any of its heads fills.
    """

    dialect: SqlDialect
    parts: tuple[str, ...]
    heads: tuple[Head, ...]
    columns: tuple[tuple[str, ...], ...]
    binary: tuple[frozenset[str] | None, ...]
    part_columns: tuple[tuple[str, ...], ...]
    start: np.ndarray[Any, np.dtype[np.int64]]
    end: np.ndarray[Any, np.dtype[np.int64]]
    rows: np.ndarray[Any, np.dtype[np.int64]]
    part: np.ndarray[Any, np.dtype[np.int32]]
    head: np.ndarray[Any, np.dtype[np.int32]]
    kind: np.ndarray[Any, np.dtype[np.int8]]
    state: np.ndarray[Any, np.dtype[np.int8]]
    after: np.ndarray[Any, np.dtype[np.int8]]
    reason: np.ndarray[Any, np.dtype[np.int8]]

    def of_part(self, part: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Numbers of the runs of a part, in order."""
        return np.flatnonzero(self.part == self.parts.index(part))


@dataclass(frozen=True, slots=True)
class Found:
    """What the walk through a dump saw: runs, heads and tables, and how many values rows of a head had."""

    dialect: SqlDialect
    runs: Runs
    tables: list[Name]
    heads: list[Head]
    head_tables: list[int]
    votes: list[Counter[int]]
    created: dict[Name, Created]


def finished(found: Found, shown: str) -> Layout:
    """The layout: names of the parts, columns of every head."""
    runs = found.runs
    kind = np.array(runs.kind, np.int8)
    table = np.array(runs.table, np.int32)
    tables, owner = _parts(found, kind, table)
    if not tables:
        raise OperatorError(
            f'{shown}: no table of an SQL dump in it; correct format = "sql" or deliver it again'
        )
    names = _shown_names([found.tables[number] for number in tables])
    resolved = [_head_columns(found, number, shown) for number in range(len(found.heads))]
    place = {number: place for place, number in enumerate(tables)}
    columns: list[dict[str, None]] = [{} for _ in tables]
    for number, (own, _) in enumerate(resolved):
        if found.head_tables[number] in place:
            columns[place[found.head_tables[number]]].update(dict.fromkeys(own))
    for number, names_of in enumerate(columns):
        if not names_of:
            names_of.update(dict.fromkeys(_created_columns(found, found.tables[tables[number]])[0]))
    widest = max(len(names_of) for names_of in columns)
    if widest > COLUMNS_MAX:
        raise OperatorError(
            f"{shown}: a table of {widest} columns; no database has more than {COLUMNS_MAX}, deliver it again"
        )
    return Layout(
        found.dialect,
        names,
        tuple(found.heads),
        tuple(own for own, _ in resolved),
        tuple(binary for _, binary in resolved),
        tuple(tuple(names_of) for names_of in columns),
        np.array(runs.start, np.int64),
        np.array(runs.end, np.int64),
        np.array(runs.rows, np.int64),
        owner,
        np.array(runs.head, np.int32),
        kind,
        np.array(runs.state, np.int8),
        np.array(runs.after, np.int8),
        np.array(runs.reason, np.int8),
    )


def _parts(found: Found, kind: Any, table: Any) -> tuple[list[int], Any]:
    """Tables with rows, else all; of every run its place among them."""
    holding = sorted(set(table[(kind != STRUCTURE) & (table >= 0)].tolist()))
    wanted = holding or list(range(len(found.tables)))
    order = np.full(len(found.tables) + 1, -1, np.int32)
    order[wanted] = np.arange(len(wanted), dtype=np.int32)
    own = order[table]
    last = np.maximum.accumulate(np.where(own >= 0, np.arange(own.size), -1))
    return wanted, np.where(last >= 0, own[last], 0).astype(np.int32)


def _shown_names(tables: list[Name]) -> tuple[str, ...]:
    """`schema.table` as the dump says it; with the database where there are several, or no schema."""
    databases = {name[0] for name in tables if len(name) == 3}
    shown = [
        ".".join(name[1:] if len(name) == 3 and len(databases) < 2 else name) for name in tables
    ]
    if len(set(shown)) == len(shown):
        return tuple(shown)
    return tuple(".".join(name) + f"#{number}" for number, name in enumerate(tables))


def _head_columns(
    found: Found, number: int, shown: str
) -> tuple[tuple[str, ...], frozenset[str] | None]:
    """Columns of the rows behind a head: its own list, the table's, or c0, c1 ..."""
    head, votes = found.heads[number], found.votes[number]
    columns, left_out, binary = _created_columns(found, found.tables[found.head_tables[number]])
    if head.columns is not None:
        return tuple(distinct_names(head.columns)), binary if columns else None
    usual = votes.most_common(1)[0][0] if votes else 0
    filled = tuple(name for name in columns if name not in left_out)
    if columns:
        return tuple(distinct_names(filled if usual == len(filled) else columns)), binary
    if usual > COLUMNS_MAX:
        raise OperatorError(
            f"{shown}: rows of {usual} values; no database has more than {COLUMNS_MAX} columns,"
            " deliver it again"
        )
    return tuple(f"c{place}" for place in range(usual)), None


def _created_columns(
    found: Found, table: Name, depth: int = 0
) -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
    """Columns, those that an INSERT without a list leaves out, those of bytes; those of parents first."""
    own = _created(found, table)
    if own is None or depth > 8:
        return (), frozenset(), frozenset()
    columns, left_out, binary = list[str](), own.left_out, own.binary
    for parent in own.of:
        above = parent if len(parent) >= len(table) else (*table[: -len(parent)], *parent)
        more = _created_columns(found, above, depth + 1)
        columns += [name for name in more[0] if name not in columns]
        left_out, binary = left_out | more[1], binary | more[2]
    return (
        tuple(columns + [n for n in own.columns if n not in columns or not own.of]),
        left_out,
        binary,
    )


def _created(found: Found, table: Name) -> Created | None:
    """The definition of a table; of another case where only one is."""
    if table in found.created:
        return found.created[table]
    folded = tuple(part.casefold() for part in table)
    alike = [
        created
        for name, created in found.created.items()
        if tuple(part.casefold() for part in name) == folded
    ]
    return alike[0] if len(alike) == 1 else None
