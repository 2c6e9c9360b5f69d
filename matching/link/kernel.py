"""The one hot loop: the candidates of each record, batch by batch, and which of them go on.

Each record of the streamed side looks its keys up in the index of the other side; every candidate is
met once, whatever the number of rules that name it. Words of the next steps are touched in loops of
their own, so that their ways to memory overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.blocks import Index
from matching.link.decide import Batch, Code, Records, decided
from matching.link.hashing import GOLDEN

__all__ = ["Found", "Met", "Window", "meet"]

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Uint32s = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]


class Window(NamedTuple):
    """For each streamed record, the rows low..high - 1 of the indexed side that it may meet."""

    low: Int64s
    high: Int64s


class Met(NamedTuple):
    """A small set of the rows that one record has met.

    `stamp` says for which record a slot counts. `at`, `end`, `wanted`: the record's place in each key's bucket.
    """

    stamp: Int64s
    row: Uint32s
    number: Uint32s
    rules: Words
    rows: Uint32s
    at: Int64s
    end: Int64s
    wanted: Words


class Found(NamedTuple):
    """Room for the pairs that go on.

    Row numbers, rules, one level a comparison (an open one as -4 - the level that could weigh most), and
    the best weight that they can have.
    """

    left: Uint32s
    right: Uint32s
    rules: Words
    levels: Int8s
    best: Floats


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def meet(
    begin: int, stop: int, turn: int, streamed: Records, keys: Words, rule: Int64s, index: Index,
    other: Records, code: Code, met: Met, batch: Batch, found: Found,
    flipped: bool, window: Window, own: Int64s, own_bit: int, floor: float,
) -> tuple[int, int, int]:  # fmt: skip
    """Pairs of streamed records from `begin` to `stop`, until all are done or the room is used up.

    `turn`: larger than any stamp of `met`. `flipped`: the streamed side is the right one. `own`: for
    records that are also compared with themselves, under rule `own_bit`, their row of the indexed side,
    else -1. Gives the next record, the number of pairs found and the number of pairs compared.
    """
    lowest, highest = window.low, window.high
    entries, starts, first, bits = index.entries, index.starts, index.first, index.bits
    row_bits = np.uint64(index.row_bits)
    stamp, met_row, number, rules, rows = met.stamp, met.row, met.number, met.rules, met.rows
    met_at, met_end, met_wanted = met.at, met.end, met.wanted
    mine, others, batch_rules = batch.left, batch.right, batch.rules
    left, right = streamed, other
    if flipped:
        mine, others, left, right = batch.right, batch.left, other, streamed
    lanes, shares, last = other.lanes, other.shares, other.lanes.shape[1] - 1
    has_shares = shares.shape[1] > 0
    n, compared, waiting, touched, touched_share = 0, 0, 0, np.uint32(0), 0.0
    for i in range(begin, stop):
        candidates = _gather(
            i, turn + i, keys, rule, entries, starts, first, bits, row_bits, lowest[i], highest[i],
            stamp, met_row, number, rules, rows, met_at, met_end, met_wanted,
        )  # fmt: skip
        if own[i] >= 0:
            rows[candidates], rules[candidates] = own[i], np.uint64(1) << np.uint64(own_bit)
            candidates += 1
        if n + waiting + candidates > len(found.left):
            n = _kept(waiting, batch, left, right, code, floor, found, n)
            return i, n, compared
        for k in range(candidates):
            touched ^= lanes[rows[k], 0] ^ lanes[rows[k], last]
            if has_shares:
                touched_share = max(touched_share, shares[rows[k], 0])
        for k in range(candidates):
            mine[waiting], others[waiting], batch_rules[waiting] = i, rows[k], rules[k]
            waiting += 1
            if waiting == len(mine):
                n = _kept(waiting, batch, left, right, code, floor, found, n)
                waiting = 0
        compared += candidates
    n = _kept(waiting, batch, left, right, code, floor, found, n)
    met_at[0] = touched + np.int64(touched_share)  # keeps the touching from being optimised away
    return stop, n, compared


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _kept(
    pairs: int, batch: Batch, left: Records, right: Records, code: Code, floor: float,
    found: Found, n: int,
) -> int:  # fmt: skip
    """Put the pairs of a batch that can reach the floor behind the first `n` found ones."""
    alive, levels, out_levels = batch.alive, batch.levels, found.levels
    lefts, rights, rules, best = batch.left, batch.right, batch.rules, batch.best
    out_left, out_right, out_rules, out_best = found.left, found.right, found.rules, found.best
    for a in range(decided(pairs, batch, left, right, code, floor)):
        k = alive[a]
        out_left[n], out_right[n] = lefts[k], rights[k]
        out_rules[n], out_best[n] = rules[k], best[k]
        for c in range(levels.shape[0]):
            out_levels[n, c] = levels[c, k]
        n += 1
    return n


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _gather(
    i: int, turn: int, keys: Words, rule: Int64s, entries: Words, starts: Uint32s, first: Int64s,
    bits: Int64s, row_bits: np.uint64, lowest: int, highest: int,
    stamp: Int64s, met_row: Uint32s, number: Uint32s, rules: Words, rows: Uint32s,
    met_at: Int64s, met_end: Int64s, met_wanted: Words,
) -> int:  # fmt: skip
    """All rows that share a key with record i, each once with its rules; gives their number."""
    low_bits = (np.uint64(1) << row_bits) - np.uint64(1)
    mask, candidates, touched = np.uint64(len(stamp) - 1), 0, np.uint64(0)
    for slot in range(keys.shape[0]):
        key, shift = keys[slot, i], np.uint64(bits[rule[slot]])
        bucket = first[rule[slot]] + np.int64(key >> (np.uint64(64) - shift))
        met_at[slot] = np.int64(starts[bucket])
        met_end[slot] = np.int64(starts[bucket + 1]) if key != 0 else met_at[slot]
        met_wanted[slot] = (key << shift) & ~low_bits
    for slot in range(keys.shape[0]):
        if met_at[slot] < met_end[slot]:
            touched ^= entries[met_at[slot]]
    for slot in range(keys.shape[0]):
        at, end, wanted = met_at[slot], met_end[slot], met_wanted[slot]
        high = end
        while at < high:
            middle = (at + high) // 2
            if entries[middle] < wanted:
                at = middle + 1
            else:
                high = middle
        bit = np.uint64(1) << np.uint64(rule[slot])
        while at < end and entries[at] & ~low_bits == wanted:
            j = np.uint32(entries[at] & low_bits)
            at += 1
            if np.int64(j) < lowest or np.int64(j) >= highest:
                continue
            place = ((np.uint64(j) * GOLDEN) >> np.uint64(32)) & mask
            while stamp[place] == turn and met_row[place] != j:
                place = (place + np.uint64(1)) & mask
            if stamp[place] == turn:
                rules[number[place]] |= bit
            else:
                stamp[place], met_row[place], number[place] = turn, j, candidates
                rows[candidates], rules[candidates] = j, bit
                candidates += 1
    met_wanted[0] = touched
    return candidates
