"""The merge tree: how many people there are at every merge threshold, before splits.

A maximum spanning forest of all kept pairs over mentions and charts, strongest link first. At a
threshold the records that links at or above it join are one person. Pairs that a guard or a decision
keeps from merging are left out; whom they split further on is not in the tree.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.compiling import compiled
from matching.people.compiled import (
    NOT_THERE,
    Numbers,
    Reals,
    strongest_first,
)
from matching.people.links import DECIDED_BITS, beside_firsts, inside_groups, listed
from matching.people.pairs import Evidence, Kept
from matching.people.partition import Ints
from matching.people.records import Records
from matching.store import ROWS_PER_PART, Workspace
from matching.tables import TABLES

__all__ = ["Forest", "merge_counts", "merge_forest", "write_merge_tree"]

STEPS_PER_BIT = 10
"""Thresholds of `merge_counts` are tenths of a bit: finer than any estimate of a weight."""
_WRITERS = 2
"""One part is made while another waits for the disk."""
_LEAKED, _CHART, _BOTH = 1, 2, 3
_SIDES = 16
"""What two sides of a link may hold: two bits each."""
_UNREACHED = -np.inf
_MILLION = 1_000_000
"""Chances are summed as whole millionths: the same digits in any order."""
_HALF_A_DIGIT = 5e-10
"""Weights have nine decimals: one that is a tenth is at that tenth."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Links of the maximum spanning forest as record numbers, strongest first.

    `people` and `orphans`: by how much their number changes as the link merges, 0 or less.
    """

    left: Numbers
    right: Numbers
    weight: Reals
    people: npt.NDArray[np.int8]
    orphans: npt.NDArray[np.int8]


def write_merge_tree(workspace: Workspace, evidence: Evidence) -> None:
    """Write `merge_tree` and `merge_counts`. Holds about 45 bytes a kept pair while it works."""
    forest = merge_forest(evidence)
    workspace.write("merge_counts", merge_counts(evidence, forest))
    starts = range(0, max(len(forest.left), 1), ROWS_PER_PART)
    with workspace.writer("merge_tree") as writer, ThreadPoolExecutor(_WRITERS) as pool:

        def put(index: int) -> None:
            writer.put(index, _rows(forest, evidence.records, starts[index]))

        list(pool.map(put, range(len(starts))))


def _rows(forest: Forest, records: Records, start: int) -> pl.DataFrame:
    at = slice(start, start + ROWS_PER_PART)
    left, right = records.ids(forest.left[at]), records.ids(forest.right[at])
    rows = pl.DataFrame(
        {
            "position": np.arange(start, start + len(left), dtype=np.int32),
            "left": left,
            "right": right,
            "match_weight": forest.weight[at],
            "people": forest.people[at],
            "orphans": forest.orphans[at],
        }
    )
    return rows.select(list(TABLES["merge_tree"].columns))


def merge_forest(evidence: Evidence) -> Forest:
    """The forest over all mentions and charts; equal weights in the order of `pairs`."""
    left, right, weight = _links(evidence)
    holds = np.full(len(evidence.records), _CHART, np.uint8)
    holds[: evidence.records.first_chart] = _LEAKED
    chosen, sides = strongest_first(holds, left, right, weight)
    people, orphans = np.array([_changes(n) for n in range(_SIDES)], np.int8).T
    return Forest(left[chosen], right[chosen], weight[chosen], people[sides], orphans[sides])


def _links(evidence: Evidence) -> tuple[Numbers, Numbers, Reals]:
    """(left, right, weight) of what may merge, between mentions, not groups of them.

    Below the weight of a group with itself its mentions are joined already, so that only stronger
    pairs are said of each of them.
    """
    pairs, own, decided = evidence.pairs, evidence.own, evidence.decided
    alike, nodes = evidence.alike, len(evidence.records)
    apart = _numbered(evidence.records, np.concatenate([decided.no, decided.unsure]))
    pairs = _free(pairs, apart, nodes=nodes)
    own = _free(own, np.empty((0, 2), np.int64), nodes=nodes)
    several = alike.several(nodes)
    joined_at = np.full(nodes, -np.inf)
    joined_at[own.left] = own.weight
    parts = [pairs, _free(inside_groups(alike, own), apart, nodes=nodes)]
    for ends, right in ((pairs.left, False), (pairs.right, True)):
        chosen = np.flatnonzero(several[ends])
        chosen = chosen[pairs.weight[chosen] > joined_at[ends[chosen]]]
        beside = beside_firsts(alike, pairs.where(chosen), right=right)
        parts.append(_free(beside, apart, nodes=nodes))
    match = _numbered(evidence.records, decided.match).astype(np.int32)
    bits = np.full(len(match), DECIDED_BITS)
    return (
        np.concatenate([*(part.left for part in parts), match[:, 0]]),
        np.concatenate([*(part.right for part in parts), match[:, 1]]),
        np.concatenate([*(part.weight for part in parts), bits]),
    )


def _numbered(records: Records, decided: Ints) -> Ints:
    pairs = records.numbers(decided.ravel()).reshape(-1, 2).astype(np.int64)
    kept: Ints = pairs[(pairs != NOT_THERE).all(axis=1)]
    return kept


def _free(pairs: Kept, apart: Ints, *, nodes: int) -> Kept:
    """Pairs that no guard and no decision keeps from merging."""
    held = pairs.held | listed(pairs, apart, nodes=nodes)
    return pairs.where(~held) if held.any() else pairs


def _changes(sides: int) -> tuple[int, int]:
    """(people, orphans) that a link takes away, by what its sides hold."""
    one, other = sides & _BOTH, sides >> 2
    people = -int(bool(one & other & _LEAKED))
    orphans = int(one | other == _LEAKED) - int(one == _LEAKED) - int(other == _LEAKED)
    return people, orphans


def merge_counts(evidence: Evidence, forest: Forest) -> pl.DataFrame:
    """Rows of `merge_counts`: every tenth of a bit from the weakest kept pair to the strongest."""
    by_model = forest.weight[forest.weight < DECIDED_BITS]
    lowest, highest = (by_model[-1], by_model[0]) if len(by_model) else (0.0, 0.0)
    steps = np.arange(
        np.floor(lowest * STEPS_PER_BIT), np.floor(highest * STEPS_PER_BIT) + 2, dtype=np.int64
    )
    at = np.round(steps / STEPS_PER_BIT, 1)
    links = np.searchsorted(-forest.weight, -at, side="right")
    mentions = evidence.records.first_chart
    people, orphans = (
        mentions + np.concatenate([[0], np.cumsum(changes, dtype=np.int64)])[links]
        for changes in (forest.people, forest.orphans)
    )
    best = np.full(len(evidence.records) - mentions, _UNREACHED)
    _best_of_charts(
        best, evidence.pairs.left, evidence.pairs.right, evidence.pairs.weight, mentions
    )
    best = np.sort(best[best > _UNREACHED])
    pairs = np.sort(np.concatenate([evidence.pairs.weight, evidence.own.weight]))
    false, missed = _wrong(forest.weight)
    rows = {
        "at_bits": at,
        "people": people,
        "orphans": orphans,
        "links": links,
        "pairs": len(pairs) - np.searchsorted(pairs, np.round(at - _HALF_A_DIGIT, 10), side="left"),
        "false": false[links],
        "missed": missed[-1] - missed[links],
        "charts_reached": len(best) - np.searchsorted(best, at, side="left"),
    }
    return TABLES["merge_counts"].complete(pl.DataFrame(rows))


def _wrong(weight: Reals) -> tuple[Ints, Ints]:
    """(false, missed): expected links that join two people, and one, among the first so many, in millionths."""
    chance = 1 / (1 + 2.0**-weight)
    return tuple(  # type: ignore[return-value]  # two of two
        np.concatenate([[0], np.cumsum(np.rint(share * _MILLION).astype(np.int64))])
        for share in (1 - chance, chance)
    )


@compiled
def _best_of_charts(
    best: Reals, left: Numbers, right: Numbers, weight: Reals, first_chart: int
) -> None:
    """Weight of each chart's best pair with a mention."""
    for i in range(len(left)):
        if left[i] < first_chart <= right[i]:
            chart = right[i] - first_chart
            best[chart] = max(best[chart], weight[i])
