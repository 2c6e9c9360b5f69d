"""Parquet as text: typed values as a person would have written them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from matching.errors import OperatorError
from matching.intake.blocks import ROW_NO, blanks_null

__all__ = ["parquet_names", "parquet_rows", "parquet_slice"]


def parquet_names(path: Path) -> list[str]:
    """Its columns. Raises OperatorError where it is no Parquet file."""
    try:
        return list(pa_parquet.read_schema(path).names)
    except (pa.ArrowInvalid, OSError):
        raise OperatorError(
            f'{path.name}: no Parquet file; correct format = "parquet" or deliver it again'
        ) from None


def parquet_rows(path: Path) -> int:
    """Its rows, by the footer."""
    return int(pa_parquet.read_metadata(path).num_rows)


def parquet_slice(path: Path, first: int, end: int) -> pl.DataFrame:
    """Rows `first` to `end`, end excluded, as text with ROW_NO."""
    scanned = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    frame = scanned.slice(first, end - first).collect()
    numbers = pl.int_range(first, first + frame.height, dtype=pl.Int64).alias(ROW_NO)
    texts = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
    return texts.with_columns(blanks_null()).with_columns(numbers)


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
