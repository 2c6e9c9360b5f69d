"""Who is one person: components of strong links, cut where two records are known to be two people.

Plain arrays in and out. A partition is read off a maximum spanning forest, so a cut edge stays cut
whatever weaker links run beside it. Nothing depends on the order of the links given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

__all__ = ["Ints", "Links", "Marks", "components", "partition", "spanning_forest"]

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
_SAME_BITS = 1e-9
"""Weights closer than this tie; sums of the same levels differ in the last digits only."""


@dataclass(frozen=True, slots=True)
class Links:
    """Undirected links between node numbers. `weight` in bits, `millionths` the probability."""

    left: Ints
    right: Ints
    weight: npt.NDArray[np.float64]
    millionths: Ints

    @classmethod
    def none(cls) -> Links:
        """No link."""
        nothing = np.empty(0, np.int64)
        return cls(nothing, nothing, np.empty(0), nothing)

    def __len__(self) -> int:
        return len(self.left)

    def where(self, chosen: Marks | Ints) -> Links:
        """The links chosen by a mask or by number."""
        return Links(
            self.left[chosen], self.right[chosen], self.weight[chosen], self.millionths[chosen]
        )

    def plus(self, other: Links) -> Links:
        """These and the others."""
        return Links(
            np.concatenate([self.left, other.left]),
            np.concatenate([self.right, other.right]),
            np.concatenate([self.weight, other.weight]),
            np.concatenate([self.millionths, other.millionths]),
        )


def components(nodes: int, left: Ints, right: Ints) -> Ints:
    """Component number of each node; the lowest node of a component decides its number."""
    if nodes == 0:
        return np.empty(0, np.int64)
    graph = _matrix(nodes, left, right, np.ones(len(left), np.int8))
    labels: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def spanning_forest(nodes: int, links: Links) -> Ints:
    """Numbers of the links of the maximum spanning forest, strongest first; ties by node number."""
    low, high = np.minimum(links.left, links.right), np.maximum(links.left, links.right)
    order: Ints = np.lexsort((high, low, -links.weight))
    order = order[low[order] != high[order]]
    _, first = np.unique(low[order] * nodes + high[order], return_index=True)
    order = order[np.sort(first)]  # one link a pair: scipy would add up repeated cells
    if not len(order):
        return order
    rank = np.arange(1, len(order) + 1, dtype=np.float64)
    tree = minimum_spanning_tree(_matrix(nodes, low[order], high[order], rank))
    chosen: Ints = order[np.sort(tree.data).astype(np.int64) - 1]
    return chosen


def partition(
    nodes: int,
    links: Links,
    *,
    apart: Ints,
    cut_ties: bool,
    identities: Callable[[Ints], Ints] | None = None,
    identities_max: int = 0,
) -> Ints:
    """Group number of each node: linked nodes together, no pair of `apart` in one group.

    The weakest link between two that must be apart is cut; with `cut_ties` all equally weak ones,
    so that what hangs between both goes to neither. With `identities` (a number per node, equal
    for equal names and birth dates) a group with more than `identities_max` of them is split at
    rising thresholds.
    """
    labels = components(nodes, links.left, links.right)
    torn = apart[labels[apart[:, 0]] == labels[apart[:, 1]]]
    codes = _codes(labels, identities, identities_max)
    large = _too_many(labels, codes, identities_max)
    if not len(torn) and not len(large):
        return labels
    inside = np.isin(labels, np.concatenate([labels[torn[:, 0]], large]))[links.left]
    tied = links.where(inside)
    forest = tied.where(spanning_forest(nodes, tied))
    if len(large):
        members = np.flatnonzero(np.isin(labels, large))
        forest = forest.where(_split_large(forest, members, codes[members], identities_max))
    forest = forest.where(~_cuts(forest, torn, cut_ties=cut_ties))
    kept = links.where(~inside).plus(forest)
    return components(nodes, kept.left, kept.right)


def _codes(labels: Ints, identities: Callable[[Ints], Ints] | None, identities_max: int) -> Ints:
    """Identity of each node in a group of many nodes, asked for once; empty where none is large."""
    if identities is None or not len(labels):
        return np.empty(0, np.int64)
    members = np.flatnonzero(np.bincount(labels)[labels] > identities_max)
    if not len(members):
        return np.empty(0, np.int64)
    codes = np.full(len(labels), -1, np.int64)
    codes[members] = identities(members)
    return codes


def _too_many(labels: Ints, codes: Ints, identities_max: int) -> Ints:
    """Groups with more than `identities_max` identities."""
    if not len(codes):
        return codes
    members = np.flatnonzero(np.bincount(labels)[labels] > identities_max)
    known = np.unique(np.stack([labels[members], codes[members]]), axis=1)
    groups, distinct = np.unique(known[0], return_counts=True)
    return groups[distinct > identities_max]


def _split_large(forest: Links, members: Ints, codes: Ints, identities_max: int) -> Marks:
    """Which links to keep: the weakest go, bit by bit, until no group has too many identities."""
    inside = np.flatnonzero(np.isin(forest.left, members))
    left = np.searchsorted(members, forest.left[inside])
    right = np.searchsorted(members, forest.right[inside])
    weight = forest.weight[inside]
    kept = np.ones(len(inside), bool)
    while True:
        labels = components(len(members), left[kept], right[kept])
        large = _too_many(labels, codes, identities_max)
        if not len(large):
            keep = np.ones(len(forest), bool)
            keep[inside[~kept]] = False
            return keep
        weak = kept & np.isin(labels[left], large)
        kept[weak & (weight < np.floor(weight[weak].min()) + 1)] = False


def _cuts(forest: Links, apart: Ints, *, cut_ties: bool) -> Marks:
    """Which links of the forest to cut. A loop: people decide hundreds of pairs, not millions."""
    cut = np.zeros(len(forest), bool)
    if not len(apart):
        return cut
    near: dict[int, list[tuple[int, int]]] = {}
    ends = zip(forest.left.tolist(), forest.right.tolist(), strict=True)
    for number, (left, right) in enumerate(ends):
        near.setdefault(left, []).append((right, number))
        near.setdefault(right, []).append((left, number))
    for one, other in sorted(map(tuple, np.sort(apart, axis=1).tolist())):
        path = _path(near, cut, one, other)
        if not path:
            continue
        weakest = forest.weight[path].min()
        tied = [number for number in path if forest.weight[number] <= weakest + _SAME_BITS]
        cut[tied if cut_ties else max(tied)] = True
    return cut


def _path(near: dict[int, list[tuple[int, int]]], cut: Marks, start: int, end: int) -> list[int]:
    """Link numbers of the only way through the forest; empty where there is none."""
    came: dict[int, tuple[int, int]] = {start: (start, -1)}
    queue = deque([start])
    while queue and end not in came:
        node = queue.popleft()
        for neighbour, number in near.get(node, ()):
            if neighbour not in came and not cut[number]:
                came[neighbour] = (node, number)
                queue.append(neighbour)
    path: list[int] = []
    node = end
    while node in came and came[node][1] >= 0:
        node, number = came[node]
        path.append(number)
    return path


def _matrix(nodes: int, left: Ints, right: Ints, values: npt.NDArray[Any]) -> Any:
    cells = (values, (left.astype(np.int32), right.astype(np.int32)))
    return coo_array(cells, shape=(nodes, nodes)).tocsr()
