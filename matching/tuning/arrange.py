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
from matching.tuning.speakers import CHART, DOUBTFUL, FENCED, ROW, SETTLED, SURE, UNION

__all__ = ["Changes", "add_clusters", "used_cells", "weighed_steps"]

Steps = npt.NDArray[np.int16]
Cells = npt.NDArray[np.int32]
Changes = npt.NDArray[np.int32]
_MENTION, _UNFENCED, _UNSETTLED, _AGREED = 1, 2, 4, 8
"""What a component has: a leaked row; one without an account number; one without a confirmed owner; a chart at
an entity that a row confirms."""
_NONE = -1


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
    clusters: tuple[Ids, Numbers],
    said: tuple[Numbers, Numbers, Numbers],
    state: npt.NDArray[np.uint8],
    first_chart: int,
    used: npt.NDArray[np.bool_],
) -> None:
    """Mark entity and state (row, column of `used`) wherever a person of some cluster may be counted."""
    node_starts, nodes = clusters
    start, entity, chart_entity = said
    here, listed = np.zeros(256, np.bool_), np.empty(256, np.uint8)
    for c in range(len(node_starts) - 1):
        low, high, count = node_starts[c], node_starts[c + 1], 0
        for k in range(low, high):
            if not here[state[nodes[k]]]:
                here[state[nodes[k]]] = True
                listed[count] = state[nodes[k]]
                count += 1
        for home in listed[:count]:
            here[home], used[UNION, home] = False, True
        for k in range(low, high):
            node = nodes[k]
            if node >= first_chart:
                if chart_entity[node - first_chart] >= 0:
                    for home in listed[:count]:
                        used[chart_entity[node - first_chart], home] = True
            else:
                for s in range(start[node], start[node + 1]):
                    for home in listed[:count]:
                        used[entity[s], home] = True


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
def _by_weight(weight: Reals, links: Numbers, order: Numbers) -> None:
    """Links of a cluster, heaviest first; ties in their order. Shellsort in place for few, NumPy's for many."""
    count = len(links)
    if count > 64:
        order[:count] = np.argsort(-weight[links], kind="mergesort").astype(np.int32)
        return
    for i in range(count):
        key, k = i, i
        while k > 0 and weight[links[order[k - 1]]] < weight[links[key]]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = key


@compiled
def add_clusters(
    clusters: tuple[Ids, Numbers, Ids, Numbers, Numbers],
    links: tuple[Numbers, Numbers, Reals, Steps, npt.NDArray[np.bool_]],
    said: tuple[Numbers, Numbers, npt.NDArray[np.uint8], npt.NDArray[np.uint8], Numbers],
    state: npt.NDArray[np.uint8],
    cell: npt.NDArray[np.int32],
    span: tuple[int, int, int],
    out: tuple[Changes, Changes, Changes, Changes],
    merges: npt.NDArray[np.int64],
) -> None:
    """Add what the merges of clusters span[0] .. span[1] - 1 change; span[2] is the first chart's number.

    `cell`: by entity and state the column of `out`. `out`, one row a step: upper at the merge threshold, upper
    between include and merge, confirmed at the include threshold, confirmed at the attribute threshold.
    `merges` counts by step what merged.
    """
    node_starts, nodes, link_starts, cluster_links, place = clusters
    left, right, weight, step, held = links
    start, entity, says, flags, chart_entity = said
    first, last, first_chart = span
    upper, between, sure, attributed = out
    most_nodes, most_links, most_said = 1, 1, 1
    for c in range(first, last):
        size = node_starts[c + 1] - node_starts[c]
        entries = size
        for k in range(node_starts[c], node_starts[c + 1]):
            if nodes[k] < first_chart:
                entries += start[nodes[k] + 1] - start[nodes[k]]
        most_nodes, most_said = max(most_nodes, size), max(most_said, entries)
        most_links = max(most_links, link_starts[c + 1] - link_starts[c])
    parent, head = np.empty(most_nodes, np.int32), np.empty(most_nodes, np.int32)
    tail, length = np.empty(most_nodes, np.int32), np.empty(most_nodes, np.int32)
    has, home = np.empty(most_nodes, np.int32), np.empty(most_nodes, np.int32)
    charted = np.empty(most_nodes, np.bool_)
    best, best_of = np.empty(most_nodes, np.int32), np.empty(most_nodes, np.int32)
    second = np.empty(most_nodes, np.int32)
    about, bits = np.empty(most_said, np.int32), np.empty(most_said, np.int32)
    mate, after = np.empty(most_said, np.int32), np.empty(most_said, np.int32)
    order = np.empty(most_links, np.int32)
    for c in range(first, last):
        low, size = node_starts[c], node_starts[c + 1] - node_starts[c]
        entries = 0
        for n in range(size):
            node = nodes[low + n]
            parent[n], head[n], home[n] = n, entries, state[node]
            best[n], best_of[n], second[n] = _NONE, _NONE, _NONE
            charted[n] = node >= first_chart
            if charted[n]:
                has[n] = 0
                if chart_entity[node - first_chart] >= 0:
                    about[entries], bits[entries] = chart_entity[node - first_chart], CHART
                    after[entries], mate[entries] = _NONE, 0
                    entries += 1
            else:
                flag = flags[node]
                has[n] = _MENTION
                if not flag & FENCED:
                    has[n] |= _UNFENCED
                if not flag & SETTLED:
                    has[n] |= _UNSETTLED
                about[entries], after[entries], mate[entries] = UNION, entries + 1, 0
                bits[entries] = ROW if flag & DOUBTFUL else ROW | SURE
                entries += 1
                for s in range(start[node], start[node + 1]):
                    about[entries], after[entries], mate[entries] = entity[s], entries + 1, 0
                    bits[entries] = ROW if flag & DOUBTFUL else says[s]
                    entries += 1
                after[entries - 1] = _NONE
            length[n] = entries - head[n]
            tail[n] = entries - 1
            if length[n] == 0:
                head[n] = tail[n] = _NONE
        own = cluster_links[link_starts[c] : link_starts[c + 1]]
        _by_weight(weight, own, order)
        for k in range(len(own)):
            link = own[order[k]]
            one, other = place[left[link]], place[right[link]]
            at = step[link]
            if not held[link]:
                chart, mention = max(left[link], right[link]), min(left[link], right[link])
                if mention < first_chart <= chart and chart_entity[chart - first_chart] >= 0:
                    about_chart, row = chart_entity[chart - first_chart], place[mention]
                    if best[row] == _NONE:
                        best[row], best_of[row] = at, about_chart
                    elif about_chart != best_of[row] and second[row] == _NONE:
                        second[row] = at
            while parent[one] != one:
                one = parent[one]
            while parent[other] != other:
                other = parent[other]
            if one == other:
                continue
            if length[one] < length[other]:
                one, other = other, one
            _add_between(one, other, at, has, home, head, about, bits, after, cell, between)
            if held[link]:
                continue
            merges[at] += 1
            _merge(
                one, other, at,
                (parent, head, tail, length), (has, home, charted), (about, bits, mate, after),
                cell, upper, sure,
            )  # fmt: skip
        _add_attributed(
            size,
            low,
            nodes,
            flags,
            state,
            start,
            best,
            best_of,
            second,
            first_chart,
            cell,
            attributed,
        )


@compiled
def _add_between(
    one: int, other: int, at: int, has: Any, home: Any, head: Any, about: Any, bits: Any, after: Any,
    cell: Any, between: Changes,
) -> None:  # fmt: skip
    """A link of a person with rows and one of charts only: in review, both may be patients where these charts are."""
    if (has[one] ^ has[other]) & _MENTION == 0:
        return
    rows, charts = one, other
    if not has[one] & _MENTION:
        rows, charts = other, one
    between[at, cell[UNION, home[charts]]] += 1
    k = head[charts]
    while k != _NONE:
        between[at, cell[about[k], home[charts]]] += 1
        m = head[rows]
        while m != _NONE and about[m] != about[k]:
            m = after[m]
        if not _speaks(bits[k] if m == _NONE else bits[m] | bits[k], has[rows]):
            k = after[k]
            continue
        if m == _NONE or not _speaks(bits[m], has[rows]):
            between[at, cell[about[k], home[rows]]] += 1
        k = after[k]


@compiled
def _merge(
    one: int, other: int, at: int, tree: Any, knows: Any, lists: Any, cell: Any, upper: Changes, sure: Changes,
) -> None:  # fmt: skip
    """Component `other` joins `one`, which has the longer list; changes of who speaks are added at step `at`."""
    parent, head, tail, length = tree
    has, home, charted = knows
    about, bits, mate, after = lists
    before_one, before_other = has[one], has[other]
    home_one, home_other = home[one], home[other]
    both = before_one | before_other
    agreed = False
    k = head[other]
    while k != _NONE:
        m = head[one]
        while m != _NONE and about[m] != about[k]:
            m = after[m]
        if m != _NONE:
            mate[m], mate[k] = bits[k], 255
            joined = bits[m] | bits[k]
        else:
            mate[k] = 0
            joined = bits[k]
        agreed |= joined & (SURE | CHART) == SURE | CHART
        k = after[k]
    if agreed:
        both |= _AGREED
    there = charted[one] or charted[other]
    home_both = _home(home_one, charted[one], home_other, charted[other])
    k = head[one]
    while k != _NONE:
        joined = bits[k] | mate[k]
        _move(about[k], bits[k], before_one, home_one, mate[k], before_other, home_other, joined, both, home_both,
              at, cell, upper, sure)  # fmt: skip
        bits[k], mate[k] = joined, 0
        k = after[k]
    k = head[other]
    while k != _NONE:
        following = after[k]
        if mate[k] == 255:
            mate[k] = 0
        else:
            _move(about[k], 0, before_one, home_one, bits[k], before_other, home_other, bits[k], both, home_both,
                  at, cell, upper, sure)  # fmt: skip
            after[k] = _NONE
            if tail[one] == _NONE:
                head[one] = k
            else:
                after[tail[one]] = k
            tail[one] = k
            length[one] += 1
        k = following
    parent[other] = one
    has[one], home[one], charted[one] = both, home_both, there


@compiled
def _home(one: int, one_charted: bool, other: int, other_charted: bool) -> int:
    """Where a person of two components lives: a chart's address before a row's, known before unknown, then by number."""
    if one == 0 or other == 0:
        return one | other
    if one_charted != other_charted:
        return one if one_charted else other
    return min(one, other)


@compiled
def _move(
    entity: int, one: int, has_one: int, home_one: int, other: int, has_other: int, home_other: int,
    joined: int, has: int, home: int, at: int, cell: Any, upper: Changes, sure: Changes,
) -> None:  # fmt: skip
    """What two components said of an entity, and what they say as one."""
    if _speaks(one, has_one):
        upper[at, cell[entity, home_one]] -= 1
    if _speaks(other, has_other):
        upper[at, cell[entity, home_other]] -= 1
    if _speaks(joined, has):
        upper[at, cell[entity, home]] += 1
    if joined & SURE:
        if one & SURE:
            sure[at, cell[entity, home_one]] -= 1
        if other & SURE:
            sure[at, cell[entity, home_other]] -= 1
        sure[at, cell[entity, home]] += 1


@compiled
def _add_attributed(
    size: int, low: int, nodes: Numbers, flags: Any, state: Any, start: Any, best: Any, best_of: Any,
    second: Any, first_chart: int, cell: Any, attributed: Changes,
) -> None:  # fmt: skip
    """Mentions that name no entity: confirmed at that of their linked charts, while these are of one only."""
    for n in range(size):
        node = nodes[low + n]
        if node >= first_chart or best[n] == _NONE or flags[node] & DOUBTFUL:
            continue
        if start[node + 1] > start[node]:
            continue
        column = cell[best_of[n], state[node]]
        attributed[best[n], column] += 1
        if second[n] != _NONE:
            attributed[second[n], column] -= 1
