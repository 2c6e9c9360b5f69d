"""The one hot loop: the candidates of each record, their levels, and whether they can reach the floor.

Each record of the streamed side looks its keys up in the index of the other side; every candidate is
met once, whatever the number of rules that name it. Candidates are collected into batches, and a batch
is worked on column by column: first the lanes of both records are laid side by side, then every exact
atom of a comparison gives one bit of a word for all pairs, and a table says the level for each word.
Where it cannot, because something that only DuckDB decides might be true, the comparison is read as the
model's CASE is, level by level, as a list of jumps. It then ends at a level, or *open*, and the best
weight that it can have counts. A pair that cannot reach the floor ends here, before any text is touched.

Of values of up to 16 bytes a shape (see `hashing.shapes`) holds everything: Jaro-Winkler and Levenshtein
are then exact, up to rounding. Of longer ones it holds the length and the set of letters, which give
bounds. DuckDB has the last word all the same, on the pairs that these let through.

Arrays are taken out of their tuples before the loops, because numba counts references at every access,
and words of the next steps are touched in loops of their own, so that their ways to memory overlap.
Longer than most modules: numba's cache of compiled code notices changes of this file only, so that
compiled functions may not call those of another.
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
    "ACCEPT", "BATCH", "BIT", "BY_JUMPS", "FORGET", "UNKNOWN",
    "Batch", "Code", "Found", "Met", "Records", "Window", "at_most", "meet", "weigh",
]  # fmt: skip

Int64s = npt.NDArray[np.int64]
Int8s = npt.NDArray[np.int8]
Uint32s = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

_EQUAL, _NULL_LEFT, _NULL_RIGHT = (int(k) for k in (Kind.EQUAL, Kind.NULL_LEFT, Kind.NULL_RIGHT))
_FLAG_LEFT, _FLAG_RIGHT, _ANY = (int(k) for k in (Kind.FLAG_LEFT, Kind.FLAG_RIGHT, Kind.ANY))
_JARO_WINKLER, _EDITS, _SWAPS = int(Kind.JARO_WINKLER), int(Kind.EDITS), int(Kind.SWAPS)
UNKNOWN = 100
"""Instead of an atom's kind: a part of which nothing is known."""
ACCEPT = 101
"""Instead of an atom's kind: the condition of level `x` holds."""
FORGET = 102
"""Instead of an atom's kind: a level begins, what the last one left unsure no longer counts."""
BIT = 103
"""Instead of an atom's kind: bit `x` of the word of exact atoms."""
BY_JUMPS = -128
"""Instead of a level in the table: exact atoms alone do not tell."""
BATCH = 1024
"""Pairs at a time: their lanes and words stay in the processor's second cache, about 200 kB."""
_EPSILON = 1e-9
"""Similarities are sums of a few fractions: their rounding is far below this."""
_LONG = 255
"""Length of values whose length is not known exactly."""
_HEAD = 16
"""Bytes of a value that its shape holds."""
_BYTE = np.uint64(255)
_EACH = np.uint64(0x0101010101010101)
"""Times a byte: that byte eight times."""


class Records(NamedTuple):
    """Coded records of one side (see `coding`)."""

    lanes: Uint32s
    shares: Floats


class Code(NamedTuple):
    """The program as tables and jumps.

    Rows of `exact` and `steps` are alike: kind, left lane, right lane, two lanes wide, where to go if
    true, if false, then begin and stride of what is `known` about the left value and about the right
    one. The exact atoms of comparison c are `exact[first[c] : first[c + 1]]`, in the order of their bits;
    `table[table_begin[c] + word]` is the level, `table_most` the most that it can weigh. Without a table
    (`table_begin[c]` < 0) and where it says BY_JUMPS, the code of c begins at `steps[begin[c]]`.
    Tables by comparison and level + 1: `weight`, `most` (the weight with the largest term-frequency
    adjustment) and `share` (number of its adjustment or -1).
    """

    exact: Int64s
    first: Int64s
    table: Int8s
    table_most: Floats
    table_begin: Int64s
    steps: Int64s
    limit: Floats
    begin: Int64s
    known: Words
    weight: Floats
    most: Floats
    share: Int64s
    share_column: Int64s
    share_log2_u: Floats
    share_weight: Floats
    share_log2_minimum: Floats
    prior: float


class Batch(NamedTuple):
    """Room for the pairs of a batch.

    Row numbers and rules of pair k at k; `left_lanes` and `right_lanes` lanes x pairs; `words` and
    `levels` comparisons x pairs; `best` the most that a pair can weigh; `alive` the pairs that are left.
    """

    left: Uint32s
    right: Uint32s
    rules: Words
    left_lanes: Uint32s
    right_lanes: Uint32s
    words: Int64s
    levels: Int8s
    best: Floats
    alive: Int64s


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
    for a in range(_decided(pairs, batch, left, right, code, floor)):
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


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _decided(
    pairs: int, batch: Batch, left: Records, right: Records, code: Code, floor: float
) -> int:
    """Levels and `best` of the first pairs of a batch; gives the number of those that are `alive`."""
    best = batch.best
    best[:pairs] = code.prior
    _side_by_side(pairs, batch.left, left.lanes, batch.left_lanes)
    _side_by_side(pairs, batch.right, right.lanes, batch.right_lanes)
    for c in range(len(code.begin)):
        _words(pairs, c, batch, code)
        _looked_up(pairs, c, batch, code)
        _adjusted(pairs, c, batch, left.shares, right.shares, code)
    alive, left_over = batch.alive, 0
    for k in range(pairs):
        alive[left_over] = k
        left_over += best[k] >= floor
    for c in range(len(code.begin)):
        left_over = _by_jumps(left_over, c, batch, code, floor)
    return left_over


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _side_by_side(pairs: int, rows: Uint32s, lanes: Uint32s, out: Uint32s) -> None:
    """Lane x of pair k's record at `out[x, k]`."""
    width = lanes.shape[1]
    for k in range(pairs):
        row = np.int64(rows[k])
        for x in range(width):
            out[x, k] = lanes[row, x]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _words(pairs: int, c: int, batch: Batch, code: Code) -> None:
    """One bit for each exact atom of a comparison."""
    exact, known, word = code.exact, code.known, batch.words[c]
    lefts, rights = batch.left_lanes, batch.right_lanes
    word[:pairs] = 0
    for at in range(code.first[c], code.first[c + 1]):
        kind, bit = exact[at, 0], at - code.first[c]
        wide = np.int64(exact[at, 3] != 0)
        one, one_more = lefts[exact[at, 1]], lefts[exact[at, 1] + wide]
        two, two_more = rights[exact[at, 2]], rights[exact[at, 2] + wide]
        if kind == _EQUAL:
            for k in range(pairs):
                same = (one[k] ^ two[k]) | (one_more[k] ^ two_more[k])
                word[k] |= np.int64((same == 0) & ((one[k] | one_more[k]) != 0)) << bit
        elif kind == _NULL_LEFT:
            for k in range(pairs):
                word[k] |= np.int64((one[k] | one_more[k]) == 0) << bit
        elif kind == _NULL_RIGHT:
            for k in range(pairs):
                word[k] |= np.int64((two[k] | two_more[k]) == 0) << bit
        elif kind == _FLAG_LEFT:
            begin, stride = exact[at, 6], exact[at, 7]
            for k in range(pairs):
                word[k] |= np.int64(known[begin + stride * np.int64(one[k])] != 0) << bit
        elif kind == _FLAG_RIGHT:
            begin, stride = exact[at, 8], exact[at, 9]
            for k in range(pairs):
                word[k] |= np.int64(known[begin + stride * np.int64(two[k])] != 0) << bit
        else:
            begin, stride, begin_two, stride_two = (
                exact[at, 6], exact[at, 7], exact[at, 8], exact[at, 9],
            )  # fmt: skip
            for k in range(pairs):
                r = known[begin + stride * np.int64(one[k])]
                s = known[begin_two + stride_two * np.int64(two[k])]
                word[k] |= np.int64((r != 0) & (r == s)) << bit


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _looked_up(pairs: int, c: int, batch: Batch, code: Code) -> None:
    """The level that each word gives, and what it can weigh at most."""
    table, table_most, begin = code.table, code.table_most, code.table_begin[c]
    word, level, best = batch.words[c], batch.levels[c], batch.best
    if begin < 0:
        level[:pairs] = BY_JUMPS
        best[:pairs] += code.most[c].max()
        return
    for k in range(pairs):
        level[k] = table[begin + word[k]]
        best[k] += table_most[begin + word[k]]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _adjusted(
    pairs: int, c: int, batch: Batch, left_shares: Floats, right_shares: Floats, code: Code
) -> None:
    """Term-frequency adjustments of the levels that are decided, instead of the largest there can be."""
    level, best, left, right = batch.levels[c], batch.best, batch.left, batch.right
    for place in range(code.share.shape[1]):
        s = code.share[c, place]
        if s < 0:
            continue
        column, log2_u, minimum = (
            code.share_column[s], code.share_log2_u[s], code.share_log2_minimum[s],
        )  # fmt: skip
        times, highest = code.share_weight[s], code.most[c, place] - code.weight[c, place]
        for k in range(pairs):
            if level[k] == place - 1:
                found = _rarity(
                    left_shares[left[k], column], right_shares[right[k], column], log2_u, minimum
                )
                best[k] += times * found - highest


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _shape(
    lanes: Uint32s, x: int, k: int, beside: bool, known: Words, place: int
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """The three words of a value: from the lanes behind its hash, or of what is known by number."""
    if beside:
        high = np.uint64(32)
        return (
            np.uint64(lanes[x + 2, k]) | np.uint64(lanes[x + 3, k]) << high,
            np.uint64(lanes[x + 4, k]) | np.uint64(lanes[x + 5, k]) << high,
            np.uint64(lanes[x + 6, k]) | np.uint64(lanes[x + 7, k]) << high,
        )
    return known[place], known[place + 1], known[place + 2]


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _by_jumps(count: int, c: int, batch: Batch, code: Code, floor: float) -> int:
    """One comparison of the pairs still alive where no table decides it; gives how many are left.

    An open one gets -4 - the level that could weigh most.
    """
    steps, limit, known, begin = code.steps, code.limit, code.known, code.begin[c]
    most, words, levels = code.most[c], batch.words[c], batch.levels[c]
    lefts, rights, alive, best = batch.left_lanes, batch.right_lanes, batch.alive, batch.best
    table_begin, table_most = code.table_begin[c], code.table_most
    ceiling, left_over = most.max(), 0
    for n in range(count):
        k = alive[n]
        at, unsure, likely, level = begin, False, -2, np.int64(levels[k])
        while level == BY_JUMPS:
            kind, x = steps[at, 0], steps[at, 1]
            holds = False
            if kind == BIT:
                holds = (words[k] >> x) & 1 != 0
            elif kind == ACCEPT:
                if not unsure and likely == -2:
                    level = np.int64(x)
                else:
                    if likely == -2 or most[x + 1] > most[likely + 1]:
                        likely = x
                    if not unsure:
                        level = np.int64(-4 - likely)
                unsure = False
            elif kind == UNKNOWN:
                holds, unsure = True, True
            elif kind == FORGET:
                unsure = False
            else:
                y, wide = steps[at, 2], steps[at, 3] != 0
                one, two = np.int64(lefts[x, k]), np.int64(rights[y, k])
                if wide:
                    one, two = one | lefts[x + 1, k], two | rights[y + 1, k]
                if one != 0 and two != 0:
                    r, s = steps[at, 6] + steps[at, 7] * one, steps[at, 8] + steps[at, 9] * two
                    if kind == _ANY:
                        holds = known[r] & known[s] != 0
                    else:
                        head, tail, rest = _shape(lefts, x, k, wide, known, r)
                        head_two, tail_two, rest_two = _shape(rights, y, k, wide, known, s)
                        if kind == _JARO_WINKLER:
                            least = limit[at] - _EPSILON
                            similar = _most_similar(
                                head, tail, rest, head_two, tail_two, rest_two, least
                            )
                            holds = similar >= least
                        elif kind in (_EDITS, _SWAPS):
                            fewest = _fewest_edits(
                                head, tail, rest, head_two, tail_two, rest_two,
                                kind == _SWAPS, limit[at],
                            )  # fmt: skip
                            holds = fewest <= limit[at]
                        else:
                            apart = _places(head ^ head_two) + _places(tail ^ tail_two)
                            holds = (
                                _length(rest) != _length(rest_two)
                                or _length(rest) > _HEAD
                                or apart <= limit[at]
                            )
                    unsure = unsure or holds
            at = steps[at, 4] if holds else steps[at, 5]
        if levels[k] == BY_JUMPS:
            before = table_most[table_begin + words[k]] if table_begin >= 0 else ceiling
            levels[k] = level
            best[k] += (most[level + 1] if level >= -1 else most[-3 - level]) - before
        alive[left_over] = k
        left_over += best[k] >= floor
    return left_over


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


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _ones(x: np.uint64) -> int:
    """Number of bits that are set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]  # signed: numba's int() of an unsigned number stays unsigned


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _length(rest: np.uint64) -> int:
    """Length by a shape's third word."""
    return np.int64(rest & _BYTE)  # type: ignore[return-value]  # as above


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _byte(head: np.uint64, tail: np.uint64, place: int) -> np.uint64:
    """One byte of the first 16."""
    word = head if place < 8 else tail
    return (word >> np.uint64(8 * (place & 7))) & _BYTE


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _where(head: np.uint64, tail: np.uint64, byte: np.uint64) -> np.uint64:
    """A bit for each of 16 bytes that equals `byte`; also for those behind the end, where it is 0."""
    low, high = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x0102040810204080)
    one, two = head ^ (byte * _EACH), tail ^ (byte * _EACH)
    # a byte's upper bit is set where the byte is 0: nothing is carried from one to the next
    one = ~(((one & low) + low) | one | low) >> np.uint64(7)
    two = ~(((two & low) + low) | two | low) >> np.uint64(7)
    first, second = (one * high) >> np.uint64(56), (two * high) >> np.uint64(56)
    return (first & _BYTE) | ((second & _BYTE) << np.uint64(8))


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _most_similar(
    head_a: np.uint64, tail_a: np.uint64, rest_a: np.uint64,
    head_b: np.uint64, tail_b: np.uint64, rest_b: np.uint64, limit: float,
) -> float:  # fmt: skip
    """An upper bound of Jaro-Winkler, with the prefix counted whatever the similarity without it.

    Exact for short values where the letters that they share do not rule out `limit`.
    """
    long_a, long_b = _length(rest_a), _length(rest_b)
    if long_a == _LONG or long_b == _LONG or long_a == 0 or long_b == 0:
        return 1.0
    differing, prefix = head_a ^ head_b, 0
    while prefix < 4 and prefix < min(long_a, long_b):
        if (differing >> np.uint64(8 * prefix)) & _BYTE != 0:
            break
        prefix += 1
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    matches = min(long_a - _ones(letters_a & ~letters_b), long_b - _ones(letters_b & ~letters_a))
    most = _winkler(matches, 0, long_a, long_b, prefix)
    if most < limit or long_a > _HEAD or long_b > _HEAD:
        return most
    matches, turned = _matching(head_a, tail_a, long_a, head_b, tail_b, long_b)
    return _winkler(matches, turned, long_a, long_b, prefix)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _winkler(matches: int, turned: int, long_a: int, long_b: int, prefix: int) -> float:
    if matches <= 0:
        return 0.0
    jaro = (matches / long_a + matches / long_b + (matches - turned) / matches) / 3.0
    return jaro + prefix * 0.1 * (1.0 - jaro)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _matching(
    head_a: np.uint64, tail_a: np.uint64, long_a: int,
    head_b: np.uint64, tail_b: np.uint64, long_b: int,
) -> tuple[int, int]:  # fmt: skip
    """Jaro's matching bytes, and half of those that match in another order."""
    one, reach = np.uint64(1), max(max(long_a, long_b) // 2 - 1, 0)
    free, taken, matched = (one << np.uint64(long_a)) - one, np.uint64(0), np.uint64(0)
    window = (one << np.uint64(reach + 1)) - one
    for j in range(long_b):
        near = _where(head_a, tail_a, _byte(head_b, tail_b, j)) & window & free
        if near != 0:
            lowest = near & (~near + one)
            free, taken, matched = free ^ lowest, taken | lowest, matched | (one << np.uint64(j))
        window <<= one
        if j < reach:
            window |= one
    matches, turned = _ones(taken), 0
    for j in range(long_b):
        if (matched >> np.uint64(j)) & one != 0:
            lowest = taken & (~taken + one)
            turned += _where(head_a, tail_a, _byte(head_b, tail_b, j)) & lowest == 0
            taken ^= lowest
    return matches, turned // 2


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _fewest_edits(
    head_a: np.uint64, tail_a: np.uint64, rest_a: np.uint64,
    head_b: np.uint64, tail_b: np.uint64, rest_b: np.uint64, swaps: bool, limit: float,
) -> int:  # fmt: skip
    """A lower bound of Levenshtein's distance, or of Damerau's (`swaps`).

    One edit removes one missing letter; one swap of neighbours is two edits of Levenshtein's. Exact for
    short values where the letters do not rule out `limit`, but for swaps.
    """
    long_a, long_b = _length(rest_a), _length(rest_b)
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    fewest = max(_ones(letters_a & ~letters_b), _ones(letters_b & ~letters_a))
    if long_a != _LONG and long_b != _LONG:
        fewest = max(fewest, abs(long_a - long_b))
    if fewest > limit or not (0 < long_a <= _HEAD and 0 < long_b <= _HEAD):
        return fewest
    exact = _levenshtein(head_a, tail_a, long_a, head_b, tail_b, long_b)
    return max(fewest, (exact + 1) // 2) if swaps else exact


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _levenshtein(
    head_a: np.uint64, tail_a: np.uint64, long_a: int,
    head_b: np.uint64, tail_b: np.uint64, long_b: int,
) -> int:  # fmt: skip
    """Myers' bit-parallel algorithm in Hyyro's form: a column of the table is two words."""
    one = np.uint64(1)
    up, down, distance = (one << np.uint64(long_a)) - one, np.uint64(0), long_a
    there, last = up, one << np.uint64(long_a - 1)
    for j in range(long_b):
        equal = _where(head_a, tail_a, _byte(head_b, tail_b, j)) & there
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right, left = down | ~(diagonal | up), up & diagonal
        if right & last != 0:
            distance += 1
        if left & last != 0:
            distance -= 1
        right = (right << one) | one
        left <<= one
        up, down = left | ~(diagonal | right), right & diagonal
    return distance


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _places(differing: np.uint64) -> int:
    """Bytes that are not 0."""
    found = 0
    while differing != 0:
        if differing & _BYTE != 0:
            found += 1
        differing >>= np.uint64(8)
    return found
