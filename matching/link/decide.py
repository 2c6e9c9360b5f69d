"""The levels of a batch of pairs, as far as numbers tell them, and the best weight that each can have.

A batch is worked on column by column: first the lanes of both records are laid side by side, then every
exact atom of a comparison gives one bit of a word for all pairs, and a table says the level for each
word. Where it cannot, because something that only DuckDB decides might be true, the comparison is read
as the model's CASE is, level by level, as a list of jumps. It then ends at a level, or *open*, and the
best weight that it can have counts. A pair that cannot reach the floor ends here, before any text is
touched.

Arrays are taken out of their tuples before the loops, because numba counts references at every access.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.bounds import HEAD, fewest_edits, most_similar, places
from matching.link.conditions import Kind

__all__ = [
    "ACCEPT", "BATCH", "BIT", "BY_JUMPS", "FORGET", "UNKNOWN",
    "Batch", "Code", "Records", "at_most", "decided", "weigh",
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


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def decided(
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
                one, two = np.int64(lefts[x, k]), np.int64(rights[steps[at, 2], k])
                if one != 0 and two != 0:
                    r, s = steps[at, 6] + steps[at, 7] * one, steps[at, 8] + steps[at, 9] * two
                    if kind == _ANY:
                        holds = known[r] & known[s] != 0
                    elif kind == _JARO_WINKLER:
                        similar = most_similar(known[r], known[r + 2], known[s], known[s + 2])
                        holds = similar >= limit[at] - _EPSILON
                    elif kind == _EDITS:
                        holds = fewest_edits(known[r + 2], known[s + 2]) <= limit[at]
                    else:
                        long = known[r + 2] & np.uint64(255)
                        apart = places(known[r] ^ known[s]) + places(known[r + 1] ^ known[s + 1])
                        holds = (
                            long != known[s + 2] & np.uint64(255)
                            or long > HEAD
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
