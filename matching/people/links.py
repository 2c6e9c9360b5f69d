"""From kept pairs and decisions to the graph of records.

Three kinds of edges: `strong` merges, `weak` (the review band) tells both and merges nothing, and
`apart` keeps two records in two persons whatever lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.people.alike import Alike
from matching.people.compiled import NOT_THERE, Marks, Numbers, Whole
from matching.people.pairs import MATCH, REVIEW, Evidence, Kept
from matching.people.partition import Ints, Links
from matching.people.records import Records, marked
from matching.people.settings import PeopleSettings
from matching.store import Workspace

__all__ = ["DECIDED_BITS", "RecordGraph", "beside_firsts", "inside_groups", "listed", "read_graph"]

DECIDED_BITS = 1000.0
"""Stronger than any model: what a person decided is cut last."""


@dataclass(frozen=True, slots=True)
class RecordGraph:
    """Nodes are record numbers; `node` is that of each mention (its group's first where merged).

    `links` are all kept pairs and what decisions add; `strength` says what each does: MATCH,
    REVIEW or 0. `present`: included mentions, and charts that one reaches or that presumed
    entities hold. `no` and `unsure`: one row a decided pair of nodes; `guarded`: one that a guard says are
    two people, where nobody decided that they are one.
    """

    records: Records
    node: Numbers
    present: Marks
    links: Links
    strength: npt.NDArray[np.int8]
    no: Ints
    unsure: Ints
    guarded: Numbers


def read_graph(workspace: Workspace, settings: PeopleSettings, evidence: Evidence) -> RecordGraph:
    """The graph that these settings and decisions make of the evidence."""
    records, decided = evidence.records, evidence.decided
    merged = _merged(evidence)
    node = np.where(merged[evidence.alike.first], evidence.alike.first, _each(evidence.alike))
    links, strength, apart = _links(evidence, split=~merged)
    no, unsure, match = (
        _nodes_of(records, node, d) for d in (decided.no, decided.unsure, decided.match)
    )
    apart &= ~listed(links, match, nodes=len(records))
    strength[listed(links, no, nodes=len(records))] = 0
    reaching = (strength > 0) & (links.left < records.first_chart)
    present = _present(workspace, settings, records, links.right[reaching], match)
    strength[~(present[links.left] & present[links.right])] = 0
    strength[listed(links, unsure, nodes=len(records)) & (strength > 0)] = REVIEW
    no, unsure, match = (d[present[d].all(axis=1)] for d in (no, unsure, match))
    apart &= present[links.left] & present[links.right]
    guarded = np.stack([links.left[apart], links.right[apart]], axis=1)
    links = links.plus(_even(match, 1_000_000)).plus(_even(unsure, 500_000))
    added = np.repeat(np.array([MATCH, REVIEW], np.int8), [len(match), len(unsure)])
    strength = np.concatenate([strength, added])
    return RecordGraph(records, node, present, links, strength, no, unsure, guarded)


def _each(alike: Alike) -> Numbers:
    return np.arange(len(alike.first), dtype=np.int32)


def _merged(evidence: Evidence) -> Marks:
    """By mention: it is the first of a group that is one node.

    Its values are enough for a match, and nobody decided that two of the group are not the same.
    """
    decided = evidence.decided
    disputed = evidence.records.mention_numbers(
        np.concatenate([decided.no, decided.unsure]).ravel()
    )
    merged = marked(len(evidence.alike.first), evidence.own.left[evidence.own.band == MATCH])
    merged[evidence.alike.first[disputed[disputed != NOT_THERE]]] = False
    return merged


def _links(evidence: Evidence, *, split: Marks) -> tuple[Links, npt.NDArray[np.int8], Marks]:
    """All pairs as links of nodes, the strength of each by its band, and which a guard vetoes.

    Groups that are several nodes: each of them gets the pairs of the group.
    """
    pairs, own, alike = evidence.pairs, evidence.own, evidence.alike
    several = alike.several(len(evidence.records))
    several[: len(split)] &= split
    parts = [pairs]
    for ends in (pairs.left, pairs.right):
        chosen = np.flatnonzero(several[ends])
        parts.append(
            beside_firsts(
                alike,
                pairs.where(chosen[(pairs.band[chosen] > 0) | pairs.apart[chosen]]),
                right=ends is pairs.right,
            )
        )
    parts.append(inside_groups(alike, own.where(split[own.left])))
    joined = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("left", "right", "weight", "millionths", "band", "apart")
    ]
    return Links(*joined[:4]), joined[4], joined[5]


def beside_firsts(alike: Alike, pairs: Kept, *, right: bool) -> Kept:
    """Pairs of groups, for the other mentions of the group on one side.

    Between two groups only with the other's first, so that edges stay a sum, not a product.
    """
    rows, others = alike.others_of(pairs.right if right else pairs.left)
    chosen = pairs.where(rows)
    return chosen.between(chosen.left, others) if right else chosen.between(others, chosen.right)


def inside_groups(alike: Alike, own: Kept) -> Kept:
    """Each group's first with its others."""
    rows, others = alike.others_of(own.left)
    chosen = own.where(rows)
    return chosen.between(chosen.left, others)


def _nodes_of(records: Records, node: Numbers, decided: Ints) -> Ints:
    """Decided pairs of two different nodes."""
    numbers = records.numbers(decided.ravel())
    leaked = (numbers != NOT_THERE) & (numbers < records.first_chart)
    numbers[leaked] = node[numbers[leaked]]
    pairs = numbers.reshape(-1, 2).astype(np.int64)
    kept: Ints = pairs[(pairs != NOT_THERE).all(axis=1) & (pairs[:, 0] != pairs[:, 1])]
    return kept


def _present(
    workspace: Workspace, settings: PeopleSettings, records: Records, reached: Whole, match: Ints
) -> Marks:
    """Mentions, and charts that one reaches, that a person put to one, or of presumed entities."""
    present = marked(len(records), reached)
    present[: records.first_chart] = True
    put_to_one = match[(match < records.first_chart).any(axis=1)]
    present[put_to_one] = True
    if settings.presumed_entities:
        presumed = pl.col("entity_id").is_in(list(settings.presumed_entities))
        charts = workspace.scan("charts").filter(presumed).select("chart_id").collect()
        numbers = records.chart_numbers(charts["chart_id"].to_numpy())
        present[numbers[numbers != NOT_THERE]] = True
    return present


def listed(links: Links | Kept, pairs: Ints, *, nodes: int) -> Marks:
    """Which links are listed, in either direction. The loop sees only ends that are listed."""
    found = np.zeros(len(links), bool)
    if len(pairs):
        ends = marked(nodes, pairs)
        wanted = set(map(tuple, np.sort(pairs, axis=1).tolist()))
        for number in np.flatnonzero(ends[links.left] & ends[links.right]).tolist():
            ordered = sorted((int(links.left[number]), int(links.right[number])))
            found[number] = tuple(ordered) in wanted
    return found


def _even(pairs: Ints, millionths: int) -> Links:
    """Links that people made; an unsure one is as likely as not."""
    weight = np.full(len(pairs), DECIDED_BITS if millionths == 1_000_000 else 0.0)
    ends = pairs.astype(np.int32)
    return Links(ends[:, 0], ends[:, 1], weight, np.full(len(pairs), millionths, np.int32))
