"""Delivered files as frames of text, piece by piece: what was read and what could not be.

Every value is text as delivered, blank values are null. A row that cannot be read is a reject
with its byte offset and reason; it never stops the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.csv_text import Delimited
from matching.intake.dbf import DbfTable
from matching.intake.fixed import FixedWidth
from matching.intake.json_files.text import JsonLines, JsonText
from matching.intake.mail import MailBox, SingleMessage
from matching.intake.packed.damage import LOST, refuse_unread, with_damage
from matching.intake.packed.limits import refuse_wide
from matching.intake.parquet import ParquetFile
from matching.intake.pieces import ROW_NO, START, Batch, Format, Piece, Position
from matching.intake.sealed import Sealed
from matching.intake.sql import SqlDump
from matching.intake.text import EMPTY
from matching.intake.workbooks.workbook import Workbook
from matching.sources import SEALED, Source

__all__ = [
    "FORMATS",
    "ROW_NO",
    "START",
    "Batch",
    "Portion",
    "Position",
    "column_names",
    "parts",
    "portions",
    "read",
    "sample",
]

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "csv": Delimited(),
        "tsv": Delimited(),
        "jsonl": JsonLines(),
        "parquet": ParquetFile(),
        SEALED: Sealed(),
        "json": JsonText(),
        "fixed": FixedWidth(),
        "dbf": DbfTable(),
        "mbox": MailBox(),
        "eml": SingleMessage(),
        **dict.fromkeys(("xlsx", "xls", "ods"), Workbook()),
        "sql": SqlDump(),
    }
)
"""What intake reads, by `format` of the incident file."""
PORTION_ROWS = 500_000
"""Rows of a part of the widest tables: about 0.8 GiB in memory while it is written or cleaned. Each part
costs standardise 0.7 s of plans and patterns, whatever its rows."""
PORTION_BYTES = 512 << 20
"""Of long rows fewer: as many bytes as 500,000 rows of a kilobyte."""
SAMPLE_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class Portion:
    """What becomes one part of a table: its extent in the file, found before its rows are taken apart."""

    pieces: tuple[Piece, ...]
    end: Position
    last: bool

    def batches(self) -> Iterator[Batch]:
        """The rows, parsed now."""
        return (piece.parse() for piece in self.pieces)


def parts(content: Content, source: Source) -> tuple[str, ...]:
    """Tables or sheets of a file, in order; `("",)` where it is one table.

    Raises OperatorError where the bytes are encrypted or of another kind than `format` says.
    """
    refuse_unread(content, source)
    return FORMATS[source.format].parts(content, source)


def read(content: Content, source: Source, part: str = "") -> Iterator[Batch]:
    """The file piece by piece. Raises OperatorError where it is no file of its format at all."""
    return (piece.parse() for piece in _pieces(content, source, part, START))


def portions(
    content: Content, source: Source, part: str = "", start: Position = START
) -> Iterator[Portion]:
    """The file from the start of a portion on, in portions of about PORTION_ROWS rows.

    They are cut at the same places from wherever reading begins, so that a killed run's are of use.
    """
    last = False
    while not last:
        pieces: list[Piece] = []
        last, end = True, start
        for piece in _pieces(content, source, part, start):
            pieces.append(piece)
            end = piece.end
            if end.row - start.row >= PORTION_ROWS or end.offset - start.offset >= PORTION_BYTES:
                last = False
                break
        yield Portion(tuple(pieces), end, last)
        start = end


def column_names(content: Content, source: Source, part: str = "") -> list[str]:
    """Source columns without reading the whole file; JSONL: those of its first block."""
    names = FORMATS[source.format].columns(content, source, part)
    refuse_wide(content.name, len(names))
    return names


def sample(content: Content, source: Source, part: str = "") -> Batch | None:
    """The first rows of a file, some ten thousand: enough to see what it holds; None without any."""
    first = next(_pieces(content, source, part, START, size=SAMPLE_BYTES), None)
    return first.parse() if first else None


def _pieces(
    content: Content, source: Source, part: str, start: Position, *, size: int | None = None
) -> Iterator[Piece]:
    if source.format == SEALED:
        return iter(())
    if not content.head(1):
        raise OperatorError((LOST if content.damage() else EMPTY).format(content.name))
    return with_damage(
        content,
        source,
        start,
        lambda: FORMATS[source.format].pieces(content, source, part, start, size=size),
    )
