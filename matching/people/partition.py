"""Who is one person: components of strong links, cut where two records are known to be two people.

Plain arrays in and out. A partition is read off a maximum spanning forest, so a cut edge stays cut
whatever weaker links run beside it. Nothing depends on the order of the links given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.people.compiled import (
    Marks,
    Numbers,
    Reals,
    Whole,
    cut_between,
    roots,
    strongest_first,
    union,
)

__all__ = [
    "MARGIN_BITS",
    "Hashes",
    "Ints",
    "Links",
    "Marks",
    "components",
    "partition",
    "spanning_forest",
]

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
MARGIN_BITS = 3.0
"""What links a record to two people with weights this close is no reason to give it to one of them."""
_SAME_BITS = 1e-9
"""Weights closer than this tie; sums of the same levels differ in the last digits only."""


@dataclass(frozen=True, slots=True)
class Links:
    """Undirected links between node numbers. `weight` in bits, `millionths` the probability."""

    left: Whole
    right: Whole
    weight: Reals
    millionths: Whole

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


def components(nodes: int, left: Whole, right: Whole, chosen: Marks | None = None) -> Numbers:
    """Lowest node of each node's component; only chosen links count (None: all)."""
    chosen = np.ones(len(left), bool) if chosen is None else chosen
    parent = np.arange(nodes, dtype=np.int32)
    union(parent, left, right, chosen)
    roots(parent)
    return parent


def spanning_forest(nodes: int, links: Links, rank: Whole | None = None) -> Ints:
    """Numbers of the links of the maximum spanning forest, strongest first.

    Ties by the nodes' rank, or by their numbers.
    """
    ends = (links.left, links.right) if rank is None else (rank[links.left], rank[links.right])
    low, high = np.minimum(*ends), np.maximum(*ends)
    order: Ints = np.lexsort((high, low))
    nothing = np.zeros(nodes, np.uint8)
    chosen, _ = strongest_first(nothing, links.left[order], links.right[order], links.weight[order])
    numbers: Ints = order[chosen]
    return numbers


def partition(
    nodes: int,
    links: Links,
    *,
    apart: Whole,
    guarded: Whole | None = None,
    cut_ties: bool,
    chosen: Marks | None = None,
    identities: Callable[[Ints], Ints] | None = None,
    identities_max: int = 0,
    contents: Callable[[Ints], Hashes] | None = None,
) -> Numbers:
    """Lowest node of each node's group: linked nodes together, no pair of `apart` in one group.

    Only `chosen` links count (None: all). The weakest link between two that must be apart is cut;
    with `cut_ties` all equally weak ones, so that what hangs between both goes to neither. Nor do pairs
    that are `guarded` stay in one group: links nearly as weak as the weakest (MARGIN_BITS) are cut, too. With
    `contents` (a hash of what each node says) equal links are taken in an order that does not depend on
    the nodes' numbers. With `identities` (a number per node, equal for equal names and birth dates) a group with more than
    `identities_max` of them is split at rising thresholds. Only groups in conflict are looked at
    twice.
    """
    labels = components(nodes, links.left, links.right, chosen)
    torn = apart[labels[apart[:, 0]] == labels[apart[:, 1]]]
    guarded = np.empty((0, 2), np.int64) if guarded is None else guarded
    close = guarded[labels[guarded[:, 0]] == labels[guarded[:, 1]]]
    members, codes = _codes(labels, identities, identities_max)
    large = _too_many(labels[members], codes, identities_max)
    if not len(torn) and not len(close) and not len(large):
        return labels
    tied = np.zeros(nodes, bool)
    tied[labels[torn[:, 0]]] = tied[labels[close[:, 0]]] = tied[large] = True
    inside = tied[labels]
    here = inside[links.left]
    within = links.where(np.flatnonzero(here if chosen is None else here & chosen))
    rank = _ranked(nodes, np.flatnonzero(inside), contents) if contents else None
    forest = within.where(spanning_forest(nodes, within, rank))
    if len(large):
        in_large = np.isin(labels[members], large)
        forest = forest.where(
            _split_large(forest, members[in_large], codes[in_large], identities_max)
        )
    forest = forest.where(~_cuts(forest, torn, cut_ties=cut_ties))
    forest = _parted(nodes, forest, close)
    again = components(nodes, forest.left, forest.right)
    return np.where(inside, again, labels)


def _ranked(nodes: int, chosen: Ints, contents: Callable[[Ints], Hashes]) -> Numbers:
    """Place of each chosen node by what it says; two that say the same by their numbers."""
    rank = np.zeros(nodes, np.int32)
    rank[chosen[np.argsort(contents(chosen), kind="stable")]] = np.arange(len(chosen))
    return rank


def _codes(
    labels: Numbers, identities: Callable[[Ints], Ints] | None, identities_max: int
) -> tuple[Ints, Ints]:
    """Nodes of groups of many nodes and their identities, asked for once."""
    if identities is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    many = np.bincount(labels, minlength=1) > identities_max
    members: Ints = np.flatnonzero(many[labels])
    return members, identities(members) if len(members) else members


def _too_many(groups: Numbers, codes: Ints, identities_max: int) -> Ints:
    """Groups with more than `identities_max` identities; one entry a member."""
    span = int(codes.max(initial=0)) + 1
    known = np.unique(groups.astype(np.int64) * span + codes)
    found, distinct = np.unique(known // span, return_counts=True)
    large: Ints = found[distinct > identities_max]
    return large


def _split_large(forest: Links, members: Ints, codes: Ints, identities_max: int) -> Marks:
    """Which links to keep: the weakest go, bit by bit, until no group has too many identities."""
    inside = np.flatnonzero(np.isin(forest.left, members))
    left = np.searchsorted(members, forest.left[inside])
    right = np.searchsorted(members, forest.right[inside])
    weight = forest.weight[inside]
    kept = np.ones(len(inside), bool)
    while True:
        labels = components(len(members), left, right, kept)
        large = _too_many(labels, codes, identities_max)
        if not len(large):
            keep = np.ones(len(forest), bool)
            keep[inside[~kept]] = False
            return keep
        weak = kept & np.isin(labels[left], large)
        kept[weak & (weight < np.floor(weight[weak].min()) + 1)] = False


def _cuts(forest: Links, apart: Whole, *, cut_ties: bool) -> Marks:
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


def _parted(nodes: int, forest: Links, close: Whole) -> Links:
    """The forest with every guarded pair in two trees.

    All pairs of a round are judged on one forest, so that their order says nothing.
    """
    while len(close):
        ends = np.stack([forest.left, forest.right], axis=1)
        cut = cut_between(nodes, ends, forest.weight, np.ascontiguousarray(close), MARGIN_BITS)
        if not cut.any():
            break
        forest = forest.where(~cut)
        labels = components(nodes, forest.left, forest.right)
        close = close[labels[close[:, 0]] == labels[close[:, 1]]]
    return forest


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
