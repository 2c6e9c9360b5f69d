"""What one round computes and later ones need again: hashes of mentions, fingerprints of blocking keys.

A late file meets few of the records that are there. Their fingerprints (the upper half of each key) tell
which: a sieve holds those of the late records, and what has none of them need not be read again. What
falls through by chance costs a reading, never a pair, because what is read is looked up by its whole keys.
Everything here can be computed again, so the versions of the libraries that hash are in every part's key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.compiling import compiled
from matching.files import digest_of
from matching.link.hashing import Hashes
from matching.link.keys import KeyTable
from matching.link.sides import Side
from matching.link.strips import Deliveries, Strip
from matching.store import Writer

__all__ = ["KEPT", "Fingerprints", "Kept", "Prints", "Sieve", "fingerprints", "looked_up"]

KEPT = "kept_hashes"
_OF = ("mentions", "leaked_std", "charts_std")
_LIBRARIES = (pl.__version__, duckdb.__version__)
_SIEVE_BITS = 26
"""8 MiB, which stay near the processor: the keys of 150,000 late records set one bit in 30."""

_Word = TypeVar("_Word", np.uint32, np.uint64)
Prints = npt.NDArray[np.uint32]
"""keys x rows; 0 where a record has no such key."""
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Kept:
    """Arrays about one range of records each, as parts of `kept_hashes`. Safe to use from several threads."""

    writer: Writer

    def has(self, of: str, start: int, key: str) -> bool:
        """They are there and whole, and so stay for the next round."""
        return self.writer.has(_index(of, start), key=_key(of, start, key))

    def read(self, of: str, start: int, dtype: type[_Word]) -> npt.NDArray[_Word]:
        """What was put, and found to be there."""
        rows = self.writer.scan(_index(of, start)).select("hashes").collect()["hashes"]
        return np.stack([np.frombuffer(row, dtype=dtype) for row in rows])

    def put(self, of: str, start: int, key: str, arrays: npt.NDArray[_Word]) -> None:
        """Keep the rows of a two-dimensional array, which are about the records from `start` on."""
        number = pl.Series("number", range(len(arrays)), pl.Int64)
        rows = pl.DataFrame([number, pl.Series("hashes", [a.tobytes() for a in arrays], pl.Binary)])
        rows = rows.with_columns(of=pl.lit(of), start=pl.lit(start, pl.Int64))
        self.writer.put(_index(of, start), rows, key=_key(of, start, key))

    def take(self, of: str, start: int, key: str, other: Kept) -> bool:
        """Have what another place keeps; False where it has nothing whole."""
        return self.writer.take(_index(of, start), other.writer, key=_key(of, start, key))


def _index(of: str, start: int) -> int:
    return (_OF.index(of) << 40) + start


def _key(of: str, start: int, key: str) -> str:
    return digest_of(_LIBRARIES, of, start, key)


class Sieve:
    """Some fingerprints: a bit for each, and behind the bits a table of the whole of them."""

    def __init__(self, prints: Sequence[Prints]) -> None:
        distinct = np.unique(np.concatenate([np.zeros(1, np.uint32), *prints]))
        self._bits = np.zeros(1 << (_SIEVE_BITS - 6), dtype=np.uint64)
        self._table = np.zeros(1 << (2 * len(distinct)).bit_length(), dtype=np.uint32)
        _fill(self._bits, self._table, distinct)

    def holds_any(self, prints: Prints) -> npt.NDArray[np.bool_]:
        """Of each record, whether one of its fingerprints is there."""
        found = np.zeros(prints.shape[1], dtype=np.bool_)
        for row in prints:
            _look(self._bits, self._table, row, found)
        return found


@compiled
def _fill(bits: Words, table: Prints, prints: Prints) -> None:
    mask = len(table) - 1
    for i in range(len(prints)):
        if prints[i] != 0:
            bit = np.uint64(prints[i]) >> np.uint64(32 - _SIEVE_BITS)
            bits[np.int64(bit >> np.uint64(6))] |= np.uint64(1) << (bit & np.uint64(63))
            at = np.int64(prints[i]) & mask
            while table[at] != 0:
                at = (at + 1) & mask
            table[at] = prints[i]


@compiled
def _look(bits: Words, table: Prints, prints: Prints, found: npt.NDArray[np.bool_]) -> None:
    mask = len(table) - 1
    for i in range(len(prints)):
        if prints[i] == 0 or found[i]:
            continue
        bit = np.uint64(prints[i]) >> np.uint64(32 - _SIEVE_BITS)
        if (bits[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63))) & np.uint64(1) == 0:
            continue
        at = np.int64(prints[i]) & mask
        while table[at] != 0 and table[at] != prints[i]:
            at = (at + 1) & mask
        found[i] = table[at] != 0


def fingerprints(keys: KeyTable) -> Prints:
    """The upper half of each key."""
    upper: Prints = np.maximum(keys >> np.uint64(32), np.uint64(1)).astype(np.uint32)
    upper[keys == 0] = 0
    return upper


def looked_up(keys: KeyTable, common: Sequence[Hashes | None]) -> Prints:
    """Distinct fingerprints of keys, each kind without those that are too common to be looked up.

    `common`: ascending, or None. Every record of 15 million shares its birth date with one of 150,000.
    """
    prints = fingerprints(keys)
    for number, values in enumerate(common):
        if values is not None and len(values):
            place = np.minimum(np.searchsorted(values, keys[number]), len(values) - 1)
            prints[number, values[place] == keys[number]] = 0
    return np.unique(prints)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """Fingerprints of all records of each delivery. `sides`: all records that take part, by table."""

    kept: Kept
    deliveries: Deliveries
    sides: Mapping[str, Side]

    def keep(self, strip: Strip, start: int, keys: KeyTable) -> None:
        """Keep those of a range of a strip's indexed records, where these are all of a delivery."""
        if strip.whole_delivery:
            table, key = strip.indexed.table, self.deliveries.keys[strip.delivery]
            begin = self._begin(table, strip.delivery) + start
            if not self.kept.has(table, begin, key):
                self.kept.put(table, begin, key, fingerprints(keys))

    def near(self, strip: Strip, sieve: Sieve, *, threads: int) -> Strip:
        """The strip without streamed records of earlier deliveries that share no key of the sieve.

        8 bytes for each that is left.
        """
        table, whole = strip.streamed.table, self.sides[strip.streamed.table]
        known = self._known(table, strip.delivery)
        if known is None:
            return strip

        def one(begin: int) -> pl.Series:
            found = np.flatnonzero(sieve.holds_any(self.kept.read(table, begin, np.uint32)))
            return whole.ids.gather(found + begin)

        with ThreadPoolExecutor(threads) as pool:
            ids = pl.concat([whole.ids.clear(), *pool.map(one, known)])
        mine = strip.streamed.ids
        same_delivery = mine.filter(mine >= self.deliveries.ends[strip.delivery - 1])
        near = pl.concat([ids.filter(_contained(ids, mine)), same_delivery])
        return replace(strip, streamed=strip.streamed.only(near))

    def stay(self) -> None:
        """Have all that earlier rounds kept stay for the next."""
        for table in self.sides:
            self._known(table, len(self.deliveries))

    def copy(self, source: Kept, target: Kept) -> None:
        """Have another place keep what one has of these deliveries."""
        for table in self.sides:
            for begin, key in self._ranges(table, len(self.deliveries)):
                target.take(table, begin, key, source)

    def _known(self, table: str, before: int) -> list[int] | None:
        """First records of the ranges of earlier deliveries; None where one was not kept."""
        there = [
            (begin, self.kept.has(table, begin, key)) for begin, key in self._ranges(table, before)
        ]
        return [begin for begin, _ in there] if all(kept for _, kept in there) else None

    def _ranges(self, table: str, before: int) -> Iterator[tuple[int, str]]:
        """First record and key of each range of the deliveries before this one."""
        for delivery in range(before):
            begin, end = (self._begin(table, d) for d in (delivery, delivery + 1))
            for start, stop in self.sides[table].ranges():
                if max(start, begin) < min(stop, end):
                    yield max(start, begin), self.deliveries.keys[delivery]

    def _begin(self, table: str, delivery: int) -> int:
        """First record of a delivery."""
        return self.deliveries.cut(self.sides[table])[delivery - 1] if delivery else 0


def _contained(ids: pl.Series, others: pl.Series) -> pl.Series:
    """Which are among the others; both ascending."""
    places = others.search_sorted(ids)
    return (places < len(others)) & (others.gather(places.clip(0, len(others) - 1)) == ids)
