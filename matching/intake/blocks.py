"""Blocks of delivered text with the records in them: number, place in the file, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from matching.intake.content import Content
from matching.intake.pieces import ROW_NO, START, Position
from matching.intake.records import (
    REASONS,
    Dialect,
    Records,
    find_lines,
    find_records,
)
from matching.intake.text import byte_order_mark, char_widths, utf8_blocks, with_last
from matching.intake.undecodable import MIXED, recoded, with_undecodable
from matching.sources import Source

__all__ = ["Block", "blanks_null", "blocks", "texts"]

_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes with the records found in them. `offsets`: where each record begins in the file.

    `covered`: delivered bytes in header, records and line breaks; `end`: where the next one begins;
    `guessed`: records whose bytes were not all UTF-8, in a file of mixed encodings.
    """

    data: _Bytes
    records: Records
    offsets: np.ndarray[Any, np.dtype[np.int64]]
    first_row: int
    covered: int
    end: Position
    guessed: int = 0

    def rejects(self) -> pl.DataFrame:
        """Records that cannot be read: row_no, offset, reason."""
        bad = np.flatnonzero(self.records.reasons)
        return pl.DataFrame(
            {
                "row_no": self.first_row + bad,
                "offset": self.offsets[bad],
                "reason": pl.Series(REASONS).gather(self.records.reasons[bad]),
            },
            schema={"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String},
        )

    def row_numbers(self) -> pl.Series:
        """Numbers of the records that can be."""
        return pl.Series(
            ROW_NO, self.first_row + np.flatnonzero(self.records.reasons == 0), pl.Int64
        )


def blocks(
    content: Content,
    source: Source,
    dialect: Dialect | None,
    *,
    columns: int = 0,
    skip: int = 0,
    start: Position = START,
    size: int | None = None,
) -> Iterator[Block]:
    """Blocks of whole records from `start` on. No dialect: physical lines.

    At the start of the file the first `skip` bytes are a header. `size`: bytes read at once.
    """
    widths = char_widths(source.encoding)
    covered = 0 if start.offset else len(byte_order_mark(content, source.encoding))
    offset, row, carry = start.offset or covered, start.row, b""
    skip = 0 if start.offset else skip
    for text, final in with_last(
        utf8_blocks(content, source.encoding, start=start.offset, size=size)
    ):
        data = np.frombuffer(bytearray(carry + text), np.uint8)
        if skip > data.size and not final:
            carry = data.tobytes()  # the header is not whole yet
            continue
        if skip:
            step = _delivered(data[:skip], widths)
            data, offset, covered, skip = data[skip:], offset + step, covered + step, 0
        while data.size:
            records = (
                find_records(data, dialect, columns=columns, final=final)
                if dialect
                else find_lines(data, final=final)
            )
            if not records.consumed:
                break
            offsets = offset + _offsets(data, records.starts, widths)
            covered += _covered(data, records, widths)
            first_row, row = row, row + records.starts.size
            offset += _delivered(data[: records.consumed], widths)
            rest = data[records.consumed :]
            data, records, guessed = _decodable(data, records, source.encoding)
            end = Position(offset, row)
            yield Block(data, records, offsets, first_row, covered, end, guessed)
            covered = 0
            data = rest
        carry = data.tobytes()
    if covered:  # a header, or a mark, with nothing behind it
        nothing = find_lines(np.empty(0, np.uint8), final=True)
        yield Block(
            np.empty(0, np.uint8), nothing, nothing.starts, row, covered, Position(offset, row)
        )


def _delivered(data: _Bytes, widths: _Bytes | None) -> int:
    """Bytes in the delivered file that these bytes stand for."""
    return int(data.size) if widths is None else int(widths[data].sum(dtype=np.int64))


def _offsets(data: _Bytes, starts: Any, widths: _Bytes | None) -> Any:
    if widths is None:
        return starts
    before = np.concatenate(([0], np.cumsum(widths[data], dtype=np.int64)))
    return before[starts]


def _covered(data: _Bytes, records: Records, widths: _Bytes | None) -> int:
    """Delivered bytes in records and in the line breaks between them."""
    if widths is None:
        return int((records.ends - records.starts).sum()) + records.breaks
    before = np.concatenate(([0], np.cumsum(widths[data], dtype=np.int64)))
    return int((before[records.ends] - before[records.starts]).sum()) + records.breaks * int(
        widths[10]
    )


def texts(block: Block) -> pl.Series:
    """The text of each good record."""
    data, records = block.data, block.records
    edges = np.empty(2 * records.starts.size, np.int64)
    edges[0::2], edges[1::2] = records.starts, records.ends
    count = max(edges.size - 1, 0)
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(data)]
    pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), count, buffers)
    whole = pl.Series(pl.from_arrow(pieces)).gather_every(2)  # every other piece is a line break
    return whole.filter(pl.Series(records.reasons == 0)).cast(pl.String)


def _decodable(data: _Bytes, records: Records, encoding: str) -> tuple[_Bytes, Records, int]:
    """Bytes and records of which every good one is UTF-8; the number of those that were not."""
    if encoding == MIXED:
        return recoded(data, records)
    return data, with_undecodable(data, records), 0


def blanks_null() -> pl.Expr:
    """Every text column, null where it holds nothing but white space."""
    text = pl.col(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)
