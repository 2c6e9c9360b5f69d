"""The one hot loop: candidates of a record, their levels, and whether the pair can still reach the floor.

Each record of the streamed side looks its keys up in the index of the other side; every candidate is
met once, whatever the number of rules that name it. The exact atoms of a comparison make a word, and a
table says the level for each word. Where it cannot, because something that only DuckDB decides might be
true, the comparison is read as the model's CASE is: level by level, atom by atom, as a list of jumps.
It then ends at a level, or *open*, and the best weight that it can have counts. A pair that cannot
reach the floor any more ends here, before any text is touched.

Arrays are taken out of their tuples before the loops, because numba counts references at every access,
and words of the next steps are touched in loops of their own, so that their ways to memory overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.blocks import Index
from matching.link.conditions import Kind
from matching.link.hashing import GOLDEN

__all__ = [
    "ACCEPT", "BIT", "BY_JUMPS", "FORGET", "LOOK_UP", "UNKNOWN",
    "Code", "Found", "Met", "Records", "at_most", "meet", "weigh",
]  # fmt: skip

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Uint32s = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_EQUAL, _NULL_LEFT, _NULL_RIGHT = (int(k) for k in (Kind.EQUAL, Kind.NULL_LEFT, Kind.NULL_RIGHT))
_FLAG_LEFT, _FLAG_RIGHT, _ANY = (int(k) for k in (Kind.FLAG_LEFT, Kind.FLAG_RIGHT, Kind.ANY))
_JARO_WINKLER, _EDITS = int(Kind.JARO_WINKLER), int(Kind.EDITS)
UNKNOWN = 100
"""Instead of an atom's kind: a part of which nothing is known."""
ACCEPT = 101
"""Instead of an atom's kind: the condition of level `x` holds."""
LOOK_UP = 103
"""Instead of an atom's kind: the bits so far give a level in `Code.table`, unless it says BY_JUMPS."""
BIT = 104
"""Instead of an atom's kind: bit `x` of the exact atoms, which were all read before."""
BY_JUMPS = -128
"""Instead of a level in the tables: exact atoms alone do not tell."""
FORGET = 102
"""Instead of an atom's kind: a level begins, what the last one left unsure no longer counts."""
_LONG = 255
"""Length of values whose length is not known exactly."""
_HEAD = 16
"""Bytes of a value that its shape holds."""
_EPSILON = 1e-9
"""Similarities are sums of a few fractions: their rounding is far below this."""


class Records(NamedTuple):
    """Coded records of one side (see `coding`)."""

    lanes: Uint32s
    shares: Floats


class Code(NamedTuple):
    """The program as tables and jumps.

    `steps`, one row each: kind, left lane, right lane, two lanes wide, where to go if true, if false,
    then begin and stride of what is `known` about the left value and about the right one. The code of
    comparison c begins at `begin[c]` with its exact atoms; each sets the bit in place of where to go and
    goes on. LOOK_UP finds the level at `table[x + bits]`. Tables by comparison and level + 1: `weight`, `most` (the weight
    with the largest term-frequency adjustment) and `share` (number of its adjustment or -1). The
    comparisons are read in the order of `order`; `most_after[c]` is what those after c can add.
    """

    steps: Int64s
    limit: Floats
    begin: Int64s
    table: Int8s
    weight: Floats
    most: Floats
    share: Int64s
    known: Words
    order: Int64s
    most_after: Floats
    share_column: Int64s
    share_log2_u: Floats
    share_weight: Floats
    share_log2_minimum: Floats
    prior: float


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
    other: Records, code: Code, met: Met, found: Found,
    flipped: bool, after: int, own: npt.NDArray[np.bool_], own_bit: int, floor: float,
) -> tuple[int, int, int]:  # fmt: skip
    """Pairs of streamed records from `begin` to `stop`, until all are done or the room is used up.

    `turn`: larger than any stamp of `met`. `flipped`: the streamed side is the right one. `after`:
    number of the first streamed record in the indexed side (one table against itself, each pair once),
    or -1. `own`: records that are also compared with themselves, under rule `own_bit`. Gives the next
    record, the number of pairs found and the number of pairs compared.
    """
    entries, starts, first, bits = index.entries, index.starts, index.first, index.bits
    row_bits = np.uint64(index.row_bits)
    stamp, met_row, number, rules, rows = met.stamp, met.row, met.number, met.rules, met.rows
    met_at, met_end, met_wanted = met.at, met.end, met.wanted
    out_left, out_right, out_rules, out_levels = found.left, found.right, found.rules, found.levels
    out_best = found.best
    left, right = streamed, other
    if flipped:
        left, right = other, streamed
    left_lanes, left_shares = left.lanes, left.shares
    right_lanes, right_shares = right.lanes, right.shares
    other_lanes = other.lanes
    steps, limit, begins, known = code.steps, code.limit, code.begin, code.known
    table = code.table
    weight, most, share = code.weight, code.most, code.share
    order, most_after, prior = code.order, code.most_after, code.prior
    column, log2_u, share_weight, minimum = (
        code.share_column, code.share_log2_u, code.share_weight, code.share_log2_minimum,
    )  # fmt: skip
    last = other_lanes.shape[1] - 1
    n, compared, touched = 0, 0, np.uint32(0)
    for i in range(begin, stop):
        candidates = _gather(
            i, turn + i, keys, rule, entries, starts, first, bits, row_bits, after,
            stamp, met_row, number, rules, rows, met_at, met_end, met_wanted,
        )  # fmt: skip
        if after >= 0 and own[i]:
            rows[candidates], rules[candidates] = after + i, np.uint64(1) << np.uint64(own_bit)
            candidates += 1
        if n + candidates > len(out_left):
            return i, n, compared
        for k in range(candidates):
            touched ^= other_lanes[rows[k], 0] ^ other_lanes[rows[k], last]
        for k in range(candidates):
            p, q = i, np.int64(rows[k])
            if flipped:
                p, q = q, p  # type: ignore[assignment]  # both signed for numba
            best, reaches = prior, True
            for c in order:
                at = begins[c]
                unsure, likely, level = False, -2, -2
                word = np.int64(0)
                while level == -2:
                    kind, x, y = steps[at, 0], steps[at, 1], steps[at, 2]
                    if kind <= _FLAG_RIGHT:
                        if kind == _EQUAL:
                            one, two = left_lanes[p, x], np.uint32(0)
                            holds = one == right_lanes[q, y]
                            if steps[at, 3] != 0:
                                two = left_lanes[p, x + 1]
                                holds = holds and two == right_lanes[q, y + 1]
                            holds = holds and (one | two) != 0
                        elif kind == _NULL_LEFT:
                            holds = left_lanes[p, x] == 0 and (
                                steps[at, 3] == 0 or left_lanes[p, x + 1] == 0
                            )
                        elif kind == _NULL_RIGHT:
                            holds = right_lanes[q, y] == 0 and (
                                steps[at, 3] == 0 or right_lanes[q, y + 1] == 0
                            )
                        elif kind == _FLAG_LEFT:
                            holds = known[steps[at, 6] + steps[at, 7] * left_lanes[p, x]] != 0
                        elif kind == _FLAG_RIGHT:
                            holds = known[steps[at, 8] + steps[at, 9] * right_lanes[q, y]] != 0
                        else:
                            r = steps[at, 6] + steps[at, 7] * left_lanes[p, x]
                            s = steps[at, 8] + steps[at, 9] * right_lanes[q, y]
                            holds = known[r] != 0 and known[r] == known[s]
                        word |= np.int64(holds) << steps[at, 4]
                        at += 1
                        continue
                    if kind == LOOK_UP:
                        if table[x + word] != BY_JUMPS:
                            level = np.int64(table[x + word])  # type: ignore[assignment]  # as above
                        at += 1
                        continue
                    holds = False
                    if kind == BIT:
                        holds = (word >> x) & 1 != 0
                    elif kind == ACCEPT:
                        if not unsure and likely == -2:
                            level = x
                        else:
                            if likely == -2 or most[c, x + 1] > most[c, likely + 1]:
                                likely = x
                            if not unsure:
                                level = -4 - likely
                        unsure = False
                    elif kind == UNKNOWN:
                        holds, unsure = True, True
                    elif kind == FORGET:
                        unsure = False
                    else:
                        one, two = left_lanes[p, x], right_lanes[q, y]
                        if one != 0 and two != 0:
                            r, s = (
                                steps[at, 6] + steps[at, 7] * one,
                                steps[at, 8] + steps[at, 9] * two,
                            )
                            if kind == _ANY:
                                unsure = unsure or known[r] & known[s] != 0
                                holds = known[r] & known[s] != 0
                            else:
                                rest_r, rest_s = known[r + 2], known[s + 2]
                                if kind == _JARO_WINKLER:
                                    holds = (
                                        _most_similar(known[r], rest_r, known[s], rest_s)
                                        >= limit[at] - _EPSILON
                                    )
                                elif kind == _EDITS:
                                    holds = _fewest_edits(rest_r, rest_s) <= limit[at]
                                else:
                                    long = rest_r & np.uint64(255)
                                    holds = (
                                        long != rest_s & np.uint64(255)
                                        or long > _HEAD
                                        or _places(known[r] ^ known[s])
                                        + _places(known[r + 1] ^ known[s + 1])
                                        <= limit[at]
                                    )
                                unsure = unsure or holds
                    at = steps[at, 4] if holds else steps[at, 5]
                out_levels[n, c] = level
                if level >= -1:
                    best += weight[c, level + 1]
                    s = share[c, level + 1]
                    if s >= 0:
                        best += share_weight[s] * _rarity(
                            left_shares[p, column[s]],
                            right_shares[q, column[s]],
                            log2_u[s],
                            minimum[s],
                        )
                else:
                    best += most[c, -3 - level]
                if best + most_after[c] < floor:
                    reaches = False
                    break
            if reaches:
                out_left[n], out_right[n], out_rules[n], out_best[n] = p, q, rules[k], best
                n += 1
        compared += candidates
    met_at[0] = touched  # keeps the touching loop from being optimised away
    return stop, n, compared


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _gather(
    i: int, turn: int, keys: Words, rule: Int64s, entries: Words, starts: Uint32s, first: Int64s,
    bits: Int64s, row_bits: np.uint64, after: int,
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
            if after >= 0 and np.int64(j) <= after + i:
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


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _ones(x: np.uint64) -> int:
    """Number of bits that are set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]  # signed: numba's int() of an unsigned number stays unsigned


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _most_similar(
    head_a: np.uint64, rest_a: np.uint64, head_b: np.uint64, rest_b: np.uint64
) -> float:
    """An upper bound of Jaro-Winkler: no letter that the other lacks can match; no transpositions."""
    long_a, long_b = np.int64(rest_a & np.uint64(255)), np.int64(rest_b & np.uint64(255))
    if long_a == _LONG or long_b == _LONG or long_a == 0 or long_b == 0:
        return 1.0
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    matches = min(long_a - _ones(letters_a & ~letters_b), long_b - _ones(letters_b & ~letters_a))
    if matches <= 0:
        return 0.0
    jaro = (matches / long_a + matches / long_b + 1.0) / 3.0
    differing, prefix = head_a ^ head_b, 0
    while prefix < 4 and prefix < min(long_a, long_b):
        if (differing >> np.uint64(8 * prefix)) & np.uint64(255) != 0:
            break
        prefix += 1
    return jaro + prefix * 0.1 * (1.0 - jaro)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _fewest_edits(rest_a: np.uint64, rest_b: np.uint64) -> int:
    """A lower bound of Levenshtein's and Damerau's distances: one edit removes one missing letter."""
    long_a, long_b = np.int64(rest_a & np.uint64(255)), np.int64(rest_b & np.uint64(255))
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    apart = 0 if long_a == _LONG or long_b == _LONG else abs(long_a - long_b)
    return max(apart, _ones(letters_a & ~letters_b), _ones(letters_b & ~letters_a))  # type: ignore[return-value]  # numba's integers


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _places(differing: np.uint64) -> int:
    """Bytes that are not 0."""
    places = 0
    while differing != 0:
        if differing & np.uint64(255) != 0:
            places += 1
        differing >>= np.uint64(8)
    return places


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _rarity(a: float, b: float, log2_u: float, minimum: float) -> float:
    """log2 of u over the larger of both shares, as Splink's; 0 where no share is known."""
    if np.isnan(a):
        a = b
    if np.isnan(b):
        b = a
    if np.isnan(a):
        return 0.0
    return log2_u - max(a, b, minimum)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def at_most(
    c: int, pairs: Int64s, levels: Int8s, left: Uint32s, right: Uint32s, left_shares: Floats,
    right_shares: Floats, code: Code,
) -> Floats:  # fmt: skip
    """What one comparison weighs in these pairs: adjusted where it is decided, its most where it is open."""
    weights = np.empty(len(pairs))
    for n in range(len(pairs)):
        k = pairs[n]
        level = np.int64(levels[k, c])
        if level < -1:
            weights[n] = code.most[c, -3 - level]
            continue
        weights[n] = code.weight[c, level + 1]
        s = code.share[c, level + 1]
        if s >= 0:
            column = code.share_column[s]
            weights[n] += code.share_weight[s] * _rarity(
                left_shares[left[k], column], right_shares[right[k], column],
                code.share_log2_u[s], code.share_log2_minimum[s],
            )  # fmt: skip
    return weights


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def weigh(
    pairs: Int64s, levels: Int8s, left: Uint32s, right: Uint32s, left_shares: Floats,
    right_shares: Floats, code: Code, bits: int,
) -> tuple[Floats, Floats, Int64s]:  # fmt: skip
    """Match weight, term-frequency adjustment and comparison vector of decided pairs."""
    weights, adjustments = np.empty(len(pairs)), np.zeros(len(pairs))
    vectors = np.zeros(len(pairs), dtype=np.int64)
    weight, share, prior = code.weight, code.share, code.prior
    column, log2_u, share_weight, minimum = (
        code.share_column, code.share_log2_u, code.share_weight, code.share_log2_minimum,
    )  # fmt: skip
    for n in range(len(pairs)):
        k = pairs[n]
        total = prior
        for c in range(levels.shape[1]):
            level = np.int64(levels[k, c]) + 1
            total += weight[c, level]
            vectors[n] |= level << (bits * c)
            s = share[c, level]
            if s >= 0:
                adjustment = share_weight[s] * _rarity(
                    left_shares[left[k], column[s]], right_shares[right[k], column[s]],
                    log2_u[s], minimum[s],
                )  # fmt: skip
                total += adjustment
                adjustments[n] += adjustment
        weights[n] = total
    return weights, adjustments, vectors
