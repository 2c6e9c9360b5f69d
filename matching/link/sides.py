"""One side of the linking, read from its table in ranges: never whole, always in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.blocks import Index, build_index
from matching.link.coding import Coded, Coder
from matching.link.hashing import Hashes
from matching.link.keys import KeyTable, Slots
from matching.link.rows import without_nonidentifying
from matching.model.definition import CLEANED_COLUMNS
from matching.store import Workspace

__all__ = ["FRAME_ROWS", "Held", "Records", "Side", "Tools", "index_side", "ranges"]

FRAME_ROWS = 250_000
"""Records read at a time: about 100 MB with all their texts."""


class Records(Protocol):
    """Numbered records of one side with their matching columns."""

    @property
    def rows(self) -> int:
        """Number of records."""
        ...

    def frame(self, start: int, stop: int) -> pl.DataFrame:
        """MATCH_COLUMNS of records start..stop - 1, in order."""
        ...

    def at(self, numbers: npt.NDArray[np.int64]) -> pl.DataFrame:
        """MATCH_COLUMNS of these records, in the order of `numbers`."""
        ...

    def lazy(self) -> pl.LazyFrame:
        """All records in any order, to be read by columns."""
        ...


def ranges(rows: int, size: int = FRAME_ROWS) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of records."""
    for start in range(0, rows, size):
        yield start, min(start + size, rows)


@dataclass(frozen=True, slots=True)
class Side:
    """Records of a table that take part, numbered from 0 in the order of their ids.

    `ids` ascending; `nonidentifying` values are null for matching.
    """

    workspace: Workspace
    table: str
    key: str
    ids: pl.Series
    nonidentifying: pl.DataFrame

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.ids)

    def frame(self, start: int, stop: int) -> pl.DataFrame:
        """See Records."""
        return self._matching(self._read(self.ids.slice(start, stop - start))).collect()

    def at(self, numbers: npt.NDArray[np.int64]) -> pl.DataFrame:
        """See Records."""
        found = self._matching(self._read(self.ids.gather(np.unique(numbers)))).collect()
        return found[np.searchsorted(np.unique(numbers), numbers)]

    def lazy(self) -> pl.LazyFrame:
        """See Records."""
        kept = self.workspace.scan(self.table)
        if self.rows < self.workspace.rows(self.table):
            kept = kept.join(self.ids.to_frame(self.key).lazy(), on=self.key, how="semi")
        return self._matching(kept)

    def _read(self, wanted: pl.Series) -> pl.LazyFrame:
        rows = self.workspace.scan(self.table)
        if len(wanted):
            rows = rows.filter(pl.col(self.key).is_between(wanted[0], wanted[-1]))
        kept = rows.join(wanted.to_frame(self.key).lazy(), on=self.key, how="semi")
        return kept.sort(self.key)

    def _matching(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        whole = rows.select("street", *CLEANED_COLUMNS)
        place = (pl.col("street_number") + " " + pl.col("street_name")).alias("place")
        return without_nonidentifying(whole, self.nonidentifying).select(*CLEANED_COLUMNS, place)


@dataclass(frozen=True, slots=True)
class Held:
    """Records that lie in memory."""

    records: pl.DataFrame

    @property
    def rows(self) -> int:
        """See Records."""
        return self.records.height

    def frame(self, start: int, stop: int) -> pl.DataFrame:
        """See Records."""
        return self.records.slice(start, stop - start)

    def at(self, numbers: npt.NDArray[np.int64]) -> pl.DataFrame:
        """See Records."""
        return self.records[numbers]

    def lazy(self) -> pl.LazyFrame:
        """See Records."""
        return self.records.lazy()


class Tools:
    """What turns records into numbers: coder, keys, and a DuckDB connection for each thread."""

    def __init__(self, coder: Coder, slots: Slots, *, threads: int) -> None:
        self.coder, self.slots, self.threads = coder, slots, threads
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A private in-memory DuckDB of one thread that spills nowhere."""
        if not self._idle.empty():
            return self._idle.get()
        con = duckdb.connect(":memory:")
        con.execute("set threads = 1")
        con.execute("set temp_directory = ''")
        return con

    def back(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give a connection back."""
        self._idle.put(con)

    def keys(self, frame: pl.DataFrame) -> KeyTable:
        """Blocking keys of records."""
        return self._keys(frame, {})

    def coded(self, frame: pl.DataFrame) -> tuple[Coded, KeyTable]:
        """Records as numbers, and their blocking keys."""
        hashes: dict[str, Hashes] = {}
        coded = self.coder.code(frame, hashes)
        return coded, self._keys(frame, hashes)

    def _keys(self, frame: pl.DataFrame, hashes: dict[str, Hashes]) -> KeyTable:
        con = self.connection()
        try:
            return self.slots.table(con, frame, hashes)
        finally:
            self.back(con)


def index_side(side: Records, tools: Tools) -> tuple[Coded, Index]:
    """All records of a side as numbers and by key: about 100 bytes a record for the numbers, 8 for
    each of its keys, and as much again for the keys while the index is built."""
    whole = tools.coder.empty(side.rows)
    keys: list[Hashes | None] = [np.empty(side.rows, dtype=np.uint64) for _ in tools.slots.keys]
    texts: dict[int, dict[str, pl.Series]] = {}

    def one(bounds: tuple[int, int]) -> None:
        start, stop = bounds
        coded, table = tools.coded(side.frame(start, stop))
        whole.lanes[start:stop], whole.shares[start:stop] = coded.lanes, coded.shares
        for number, column in enumerate(keys):
            assert column is not None
            column[start:stop] = table[number]
        texts[start] = coded.texts

    with ThreadPoolExecutor(tools.threads) as pool:
        list(pool.map(one, ranges(side.rows)))
    for column in tools.coder.text_beside:
        parts = [texts[start][column] for start in sorted(texts)]
        whole.texts[column] = pl.concat(parts) if parts else pl.Series(column, [], dtype=pl.String)
    index = build_index(keys, tools.slots.rule, rows=side.rows, threads=tools.threads)
    return whole, index
