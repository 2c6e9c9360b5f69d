"""How many people a cluster of perhaps-equal persons is, with probabilities: sums over all its partitions.

The posterior that is meant: persons of a cluster are parted into people in every way whose groups hang
together by links. A partition weighs the product over the links of p where the link is inside a group, of
1 - p where it lies between two. Two persons without a link are one only through others. What was merged
already (match band) stays merged.

A group counts where one of it is certainly affected, and one of its rows is at the entity. Rows of their own
(`chance`) are independent; a row that follows from a link to another's chart counts only beside that chart.
Plain arrays in and out, compiled.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit  # type: ignore[import-untyped,unused-ignore]

__all__ = ["NEVER", "PERSONS_MAX", "cluster_numbers", "pieces", "sum_quantiles"]

PERSONS_MAX = 12
"""Persons whose partitions are summed one by one: 3 to this power steps; larger clusters lose weak links."""
NEVER = -1.0
"""As a chance: no group with this node counts (unowned people are no longer so beside an owned one)."""
_SURE = 1.0 - 1e-9
"""Links likelier than this are taken as this likely: odds stay finite."""
_QUANTA = 2.0**30
"""Means are sums of whole quanta: the same digits in any order."""
_TAIL = 0.025
_NORMAL_95 = 1.959964
_SUMMED_MAX = 4_000
"""Doubtful people at one entity whose sum is worked out exactly; beyond it is normal to four digits."""

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def pieces(nodes: int, left: Ints, right: Ints, most: int) -> Ints:
    """Lowest node of each node's cluster: links taken in their order, but for those that make one too large."""
    parent = np.arange(nodes)
    size = np.ones(nodes, np.int64)
    for link in range(len(left)):
        one, other = left[link], right[link]
        while parent[one] != one:
            one = parent[one]
        while parent[other] != other:
            other = parent[other]
        if one != other and size[one] + size[other] <= most:
            low, high = min(one, other), max(one, other)
            parent[high] = low
            size[low] += size[high]
    for node in range(nodes):
        parent[node] = parent[parent[node]]  # parents are lower: theirs is settled
    return parent


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def cluster_numbers(
    starts: Ints, present: Marks, link_starts: Ints, left: Ints, right: Ints, probability: Reals,
    row_starts: Ints, cluster: Ints, row_node: Ints, chance: Reals,
) -> tuple[Ints, Reals]:  # fmt: skip
    """(starts, probabilities): of each asked (entity, cluster) the chances of 0, 1, 2 ... people.

    Cluster c has the nodes 0 .. starts[c + 1] - starts[c] - 1, `present` where certainly affected, and the
    links link_starts[c] .. between its nodes. Asked a has the cluster cluster[a] and the rows
    row_starts[a] .., each a node and its chance. No cluster has more than PERSONS_MAX nodes.
    """
    asked = len(cluster)
    out_starts = np.zeros(asked + 1, np.int64)
    for a in range(asked):
        c = cluster[a]
        out_starts[a + 1] = out_starts[a] + starts[c + 1] - starts[c] + 1
    out = np.zeros(out_starts[asked])
    last = -1
    full = 1
    odds = np.zeros(1)
    counts = np.zeros(1, np.bool_)
    for a in range(asked):
        c = cluster[a]
        nodes = starts[c + 1] - starts[c]
        if c != last:
            full = 1 << nodes
            span = (link_starts[c], link_starts[c + 1])
            odds = _group_odds(nodes, left[span[0] : span[1]], right[span[0] : span[1]],
                               probability[span[0] : span[1]])  # fmt: skip
            counts = np.zeros(full, np.bool_)
            for group in range(1, full):
                for node in range(nodes):
                    if group >> node & 1 and present[starts[c] + node]:
                        counts[group] = True
            last = c
        missing = np.ones(nodes)
        for row in range(row_starts[a], row_starts[a + 1]):
            missing[row_node[row]] *= 1.0 - chance[row]  # above 1 where it is NEVER
        out[out_starts[a] : out_starts[a + 1]] = _number(nodes, odds, counts, missing)
    return out_starts, out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _group_odds(nodes: int, left: Ints, right: Ints, probability: Reals) -> Reals:
    """By set of nodes (a bit each): the product of its links' odds; 0 where it does not hang together."""
    beside = np.zeros(nodes, np.int64)
    for link in range(len(left)):
        beside[left[link]] |= 1 << right[link]
        beside[right[link]] |= 1 << left[link]
    odds = np.zeros(1 << nodes)
    for group in range(1, 1 << nodes):
        reached, grown = 0, group & -group
        while grown != reached:
            reached = grown
            for node in range(nodes):
                if reached >> node & 1:
                    grown |= beside[node] & group
        if reached != group:
            continue
        odds[group] = 1.0
        for link in range(len(left)):
            if group >> left[link] & 1 and group >> right[link] & 1:
                p = min(probability[link], _SURE)
                odds[group] *= p / (1.0 - p)
    return odds


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _number(nodes: int, odds: Reals, counts: Marks, missing: Reals) -> Reals:
    """Chances of 0 .. nodes groups that count: each set is its lowest node's group and the rest."""
    full = 1 << nodes
    counted = np.zeros(full)
    for group in range(1, full):
        if odds[group] > 0.0 and counts[group]:
            none = 1.0
            for node in range(nodes):
                if group >> node & 1:
                    none = 2.0 if missing[node] > 1.0 or none > 1.0 else none * missing[node]
            counted[group] = max(1.0 - none, 0.0)
    found = np.zeros((full, nodes + 1))
    found[0, 0] = 1.0
    for whole in range(1, full):
        low = whole & -whole
        rest = whole ^ low
        others = rest
        while True:
            group = others | low
            if odds[group] > 0.0:
                left_over = whole ^ group
                for number in range(nodes):
                    weight = odds[group] * found[left_over, number]
                    found[whole, number] += weight * (1.0 - counted[group])
                    found[whole, number + 1] += weight * counted[group]
            if others == 0:
                break
            others = (others - 1) & rest
    total = found[full - 1].sum()
    return found[full - 1] / total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def sum_quantiles(
    starts: Ints, part_starts: Ints, chances: Reals
) -> tuple[Reals, Reals, Reals, Reals]:
    """(mean, variance, low, high) of sums of independent numbers: low and high hold 95 % of it.

    Sum s has the parts starts[s] .. starts[s + 1] - 1; part p the chances of 0, 1, 2 ... that stand from
    part_starts[p] on. At most 2.5 % lie below low, and above high.
    """
    size = len(starts) - 1
    mean, variance = np.zeros(size), np.zeros(size)
    low, high = np.zeros(size), np.zeros(size)
    for s in range(size):
        most = 0
        for p in range(starts[s], starts[s + 1]):
            first = second = 0.0
            for number in range(part_starts[p + 1] - part_starts[p]):
                chance = chances[part_starts[p] + number]
                first += number * chance
                second += number * number * chance
            mean[s] += np.round(first * _QUANTA) / _QUANTA
            variance[s] += second - first * first
            most += part_starts[p + 1] - part_starts[p] - 1
        if most > _SUMMED_MAX:
            half = _NORMAL_95 * np.sqrt(max(variance[s], 0.0))
            low[s], high[s] = max(mean[s] - half, 0.0), min(mean[s] + half, most)
            continue
        total = np.zeros(most + 1)
        total[0] = 1.0
        length = 1
        for p in range(starts[s], starts[s + 1]):
            part = chances[part_starts[p] : part_starts[p + 1]]
            for at in range(length + len(part) - 2, -1, -1):
                value = 0.0
                for number in range(max(0, at - length + 1), min(len(part), at + 1)):
                    value += part[number] * total[at - number]
                total[at] = value
            length += len(part) - 1
        below, above, at, to = 0.0, 0.0, 0, most
        while at < most and below + total[at] <= _TAIL:
            below += total[at]
            at += 1
        while to > at and above + total[to] <= _TAIL:
            above += total[to]
            to -= 1
        low[s], high[s] = at, to
    return mean, variance, low, high
