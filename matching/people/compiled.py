"""The hot loops of people, compiled: union-find, spanning forest, look-ups by id, runs of one person.

Plain arrays in and out; nothing here knows a table. scipy and NumPy say the same, slower: see
`tests/unit/test_people_compiled.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from matching.compiling import compiled

__all__ = [
    "NOT_THERE",
    "cut_between",
    "find",
    "first_by_row",
    "grouped",
    "ids_of",
    "lower_to_first",
    "most_frequent",
    "numbers_of",
    "repeated",
    "roots",
    "strongest_first",
    "union",
    "unite",
]

NOT_THERE = -1
_ROWS = (1 << 37) - 1
"""Bits of the row in an id."""
_LOW = (1 << 32) - 1
_QUANTA = 2.0**30
"""Weights have nine decimals: two that differ do so by more than 2**-30 bits."""
_FINE_BITS = 26
"""Low bits of a weight in quanta: a bucket is a sixteenth of a bit, small enough for the cache."""
_DIGIT_BITS = 13

Ids = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Marks = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]
Whole = npt.NDArray[np.signedinteger[Any]]


@compiled
def find(parent: Numbers, node: int) -> int:
    """Root of a node; halves the way on its way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def unite(parent: Numbers, one: int, other: int) -> None:
    """Join two roots; the lower one stays, so that a root is the lowest node of its component."""
    if one < other:
        parent[other] = one
    else:
        parent[one] = other


@compiled
def union(parent: Numbers, left: Whole, right: Whole, chosen: Marks) -> None:
    """Unite the ends of every chosen link."""
    for i in range(len(left)):
        if chosen[i]:
            one, other = find(parent, left[i]), find(parent, right[i])
            if one != other:
                unite(parent, one, other)


@compiled
def roots(parent: Numbers) -> None:
    """Every node points at its root."""
    for node in range(len(parent)):
        parent[node] = parent[parent[node]]  # a root is lower than its nodes: already final


@compiled
def _quanta(weight: Reals) -> Any:
    """(lowest weight, buckets that the weights span)."""
    lowest, highest = np.inf, -np.inf
    for i in range(len(weight)):
        lowest, highest = min(lowest, weight[i]), max(highest, weight[i])
    if len(weight) == 0:
        return 0.0, 0
    return lowest, (np.int64((highest - lowest) * _QUANTA) >> _FINE_BITS) + 1


@compiled
def _coarse(left: Whole, right: Whole, weight: Reals) -> tuple[Ids, Numbers, Numbers, Ids]:
    """Links by bucket of weight, strongest bucket first, each in its given order.

    (both ends, number of the link, low bits of its weight, ends of buckets): copies, so that the
    loop over a bucket reads memory in order.
    """
    lowest, buckets = _quanta(weight)
    bounds = np.zeros(buckets + 1, np.int64)
    for i in range(len(weight)):
        bounds[buckets - (np.int64((weight[i] - lowest) * _QUANTA) >> _FINE_BITS)] += 1
    for bucket in range(buckets):
        bounds[bucket + 1] += bounds[bucket]
    place = bounds.copy()
    ends, order = np.empty(len(weight), np.int64), np.empty(len(weight), np.int32)
    low = np.empty(len(weight), np.int32)
    for i in range(len(weight)):
        key = np.int64((weight[i] - lowest) * _QUANTA)
        near = buckets - 1 - (key >> _FINE_BITS)
        ends[place[near]] = np.int64(left[i]) << 32 | np.int64(right[i])
        order[place[near]] = i
        low[place[near]] = key & ((1 << _FINE_BITS) - 1)
        place[near] += 1
    return ends, order, low, bounds


@compiled
def _by_digit(items: Numbers, low: Numbers, shift: int) -> Numbers:
    """Items, places in `low`, by one digit of it, highest first; stable: a pass of a radix sort."""
    last = (1 << _DIGIT_BITS) - 1
    place = np.zeros(last + 2, np.int64)
    for i in items:
        place[last - ((low[i] >> shift) & last) + 1] += 1
    for digit in range(last):
        place[digit + 1] += place[digit]
    ordered = np.empty(len(items), np.int32)
    for i in items:
        digit = last - ((low[i] >> shift) & last)
        ordered[place[digit]] = i
        place[digit] += 1
    return ordered


@compiled
def strongest_first(holds: Bits, left: Whole, right: Whole, weight: Reals) -> tuple[Numbers, Bits]:
    """Numbers of the links of a maximum spanning forest, strongest first; ties in the given order.

    `holds`: two bits a node, which end as those of any node of its component; with each link what
    both its sides held when it joined them, the one side's bits above the other's.

    Buckets of like weight, strongest first; within a bucket only links whose ends are not yet
    joined are sorted. Takes 16 bytes a link besides.
    """
    parent = np.arange(len(holds), dtype=np.int32)
    ends, order, low, bounds = _coarse(left, right, weight)
    chosen, sides = np.empty(len(parent), np.int32), np.empty(len(parent), np.uint8)
    count = 0
    for bucket in range(len(bounds) - 1):
        items = np.empty(bounds[bucket + 1] - bounds[bucket], np.int32)
        size = 0
        for k in range(bounds[bucket], bounds[bucket + 1]):
            left_end, right_end = parent[ends[k] >> 32], parent[ends[k] & _LOW]
            items[size] = k
            size += left_end != right_end  # most links lie within a joined group: no branch
        held, size = items[:size], 0
        for k in held:
            if find(parent, ends[k] >> 32) != find(parent, ends[k] & _LOW):
                items[size] = k
                size += 1
        items = items[:size]
        if size > 1:
            items = _by_digit(_by_digit(items, low, 0), low, _DIGIT_BITS)
        for k in items:
            one, other = find(parent, ends[k] >> 32), find(parent, ends[k] & _LOW)
            if one != other:
                unite(parent, one, other)
                chosen[count] = order[k]
                sides[count] = holds[one] | holds[other] << 2
                holds[one] = holds[other] = holds[one] | holds[other]
                count += 1
    return chosen[:count], sides[:count]


@compiled
def _neighbours(nodes: int, ends: Whole) -> tuple[Numbers, Numbers]:
    """Links of each node: `links[begin[n] : begin[n + 1]]` are node n's."""
    begin = np.zeros(nodes + 2, np.int32)
    for i in range(len(ends)):
        begin[ends[i, 0] + 2] += 1
        begin[ends[i, 1] + 2] += 1
    for node in range(nodes):
        begin[node + 2] += begin[node + 1]
    links = np.empty(2 * len(ends), np.int32)
    for i in range(len(ends)):
        for node in ends[i]:
            links[begin[node + 1]] = i
            begin[node + 1] += 1
    return begin[: nodes + 1], links


@compiled
def cut_between(nodes: int, ends: Whole, weight: Reals, pairs: Whole, margin: float) -> Marks:
    """Links of a forest (`ends` one row each) to cut, so that no pair (one row each) stays joined.

    Of each pair's way through the forest the weakest link, and those up to `margin` stronger.
    """
    begin, links = _neighbours(nodes, ends)
    came, seen = np.empty(nodes, np.int32), np.full(nodes, NOT_THERE, np.int32)
    queue, cut = np.empty(nodes, np.int32), np.zeros(len(ends), np.bool_)
    for p in range(len(pairs)):
        start, end = pairs[p, 0], pairs[p, 1]
        queue[0], seen[start], head, tail = start, p, 0, 1
        while head < tail and seen[end] != p:
            node = queue[head]
            head += 1
            for link in links[begin[node] : begin[node + 1]]:
                other = ends[link, 0] + ends[link, 1] - node
                if seen[other] != p:
                    seen[other], came[other] = p, link
                    queue[tail] = other
                    tail += 1
        if seen[end] != p:
            continue
        weakest, node = np.inf, end
        while node != start:
            weakest = min(weakest, weight[came[node]])
            node = ends[came[node], 0] + ends[came[node], 1] - node
        node = end
        while node != start:
            cut[came[node]] |= weight[came[node]] <= weakest + margin
            node = ends[came[node], 0] + ends[came[node], 1] - node
    return cut


@compiled
def first_by_row(ids: Ids, base: Ids) -> Numbers:
    """For every row of every file the number of its first id, or of the next one in the file."""
    first = np.empty(base[-1], np.int32)
    filled, file = np.int64(0), np.int64(-1)  # type: ignore[assignment,unused-ignore]
    for number in range(len(ids)):
        if ids[number] >> 40 != file:
            file = ids[number] >> 40
            filled = base[file]
        slot = base[file] + ((ids[number] >> 3) & _ROWS)
        while filled <= slot:
            first[filled] = number
            filled += 1
    return first


@compiled
def numbers_of(wanted: Ids, ids: Ids, base: Ids, first: Numbers) -> Numbers:
    """Number of each wanted id among ascending `ids`; NOT_THERE where it is none of them.

    `first[base[file] + row]` is the number of the first id of that file and row or a later one.
    """
    found = np.full(len(wanted), NOT_THERE, np.int32)
    for i in range(len(wanted)):
        file = wanted[i] >> 40
        row = (wanted[i] >> 3) & _ROWS
        if file < 0 or file >= len(base) - 1 or row >= base[file + 1] - base[file]:
            continue
        number = first[base[file] + row]
        while number < len(ids) and ids[number] < wanted[i]:
            number += 1
        if number < len(ids) and ids[number] == wanted[i]:
            found[i] = number
    return found


@compiled
def ids_of(numbers: Whole, ids: Ids, more_ids: Ids) -> Ids:
    """The id of each number; those of `more_ids` are counted on after `ids`."""
    found = np.empty(len(numbers), np.int64)
    for i in range(len(numbers)):
        n = numbers[i]
        found[i] = ids[n] if n < len(ids) else more_ids[n - len(ids)]
    return found


@compiled
def grouped(groups: int, group: Numbers, order: Numbers) -> tuple[Ids, Numbers]:
    """(starts, items): items of group g, in the order given, are items[starts[g]:starts[g + 1]]."""
    starts = np.zeros(groups + 1, np.int64)
    for i in range(len(group)):
        starts[group[i] + 1] += 1
    for g in range(groups):
        starts[g + 1] += starts[g]
    place = starts.copy()
    items = np.empty(len(group), np.int32)
    for i in order:
        items[place[group[i]]] = i
        place[group[i]] += 1
    return starts, items


@compiled
def lower_to_first(best: Ids, group: Numbers, ids: Ids, file_rank: Ids) -> None:
    """Lower `best` of each group to its lowest key: rank of the id's file, then row and role."""
    for i in range(len(ids)):
        if group[i] >= 0:
            key = file_rank[ids[i] >> 40] << 40 | (ids[i] & ((1 << 40) - 1))
            best[group[i]] = min(best[group[i]], key)


@compiled
def most_frequent(
    starts: Ids, items: Numbers, value: Numbers, preferred_from: int, missing: int
) -> Numbers:
    """Most frequent value of each group; `missing` does not count and stands where there is none.

    Among equally frequent values one of an item from `preferred_from` on wins, then the lowest.
    """
    result = np.full(len(starts) - 1, missing, np.int32)
    for group in range(len(starts) - 1):
        size, several = 0, False
        for k in range(starts[group], starts[group + 1]):
            if value[items[k]] != missing:
                several |= size > 0 and value[items[k]] != result[group]
                result[group] = value[items[k]]
                size += 1
        if several:
            keys = np.empty(size, np.int64)
            size = 0
            for k in range(starts[group], starts[group + 1]):
                if value[items[k]] != missing:
                    keys[size] = np.int64(value[items[k]]) * 2 + (items[k] < preferred_from)
                    size += 1
            _sort(keys)
            result[group] = _most_frequent_of(keys)
    return result


@compiled
def _most_frequent_of(keys: Ids) -> Any:
    """Value of ascending keys value * 2 + (0: preferred), by frequency, preference, lowest."""
    best, best_times, best_late, start = keys[0] >> 1, 0, True, 0
    for k in range(len(keys)):
        if k + 1 < len(keys) and keys[k + 1] >> 1 == keys[k] >> 1:
            continue
        times, late = k + 1 - start, keys[start] & 1 == 1
        if times > best_times or (times == best_times and best_late and not late):
            best, best_times, best_late = keys[k] >> 1, times, late
        start = k + 1
    return best


@compiled
def _sort(keys: Ids) -> None:
    """Shellsort in place: most groups are tiny, and NumPy's sort takes seconds to compile."""
    gap = len(keys) // 2
    while gap > 0:
        for i in range(gap, len(keys)):
            key, k = keys[i], i
            while k >= gap and keys[k - gap] > key:
                keys[k] = keys[k - gap]
                k -= gap
            keys[k] = key
        gap //= 2


@compiled
def repeated(starts: Ids, items: Numbers, value: Numbers) -> Marks:
    """By place in `items`: another item of the group has the same value; negative ones are none."""
    marks = np.zeros(len(items), np.bool_)
    for group in range(len(starts) - 1):
        start, size = starts[group], 0
        for k in range(start, starts[group + 1]):
            size += value[items[k]] >= 0
        if size < 2:
            continue
        keys = np.empty(size, np.int64)
        size = 0
        for k in range(start, starts[group + 1]):
            if value[items[k]] >= 0:
                keys[size] = np.int64(value[items[k]]) << 32 | (k - start)
                size += 1
        _sort(keys)
        for k in range(1, size):
            if keys[k] >> 32 == keys[k - 1] >> 32:
                marks[start + (keys[k] & _LOW)] = marks[start + (keys[k - 1] & _LOW)] = True
    return marks
