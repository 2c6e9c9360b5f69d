"""The hot loops: what every merge of every cluster changes in the numbers of people, by tenths of a bit.

Within a cluster links merge strongest first. A component is one person at the thresholds down to which it hangs
together; it *speaks* for the entities whose patient that person would be. Each merge changes who speaks for
what: the change is added at the weight of the link, so that the number at any threshold is a sum over the
weights from there on. Plain arrays in and out, compiled.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from matching.compiling import compiled
from matching.people.compiled import Ids, Numbers, Reals
from matching.tuning.speakers import CHART, CHARTED, DOUBTFUL, FENCED, ROW, SETTLED, SURE, UNION

__all__ = [
    "ATTRIBUTED", "BETWEEN", "CERTAIN", "UPPER", "add_clusters", "by_cell", "used_cells", "weighed_sizes",
    "weighed_steps", "weighed_sums",
]  # fmt: skip

Small = npt.NDArray[np.uint8]
Steps = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]
_MENTION, _UNFENCED, _UNSETTLED, _AGREED, _CHARTS = 1, 2, 4, 8, 16
"""What a component has: a leaked row; one without an account number; one without a confirmed owner; a chart at
an entity that a row confirms; a chart."""
UPPER, BETWEEN, CERTAIN, ATTRIBUTED = range(4)
"""Kinds of changes: people at an entity, by the merge threshold; those that links in review add; people of certain
rows, by the include threshold; people whom linked charts alone attribute, by the attribute threshold."""
_NONE = -1
_CELL = (1 << 32) - 1
_ROOM = 1 << 16
"""Changes that there is room for at first."""
_ABSORBED = 255
_MANY_LINKS = 64
"""Clusters of more links are sorted by NumPy."""
_MANY_ENTRIES = 48
"""A longer list of entities is found by entity, not by walking it."""


@compiled
def weighed_steps(weight: Reals, lowest: int, steps: int) -> Steps:
    """Tenth of a bit at or below each weight, counted from `lowest` tenths; ends are clipped.

    Eight decimals keep a tenth itself where it is.
    """
    found = np.empty(len(weight), np.int16)
    for i in range(len(weight)):
        step = np.floor(np.round(weight[i] * 10.0, 8)) - lowest
        found[i] = min(max(step, 0.0), steps - 1.0)
    return found


@compiled
def used_cells(
    nodes: tuple[Ids, Small, Numbers, Numbers],
    links: tuple[Ids, Numbers, Numbers, Reals],
    used: Flags,
    least: float,
) -> None:
    """Mark entity and state (row, column of `used`) where people may be counted.

    Each record's entities in its own state, and in that of any record that a link of `least` bits joins it to.
    """
    node_starts, state, said_starts, entity = nodes
    link_starts, left, right, weight = links
    for k in range(len(state)):
        for s in range(said_starts[k], said_starts[k + 1]):
            used[entity[s], state[k]] = True
    for c in range(len(node_starts) - 1):
        low = node_starts[c]
        for link in range(link_starts[c], link_starts[c + 1]):
            one, other = low + left[link], low + right[link]
            if weight[link] < least or state[one] == state[other]:
                continue
            for s in range(said_starts[one], said_starts[one + 1]):
                used[entity[s], state[other]] = True
            for s in range(said_starts[other], said_starts[other + 1]):
                used[entity[s], state[one]] = True


@compiled
def _speaks(says: int, has: int) -> bool:
    """The person counts at the entity in `upper`: a row names it, or a chart is there and the rows leave it open."""
    if not has & _MENTION:
        return False
    if says & ROW:
        return True
    settled = not has & _UNSETTLED and has & _AGREED
    return bool(says & CHART) and bool(has & _UNFENCED) and not settled


@compiled
def _by_weight(weight: Reals, order: Numbers) -> None:
    """Places of a cluster's links, heaviest first; ties in their order."""
    count = len(weight)
    if count > _MANY_LINKS:
        order[:count] = np.argsort(-weight, kind="mergesort").astype(np.int32)
        return
    for i in range(count):
        k = i
        while k > 0 and weight[order[k - 1]] < weight[i]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i


@compiled
def _room(node_starts: Ids, said_starts: Numbers, link_starts: Ids, first: int, last: int) -> Any:
    """Most nodes, things said and links of a cluster among first .. last - 1."""
    nodes, said, links = np.int64(1), np.int64(1), np.int64(1)
    for c in range(first, last):
        low, high = node_starts[c], node_starts[c + 1]
        nodes, links = max(nodes, high - low), max(links, link_starts[c + 1] - link_starts[c])
        said = max(said, np.int64(said_starts[high] - said_starts[low]))
    return nodes, said, links


@compiled
def add_clusters(
    nodes: tuple[Ids, Small, Small, Numbers, Numbers, Small],
    links: tuple[Ids, Numbers, Numbers, Reals, Steps, Flags],
    cell: Numbers,
    span: tuple[int, int],
    merges: Ids,
) -> Any:
    """(keys, changes): what the merges of clusters span[0] .. span[1] - 1 change; keys as `_note` makes them.

    `cell`: the number of each entity and state. `merges` counts by step what merged.
    """
    node_starts, state, flags, said_starts, entity, says = nodes
    link_starts, left, right, weight, step, held = links
    top = len(merges) - 1
    keys, changes, count = (
        np.empty(_ROOM, np.uint64),
        np.empty(_ROOM, np.int8),
        np.zeros(1, np.int64),
    )
    most, most_said, most_links = _room(node_starts, said_starts, link_starts, span[0], span[1])
    parent, head, tail = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)  # fmt: skip
    length, has, home = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    best, best_of, second = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)  # fmt: skip
    about, bits = np.empty(most_said, np.int32), np.empty(most_said, np.int32)
    mate, after = np.empty(most_said, np.int32), np.empty(most_said, np.int32)
    order = np.empty(most_links, np.int32)
    slot = np.full(len(cell), _NONE, np.int32)
    knows, tree, lists = (has, home), (parent, head, tail, length), (about, bits, mate, after)
    for c in range(span[0], span[1]):
        low, size = node_starts[c], node_starts[c + 1] - node_starts[c]
        begin = said_starts[low]
        for n in range(size):
            parent[n], home[n] = n, state[low + n]
            best[n], best_of[n], second[n] = _NONE, _NONE, _NONE
            flag, has[n] = flags[low + n], 0
            if flag & CHARTED:
                has[n] = _CHARTS
            else:
                has[n] = _MENTION
                if not flag & FENCED:
                    has[n] |= _UNFENCED
                if not flag & SETTLED:
                    has[n] |= _UNSETTLED
            first, end = said_starts[low + n] - begin, said_starts[low + n + 1] - begin
            length[n], head[n], tail[n] = end - first, first, end - 1
            if first == end:
                head[n] = tail[n] = _NONE
            for k in range(first, end):
                about[k], bits[k], mate[k], after[k] = entity[begin + k], says[begin + k], 0, k + 1
            if first < end:
                after[end - 1] = _NONE
        indexed = _NONE
        span_of = slice(link_starts[c], link_starts[c + 1])
        _by_weight(weight[span_of], order)
        for k in range(span_of.stop - span_of.start):
            link = span_of.start + order[k]
            one, other, at = left[link], right[link], step[link]
            if not held[link] and (flags[low + one] ^ flags[low + other]) & CHARTED:
                _attribute(min(one, other), max(one, other), at, head, about, best, best_of, second)
            while parent[one] != one:
                parent[one] = parent[parent[one]]
                one = parent[one]
            while parent[other] != other:
                parent[other] = parent[parent[other]]
                other = parent[other]
            if one == other:
                continue
            if length[one] < length[other]:
                one, other = other, one
            keys, changes = _with_room(keys, changes, count, 8 * (length[one] + length[other] + 1))
            notes = (keys, changes, count)
            if length[one] > _MANY_ENTRIES and indexed != one:
                indexed = _index(one, indexed, head, about, after, slot)
            if at < top:  # no merge threshold lies above it
                _add_between(one, other, at, indexed, knows, head, lists, cell, slot, notes)
            if not held[link]:
                merges[at] += 1
                _merge(one, other, at, indexed, tree, knows, lists, cell, slot, notes)
        if indexed != _NONE:
            _index(_NONE, indexed, head, about, after, slot)
        keys, changes = _with_room(keys, changes, count, 2 * size)
        notes = (keys, changes, count)
        for n in range(size):
            names_none = said_starts[low + n + 1] - said_starts[low + n] == 1
            if best[n] != _NONE and names_none and not flags[low + n] & DOUBTFUL:
                at = cell[best_of[n], state[low + n]]
                _note(notes, ATTRIBUTED, at, best[n], 1)
                if second[n] != _NONE:
                    _note(notes, ATTRIBUTED, at, second[n], -1)
    return keys[: count[0]], changes[: count[0]]


@compiled
def _with_room(keys: Any, changes: Any, count: Ids, more: int) -> Any:
    """The same, with room for some more."""
    if count[0] + more <= len(keys):
        return keys, changes
    size = max(2 * len(keys), count[0] + more)
    more_keys, more_changes = np.empty(size, np.uint64), np.empty(size, np.int8)
    more_keys[: count[0]], more_changes[: count[0]] = keys[: count[0]], changes[: count[0]]
    return more_keys, more_changes


@compiled
def _note(notes: Any, kind: int, cell: int, at: int, change: int) -> None:
    """Keep a change: its kind, its cell (32 bits) and its step (16 bits) are one key."""
    keys, changes, count = notes
    keys[count[0]] = (
        np.uint64(kind) << np.uint64(48) | np.uint64(cell) << np.uint64(16) | np.uint64(at)
    )
    changes[count[0]] = change
    count[0] += 1


@compiled
def _attribute(
    mention: int, chart: int, at: int, head: Any, about: Any, best: Any, best_of: Any, second: Any
) -> None:
    """Heaviest link of a mention to a chart, and to one of another entity: it is attributed between the two."""
    entity = _NONE
    if head[chart] != _NONE:
        entity = about[head[chart]]
    if entity == _NONE:
        return
    if best[mention] == _NONE:
        best[mention], best_of[mention] = at, entity
    elif entity != best_of[mention] and second[mention] == _NONE:
        second[mention] = at


@compiled
def _index(one: int, before: int, head: Any, about: Any, after: Any, slot: Any) -> Any:
    """Entries of a long list by entity, in place of those of the list that was indexed before."""
    if before != _NONE:
        k = head[before]
        while k != _NONE:
            slot[about[k]] = _NONE
            k = after[k]
    if one != _NONE:
        k = head[one]
        while k != _NONE:
            slot[about[k]] = k
            k = after[k]
    return one


@compiled
def _found(
    entity: int, one: int, indexed: int, head: Any, about: Any, after: Any, slot: Any
) -> Any:
    """The entry of a component's list about an entity, or _NONE."""
    if indexed == one:
        return slot[entity]
    m = head[one]
    while m != _NONE and about[m] != entity:
        m = after[m]
    return m


@compiled
def _add_between(
    one: int, other: int, at: int, indexed: int, knows: Any, head: Any, lists: Any, cell: Any,
    slot: Any, notes: Any,
) -> None:  # fmt: skip
    """A link of a person with rows and one of charts only: in review, both may be patients where these charts are."""
    has, home = knows
    about, bits, _, after = lists
    if (has[one] ^ has[other]) & _MENTION == 0:
        return
    rows, charts = one, other
    if not has[one] & _MENTION:
        rows, charts = other, one
    _note(notes, BETWEEN, cell[UNION, home[charts]], at, 1)
    k = head[charts]
    while k != _NONE:
        _note(notes, BETWEEN, cell[about[k], home[charts]], at, 1)
        m = _found(about[k], rows, indexed, head, about, after, slot)
        if m == _NONE:
            if _speaks(CHART, has[rows]):
                _note(notes, BETWEEN, cell[about[k], home[rows]], at, 1)
        elif not _speaks(bits[m], has[rows]) and _speaks(bits[m] | CHART, has[rows]):
            _note(notes, BETWEEN, cell[about[k], home[rows]], at, 1)
        k = after[k]


@compiled
def _merge(
    one: int, other: int, at: int, indexed: int, tree: Any, knows: Any, lists: Any, cell: Any,
    slot: Any, notes: Any,
) -> None:  # fmt: skip
    """Component `other` joins `one`, which has the longer list; changes of who speaks are added at step `at`.

    Where neither its home nor what it has changes, `one` is looked at only where `other` speaks of the same.
    """
    parent, head, tail, length = tree
    has, home = knows
    about, bits, mate, after = lists
    has_one, has_other, home_one, home_other = has[one], has[other], home[one], home[other]
    both = has_one | has_other
    k = head[other]
    while k != _NONE:
        m = _found(about[k], one, indexed, head, about, after, slot)
        joined = bits[k]
        if m != _NONE:
            mate[m], mate[k] = bits[k], _ABSORBED
            joined |= bits[m]
        if joined & (SURE | CHART) == SURE | CHART:
            both |= _AGREED
        k = after[k]
    where = _home(home_one, has_one, home_other, has_other)
    if both == has_one and where == home_one:
        k = head[other]
        while k != _NONE:
            if mate[k] == _ABSORBED:
                m = _found(about[k], one, indexed, head, about, after, slot)
                _move(about[k], bits[m], has_one, home_one, bits[k], has_other, home_other,
                      bits[m] | bits[k], both, where, at, cell, notes)  # fmt: skip
                bits[m] |= bits[k]
                mate[m] = 0
            k = after[k]
    else:
        k = head[one]
        while k != _NONE:
            _move(about[k], bits[k], has_one, home_one, mate[k], has_other, home_other,
                  bits[k] | mate[k], both, where, at, cell, notes)  # fmt: skip
            bits[k] |= mate[k]
            mate[k] = 0
            k = after[k]
    k = head[other]
    while k != _NONE:
        following = after[k]
        if mate[k] == _ABSORBED:
            mate[k] = 0
        else:
            _move(about[k], 0, has_one, home_one, bits[k], has_other, home_other,
                  bits[k], both, where, at, cell, notes)  # fmt: skip
            after[k] = _NONE
            if tail[one] == _NONE:
                head[one] = k
            else:
                after[tail[one]] = k
            tail[one] = k
            length[one] += 1
            if indexed == one:
                slot[about[k]] = k
        k = following
    parent[other] = one
    has[one], home[one] = both, where


@compiled
def _home(one: int, has_one: int, other: int, has_other: int) -> int:
    """Where a person of two components lives: a chart's address before a row's, known before unknown, then by number."""
    if one == 0 or other == 0:
        return one | other
    if (has_one ^ has_other) & _CHARTS:
        return one if has_one & _CHARTS else other
    return min(one, other)


@compiled
def _move(
    entity: int, one: int, has_one: int, home_one: int, other: int, has_other: int, home_other: int,
    joined: int, has: int, home: int, at: int, cell: Any, notes: Any,
) -> None:  # fmt: skip
    """What two components said of an entity, and what they say as one."""
    cells = (cell[entity, home_one], cell[entity, home_other], cell[entity, home])
    _note_moved(notes, UPPER, cells, at, _speaks(one, has_one), _speaks(other, has_other), _speaks(joined, has))  # fmt: skip
    _note_moved(notes, CERTAIN, cells, at, one & SURE != 0, other & SURE != 0, joined & SURE != 0)


@compiled
def _note_moved(
    notes: Any, kind: int, cells: Any, at: int, one: bool, other: bool, joined: bool
) -> None:
    """Note what two said apart and one says now; nothing where that is the same cell as before."""
    if joined and one and cells[0] == cells[2]:
        joined = one = False
    if joined and other and cells[1] == cells[2]:
        joined = other = False
    if one:
        _note(notes, kind, cells[0], at, -1)
    if other:
        _note(notes, kind, cells[1], at, -1)
    if joined:
        _note(notes, kind, cells[2], at, 1)


@compiled
def by_cell(
    keys: tuple[Any, ...], changes: tuple[Any, ...], kind: int, cells: int, steps: int
) -> Any:
    """(starts, step, change): changes of one kind, cell by cell, one entry a step, steps ascending."""
    sizes = np.zeros(cells + 1, np.int64)
    for part in keys:
        for key in part:
            if key >> np.uint64(48) == np.uint64(kind):
                sizes[(key >> np.uint64(16) & np.uint64(_CELL)) + np.uint64(1)] += 1
    place = np.cumsum(sizes)
    at, by = np.empty(place[-1], np.uint16), np.empty(place[-1], np.int8)
    for p in range(len(keys)):
        part, change = keys[p], changes[p]
        for i in range(len(part)):
            if part[i] >> np.uint64(48) == np.uint64(kind):
                of = part[i] >> np.uint64(16) & np.uint64(_CELL)
                at[place[of]] = part[i] & np.uint64(65535)
                by[place[of]] = change[i]
                place[of] += 1
    return _summed(at, by, sizes, steps)


@compiled
def _summed(at: Any, by: Any, sizes: Ids, steps: int) -> Any:
    starts = np.zeros(len(sizes), np.int64)
    step, change = np.empty(len(at), np.uint16), np.empty(len(at), np.int32)
    row: Any = np.zeros(steps, np.int32)
    first, size = 0, 0
    for c in range(len(sizes) - 1):
        low, high = np.int64(steps), np.int64(-1)
        for k in range(first, first + sizes[c + 1]):
            row[at[k]] += by[k]
            low, high = min(low, np.int64(at[k])), max(high, np.int64(at[k]))
        first += sizes[c + 1]
        for k in range(low, high + 1):
            if row[k] != 0:
                step[size], change[size] = k, row[k]
                size += 1
                row[k] = 0
        starts[c + 1] = size
    return starts, step[:size].copy(), change[:size].copy()


@compiled
def weighed_sums(starts: Ids, step: Any, change: Any, weight: Reals) -> Reals:
    """By cell: the sum of its changes, each by the weight of its step."""
    found = np.zeros(len(starts) - 1)
    for c in range(len(starts) - 1):
        total = 0.0
        for k in range(starts[c], starts[c + 1]):
            total += change[k] * weight[step[k]]
        found[c] = total
    return found


@compiled
def weighed_sizes(starts: Ids, step: Any, change: Any, weight: Reals) -> Reals:
    """By cell: the sum of the sizes of its changes, each by the weight of its step."""
    found = np.zeros(len(starts) - 1)
    for c in range(len(starts) - 1):
        total = 0.0
        for k in range(starts[c], starts[c + 1]):
            total += abs(change[k]) * weight[step[k]]
        found[c] = total
    return found
