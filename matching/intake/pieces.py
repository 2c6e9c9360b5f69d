"""What every format gives: pieces of a file, found one after the other, taken apart in any thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from matching.intake.content import Content
from matching.sources import Source

__all__ = [
    "NO_REJECTS",
    "ROW_NO",
    "START",
    "Batch",
    "Format",
    "OneTable",
    "Piece",
    "Position",
    "distinct_names",
]

ROW_NO = "__row_no"
"""Row within the part of the file, from 0; a name that no delivered column has."""
NO_REJECTS = pl.DataFrame(schema={"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String})


@dataclass(frozen=True, slots=True)
class Position:
    """Where a file is read on: byte `offset`, where a record begins, and that record's row number.

    Binary formats have no offset.
    """

    offset: int = 0
    row: int = 0


START = Position()


@dataclass(frozen=True, slots=True)
class Batch:
    """One piece: `rows` has a text column a source column and ROW_NO; `rejects` row_no, offset, reason.

    `covered`: bytes accounted for by header, rows, rejects and what lies between; 0 if binary.
    `guessed`: rows with bytes that were not of the file's encoding and were read as CP1252.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    covered: int
    guessed: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows found but not yet taken apart: `parse` may run in any thread."""

    end: Position
    parse: Callable[[], Batch]


class Format(Protocol):
    """How files of one format are read. Objects have no state: every call names the bytes.

    All raise OperatorError where the bytes are not of that format at all. A row that cannot be read
    never stops a file: it is a reject with its number, offset and reason.
    """

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """Its tables or sheets in order; `("",)` where it is one table."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Source columns of a part without reading it whole."""

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """The part from `start` on, which is where some piece ended. `size`: bytes read at once.

        Covered bytes of all pieces of all parts add up to those of a text file.
        """


class OneTable:
    """What formats share whose files are one table."""

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """One, without a name."""
        return ("",)


def distinct_names(names: Iterable[str]) -> list[str]:
    """The second column of a name is `name#2`; a nameless one is `c` and its number."""
    seen: dict[str, int] = {}
    result = []
    for number, name in enumerate(names):
        base = name or f"c{number}"
        seen[base] = seen.get(base, 0) + 1
        result.append(base if seen[base] == 1 else f"{base}#{seen[base]}")
    return result
