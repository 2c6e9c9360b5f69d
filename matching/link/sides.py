"""One side of the linking, read from its table in ranges: never whole, always in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.in_memory import in_memory
from matching.link.blocks import Index, build_index
from matching.link.coding import Coded, Coder
from matching.link.hashing import Hashes
from matching.link.keys import KeyMaker, KeyTable, Slots
from matching.link.rows import matching_columns
from matching.model.definition import MATCH_COLUMNS
from matching.store import Workspace

__all__ = ["FRAME_ROWS", "Held", "Records", "Side", "Tools", "index_side"]

FRAME_ROWS = 1 << 18
"""Records read at a time: a row group of the store's Parquet files, about 100 MB with all texts."""
_FEW = 0.25
"""Share of a range's rows below which picking them by id is faster than reading all."""
Numbers = npt.NDArray[np.int64]


class Records(Protocol):
    """Numbered records of one side with their matching columns."""

    @property
    def rows(self) -> int:
        """Number of records."""
        ...

    def ranges(self, size: int = FRAME_ROWS) -> Iterator[tuple[int, int]]:
        """Consecutive ranges of about `size` records."""
        ...

    def frame(self, start: int, stop: int, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """Matching columns of records start..stop - 1, in order."""
        ...

    def at(self, numbers: Numbers, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """Matching columns of these records, in the order of `numbers`."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """Records of a table that take part, numbered from 0 in the order of their ids.

    `ids` ascending; `positions` are their rows in the table, None where all rows take part;
    `nonidentifying` values are null for matching.
    """

    workspace: Workspace
    table: str
    ids: pl.Series
    positions: Numbers | None
    nonidentifying: pl.DataFrame

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.ids)

    def ranges(self, size: int = FRAME_ROWS) -> Iterator[tuple[int, int]]:
        """Ranges that begin at multiples of `size` rows of the table, so that none is read twice."""
        return ((start, stop) for _, start, stop in self.numbered_ranges(size))

    def numbered_ranges(self, size: int) -> Iterator[tuple[int, int, int]]:
        """The same, with the number that a range has in the whole table."""
        for number, low in enumerate(range(0, self.workspace.rows(self.table), size)):
            start, stop = low, min(low + size, self.rows)
            if self.positions is not None:
                start, stop = (int(n) for n in np.searchsorted(self.positions, [low, low + size]))
            if start < stop:
                yield number, start, stop

    def frame(self, start: int, stop: int, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """See Records."""
        if self.positions is None:
            return self._read(start, stop, columns).collect()
        mine = self.positions[start:stop]
        if not len(mine):
            return self._read(0, 0, columns).collect()
        rows = self.workspace.rows_between(self.table, int(mine[0]), int(mine[-1]) + 1)
        if len(mine) < _FEW * (mine[-1] - mine[0]):  # then the reader skips the rest
            ids = self.ids.slice(start, stop - start)
            rows = rows.filter(pl.col(ids.name).is_in(ids.implode()))
        found = matching_columns(rows, columns, self.nonidentifying).collect()
        if found.height == len(mine):
            return found
        there = np.zeros(found.height, dtype=np.bool_)
        there[mine - mine[0]] = True
        return found.filter(pl.Series(there))

    def at(self, numbers: Numbers, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """See Records."""
        distinct = np.unique(numbers)
        found = [self.frame(0, 0, columns)]
        for start, stop in self.ranges():
            low, high = np.searchsorted(distinct, [start, stop])
            if low < high:
                found.append(self.frame(start, stop, columns)[distinct[low:high] - start])
        return pl.concat(found)[np.searchsorted(distinct, numbers)]

    def only(self, ids: pl.Series) -> Side:
        """Some of the records, `ids` ascending."""
        return self._some(self.ids.search_sorted(ids).to_numpy().astype(np.int64))

    def between(self, start: int, stop: int) -> Side:
        """Records start..stop - 1 as a side of their own."""
        if (start, stop) == (0, self.rows):
            return self
        return self._some(np.arange(start, stop))

    def _some(self, numbers: Numbers) -> Side:
        ids = self.ids.gather(numbers)
        positions = numbers if self.positions is None else self.positions[numbers]
        return Side(self.workspace, self.table, ids, positions, self.nonidentifying)

    def _read(self, start: int, stop: int, columns: Sequence[str]) -> pl.LazyFrame:
        rows = self.workspace.rows_between(self.table, start, stop)
        return matching_columns(rows, columns, self.nonidentifying)


@dataclass(frozen=True, slots=True)
class Held:
    """Records that lie in memory."""

    records: pl.DataFrame

    @property
    def rows(self) -> int:
        """See Records."""
        return self.records.height

    def ranges(self, size: int = FRAME_ROWS) -> Iterator[tuple[int, int]]:
        """See Records."""
        for start in range(0, self.rows, size):
            yield start, min(start + size, self.rows)

    def frame(self, start: int, stop: int, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """See Records."""
        return self.records.slice(start, stop - start).select(columns)

    def at(self, numbers: Numbers, columns: Sequence[str] = MATCH_COLUMNS) -> pl.DataFrame:
        """See Records."""
        return self.records.select(columns)[numbers]


class Tools:
    """What turns records into numbers: coder, keys, and a DuckDB connection for each thread."""

    def __init__(self, coder: Coder, slots: Slots, *, threads: int) -> None:
        self.coder, self.slots, self.threads = coder, slots, threads
        self._key_columns = slots.columns
        self._keys = KeyMaker(slots, repeating=coder.repeating)
        self._columns = list(dict.fromkeys((*self._key_columns, *coder.needed)))
        self._idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()

    def connection(self) -> duckdb.DuckDBPyConnection:
        """A private in-memory DuckDB of one thread that spills nowhere."""
        if not self._idle.empty():
            return self._idle.get()
        return in_memory(threads=1)

    def back(self, con: duckdb.DuckDBPyConnection) -> None:
        """Give a connection back."""
        self._idle.put(con)

    def keys(self, side: Records, start: int, stop: int) -> KeyTable:
        """Blocking keys of records start..stop - 1."""
        return self.keys_of(side.frame(start, stop, self._key_columns))

    def coded(self, side: Records, start: int, stop: int) -> tuple[Coded, KeyTable]:
        """Records start..stop - 1 as numbers, and their blocking keys."""
        frame = side.frame(start, stop, self._columns)
        hashes: dict[str, Hashes] = {}
        coded = self.coder.code(frame, hashes)
        return coded, self.keys_of(frame, hashes)

    def keys_of(self, frame: pl.DataFrame, hashes: dict[str, Hashes] | None = None) -> KeyTable:
        """Blocking keys of a frame's rows; `hashes`: those of its columns that are there already."""
        con = self.connection()
        try:
            return self._keys.table(con, frame, {} if hashes is None else hashes)
        finally:
            self.back(con)


def index_side(
    side: Records,
    tools: Tools,
    *,
    seen: Callable[[int, KeyTable], None] = lambda _start, _keys: None,
) -> tuple[Coded, Index]:
    """All records of a side as numbers and by key; `seen` is called with the keys of each range.

    About 100 bytes a record for the numbers, 8 for each of its keys, and as much again for the keys
    while the index is built.
    """
    whole = tools.coder.empty(side.rows)
    keys: list[Hashes | None] = [np.empty(side.rows, dtype=np.uint64) for _ in tools.slots.keys]
    texts: dict[int, dict[str, pl.Series]] = {}

    def one(bounds: tuple[int, int]) -> None:
        start, stop = bounds
        coded, table = tools.coded(side, start, stop)
        whole.lanes[start:stop], whole.shares[start:stop] = coded.lanes, coded.shares
        for number, column in enumerate(keys):
            assert column is not None
            column[start:stop] = table[number]
        seen(start, table)
        texts[start] = coded.texts

    with ThreadPoolExecutor(tools.threads) as pool:
        list(pool.map(one, side.ranges()))
    for column in tools.coder.text_beside:
        parts = [texts[start][column] for start in sorted(texts)]
        whole.texts[column] = pl.concat(parts) if parts else pl.Series(column, [], dtype=pl.String)
    index = build_index(keys, tools.slots.rule, rows=side.rows, threads=tools.threads)
    return whole, index
