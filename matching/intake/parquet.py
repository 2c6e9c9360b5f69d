"""Parquet as text: typed values as a person would have written them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from matching.errors import OperatorError
from matching.intake.blocks import blanks_null
from matching.intake.content import Content
from matching.intake.pieces import NO_REJECTS, ROW_NO, START, Batch, OneTable, Piece, Position
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
                return list(pa_parquet.read_schema(stream).names)
            except (pa.ArrowInvalid, OSError):
                raise OperatorError(
                    f'{content.name}: no Parquet file; correct format = "parquet" or deliver it again'
                ) from None

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
        with content.open_random() as stream:
            rows = int(pa_parquet.read_metadata(stream).num_rows)
        step = PIECE_ROWS if size is None else min(PIECE_ROWS, max(1, size // _ROW_BYTES))
        for first in range(start.row, rows, step):
            end = Position(0, min(first + step, rows))
            yield Piece(end, partial(_batch, content, first, end.row))


_ROW_BYTES = 100
"""Of a row as text: `size` of a sample in rows."""


def _batch(content: Content, first: int, end: int) -> Batch:
    with content.open_random() as stream:
        scanned = pl.scan_parquet(stream, glob=False, hive_partitioning=False)
        frame = scanned.slice(first, end - first).collect()
    numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64).alias(ROW_NO)
    texts = frame.select(as_text(name, dtype) for name, dtype in frame.schema.items())
    return Batch(texts.with_columns(blanks_null()).with_columns(numbers), NO_REJECTS, 0)


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
        return column.struct.json_encode()
    if dtype == pl.Binary:
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)
