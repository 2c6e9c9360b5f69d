"""CSV and TSV with the dialect that the incident file froze."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from matching.errors import OperatorError
from matching.intake.blocks import Block, blanks_null, blocks
from matching.intake.content import Content
from matching.intake.packed.limits import refuse_wide
from matching.intake.pieces import ROW_NO, START, Batch, OneTable, Piece, Position, distinct_names
from matching.intake.records import REASONS, Dialect, blank_out, find_records
from matching.intake.text import EMPTY, utf8_blocks
from matching.intake.undecodable import MIXED, recoded_bytes
from matching.sources import Source

__all__ = ["Delimited", "csv_dialect", "csv_header", "parsed_csv"]


HEADER_BYTES = 1 << 20
"""No header, and no title above one, is longer."""
csv.field_size_limit(HEADER_BYTES)


_LF, _CR, _BACKSLASH = 10, 13, 92
_MARK = np.frombuffer(codecs.BOM_UTF8, np.uint8)
_REPEATED = REASONS.index("repeated_header")
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class Delimited(OneTable):
    """CSV and TSV, whatever parts their fields."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Names of the header row."""
        return csv_header(content, source).names

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Blocks of whole records."""
        header = csv_header(content, source)
        found = blocks(
            content,
            source,
            csv_dialect(source),
            columns=len(header.names),
            skip=header.size,
            start=start,
            size=size,
        )
        for block in found:
            yield Piece(block.end, partial(_batch, block, header, source))


def _batch(block: Block, header: Header, source: Source) -> Batch:
    _mark_repeated(block, np.frombuffer(header.row, np.uint8))
    return Batch(
        parsed_csv(block, header.names, source), block.rejects(), block.covered, block.guessed
    )


def csv_dialect(source: Source) -> Dialect:
    """The signs that part fields."""
    delimiter = source.delimiter or ("\t" if source.format == "tsv" else ",")
    quote, escape = (ord(sign) if sign else -1 for sign in (source.quote, source.escape))
    return Dialect(delimiter=ord(delimiter), quote=quote, escape=escape)


def _mark_repeated(block: Block, header: _Bytes) -> None:
    """Rows that say what the header says: files set one after the other, with their marks, or pages of a report."""
    records = block.records
    for written in (header, np.concatenate((_MARK, header))) if header.size else ():
        sizes = records.ends - records.starts
        alike = np.flatnonzero((sizes == written.size) & (records.reasons == 0))
        places = records.starts[alike, None] + np.arange(written.size)
        same = (block.data[places] == written).all(axis=1)
        records.reasons[alike[same]] = _REPEATED


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above the rows. `size`: bytes of the file as UTF-8 to its end; `row`: empty without a header."""

    names: list[str]
    size: int
    row: bytes


def csv_header(content: Content, source: Source) -> Header:
    """Column names, and how much of the file they and the lines above take."""
    block = _first(content, source)[:HEADER_BYTES]
    above = _above(block, source.skip_lines)
    records = find_records(
        np.frombuffer(block, np.uint8)[above:], csv_dialect(source), columns=0, final=True
    )
    if not records.starts.size:
        raise OperatorError(EMPTY.format(content.name))
    if above + int(records.ends[0]) >= HEADER_BYTES:
        raise OperatorError(
            f"{content.name}: its first line is longer than {HEADER_BYTES >> 20} MiB; correct format,"
            " encoding, delimiter or quote, or deliver it again"
        )
    refuse_wide(content.name, int(records.fields[0]))
    if not source.header:
        return Header([f"c{number}" for number in range(int(records.fields[0]))], above, b"")
    first, end = above + int(records.starts[0]), above + int(records.ends[0])
    row = recoded_bytes(block[first:end]) if source.encoding == MIXED else block[first:end]
    return Header(_names(row, source), end, row)


def _names(row: bytes, source: Source) -> list[str]:
    reader = csv.reader(
        [row.decode("utf-8", "replace")],
        delimiter=chr(csv_dialect(source).delimiter),
        quotechar=source.quote or None,
        quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        escapechar=source.escape or None,
    )
    return distinct_names(name.strip() for name in next(reader))


def _first(content: Content, source: Source) -> bytes:
    """What a header is looked for in; UTF-32 takes four bytes for a letter."""
    return next(utf8_blocks(content, source.encoding, size=4 * HEADER_BYTES), b"")


def _nulls_blank(data: _Bytes, delimiter: int) -> None:
    r"""Fields of nothing but `\N` are what MySQL and PostgreSQL write for null: blanks in their place."""
    if b"\\N" not in data.tobytes():
        return
    whole = np.concatenate(([_LF], data, [_LF, _LF])).astype(np.uint8)
    ends = (whole == delimiter) | (whole == _LF) | (whole == _CR)
    found = (whole[1:-2] == _BACKSLASH) & (whole[2:-1] == ord("N")) & ends[:-3] & ends[3:]
    places = np.flatnonzero(found)
    data[places] = data[places + 1] = ord(" ")


def _above(block: bytes, lines: int) -> int:
    """Bytes of the first physical lines, blank ones too."""
    at = 0
    for _ in range(lines):
        broken = block.find(b"\n", at)
        at = len(block) if broken < 0 else broken + 1
    return at


def parsed_csv(block: Block, names: list[str], source: Source) -> pl.DataFrame:
    """Good records by pyarrow, with the explicit dialect; rejected ones were blanked out."""
    records, wanted = block.records, block.row_numbers()
    if wanted.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW_NO: pl.Int64})
    blank_out(block.data, records.starts, records.ends, records.reasons)
    _nulls_blank(block.data[: records.consumed], csv_dialect(source).delimiter)
    data = block.data[: records.consumed]
    if data[:3].tobytes() == codecs.BOM_UTF8:
        data = np.concatenate(([np.uint8(_LF)], data))  # here it is text: no file begins
    table = pa_csv.read_csv(
        pa.BufferReader(pa.py_buffer(data)),
        read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 21),
        parse_options=pa_csv.ParseOptions(
            delimiter=chr(csv_dialect(source).delimiter),
            quote_char=source.quote or False,
            double_quote=not source.escape,
            escape_char=source.escape or False,
            newlines_in_values=True,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
            check_utf8=False,  # rows that are not were found before
        ),
    )
    frame = pl.DataFrame(pl.from_arrow(table))
    if frame.height != wanted.len():
        raise AssertionError(f"{wanted.len()} records found, {frame.height} parsed")
    return frame.with_columns(blanks_null(), wanted)
