"""Parquet as text: typed values as a person would have written them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from matching.errors import OperatorError
from matching.intake.blocks import blanks_null
from matching.intake.content import Content
from matching.intake.packed.archives import stamp
from matching.intake.pieces import NO_REJECTS, ROW_NO, START, Batch, OneTable, Piece, Position
from matching.intake.records import Records
from matching.intake.undecodable import with_undecodable
from matching.sources import Source

__all__ = ["ParquetFile", "as_text"]

PIECE_ROWS = 500_000
"""As many as make a part of a table."""


class ParquetFile(OneTable):
    """A Parquet file: rows are read by number."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Names of its schema. Raises OperatorError where it is no Parquet file."""
        with content.open_random() as stream:
            try:
                names = list(pa_parquet.read_schema(stream).names)
            except (pa.ArrowException, OSError, UnicodeDecodeError):
                raise OperatorError(
                    f'{content.name}: no Parquet file; correct format = "parquet" or deliver it again'
                ) from None
        if len(set(names)) < len(names) or ROW_NO in names:
            raise OperatorError(f"{content.name}: two columns of one name; deliver it again")
        return names

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Runs of rows; with `size` of fewer."""
        rows = _rows(content, stamp(content.path))
        step = PIECE_ROWS if size is None else min(PIECE_ROWS, max(1, size // _ROW_BYTES))
        for first in range(start.row, rows, step):
            end = Position(0, min(first + step, rows))
            yield Piece(end, partial(_batch, content, first, end.row))


@lru_cache(maxsize=64)
def _rows(content: Content, _stamp: tuple[int, ...]) -> int:
    """Rows of a file whose every page could be read, once in a process. Raises OperatorError where one could not.

    polars takes a page's own word for how many values it has, and a damaged one ends the process for want of memory;
    Arrow refuses it. The price is two thirds of the reading: 0.35 s a million rows of nine columns.
    """
    with content.open_random() as stream, _damage_told(content):
        file = pa_parquet.ParquetFile(stream, pre_buffer=False)
        rows = int(file.metadata.num_rows)
        found = sum(some.num_rows for some in file.iter_batches(_CHECKED_ROWS, use_threads=False))
    if found != rows:
        raise OperatorError(_DAMAGED.format(content.name))
    return rows


_CHECKED_ROWS = 65_536
"""At once, so that what is held stays small."""
_ROW_BYTES = 100
"""Of a row as text: `size` of a sample in rows."""


@contextmanager
def _damage_told(content: Content) -> Iterator[None]:
    """What the readers raise on damaged files, panics among it, as the operator's line."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, pa.ArrowException, OSError):
        raise OperatorError(_DAMAGED.format(content.name)) from None


_DAMAGED = "{}: a damaged Parquet file; deliver it again"


def _batch(content: Content, first: int, end: int) -> Batch:
    with content.open_random() as stream, _damage_told(content):
        scanned = pl.scan_parquet(stream, glob=False, hive_partitioning=False)
        frame = scanned.slice(first, end - first).collect()
    if frame.height != end - first:
        raise OperatorError(_DAMAGED.format(content.name))
    numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64).alias(ROW_NO)
    with _damage_told(content):
        texts = frame.select(as_text(name, dtype) for name, dtype in frame.schema.items())
    return Batch(texts.with_columns(blanks_null()).with_columns(numbers), NO_REJECTS, 0)


def _of_bytes(values: pl.Series) -> pl.Series:
    """Bytes as text; what is none as 0x and its digits, as dumps have it."""
    stored = values.rechunk().to_arrow().cast(pa.large_binary())
    _, edges, data = stored.buffers()
    places = np.frombuffer(edges, np.int64)[stored.offset :][: len(stored) + 1]
    none = np.zeros(len(values), np.uint8)
    whole = np.frombuffer(data, np.uint8) if data is not None and data.size else none[:0]
    records = Records(places[:-1], places[1:], none.astype(np.int32), none, whole.size, 0)
    wrong = with_undecodable(whole, records).reasons != 0
    digits = "0x" + values.filter(pl.Series(wrong)).bin.encode("hex").str.to_uppercase()
    sound = pl.when(~pl.Series(wrong)).then(pl.first()).otherwise(pl.lit(b""))
    text = values.to_frame().select(sound).to_series()
    return text.cast(pl.String).scatter(np.flatnonzero(wrong), digits)


def as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A typed value as a person would have written it: 20701.0 is 20701, midnight is a day."""
    column = pl.col(name)
    if dtype.is_float():
        return column.cast(pl.String).str.strip_suffix(".0")
    if isinstance(dtype, pl.Datetime):
        return column.cast(pl.String).str.replace(r" 00:00:00(\.0+)?$", "")
    if isinstance(dtype, pl.List | pl.Array):
        return column.cast(pl.List(pl.String)).list.join("|")
    if isinstance(dtype, pl.Struct):
        return pl.when(column.is_not_null()).then(column.struct.json_encode())
    if dtype == pl.Binary:
        return column.map_batches(_of_bytes, return_dtype=pl.String)
    return column.cast(pl.String)
