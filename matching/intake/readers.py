"""Delivered files as frames of text, piece by piece: what was read and what could not be.

Every value is text as delivered, blank values are null. A row that cannot be read is a reject
with its byte offset and reason; it never stops the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.blocks import ROW_NO, START, Block, Position, blocks
from matching.intake.csv_text import csv_dialect, csv_header, parsed_csv
from matching.intake.json_text import parsed_json
from matching.intake.mapping import mapped_columns
from matching.intake.parquet import parquet_names, parquet_rows, parquet_slice
from matching.intake.text import EMPTY
from matching.sources import Source

__all__ = [
    "ROW_NO",
    "START",
    "Batch",
    "Portion",
    "Position",
    "column_names",
    "portions",
    "read",
    "sample",
]

PORTION_ROWS = 500_000
"""Rows of a part of the widest tables: about 0.8 GiB in memory while it is written or cleaned. Each part
costs standardise 0.7 s of plans and patterns, whatever its rows."""
SAMPLE_ROWS, SAMPLE_BYTES = 20_000, 2 << 20
NO_REJECTS = pl.DataFrame(schema={"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String})


@dataclass(frozen=True, slots=True)
class Batch:
    """One piece: `rows` has a text column a source column and ROW_NO; `rejects` row_no, offset, reason.

    `covered`: delivered bytes accounted for by header, rows, rejects and line breaks; 0 if binary.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    covered: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows found but not yet taken apart: `parse` may run in any thread."""

    end: Position
    parse: Callable[[], Batch]


@dataclass(frozen=True, slots=True)
class Portion:
    """What becomes one part: its extent in the file, found before its rows are taken apart."""

    pieces: tuple[_Piece, ...]
    end: Position
    last: bool

    def batches(self) -> Iterator[Batch]:
        """The rows, parsed now."""
        return (piece.parse() for piece in self.pieces)


def read(path: Path, source: Source) -> Iterator[Batch]:
    """The file piece by piece. Raises OperatorError where it is no file of its format at all."""
    return (piece.parse() for piece in _pieces(path, source, START))


def portions(path: Path, source: Source, start: Position = START) -> Iterator[Portion]:
    """The file from the start of a portion on, in portions of about PORTION_ROWS rows.

    They are cut at the same places from wherever reading begins, so that a killed run's are of use.
    """
    last = False
    while not last:
        pieces: list[_Piece] = []
        last, end = True, start
        for piece in _pieces(path, source, start):
            pieces.append(piece)
            end = piece.end
            if end.row - start.row >= PORTION_ROWS:
                last = False
                break
        yield Portion(tuple(pieces), end, last)
        start = end


def column_names(path: Path, source: Source) -> list[str]:
    """Source columns without reading the whole file; JSONL: those of its first block."""
    if source.format == "parquet":
        return parquet_names(path)
    if source.format == "jsonl":
        first = sample(path, source)
        if first is not None and mapped_columns(source) <= set(first.rows.columns):
            return _names(first)
        return _names(next(read(path, source)))
    return csv_header(path, source)[0]


def _names(batch: Batch) -> list[str]:
    return [name for name in batch.rows.columns if name != ROW_NO]


def sample(path: Path, source: Source) -> Batch | None:
    """The first rows of a file, some ten thousand: enough to see what it holds; None without any."""
    if source.format == "parquet":
        return _parquet_batch(path, 0, SAMPLE_ROWS)
    first = next(_pieces(path, source, START, size=SAMPLE_BYTES), None)
    return first.parse() if first else None


def _pieces(
    path: Path, source: Source, start: Position, *, size: int | None = None
) -> Iterator[_Piece]:
    if source.format == "parquet":
        yield from _parquet_pieces(path, start)
        return
    if not path.stat().st_size:
        raise OperatorError(EMPTY.format(path.name))
    if source.format == "jsonl":
        for block in blocks(path, source, None, start=start, size=size):
            yield _Piece(block.end, partial(_json_batch, block))
        return
    names, header = csv_header(path, source)
    dialect = csv_dialect(source)
    for block in blocks(
        path, source, dialect, columns=len(names), skip=header, start=start, size=size
    ):
        yield _Piece(block.end, partial(_csv_batch, block, names, source))


def _csv_batch(block: Block, names: list[str], source: Source) -> Batch:
    return Batch(parsed_csv(block, names, source), block.rejects(), block.covered)


def _json_batch(block: Block) -> Batch:
    rows = parsed_json(block)  # marks rejects, too
    return Batch(rows, block.rejects(), block.covered)


def _parquet_pieces(path: Path, start: Position) -> Iterator[_Piece]:
    rows = parquet_rows(path)
    for first in range(start.row, rows, PORTION_ROWS):
        end = Position(0, min(first + PORTION_ROWS, rows))
        yield _Piece(end, partial(_parquet_batch, path, first, end.row))


def _parquet_batch(path: Path, first: int, end: int) -> Batch:
    return Batch(parquet_slice(path, first, end), NO_REJECTS, 0)
