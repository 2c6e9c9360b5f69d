"""People by entity and state at every threshold: what merges change, summed from the heaviest link on.

Few cells (entity and state) change at many of the tenths of a bit, so changes are kept as lists, cell by cell. A
look-up at any thresholds adds them up, millions in a hundredth of a second; nothing is counted again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.tuning.arrange import (
    add_clusters,
    by_cell,
    used_cells,
    weighed_sizes,
    weighed_steps,
    weighed_sums,
)
from matching.tuning.clusters import Clusters
from matching.tuning.links import Links
from matching.tuning.speakers import DOUBTFUL, SURE, UNION, Speakers

__all__ = [
    "HIGHEST_BITS", "STEPS_PER_BIT", "Base", "Cells", "Changes", "Counted", "base_of", "cells_of", "counted", "open_chance",
]  # fmt: skip

STEPS_PER_BIT = 10
"""Thresholds are tenths of a bit, as in `merge_counts`."""
HIGHEST_BITS = 20.0
"""No threshold is above this: heavier links merge at every one."""
_NEAR_BITS = 1.0
"""Links from here on are as likely as once in three times: they bring people's homes together."""
_THREADS = 2
_BELOW = (0.75, -1.75)
"""Odds of a link below the review band: three quarters of its bits, less this (`same_chances`)."""

Whole = npt.NDArray[np.int32]
Long = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """`column` by entity and state (-1: nobody); `entity` and `state` by column."""

    column: Whole
    entity: Whole
    state: Whole


@dataclass(frozen=True, slots=True)
class Base:
    """By cell, while nothing merges: people, and those of whom a row is certain."""

    people: Whole
    confirmed: Whole


@dataclass(frozen=True, slots=True)
class Changes:
    """Of cell c the changes `change[starts[c] : starts[c + 1]]`, at these steps, ascending. 6 bytes each."""

    starts: Long
    step: npt.NDArray[np.uint16]
    change: Whole

    def sums(self, weight: Reals) -> Reals:
        """By cell: the sum of the changes, each by the weight of its step."""
        found: Reals = weighed_sums(self.starts, self.step, self.change, weight)
        return found

    def sizes(self, weight: Reals) -> Reals:
        """By cell: the same of the sizes of the changes."""
        found: Reals = weighed_sizes(self.starts, self.step, self.change, weight)
        return found


@dataclass(frozen=True, slots=True)
class Counted:
    """What links change in the numbers of people, by kind, cell and step; `merges`: links of the forest by step."""

    lowest: int
    base: Base
    upper: Changes
    between: Changes
    certain: Changes
    attributed: Changes
    merges: Long
    chance: Reals

    def step(self, bits: float) -> int:
        """Place of a threshold: the tenth at or above it."""
        wanted = int(np.ceil(round(bits * STEPS_PER_BIT, 6))) - self.lowest
        return min(max(wanted, 0), len(self.merges) - 1)

    def people(self, merge: int) -> Reals:
        """By cell: people whose rows or charts give them to the entity, merging from a step on."""
        return self.base.people + self.upper.sums(self._from(merge))

    def in_review(self, include: int, merge: int) -> Reals:
        """By cell: people and entities that links between two steps add."""
        return self.between.sums(self._from(include) - self._from(merge))

    def confirmed(self, include: int, attribute: int) -> Reals:
        """By cell: people of certain rows, all links from one step on merged, or of linked charts from another on."""
        certain = self.base.confirmed + self.certain.sums(self._from(include))
        return certain + self.attributed.sums(self._from(attribute))

    def expected(self, merge: int) -> Reals:
        """By cell: mean number of people; links below a step merge by their chance."""
        below = self._from(merge)
        return self.base.people + self.upper.sums(below + (1 - below) * self.chance)

    def spread(self, merge: int) -> Reals:
        """By cell: variance of that number, links taken as independent."""
        return self.upper.sizes((1 - self._from(merge)) * self.chance * (1 - self.chance))

    def _from(self, step: int) -> Reals:
        return (np.arange(len(self.merges)) >= step).astype(np.float64)


def cells_of(clusters: Clusters, speakers: Speakers) -> Cells:
    """Where people may be counted, whatever the thresholds are.

    A home may come from far, through records between: an entity's people in a state where no neighbour of its
    records lives count with those of unknown residence, so that its total is right.
    """
    used = np.zeros((len(speakers.entities), len(speakers.states)), bool)
    used_cells(
        (clusters.node_starts, clusters.state, clusters.said_starts, clusters.entity),
        (clusters.link_starts, clusters.links.left, clusters.links.right, clusters.links.weight),
        used, _NEAR_BITS,
    )  # fmt: skip
    node, named = _named(clusters.alone, speakers)
    used[named, speakers.state[node]] = True
    used[UNION] = True
    used[:, 0] |= used.any(axis=1)
    entity, state = np.nonzero(used)
    column = np.full(used.shape, -1, np.int32)
    column[entity, state] = np.arange(len(entity))
    column = np.where(used, column, column[:, :1])
    return Cells(column, entity.astype(np.int32), state.astype(np.int32))


def _named(mentions: Whole, speakers: Speakers) -> tuple[npt.NDArray[np.int64], Whole]:
    """(mention, entity) for every entity that the rows of some mentions name."""
    count = speakers.start[mentions + 1] - speakers.start[mentions]
    at = np.repeat(mentions.astype(np.int64), count)
    first = np.repeat(speakers.start[mentions] - np.cumsum(count) + count, count)
    return at, speakers.entity[first + np.arange(len(at))]


def counted(
    clusters: Clusters,
    links: Links,
    cells: Cells,
    base: Base,
    *,
    lowest: int,
    include_at_bits: float,
) -> Counted:
    """Arrange every cluster and sum up. `links`: those of the clusters, perhaps with other weights.

    Takes 9 bytes a change besides, before they are summed: about one a link.
    """
    steps = int(HIGHEST_BITS * STEPS_PER_BIT) - lowest + 1
    step = weighed_steps(links.weight, lowest, steps)

    def part(span: tuple[int, int]) -> tuple[Any, Any, Long]:
        merges = np.zeros(steps, np.int64)
        keys, changes = add_clusters(
            (clusters.node_starts, clusters.state, clusters.flags, clusters.said_starts,
             clusters.entity, clusters.says),
            (clusters.link_starts, links.left, links.right, links.weight, step, links.held),
            cells.column, span, merges,
        )  # fmt: skip
        return keys, changes, merges

    with ThreadPoolExecutor(_THREADS) as pool:
        keys, changes, merges = zip(
            *pool.map(part, _even(clusters.link_starts, _THREADS)), strict=True
        )
        made = pool.map(
            lambda kind: Changes(*by_cell(keys, changes, kind, len(cells.entity), steps)), range(4)
        )
        upper, between, certain, attributed = made
    chance = open_chance(np.arange(steps) + lowest, include_at_bits)
    return Counted(
        lowest, base, upper, between, certain, attributed, np.sum(merges, axis=0), chance
    )


def open_chance(steps: npt.NDArray[np.int64], include_at_bits: float) -> npt.NDArray[np.float64]:
    """Chance that the two of an open link are one person, by tenths of a bit; lower odds below the review band."""
    bits = (steps + 0.5) / STEPS_PER_BIT
    slope, offset = _BELOW
    logged = np.where(bits < include_at_bits, slope * bits + offset, bits)
    return np.asarray(1 / (1 + 2.0**-logged))


def _even(starts: npt.NDArray[np.int64], parts: int) -> list[tuple[int, int]]:
    """Ranges of clusters with about as many links each."""
    wanted = np.linspace(0, starts[-1], parts + 1)
    ends = np.searchsorted(starts, wanted[1:-1])
    bounds = [0, *ends.tolist(), len(starts) - 1]
    return list(pairwise(bounds))


def base_of(speakers: Speakers, cells: Cells) -> Base:
    """People while nothing merges: every mention is one."""
    mentions = np.arange(len(speakers.flags), dtype=np.int32)
    doubtful = speakers.flags & DOUBTFUL != 0
    at, entity = _named(mentions, speakers)
    by_row = cells.column[entity, speakers.state[at]]
    union = cells.column[UNION, speakers.state[mentions]]
    size = len(cells.entity)
    sure = (speakers.says & SURE != 0) & ~doubtful[at]
    people = np.bincount(by_row, minlength=size) + np.bincount(union, minlength=size)
    certain = np.bincount(by_row[sure], minlength=size)
    certain += np.bincount(union[~doubtful], minlength=size)
    return Base(people.astype(np.int32), certain.astype(np.int32))
