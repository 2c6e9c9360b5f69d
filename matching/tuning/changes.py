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

__all__ = ["STEPS_PER_BIT", "Cells", "Counted", "cells_of", "counted", "open_chance"]

STEPS_PER_BIT = 10
"""Thresholds are tenths of a bit, as in `merge_counts`."""
HIGHEST_BITS = 26.0
"""No threshold is above this: heavier links merge at every one."""
_THREADS = 2
_BELOW = (0.75, -1.75)
"""Odds of a link below the review band: three quarters of its bits, less this (`same_chances`)."""

Whole = npt.NDArray[np.int32]
Single = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cells:
    """`column` by entity and state (-1: nobody); `entity` and `state` by column."""

    column: Whole
    entity: Whole
    state: Whole


@dataclass(frozen=True, slots=True)
class Counted:
    """Cumulative numbers by step (row) and cell (column); row s holds what links at or above step s make.

    `upper`: people whom rows or charts give to the entity. `between`: people and entities that links of the
    review band add; `confirmed`: by certain rows; `attributed`: by linked charts alone. `likely`, `spread`: sum and
    variance of what links *below* row s change, each by its chance. `merges`: links of the forest by step.
    """

    lowest: int
    upper: Whole
    between: Whole
    confirmed: Whole
    attributed: Whole
    likely: Single
    spread: Single
    merges: npt.NDArray[np.int64]

    def step(self, bits: float) -> int:
        """Row of a threshold: the tenth at or above it."""
        wanted = int(np.ceil(round(bits * STEPS_PER_BIT, 6))) - self.lowest
        return min(max(wanted, 0), len(self.upper) - 1)


def cells_of(clusters: Clusters, speakers: Speakers, first_chart: int) -> Cells:
    """Where anybody may be counted, whatever the thresholds are."""
    used = np.zeros((len(speakers.entities), len(speakers.states)), bool)
    used_cells(
        (clusters.node_starts, clusters.nodes),
        (speakers.start, speakers.entity, speakers.chart_entity),
        speakers.state, first_chart, used,
    )  # fmt: skip
    node, named = _named(clusters.alone, speakers)
    used[named, speakers.state[node]] = True
    used[UNION, speakers.state[clusters.alone]] = True
    entity, state = np.nonzero(used)
    column = np.full(used.shape, -1, np.int32)
    column[entity, state] = np.arange(len(entity))
    return Cells(column, entity.astype(np.int32), state.astype(np.int32))


def _named(
    mentions: npt.NDArray[np.int32], speakers: Speakers
) -> tuple[npt.NDArray[np.int64], Whole]:
    """(mention, entity) for every entity that the rows of some mentions name."""
    count = speakers.start[mentions + 1] - speakers.start[mentions]
    at = np.repeat(mentions.astype(np.int64), count)
    first = np.repeat(speakers.start[mentions] - np.cumsum(count) + count, count)
    return at, speakers.entity[first + np.arange(len(at))]


def counted(
    links: Links,
    clusters: Clusters,
    speakers: Speakers,
    cells: Cells,
    *,
    first_chart: int,
    lowest: int,
    include_at_bits: float,
) -> Counted:
    """Arrange every cluster and sum up. Takes two arrays a thread of the size of `Counted`'s for a while."""
    steps = int(HIGHEST_BITS * STEPS_PER_BIT) - lowest + 1
    shape = (steps, len(cells.entity))
    step = weighed_steps(links.weight, lowest, steps)
    bounds = _even(clusters.link_starts, _THREADS)

    def part(
        span: tuple[int, int],
    ) -> tuple[tuple[Whole, Whole, Whole, Whole], npt.NDArray[np.int64]]:
        merges = np.zeros(steps, np.int64)
        out = (np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.int32))  # fmt: skip
        add_clusters(
            (clusters.node_starts, clusters.nodes, clusters.link_starts, clusters.links, clusters.place),
            (links.left, links.right, links.weight, step, links.held),
            (speakers.start, speakers.entity, speakers.says, speakers.flags, speakers.chart_entity),
            speakers.state, cells.column, (*span, first_chart), out, merges,
        )  # fmt: skip
        return out, merges

    with ThreadPoolExecutor(_THREADS) as pool:
        made = list(pool.map(part, bounds))
    upper, between, confirmed, attributed = (
        _summed([part[n] for part, _ in made]) for n in range(4)
    )
    merges = np.sum([found for _, found in made], axis=0)
    del made
    chance = open_chance(np.arange(steps) + lowest, include_at_bits)
    likely, spread = _below(upper, chance), _below(upper, chance * (1 - chance), squared=True)
    base, base_sure = _alone(speakers, cells)
    for changes in (upper, between, confirmed, attributed):
        _from_heaviest(changes)
    upper += base
    confirmed += base_sure
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


def _summed(parts: list[Whole]) -> Whole:
    total = parts[0]
    for more in parts[1:]:
        total += more
    return total


def _below(changes: Whole, weight: npt.NDArray[np.float64], *, squared: bool = False) -> Single:
    """By step: weighted sum of the changes of all lower steps (of their size, where squared)."""
    found = np.zeros(changes.shape, np.float32)
    for step in range(1, len(changes)):
        change = np.abs(changes[step - 1]) if squared else changes[step - 1]
        found[step] = found[step - 1] + change * np.float32(weight[step - 1])
    return found


def _from_heaviest(changes: Whole) -> None:
    for step in range(len(changes) - 2, -1, -1):
        changes[step] += changes[step + 1]


def _alone(speakers: Speakers, cells: Cells) -> tuple[Whole, Whole]:
    """(people, confirmed) by cell while nothing merges: every mention is a person."""
    mentions = np.arange(len(speakers.flags), dtype=np.int32)
    doubtful = speakers.flags & DOUBTFUL != 0
    home = speakers.state[mentions]
    at, entity = _named(mentions, speakers)
    by_row = cells.column[entity, speakers.state[at]]
    union = cells.column[UNION, home]
    size = len(cells.entity)
    sure = (speakers.says & SURE != 0) & ~doubtful[at]
    people = np.bincount(by_row, minlength=size) + np.bincount(union, minlength=size)
    certain = np.bincount(by_row[sure], minlength=size)
    certain += np.bincount(union[~doubtful], minlength=size)
    return people.astype(np.int32), certain.astype(np.int32)
