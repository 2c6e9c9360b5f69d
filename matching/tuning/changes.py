"""People by entity and state at every threshold: what merges change, summed from the heaviest link on.

One column a cell (entity and state), one row a tenth of a bit. A look-up at any thresholds reads a row of each
array; nothing is counted again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from matching.tuning.arrange import add_clusters, used_cells, weighed_steps
from matching.tuning.clusters import Clusters
from matching.tuning.links import Links
from matching.tuning.speakers import DOUBTFUL, SURE, UNION, Speakers

__all__ = [
    "HIGHEST_BITS", "STEPS_PER_BIT", "Base", "Cells", "Counted", "base_of", "cells_of", "counted", "open_chance",
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
Single = npt.NDArray[np.float32]


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
class Counted:
    """Cumulative numbers by step (row) and cell (column); row s holds what links at or above step s make.

    `upper`: people whom rows or charts give to the entity. `between`: people and entities that links of the
    review band add; `confirmed`: by certain rows; `attributed`: by linked charts alone. `likely`: the sum of
    what links *below* row s change, each by its chance; `spread`, by entity: its variance. `merges`: links of the forest by step.
    """

    lowest: int
    upper: Whole
    between: Whole
    confirmed: Whole
    attributed: Whole
    likely: Single
    spread: Single
    merges: Long

    def step(self, bits: float) -> int:
        """Row of a threshold: the tenth at or above it."""
        wanted = int(np.ceil(round(bits * STEPS_PER_BIT, 6))) - self.lowest
        return min(max(wanted, 0), len(self.upper) - 1)


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

    Takes four arrays a thread of the size of `Counted`'s for a while.
    """
    steps = int(HIGHEST_BITS * STEPS_PER_BIT) - lowest + 1
    step = weighed_steps(links.weight, lowest, steps)

    def part(span: tuple[int, int]) -> tuple[tuple[Whole, Whole, Whole, Whole], Long]:
        merges = np.zeros(steps, np.int64)
        upper, between, sure, attributed = (
            np.zeros((steps, len(cells.entity)), np.int32) for _ in range(4)
        )
        out = (upper, between, sure, attributed)
        add_clusters(
            (clusters.node_starts, clusters.state, clusters.flags, clusters.said_starts,
             clusters.entity, clusters.says),
            (clusters.link_starts, links.left, links.right, links.weight, step, links.held),
            cells.column, span, out, merges,
        )  # fmt: skip
        return out, merges

    with ThreadPoolExecutor(_THREADS) as pool:
        (out, merges), *others = pool.map(part, _even(clusters.link_starts, _THREADS))
    while others:
        more, counts = others.pop()
        merges += counts
        for total, other in zip(out, more, strict=True):
            np.add(total, other, out=total)
        del more
    upper, between, confirmed, attributed = out
    chance = open_chance(np.arange(steps) + lowest, include_at_bits)
    likely, spread = _below(upper, chance), _spread(upper, chance * (1 - chance), cells)
    for changes in out:
        _from_heaviest(changes)
    upper += base.people
    confirmed += base.confirmed
    return Counted(lowest, upper, between, confirmed, attributed, likely, spread, merges)


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


def _below(changes: Whole, weight: npt.NDArray[np.float64]) -> Single:
    """By step: the changes of all lower steps, each by its weight."""
    found = np.zeros(changes.shape, np.float32)
    for step in range(1, len(changes)):
        found[step] = found[step - 1] + changes[step - 1] * np.float32(weight[step - 1])
    return found


def _spread(changes: Whole, weight: npt.NDArray[np.float64], cells: Cells) -> Single:
    """By step and entity: the size of the changes of all lower steps, each by its weight."""
    first = np.flatnonzero(np.diff(cells.entity, prepend=-1))
    found = np.zeros((len(changes), len(first)), np.float32)
    for step in range(1, len(changes)):
        size = np.add.reduceat(np.abs(changes[step - 1]), first)
        found[step] = found[step - 1] + size * np.float32(weight[step - 1])
    return found


def _from_heaviest(changes: Whole) -> None:
    for step in range(len(changes) - 2, -1, -1):
        changes[step] += changes[step + 1]


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
