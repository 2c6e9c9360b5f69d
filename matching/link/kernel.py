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

Arrays are taken out of their tuples before the loops, and what is called for each record or pair gets
none or is inlined, because numba counts references at every access and call. What the next steps need
is fetched ahead, so that its ways to memory overlap. Longer than most modules: the loop and what it inlines
are tuned as one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from matching.compiling import compiled
from matching.link.blocks import NOWHERE, Index, PlaceTable
from matching.link.conditions import Kind
from matching.link.hashing import GOLDEN
from matching.link.prefetch import prefetch

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
BATCH = 512
"""Pairs at a time: they stay in the second cache, and columns 2 kB apart do not contend for the same
lines of the first."""
_LONG = 255
"""Length of values whose length is not known exactly."""
_HEAD = 16
"""Bytes of a value that its shape holds."""
_BYTE = np.uint64(255)
_AHEAD = 8
"""Records whose entries are fetched before they are read: some 50 are on their way at a time."""
_FEW = 32
"""Candidates up to which insertion sort beats sorting numbers of places."""
_LINE = 16
"""Lanes of a cache line."""
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
    (`table_begin[c]` < 0) the code of c begins at `steps[begin[c]]`; where a table says BY_JUMPS, it goes on
    at `steps[table_start[table_begin[c] + word]]`, behind what the word tells.
    Tables by comparison and level + 1: `weight`, `most` (the weight with the largest term-frequency
    adjustment) and `share` (number of its adjustment or -1).
    """

    exact: Int64s
    first: Int64s
    table: Int8s
    table_most: Floats
    table_start: Int64s
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
    """A small set of the rows that one record has met. `stamp` says for which record a slot counts."""

    stamp: Int64s
    row: Uint32s
    number: Uint32s
    rules: Words
    rows: Uint32s


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


@compiled(error_model="numpy")
def meet(
    begin: int, stop: int, turn: int, streamed: Records, places: PlaceTable, rule: Int64s,
    index: Index, other: Records, code: Code, met: Met, batch: Batch, found: Found,
    flipped: bool, window: Window, own: Int64s, own_bit: int, floor: float,
) -> tuple[int, int, int]:  # fmt: skip
    """Pairs of streamed records from `begin` to `stop`, until all are done or the room is used up.

    `turn`: larger than any stamp of `met`. `places`: where the keys of the streamed records begin in the
    index. `flipped`: the streamed side is the right one. `own`: for records that are also compared with
    themselves, under rule `own_bit`, their row of the indexed side, else -1. Gives the next record, the
    number of pairs found and the number of pairs compared.
    """
    lowest, highest, entries, row_bits = window.low, window.high, index.entries, index.row_bits
    stamp, met_row, number, rules, rows = met.stamp, met.row, met.number, met.rules, met.rows
    mine, others, batch_rules = batch.left, batch.right, batch.rules
    left, right = streamed, other
    if flipped:
        mine, others, left, right = batch.right, batch.left, other, streamed
    width, lanes = other.lanes.shape[1], other.lanes.reshape(-1)
    columns, shares = other.shares.shape[1], other.shares.reshape(-1)
    n, compared, waiting, last = 0, 0, 0, len(entries) - 1
    for i in range(begin, stop):
        if i + _AHEAD < stop:
            for slot in range(places.shape[0]):
                prefetch(entries, min(np.int64(places[slot, i + _AHEAD]), last))
        candidates = _gather(
            i, turn + i, places, rule, entries, row_bits, lowest[i], highest[i],
            stamp, met_row, number, rules, rows,
        )  # fmt: skip
        if own[i] >= 0:
            rows[candidates], rules[candidates] = own[i], np.uint64(1) << np.uint64(own_bit)
            candidates += 1
        if n + waiting + candidates > len(found.left):
            n = _kept(waiting, batch, left, right, code, floor, found, n)
            return i, n, compared
        _in_order(rows, rules, candidates)
        for k in range(candidates):
            row = np.int64(rows[k])
            for x in range(0, width + _LINE - 1, _LINE):
                prefetch(lanes, row * width + min(x, width - 1))
            prefetch(shares, row * columns)
            mine[waiting], others[waiting], batch_rules[waiting] = i, rows[k], rules[k]
            waiting += 1
            if waiting == len(mine):
                n = _kept(waiting, batch, left, right, code, floor, found, n)
                waiting = 0
        compared += candidates
    return stop, _kept(waiting, batch, left, right, code, floor, found, n), compared


@compiled(inline="always")
def _in_order(rows: Uint32s, rules: Words, count: int) -> None:
    """Sort one record's candidates by row: a few at a time, seldom hundreds."""
    if count > _FEW:
        _sorted(rows, rules, count)
    else:
        for k in range(1, count):
            row, rule, j = rows[k], rules[k], k
            while j > 0 and rows[j - 1] > row:
                rows[j], rules[j] = rows[j - 1], rules[j - 1]
                j -= 1
            rows[j], rules[j] = row, rule


@compiled(error_model="numpy")
def _sorted(rows: Uint32s, rules: Words, count: int) -> None:
    order = np.argsort(rows[:count])
    rows[:count], rules[:count] = rows[order], rules[order]


@compiled(error_model="numpy")
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


@compiled(inline="always")
def _gather(
    i: int, turn: int, places: PlaceTable, rule: Int64s, entries: Words, row_bits: int,
    lowest: int, highest: int, stamp: Int64s, met_row: Uint32s, number: Uint32s, rules: Words,
    rows: Uint32s,
) -> int:  # fmt: skip
    """All rows that share a key with record i, each once with its rules; gives their number."""
    begins = np.uint64(1) << np.uint64(row_bits)
    low_bits, left_out = begins - np.uint64(1), begins << np.uint64(1)
    mask, candidates = np.uint64(len(stamp) - 1), 0
    for slot in range(places.shape[0]):
        if places[slot, i] == NOWHERE:
            continue
        at, bit = np.int64(places[slot, i]), np.uint64(1) << np.uint64(rule[slot])
        word, going = entries[at], entries[at] & left_out == 0
        while going:
            j = np.uint32(word & low_bits)
            at += 1
            word = entries[at]
            going = word & begins == 0
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
    return candidates


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
def _side_by_side(pairs: int, rows: Uint32s, lanes: Uint32s, out: Uint32s) -> None:
    """Lane x of pair k's record at `out[x, k]`."""
    width = lanes.shape[1]
    for k in range(pairs):
        row = np.int64(rows[k])
        for x in range(width):
            out[x, k] = lanes[row, x]


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
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


@compiled(inline="always")
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


@compiled(error_model="numpy")
def _fetch_likened(count: int, c: int, batch: Batch, code: Code) -> None:
    """Begin to fetch what is known about the values whose likeness the pairs' first steps ask for."""
    steps, known, start = code.steps, code.known, code.table_start[code.table_begin[c] :]
    alive, words, levels = batch.alive, batch.words[c], batch.levels[c]
    lefts, rights = batch.left_lanes, batch.right_lanes
    for n in range(count):
        k = alive[n]
        if levels[k] == BY_JUMPS:
            at = start[words[k]]
            if _JARO_WINKLER <= steps[at, 0] < UNKNOWN and steps[at, 3] == 0:
                one, two = np.int64(lefts[steps[at, 1], k]), np.int64(rights[steps[at, 2], k])
                prefetch(known, steps[at, 6] + steps[at, 7] * one)
                prefetch(known, steps[at, 8] + steps[at, 9] * two)


@compiled(error_model="numpy")
def _by_jumps(count: int, c: int, batch: Batch, code: Code, floor: float) -> int:
    """One comparison of the pairs still alive where no table decides it; gives how many are left.

    An open one gets -4 - the level that could weigh most.
    """
    steps, limit, known, begin = code.steps, code.limit, code.known, code.begin[c]
    most, words, levels = code.most[c], batch.words[c], batch.levels[c]
    lefts, rights, alive, best = batch.left_lanes, batch.right_lanes, batch.alive, batch.best
    table_begin, table_most, table_start = code.table_begin[c], code.table_most, code.table_start
    ceiling, left_over = most.max(), 0
    if table_begin >= 0:
        _fetch_likened(count, c, batch, code)
    for n in range(count):
        k = alive[n]
        at, unsure, likely, level = begin, False, -2, np.int64(levels[k])
        if table_begin >= 0:
            at = table_start[table_begin + words[k]]
        likened, exact, apart = -1, False, 0.0
        head = tail = rest = head_two = tail_two = rest_two = np.uint64(0)
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
                        # levels of one comparison ask for the same likeness with other limits
                        what = (kind << 32) | (x << 16) | y
                        if what != likened:
                            head, tail, rest = _shape(lefts, x, k, wide, known, r)
                            head_two, tail_two, rest_two = _shape(rights, y, k, wide, known, s)
                            apart = _apart_at_least(
                                kind, head, tail, rest, head_two, tail_two, rest_two
                            )
                            likened, exact = what, False
                        if apart <= limit[at] and not exact:
                            apart = _apart(
                                kind, apart, head, tail, rest, head_two, tail_two, rest_two
                            )
                            exact = True
                        holds = apart <= limit[at]
                    unsure = unsure or holds
            at = steps[at, 4] if holds else steps[at, 5]
        if levels[k] == BY_JUMPS:
            before = table_most[table_begin + words[k]] if table_begin >= 0 else ceiling
            levels[k] = level
            best[k] += (most[level + 1] if level >= -1 else most[-3 - level]) - before
        alive[left_over] = k
        left_over += best[k] >= floor
    return left_over


@compiled(inline="always")
def _rarity(a: float, b: float, log2_u: float, minimum: float) -> float:
    """log2 of u over the larger of both shares, as Splink's; 0 where no share is known."""
    if np.isnan(a):
        a = b
    if np.isnan(b):
        b = a
    if np.isnan(a):
        return 0.0
    return log2_u - max(a, b, minimum)


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
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
    columns, ahead, rights = right_shares.shape[1], 4 * _AHEAD, right_shares.reshape(-1)
    for n in range(len(pairs)):
        if n + ahead < len(pairs):
            prefetch(rights, np.int64(right[pairs[n + ahead]]) * columns)
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


@compiled(error_model="numpy")
def _ones(x: np.uint64) -> int:
    """Number of bits that are set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]  # signed: numba's int() of an unsigned number stays unsigned


@compiled(error_model="numpy")
def _length(rest: np.uint64) -> int:
    """Length by a shape's third word."""
    return np.int64(rest & _BYTE)  # type: ignore[return-value]  # as above


@compiled(error_model="numpy")
def _byte(head: np.uint64, tail: np.uint64, place: int) -> np.uint64:
    """One byte of the first 16."""
    word = head if place < 8 else tail
    return (word >> np.uint64(8 * (place & 7))) & _BYTE


@compiled(error_model="numpy")
def _where(head: np.uint64, tail: np.uint64, byte: np.uint64) -> np.uint64:
    """A bit for each of 16 bytes that equals `byte`; also for those behind the end, where it is 0."""
    low, high = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x0102040810204080)
    one, two = head ^ (byte * _EACH), tail ^ (byte * _EACH)
    # a byte's upper bit is set where the byte is 0: nothing is carried from one to the next
    one = ~(((one & low) + low) | one | low) >> np.uint64(7)
    two = ~(((two & low) + low) | two | low) >> np.uint64(7)
    first, second = (one * high) >> np.uint64(56), (two * high) >> np.uint64(56)
    return (first & _BYTE) | ((second & _BYTE) << np.uint64(8))


@compiled(error_model="numpy")
def _apart_at_least(
    kind: int, head_a: np.uint64, tail_a: np.uint64, rest_a: np.uint64,
    head_b: np.uint64, tail_b: np.uint64, rest_b: np.uint64,
) -> float:  # fmt: skip
    """How far two values are apart at least, by their lengths, their letters and their beginnings.

    For Jaro-Winkler 1 - similarity, with the prefix counted whatever the similarity without it; else a
    number of edits or places. One edit removes one missing letter; one swap of neighbours is two edits
    of Levenshtein's, and adds none.
    """
    long_a, long_b = _length(rest_a), _length(rest_b)
    unknown = long_a == _LONG or long_b == _LONG
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    missing_a, missing_b = _ones(letters_a & ~letters_b), _ones(letters_b & ~letters_a)
    if kind == _JARO_WINKLER:
        if unknown or long_a == 0 or long_b == 0:
            return 0.0
        matches = min(long_a - missing_a, long_b - missing_b)
        return 1.0 - _winkler(matches, 0, long_a, long_b, _prefix(head_a ^ head_b, long_a, long_b))
    if kind in (_EDITS, _SWAPS):
        return float(max(missing_a, missing_b, 0 if unknown else abs(long_a - long_b)))
    if long_a != long_b or long_a > _HEAD:
        return 0.0
    return float(_places(head_a ^ head_b) + _places(tail_a ^ tail_b))


@compiled(error_model="numpy")
def _apart(
    kind: int, at_least: float, head_a: np.uint64, tail_a: np.uint64, rest_a: np.uint64,
    head_b: np.uint64, tail_b: np.uint64, rest_b: np.uint64,
) -> float:  # fmt: skip
    """How far two values of up to 16 bytes are apart; of longer ones, and by swaps, at least."""
    long_a, long_b = _length(rest_a), _length(rest_b)
    if not (0 < long_a <= _HEAD and 0 < long_b <= _HEAD):
        return at_least
    if kind == _JARO_WINKLER:
        matches, turned = _matching(head_a, tail_a, long_a, head_b, tail_b, long_b)
        prefix = _prefix(head_a ^ head_b, long_a, long_b)
        return 1.0 - _winkler(matches, turned, long_a, long_b, prefix)
    if kind in (_EDITS, _SWAPS):
        edits = _levenshtein(head_a, tail_a, long_a, head_b, tail_b, long_b)
        return max(at_least, float((edits + 1) // 2)) if kind == _SWAPS else float(edits)
    return at_least


@compiled(error_model="numpy")
def _prefix(differing: np.uint64, long_a: int, long_b: int) -> int:
    """Winkler's common prefix, 4 bytes at most."""
    prefix, most = 0, min(4, long_a, long_b)
    while prefix < most and (differing >> np.uint64(8 * prefix)) & _BYTE == 0:
        prefix += 1
    return prefix


@compiled(error_model="numpy")
def _winkler(matches: int, turned: int, long_a: int, long_b: int, prefix: int) -> float:
    if matches <= 0:
        return 0.0
    jaro = (matches / long_a + matches / long_b + (matches - turned) / matches) / 3.0
    return jaro + prefix * 0.1 * (1.0 - jaro)


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
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


@compiled(error_model="numpy")
def _places(differing: np.uint64) -> int:
    """Bytes that are not 0."""
    found = 0
    while differing != 0:
        if differing & _BYTE != 0:
            found += 1
        differing >>= np.uint64(8)
    return found
