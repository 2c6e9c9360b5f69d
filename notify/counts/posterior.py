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

from matching.compiling import compiled

__all__ = [
    "NEVER",
    "NORMAL_95",
    "PERSONS_MAX",
    "QUANTA",
    "cluster_numbers",
    "pieces",
    "sum_quantiles",
]

PERSONS_MAX = 12
"""Persons whose partitions are summed one by one: 3 to this power steps; larger clusters lose weak links."""
NEVER = -1.0
"""As a chance: no group with this node counts (unowned people are no longer so beside an owned one)."""
_SURE = 1.0 - 1e-9
"""Links likelier than this are taken as this likely: odds stay finite."""
QUANTA = 2.0**30
"""Means are sums of whole quanta: the same digits in any order."""
_TAIL = 0.025
NORMAL_95 = 1.959964
_SUMMED_MAX = 1_000
"""Doubtful people at one entity whose sum is worked out exactly; beyond it is normal to three digits."""

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]


@compiled
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


@compiled
def cluster_numbers(
    nodes: tuple[Ints, Marks],
    links: tuple[Ints, Ints, Ints, Reals, Marks],
    rows: tuple[Ints, Ints, Ints, Reals],
) -> tuple[Ints, Reals, Reals]:
    """(starts, probabilities, doubt): of each asked (entity, cluster) the chances of 0, 1, 2 ... people.

    `doubt` is the sum of p (1 - p) over `unsure` links between two of its rows: by so much times d the mean
    falls where the odds of all these links are e to the power d higher, to first order.

    `nodes`: starts, and `present` where certainly affected: cluster c has the nodes starts[c] .. starts[c + 1] - 1,
    numbered from 0. `links`: starts by cluster, both nodes, probability, unsure. `rows`: starts by asked, the cluster of
    each asked, and of each row its node and its chance. No cluster has more than PERSONS_MAX nodes.
    """
    starts, present = nodes
    link_starts, left, right, probability, unsure = links
    row_starts, cluster, row_node, chance = rows
    asked = len(cluster)
    lone = np.zeros(
        asked, np.bool_
    )  # one person who is affected: whoever else it is, it counts once
    out_starts = np.zeros(asked + 1, np.int64)
    for a in range(asked):
        c, row = cluster[a], row_starts[a]
        own = chance[row] >= 0.0 and present[starts[c] + row_node[row]]
        lone[a] = row_starts[a + 1] - row == 1 and own
        nodes_of = 1 if lone[a] else starts[c + 1] - starts[c]
        out_starts[a + 1] = out_starts[a] + nodes_of + 1
    out = np.zeros(out_starts[asked])
    doubt = np.zeros(asked)
    last, odds, counts = -1, np.zeros(1), np.zeros(1, np.bool_)
    for a in range(asked):
        c = cluster[a]
        if lone[a]:
            out[out_starts[a]] = 1.0 - chance[row_starts[a]]
            out[out_starts[a] + 1] = chance[row_starts[a]]
            continue
        here, span = present[starts[c] : starts[c + 1]], slice(link_starts[c], link_starts[c + 1])
        if c != last:
            odds = _group_odds(len(here), left[span], right[span], probability[span])
            counts = _groups_with(here)
            last = c
        missing = np.ones(len(here))
        for row in range(row_starts[a], row_starts[a + 1]):
            missing[row_node[row]] *= 1.0 - chance[row]  # above 1 where it is NEVER
        out[out_starts[a] : out_starts[a + 1]] = _number(odds, counts, missing)
        for link in range(span.start, span.stop):
            if unsure[link] and missing[left[link]] != 1.0 and missing[right[link]] != 1.0:
                doubt[a] += probability[link] * (1.0 - probability[link])
    return out_starts, out, doubt


@compiled
def _groups_with(marked: Marks) -> Marks:
    """By set of nodes: one of them is marked."""
    found = np.zeros(1 << len(marked), np.bool_)
    for node in range(len(marked)):
        for group in range(1 << len(marked)):
            if marked[node] and group >> node & 1:
                found[group] = True
    return found


@compiled
def _hangs_together(group: int, beside: Ints) -> bool:
    """All nodes of a set are reached from its lowest, each by those beside it."""
    reached, grown = 0, group & -group
    while grown != reached:
        reached = grown
        for node in range(len(beside)):
            if reached >> node & 1:
                grown |= beside[node] & group
    return reached == group


@compiled
def _group_odds(nodes: int, left: Ints, right: Ints, probability: Reals) -> Reals:
    """By set of nodes (a bit each): the product of its links' odds; 0 where it does not hang together."""
    beside = np.zeros(nodes, np.int64)
    for link in range(len(left)):
        beside[left[link]] |= 1 << right[link]
        beside[right[link]] |= 1 << left[link]
    found = np.zeros(1 << nodes)
    for group in range(1, 1 << nodes):
        if _hangs_together(group, beside):
            found[group] = 1.0
            for link in range(len(left)):
                if group >> left[link] & 1 and group >> right[link] & 1:
                    p = min(probability[link], _SURE)
                    found[group] *= p / (1.0 - p)
    return found


@compiled
def _counted(group: int, missing: Reals) -> float:
    """Chance that one of the rows of a set of nodes is there; 0 where one of them is NEVER."""
    none = 1.0
    for node in range(len(missing)):
        if group >> node & 1:
            if missing[node] > 1.0:
                return 0.0
            none *= missing[node]
    return 1.0 - none


@compiled
def _number(odds: Reals, counts: Marks, missing: Reals) -> Reals:
    """Chances of 0 .. nodes groups that count: from what is left over its lowest node's group is taken.

    Sets that no way leads to are passed over: few are reached where links are few.
    """
    full, nodes = len(odds), len(missing)
    counted = np.zeros(full)
    for group in range(full):
        if odds[group] > 0.0 and counts[group]:
            counted[group] = _counted(group, missing)
    found = np.zeros((full, nodes + 1))
    reached = np.zeros(full, np.bool_)
    found[full - 1, 0], reached[full - 1] = 1.0, True
    for left_over in range(full - 1, 0, -1):
        if not reached[left_over]:
            continue
        low = left_over & -left_over
        rest = left_over ^ low
        others = rest
        while others >= 0:
            group = others | low
            weight, yes = odds[group], counted[group]
            if weight > 0.0:
                after = left_over ^ group
                reached[after] = True
                for number in range(nodes):
                    before = weight * found[left_over, number]
                    found[after, number] += before * (1.0 - yes)
                    found[after, number + 1] += before * yes
            others = (others - 1) & rest if others else -1
    numbers: Reals = found[0] / found[0].sum()
    return numbers


@compiled
def _moments(part: Reals) -> tuple[float, float]:
    first = second = 0.0
    for number in range(len(part)):
        first += number * part[number]
        second += number * number * part[number]
    return np.round(first * QUANTA) / QUANTA, second - first * first


@compiled
def _add(total: Reals, length: int, part: Reals) -> None:
    """The chances of a sum, in place: of the first `length` numbers, and one part more."""
    for at in range(length + len(part) - 2, -1, -1):
        value = 0.0
        for number in range(max(0, at - length + 1), min(len(part), at + 1)):
            value += part[number] * total[at - number]
        total[at] = value


@compiled
def _middle(total: Reals) -> tuple[int, int]:
    """Lowest and highest number beyond which at most _TAIL lies on each side."""
    below, above, low, high = 0.0, 0.0, 0, len(total) - 1
    while low < high and below + total[low] <= _TAIL:
        below += total[low]
        low += 1
    while high > low and above + total[high] <= _TAIL:
        above += total[high]
        high -= 1
    return low, high


@compiled
def sum_quantiles(starts: Ints, part_starts: Ints, chances: Reals) -> tuple[Reals, Reals, Reals]:
    """(mean, low, high) of sums of independent numbers: low and high hold 95 % of each.

    Sum s has the parts starts[s] .. starts[s + 1] - 1; part p the chances of 0, 1, 2 ... that stand from
    part_starts[p] on. At most 2.5 % lie below low, and above high.
    """
    size = len(starts) - 1
    mean, low, high = np.zeros(size), np.zeros(size), np.zeros(size)
    for s in range(size):
        first, last = starts[s], starts[s + 1]
        most, variance = part_starts[last] - part_starts[first] - (last - first), 0.0
        for p in range(first, last):
            one, spread = _moments(chances[part_starts[p] : part_starts[p + 1]])
            mean[s] += one
            variance += spread
        if most > _SUMMED_MAX:
            half = NORMAL_95 * np.sqrt(max(variance, 0.0))
            low[s], high[s] = max(mean[s] - half, 0.0), min(mean[s] + half, most)
            continue
        total, length = np.zeros(most + 1), 1
        total[0] = 1.0
        for p in range(first, last):
            part = chances[part_starts[p] : part_starts[p + 1]]
            _add(total, length, part)
            length += len(part) - 1
        low[s], high[s] = _middle(total)
    return mean, low, high
