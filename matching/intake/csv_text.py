"""CSV and TSV with the dialect that the incident file froze."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv

from matching.errors import OperatorError
from matching.intake.blocks import ROW_NO, Block, blanks_null
from matching.intake.records import Dialect, blank_out, find_records
from matching.intake.text import EMPTY, utf8_blocks
from matching.sources import Source

__all__ = ["csv_dialect", "csv_header", "parsed_csv"]


def csv_dialect(source: Source) -> Dialect:
    """The signs that part fields."""
    delimiter = source.delimiter or ("\t" if source.format == "tsv" else ",")
    quote, escape = (ord(sign) if sign else -1 for sign in (source.quote, source.escape))
    return Dialect(delimiter=ord(delimiter), quote=quote, escape=escape)


def csv_header(path: Path, source: Source) -> tuple[list[str], int]:
    """Column names, and how many UTF-8 bytes of the file they take (0 without a header)."""
    block = next(utf8_blocks(path, source.encoding), b"")
    data = np.frombuffer(block, np.uint8)
    records = find_records(data[: 1 << 20], csv_dialect(source), columns=0, final=True)
    if not records.starts.size:
        raise OperatorError(EMPTY.format(path.name))
    if not source.header:
        return [f"c{number}" for number in range(int(records.fields[0]))], 0
    text = block[records.starts[0] : records.ends[0]].decode("utf-8", "replace")
    reader = csv.reader(
        [text],
        delimiter=chr(csv_dialect(source).delimiter),
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


def parsed_csv(block: Block, names: list[str], source: Source) -> pl.DataFrame:
    """Good records by pyarrow, with the explicit dialect; rejected ones were blanked out."""
    records, wanted = block.records, block.row_numbers()
    if wanted.is_empty():
        return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), ROW_NO: pl.Int64})
    blank_out(block.data, records.starts, records.ends, records.reasons)
    table = pa_csv.read_csv(
        pa.BufferReader(pa.py_buffer(block.data[: records.consumed])),
        read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 21),
        parse_options=pa_csv.ParseOptions(
            delimiter=chr(csv_dialect(source).delimiter),
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
    return frame.with_columns(blanks_null(), wanted)
