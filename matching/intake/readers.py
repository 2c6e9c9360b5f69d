"""Delivered files as frames of text, block by block: what was read and what could not be.

Every value is text as delivered, blank values are null. A row that cannot be read is a reject
with its byte offset and reason; it never stops the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from matching.errors import OperatorError
from matching.intake.records import (
    REASONS,
    Dialect,
    Records,
    blank_out,
    find_lines,
    find_records,
    mark_undecodable,
)
from matching.intake.text import byte_order_mark, char_widths, utf8_blocks
from matching.sources import Source

__all__ = ["ROW_NO", "Batch", "column_names", "read"]

ROW_NO = "__row_no"
"""Row within the file, from 0; a name that no delivered column has."""
PARQUET_ROWS = 200_000
EMPTY = "{}: empty file; remove it from the incident file or deliver it again"
_BAD_JSON = REASONS.index("bad_json")
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Batch:
    """One block: `rows` has a text column a source column and ROW_NO; `rejects` row_no, offset, reason.

    `covered`: delivered bytes accounted for by header, rows, rejects and line breaks; 0 if binary.
    """

    rows: pl.DataFrame
    rejects: pl.DataFrame
    covered: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Bytes with the records found in them. `offsets`: where each record begins in the file."""

    data: _Bytes
    records: Records
    offsets: np.ndarray[Any, np.dtype[np.int64]]
    first_row: int
    covered: int

    def rejects(self) -> pl.DataFrame:
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
        return pl.Series(
            ROW_NO, self.first_row + np.flatnonzero(self.records.reasons == 0), pl.Int64
        )


def read(path: Path, source: Source) -> Iterator[Batch]:
    """The file block by block. Raises OperatorError where it is no file of its format at all."""
    if source.format == "parquet":
        return _read_parquet(path)
    if source.format == "jsonl":
        return _read_jsonl(path, source)
    return _read_csv(path, source)


def column_names(path: Path, source: Source) -> list[str]:
    """Source columns without reading the whole file; JSONL: those of its first block."""
    if source.format == "parquet":
        return list(_parquet(path, source).schema_arrow.names)
    if source.format == "jsonl":
        return [name for name in next(_read_jsonl(path, source)).rows.columns if name != ROW_NO]
    return _header(path, source)[0]


# --- CSV and TSV ----------------------------------------------------------------------------


def _dialect(source: Source) -> Dialect:
    delimiter = source.delimiter or ("\t" if source.format == "tsv" else ",")
    quote, escape = (ord(sign) if sign else -1 for sign in (source.quote, source.escape))
    return Dialect(delimiter=ord(delimiter), quote=quote, escape=escape)


def _header(path: Path, source: Source) -> tuple[list[str], int]:
    """Column names, and how many UTF-8 bytes of the file they take (0 without a header)."""
    block = next(utf8_blocks(path, source.encoding), b"")
    data = np.frombuffer(block, np.uint8)
    records = find_records(data[: 1 << 20], _dialect(source), columns=0, final=True)
    if not records.starts.size:
        raise OperatorError(EMPTY.format(path.name))
    if not source.header:
        return [f"c{number}" for number in range(int(records.fields[0]))], 0
    text = block[records.starts[0] : records.ends[0]].decode("utf-8", "replace")
    reader = csv.reader(
        [text],
        delimiter=chr(_dialect(source).delimiter),
        quotechar=source.quote or None,
        quoting=csv.QUOTE_MINIMAL if source.quote else csv.QUOTE_NONE,
        escapechar=source.escape or None,
    )
    return _distinct([name.strip() for name in next(reader)]), int(records.ends[0])


def _distinct(names: list[str]) -> list[str]:
    """The second column of a name is `name#2`; a nameless one is `c` and its number."""
    seen: dict[str, int] = {}
    result = []
    for number, name in enumerate(names):
        base = name or f"c{number}"
        seen[base] = seen.get(base, 0) + 1
        result.append(base if seen[base] == 1 else f"{base}#{seen[base]}")
    return result


def _read_csv(path: Path, source: Source) -> Iterator[Batch]:
    names, header_end = _header(path, source)
    dialect = _dialect(source)
    for block in _blocks(path, source, dialect, columns=len(names), skip=header_end):
        yield Batch(_parsed_csv(block, names, source), block.rejects(), block.covered)


def _blocks(
    path: Path, source: Source, dialect: Dialect | None, *, columns: int, skip: int
) -> Iterator[_Block]:
    """Blocks of whole records; the first `skip` bytes are a header. No dialect: physical lines."""
    widths = char_widths(source.encoding)
    offset, row, carry = len(byte_order_mark(path, source.encoding)), 0, b""
    covered = offset
    for text, final in _with_last(utf8_blocks(path, source.encoding)):
        data = np.frombuffer(bytearray(carry + text), np.uint8)
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
            records = _with_undecodable(data, records)
            offsets = offset + _offsets(data, records.starts, widths)
            covered += _covered(data, records, widths)
            yield _Block(data, records, offsets, row, covered)
            covered = 0
            offset += _delivered(data[: records.consumed], widths)
            row += records.starts.size
            data = data[records.consumed :]
        carry = data.tobytes()


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block and whether it is the last one."""
    held = next(blocks, b"")
    for block in blocks:
        yield held, False
        held = block
    yield held, True


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


def _texts(data: _Bytes, records: Records) -> pl.Series:
    """The text of each good record."""
    edges = np.empty(2 * records.starts.size, np.int64)
    edges[0::2], edges[1::2] = records.starts, records.ends
    count = max(edges.size - 1, 0)
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(data)]
    pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), count, buffers)
    whole = pl.Series(pl.from_arrow(pieces)).gather_every(2)  # every other piece is a line break
    return whole.filter(pl.Series(records.reasons == 0)).cast(pl.String)


def _with_undecodable(data: _Bytes, records: Records) -> Records:
    try:
        data[: records.consumed].tobytes().decode("utf-8")
    except UnicodeDecodeError:
        mark_undecodable(data, records.starts, records.ends, records.reasons)
    return records


def _parsed_csv(block: _Block, names: list[str], source: Source) -> pl.DataFrame:
    """Good records by pyarrow, with the explicit dialect; rejected ones were blanked out."""
    records, wanted = block.records, block.row_numbers()
    if wanted.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW_NO: pl.Int64})
    blank_out(block.data, records.starts, records.ends, records.reasons)
    table = pa_csv.read_csv(
        pa.BufferReader(pa.py_buffer(block.data[: records.consumed])),
        read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 21),
        parse_options=pa_csv.ParseOptions(
            delimiter=chr(_dialect(source).delimiter),
            quote_char=source.quote or False,
            double_quote=not source.escape,
            escape_char=source.escape or False,
            newlines_in_values=True,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    frame = pl.DataFrame(pl.from_arrow(table))
    if frame.height != wanted.len():
        raise AssertionError(f"{wanted.len()} records found, {frame.height} parsed")
    return frame.with_columns(_blanks_null(), wanted)


def _blanks_null() -> pl.Expr:
    text = pl.col(pl.String)
    return pl.when(text.str.strip_chars() != "").then(text)


# --- JSONL ----------------------------------------------------------------------------------

VALID_SQL = """
select case when json_valid(line) then json_type(line) = 'OBJECT' else false end as good
from lines
"""
"""`and` would not do: DuckDB may take the type of a line that is no JSON, and its error quotes the line."""
KEYS_SQL = """
select distinct unnest(json_keys(line)) as key
from lines
order by key
"""
VALUES_SQL = """
select json_extract_string(line, $paths) as found
from lines
"""


def _read_jsonl(path: Path, source: Source) -> Iterator[Batch]:
    if not path.stat().st_size:
        raise OperatorError(EMPTY.format(path.name))
    for block in _blocks(path, source, None, columns=0, skip=0):
        texts = _texts(block.data, block.records)
        yield Batch(_parsed_json(texts, block), block.rejects(), block.covered)


def _parsed_json(texts: pl.Series, block: _Block) -> pl.DataFrame:
    """Top-level keys as columns; nested values stay JSON text. Marks bad lines in the block."""
    reasons = block.records.reasons
    with duckdb.connect() as connection:
        good = _asked(connection, VALID_SQL, texts)["good"]
        reasons[np.flatnonzero(reasons == 0)[~good.to_numpy()]] = _BAD_JSON
        kept = texts.filter(good)
        keys: list[str] = _asked(connection, KEYS_SQL, kept)["key"].to_list()
        if not keys:
            return pl.DataFrame(block.row_numbers())
        paths = {"paths": [_json_path(key) for key in keys]}
        found = _asked(connection, VALUES_SQL, kept, paths)["found"]
    frame = pl.DataFrame(found.list.to_struct(fields=keys).struct.unnest())
    return frame.with_columns(_blanks_null(), block.row_numbers())


def _asked(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    lines: pl.Series,
    params: dict[str, list[str]] | None = None,
) -> pl.DataFrame:
    connection.register("lines", pl.DataFrame({"line": lines}).to_arrow())
    try:
        return pl.DataFrame(connection.sql(query, params=params).pl())
    except duckdb.Error as error:  # its text may quote a line
        raise AssertionError(f"DuckDB could not read JSON lines: {type(error).__name__}") from None


def _json_path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'$."{escaped}"'


# --- Parquet --------------------------------------------------------------------------------


def _parquet(path: Path, source: Source) -> pa_parquet.ParquetFile:
    try:
        return pa_parquet.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise OperatorError(
            f'{path.name}: no Parquet file; correct format = "{source.format}" or deliver it again'
        ) from None


def _read_parquet(path: Path) -> Iterator[Batch]:
    row = 0
    with pa_parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=PARQUET_ROWS):
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            numbers = pl.int_range(row, row + frame.height, dtype=pl.Int64).alias(ROW_NO)
            texts = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
            rows = texts.with_columns(_blanks_null()).with_columns(numbers)
            yield Batch(rows, _NO_REJECTS, 0)
            row += frame.height


_NO_REJECTS = pl.DataFrame(schema={"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String})


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A typed value as a person would have written it: 20701.0 is 20701, midnight is a day."""
    column = pl.col(name)
    if dtype.is_float():
        return column.cast(pl.String).str.strip_suffix(".0")
    if isinstance(dtype, pl.Datetime):
        return column.cast(pl.String).str.replace(r" 00:00:00(\.0+)?$", "")
    if isinstance(dtype, pl.List | pl.Array):
        return column.cast(pl.List(pl.String)).list.join("|")
    if isinstance(dtype, pl.Struct):
        return column.struct.json_encode()
    if dtype == pl.Binary:
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)
