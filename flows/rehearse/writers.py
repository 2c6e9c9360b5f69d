"""Files of the rehearsal, written block by block: CSV, TSV, JSONL and Parquet behind one call."""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow.parquet as pq

__all__ = ["Sink"]


class Sink:
    """One growing file. `append` keeps the order of rows; `rows` is how many it holds."""

    def __init__(self, path: Path, *, kind: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = 0
        self._path = path
        self._kind = kind
        self._parquet: pq.ParquetWriter | None = None
        self._handle: io.BufferedWriter | None = None if kind == "parquet" else path.open("wb")

    def append(self, frame: pl.DataFrame) -> None:
        """Add these rows at the end; the first call fixes the columns."""
        first, self.rows = self.rows == 0, self.rows + len(frame)
        if self._handle is None:
            self._append_parquet(frame)
        elif self._kind == "jsonl":
            frame.write_ndjson(self._handle)
        else:
            frame.write_csv(
                self._handle,
                include_header=first,
                separator="\t" if self._kind == "tsv" else ",",
            )

    def append_raw(self, line: str) -> None:
        """Add a broken line as it is; it is not counted as a row."""
        if self._handle is not None:
            self._handle.write(line.encode())

    def _append_parquet(self, frame: pl.DataFrame) -> None:
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._parquet.write_table(table.cast(self._parquet.schema))

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
