"""The records of one side by key: an index per rule, and how many pairs each key would make.

Entries of a rule lie by the upper bits of the key (a bucket), then by the rest of the key and the row
number, packed into one 64-bit word: a look-up touches one place in memory, and equal keys are
neighbours. Bucket and word together hold about 60 bits of the key: once in 250 runs of 15 million
rows a record is found under a key that it does not have, and is then weighed like any other. Two bits
of a word are flags: the first entry of a key, and a key that is too common to be looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.compiling import compiled
from matching.errors import OperatorError
from matching.link.hashing import Hashes
from matching.link.keys import KeyTable
from matching.link.prefetch import prefetch

__all__ = [
    "NOWHERE", "Index", "PlaceTable", "Places", "Shared",
    "build_index", "count_places", "found_keys", "leave_out", "places", "shared_keys",
]  # fmt: skip

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]
Places = npt.NDArray[np.uint32]
"""Where the entries of keys begin in an index; NOWHERE for those that it does not have."""
PlaceTable = Places
"""keys x rows, as KeyTable."""
NOWHERE = 2**32 - 1
_FLAGS = 2
"""Bits of an entry above the row number: the first entry of its key, then a key that is left out."""
_ENTRIES_PER_BUCKET = 8
"""64 bytes: a bucket is a cache line."""
_AHEAD = 64
"""Keys whose buckets are touched before any is searched, so that their ways to memory overlap."""
_SMALL = np.int64(24)
"""Up to this length insertion sort beats quicksort."""


class Index(NamedTuple):
    """All rules' entries in one array.

    Bucket b of rule r is `entries[starts[first[r] + b] : starts[first[r] + b + 1]]`, one of
    2 ** `bits[r]`. Behind the last entry stands a mark, so that its key ends.
    """

    entries: Words
    starts: Counts
    first: Positions
    bits: Positions
    row_bits: int

    def rows(self, at: Positions) -> Positions:
        """Row numbers of these entries."""
        return (self.entries[at] & np.uint64((1 << self.row_bits) - 1)).astype(np.int64)


def build_index(
    keys: list[Hashes | None], rule: npt.NDArray[np.int64], *, rows: int, threads: int
) -> Index:
    """Index one side by its keys, one array of `rows` hashes each; they are dropped as they are used.

    Raises OperatorError where the keys are more than places can name (four billion).
    """
    rules = int(rule.max()) + 1
    sizes = np.zeros(rules, dtype=np.int64)
    for number, hashes in enumerate(keys):
        sizes[rule[number]] += np.count_nonzero(hashes)  # type: ignore[arg-type]  # still there
    if int(sizes.sum()) >= NOWHERE:
        raise OperatorError(
            f"{sizes.sum():.1e} blocking keys: one index takes {NOWHERE:.1e}; use fewer rules, or deliver"
            " the files in several rounds"
        )
    bits = np.array([max(int(size) // _ENTRIES_PER_BUCKET, 2).bit_length() for size in sizes])
    row_bits = max(int(rows).bit_length(), 1)
    entries = np.empty(int(sizes.sum()) + 1, dtype=np.uint64)
    entries[-1] = 1 << row_bits
    starts = np.zeros(int((2**bits + 1).sum()), dtype=np.uint32)
    first = np.concatenate([[0], np.cumsum(2**bits + 1)[:-1]]).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def one_rule(number: int) -> None:
        mine = starts[first[number] : first[number] + 2 ** bits[number] + 1]
        slots = [slot for slot in range(len(keys)) if rule[slot] == number]
        for slot in slots:
            _count(_there(keys[slot]), bits[number], mine)
        np.cumsum(mine, out=mine)
        mine += np.uint32(offsets[number])
        for slot in slots:
            _scatter(_there(keys[slot]), bits[number], row_bits, mine, entries)
            keys[slot] = None
        # scattering moved every start to the next one
        mine[1:] = mine[:-1]
        mine[0] = offsets[number]
        _sort_buckets(entries, mine, row_bits)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one_rule, range(rules)))
    return Index(entries, starts, first, bits.astype(np.int64), row_bits)


def _there(keys: Hashes | None) -> Hashes:
    assert keys is not None
    return keys


@compiled
def _count(keys: Hashes, bits: int, starts: Counts) -> None:
    """Number of entries of bucket b at `starts[b + 1]`."""
    shift = np.uint64(64 - bits)
    for i in range(len(keys)):
        if keys[i] != 0:
            starts[np.int64(keys[i] >> shift) + 1] += 1


@compiled
def _scatter(keys: Hashes, bits: int, row_bits: int, starts: Counts, entries: Words) -> None:
    """Put each row behind its bucket's start and move the start on."""
    shift = np.uint64(64 - bits)
    low = np.uint64((1 << (row_bits + _FLAGS)) - 1)
    for i in range(len(keys)):
        if keys[i] != 0:
            bucket = np.int64(keys[i] >> shift)
            entries[starts[bucket]] = ((keys[i] << np.uint64(bits)) & ~low) | np.uint64(i)
            starts[bucket] += 1


@compiled
def _sort_buckets(entries: Words, starts: Counts, row_bits: int) -> None:
    """Sort each bucket and mark the first entry of each key."""
    first, key = np.uint64(1 << row_bits), ~np.uint64((1 << (row_bits + _FLAGS)) - 1)
    for b in range(len(starts) - 1):
        low, high = np.int64(starts[b]), np.int64(starts[b + 1])
        if high - low > _SMALL:
            entries[low:high].sort()
        else:
            for i in range(low + 1, high):
                word, j = entries[i], i
                while j > low and entries[j - 1] > word:
                    entries[j] = entries[j - 1]
                    j -= 1
                entries[j] = word
        for i in range(high - 1, low, -1):
            if entries[i] & key != entries[i - 1] & key:
                entries[i] |= first
        if low < high:
            entries[low] |= first


def places(index: Index, rule: npt.NDArray[np.int64], keys: KeyTable) -> PlaceTable:
    """Where each key of a table begins; `rule`: the rule of each of its rows."""
    found = np.empty(keys.shape, dtype=np.uint32)
    for slot, number in enumerate(rule):
        _look_up(index, int(number), keys[slot], found[slot])
    return found


def _look_up(index: Index, rule: int, keys: Hashes, found: Places) -> None:
    """Where these keys of one rule begin."""
    _find(
        index.entries, index.starts, int(index.first[rule]), int(index.bits[rule]), index.row_bits,
        keys, found,
    )  # fmt: skip


@compiled
def _find(
    entries: Words, starts: Counts, first: int, bits: int, row_bits: int, keys: Hashes, found: Places
) -> None:  # fmt: skip
    key_bits = ~np.uint64((1 << (row_bits + _FLAGS)) - 1)
    shift = np.uint64(bits)
    begins, ends = np.empty(_AHEAD, dtype=np.int64), np.empty(_AHEAD, dtype=np.int64)
    for begin in range(0, len(keys), _AHEAD):
        mine = keys[begin : begin + _AHEAD]
        for i in range(len(mine)):
            bucket = first + np.int64(mine[i] >> (np.uint64(64) - shift))
            begins[i], ends[i] = starts[bucket], starts[bucket + 1]
            prefetch(entries, (begins[i] + ends[i]) // 2)
        for i in range(len(mine)):
            wanted, at, high = (mine[i] << shift) & key_bits, begins[i], ends[i]
            while high - at > _ENTRIES_PER_BUCKET:
                middle = (at + high) // 2
                if entries[middle] & key_bits < wanted:
                    at = middle + 1
                else:
                    high = middle
            lower = 0  # counting a few is faster than jumping among them
            for place in range(at, high):
                lower += entries[place] & key_bits < wanted
            at += lower
            there = mine[i] != 0 and at < ends[i] and entries[at] & key_bits == wanted
            found[begin + i] = at if there else NOWHERE


@compiled
def count_places(found: Places, counts: Counts) -> None:
    """Add to `counts` (one per entry) how many keys begin at each entry."""
    for i in range(len(found)):
        if found[i] != NOWHERE:
            counts[found[i]] += 1


class Shared(NamedTuple):
    """Keys of one rule that both sides have: where their entries begin, and rows on either side.

    16 bytes a key: kept for one rule at a time.
    """

    at: Positions
    left: Counts
    right: Counts

    @property
    def pairs(self) -> npt.NDArray[np.float64]:
        """Pairs by key; one table against itself makes about half of them."""
        return self.left.astype(np.float64) * self.right

    def where(self, chosen: npt.NDArray[np.bool_]) -> Shared:
        """Some of the keys."""
        return Shared(self.at[chosen], self.left[chosen], self.right[chosen])


def shared_keys(index: Index, rule: int, counts: Counts) -> Shared:
    """The rule's keys that `count_places` counted."""
    low = int(index.starts[index.first[rule]])
    high = int(index.starts[index.first[rule] + 2 ** index.bits[rule]])
    found = int(np.count_nonzero(counts[low:high]))
    shared = Shared(
        np.empty(found, dtype=np.int64),
        np.empty(found, dtype=np.uint32),
        np.empty(found, dtype=np.uint32),
    )
    keys = _shared(
        index.entries, index.starts, int(index.first[rule]), int(index.bits[rule]), index.row_bits,
        counts, shared.at, shared.left, shared.right,
    )  # fmt: skip
    return Shared(shared.at[:keys], shared.left[:keys], shared.right[:keys])


@compiled
def _shared(
    entries: Words, starts: Counts, first: int, bits: int, row_bits: int, counts: Counts,
    found_at: Positions, left: Counts, right: Counts,
) -> int:  # fmt: skip
    begins, n = np.uint64(1 << row_bits), 0
    for b in range(first, first + (1 << bits)):
        at, high = np.int64(starts[b]), np.int64(starts[b + 1])
        while at < high:
            stop = at + 1
            while entries[stop] & begins == 0:
                stop += 1
            if counts[at] != 0:
                found_at[n], left[n], right[n] = at, counts[at], stop - at
                n += 1
            at = stop
    return n


def found_keys(index: Index, rule: int, keys: Hashes) -> Shared:
    """Where these keys of a rule begin (-1: nowhere), and how many entries each has; `left` is 0."""
    found = np.empty(len(keys), dtype=np.uint32)
    _look_up(index, rule, keys, found)
    at = np.where(found == NOWHERE, -1, found.astype(np.int64))
    sizes = np.zeros(len(keys), dtype=np.uint32)
    _sizes(index.entries, index.row_bits, at, sizes)
    return Shared(at, np.zeros(len(keys), dtype=np.uint32), sizes)


@compiled
def _sizes(entries: Words, row_bits: int, found_at: Positions, sizes: Counts) -> None:
    begins = np.uint64(1 << row_bits)
    for i in range(len(found_at)):
        if found_at[i] >= 0:
            stop = found_at[i] + 1
            while entries[stop] & begins == 0:
                stop += 1
            sizes[i] = stop - found_at[i]


def leave_out(index: Index, left_out: Sequence[Shared]) -> None:
    """Mark these keys, so that nobody looks them up."""
    for shared in left_out:
        index.entries[shared.at] |= np.uint64(1 << (index.row_bits + 1))
