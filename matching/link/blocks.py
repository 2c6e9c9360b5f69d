"""The records of one side by key: an index per rule, and how many pairs each key would make.

Entries of a rule lie by the upper bits of the key (a bucket), then by the rest of the key and the row
number, packed into one 64-bit word: a look-up touches one place in memory, and equal keys are
neighbours. Bucket and word together hold about 62 bits of the key: once in a thousand runs of 15
million rows a record is found under a key that it does not have, and is then weighed like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.hashing import Hashes

__all__ = ["Index", "Shared", "build_index", "find_keys", "left_counts", "shared_keys", "without"]

Words = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Counts = npt.NDArray[np.uint32]
_ENTRIES_PER_BUCKET = 8
"""64 bytes: a bucket is a cache line."""
_AHEAD = 64
"""Keys whose buckets are touched before any is searched, so that their ways to memory overlap."""
_SMALL = np.int64(24)
"""Up to this length insertion sort beats quicksort."""


class Index(NamedTuple):
    """All rules' entries in one array.

    Bucket b of rule r is `entries[starts[first[r] + b] : starts[first[r] + b + 1]]`, one of
    2 ** `bits[r]`.
    """

    entries: Words
    starts: Counts
    first: Positions
    bits: Positions
    row_bits: int


def build_index(
    keys: list[Hashes | None], rule: npt.NDArray[np.int64], *, rows: int, threads: int
) -> Index:
    """Index one side by its keys, one array of `rows` hashes each; they are dropped as they are used."""
    rules = int(rule.max()) + 1
    sizes = np.zeros(rules, dtype=np.int64)
    for number, hashes in enumerate(keys):
        sizes[rule[number]] += np.count_nonzero(hashes)  # type: ignore[arg-type]  # still there
    bits = np.array([max(int(size) // _ENTRIES_PER_BUCKET, 2).bit_length() for size in sizes])
    row_bits = max(int(rows).bit_length(), 1)
    entries = np.empty(int(sizes.sum()), dtype=np.uint64)
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
        _sort_buckets(entries, mine)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one_rule, range(rules)))
    return Index(entries, starts, first, bits.astype(np.int64), row_bits)


def _there(keys: Hashes | None) -> Hashes:
    assert keys is not None
    return keys


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _count(keys: Hashes, bits: int, starts: Counts) -> None:
    """Number of entries of bucket b at `starts[b + 1]`."""
    shift = np.uint64(64 - bits)
    for i in range(len(keys)):
        if keys[i] != 0:
            starts[np.int64(keys[i] >> shift) + 1] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _scatter(keys: Hashes, bits: int, row_bits: int, starts: Counts, entries: Words) -> None:
    """Put each row behind its bucket's start and move the start on."""
    shift = np.uint64(64 - bits)
    rows = np.uint64((1 << row_bits) - 1)
    for i in range(len(keys)):
        if keys[i] != 0:
            bucket = np.int64(keys[i] >> shift)
            entries[starts[bucket]] = ((keys[i] << np.uint64(bits)) & ~rows) | np.uint64(i)
            starts[bucket] += 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _sort_buckets(entries: Words, starts: Counts) -> None:
    for b in range(len(starts) - 1):
        low, high = np.int64(starts[b]), np.int64(starts[b + 1])
        if high - low > _SMALL:
            entries[low:high].sort()
            continue
        for i in range(low + 1, high):
            word, j = entries[i], i
            while j > low and entries[j - 1] > word:
                entries[j] = entries[j - 1]
                j -= 1
            entries[j] = word


def left_counts(index: Index, rule: int, keys: Hashes, counts: Counts) -> None:
    """Add to `counts` (one per entry) how many of these keys begin at each entry."""
    _left_counts(
        index.entries, index.starts, int(index.first[rule]), int(index.bits[rule]), index.row_bits,
        keys, counts,
    )  # fmt: skip


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _left_counts(
    entries: Words,
    starts: Counts,
    first: int,
    bits: int,
    row_bits: int,
    keys: Hashes,
    counts: Counts,
) -> None:
    rows = (np.uint64(1) << np.uint64(row_bits)) - np.uint64(1)
    shift, touched = np.uint64(bits), np.uint64(0)
    begins, ends = np.empty(_AHEAD, dtype=np.int64), np.empty(_AHEAD, dtype=np.int64)
    for begin in range(0, len(keys), _AHEAD):
        mine = keys[begin : begin + _AHEAD]
        for i in range(len(mine)):
            bucket = first + np.int64(mine[i] >> (np.uint64(64) - shift))
            begins[i], ends[i] = starts[bucket], starts[bucket + 1]
        for i in range(len(mine)):
            if begins[i] < ends[i]:
                touched ^= entries[begins[i]]
        for i in range(len(mine)):
            wanted = (mine[i] << shift) & ~rows
            at, high = begins[i], ends[i]
            while at < high:
                middle = (at + high) // 2
                if entries[middle] < wanted:
                    at = middle + 1
                else:
                    high = middle
            if mine[i] != 0 and at < ends[i] and entries[at] & ~rows == wanted:
                counts[at] += 1
    begins[0] = np.int64(touched)  # keeps the touching loop from being optimised away


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
    """The rule's keys that `left_counts` found."""
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _shared(
    entries: Words, starts: Counts, first: int, bits: int, row_bits: int, counts: Counts,
    found_at: Positions, left: Counts, right: Counts,
) -> int:  # fmt: skip
    rows, n = (np.uint64(1) << np.uint64(row_bits)) - np.uint64(1), 0
    for b in range(first, first + (1 << bits)):
        at, high = np.int64(starts[b]), np.int64(starts[b + 1])
        while at < high:
            stop = at + 1
            while stop < high and entries[stop] & ~rows == entries[at] & ~rows:
                stop += 1
            if counts[at] != 0:
                found_at[n], left[n], right[n] = at, counts[at], stop - at
                n += 1
            at = stop
    return n


def find_keys(index: Index, rule: int, keys: Hashes) -> Shared:
    """Where these keys of a rule begin (-1: nowhere), and how many entries each has; `left` is 0."""
    found = Shared(
        np.empty(len(keys), dtype=np.int64),
        np.zeros(len(keys), dtype=np.uint32),
        np.zeros(len(keys), dtype=np.uint32),
    )
    _find_keys(
        index.entries, index.starts, int(index.first[rule]), int(index.bits[rule]), index.row_bits,
        keys, found.at, found.right,
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _find_keys(
    entries: Words, starts: Counts, first: int, bits: int, row_bits: int, keys: Hashes,
    found_at: Positions, sizes: Counts,
) -> None:  # fmt: skip
    rows, shift = (np.uint64(1) << np.uint64(row_bits)) - np.uint64(1), np.uint64(bits)
    for i in range(len(keys)):
        bucket = first + np.int64(keys[i] >> (np.uint64(64) - shift))
        wanted, found_at[i] = (keys[i] << shift) & ~rows, -1
        for at in range(starts[bucket], starts[bucket + 1]):
            if keys[i] != 0 and entries[at] & ~rows == wanted:
                sizes[i] += 1
                if found_at[i] < 0:
                    found_at[i] = at


def without(index: Index, dropped: Sequence[Shared]) -> Index:
    """The index without these keys' entries."""
    keep = np.ones(len(index.entries), dtype=np.bool_)
    for shared in dropped:
        _drop(shared.at, shared.right, keep)
    before = np.zeros(len(keep) + 1, dtype=np.uint32)
    np.cumsum(keep, out=before[1:])
    return index._replace(entries=index.entries[keep], starts=before[index.starts])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _drop(at: Positions, sizes: Counts, keep: npt.NDArray[np.bool_]) -> None:
    for i in range(len(at)):
        keep[at[i] : at[i] + sizes[i]] = False
