"""Files of the rehearsal, written block by block: CSV, TSV, JSONL and Parquet behind one call.

Lines are put together where a block is made; the file only takes the bytes.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from flows.rehearse.texts import Texts

__all__ = ["Column", "Sink", "table_of"]

Column = Texts | pl.Series
"""Texts that repeat, or a column whose values are its own (ids)."""


def table_of(columns: dict[str, Column]) -> pa.Table:
    """These rows for a Parquet file, repeated texts as numbers and words."""
    return pa.table({name: _arrow(column) for name, column in columns.items()})


def _arrow(column: Column) -> pa.Array:
    if isinstance(column, Texts):
        return column.arrow()
    return column.to_arrow(compat_level=pl.CompatLevel.oldest())


class Sink:
    """One growing file; what is appended stands in the order of the calls."""

    def __init__(self, path: Path, *, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self._path = path
        self._parquet: pq.ParquetWriter | None = None
        self._handle: io.BufferedWriter | None = None if kind == "parquet" else path.open("wb")

    def append(self, rows: pa.Table | bytes, count: int) -> None:
        """Add these rows at the end: lines to a text file, else a table of the same columns."""
        self.rows += count
        if self._handle is None:
            self._append_table(rows)
        else:
            self._handle.write(rows)

    def _append_table(self, table: pa.Table) -> None:
        if self._parquet is None:
            self._parquet = _parquet_writer(self._path, table.schema)
        self._parquet.write_table(table)

    def close(self) -> None:
        """Finish the file."""
        if self._handle is not None:
            self._handle.close()
        if self._parquet is not None:
            self._parquet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Plain text columns for whoever reads: the dictionaries are a matter of this file's pages.

    Nothing is looked up by value in these files, so that minima and maxima would be wasted: they
    took half of the time.
    """
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[field.name for field in schema if pa.types.is_dictionary(field.type)],
        dictionary_pagesize_limit=1 << 26,  # a row group's words, not split into a plain rest
        write_statistics=False,
        store_schema=False,
    )
