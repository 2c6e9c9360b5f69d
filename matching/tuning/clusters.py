"""Records and links cluster by cluster: what no kept link joins never meets, whatever the thresholds are.

A cluster is a component over all links, so its people at any thresholds and weights follow from its own links
alone. Clusters without a mention say nothing about anybody affected and are left out. Clusters lie in the order
of the entity and state of their first mention, and all that a loop over them reads lies in that order, too:
reading and adding up stay within the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.compiling import compiled
from matching.people.compiled import Ids, Numbers, grouped, union
from matching.people.compiled import roots as settle_roots
from matching.tuning.links import Links
from matching.tuning.speakers import CHART, CHARTED, SURE, UNION, Speakers, says_of

__all__ = ["Clusters", "clusters_of"]

Small = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Cluster c has the nodes `node_starts[c]` .. `node_starts[c + 1] - 1`, mentions before charts.

    By node: `state` and `flags` as in `Speakers` (CHARTED: a chart), and what it says of which entity,
    `said_starts[n]` .. of `entity` and `says`; mentions say first that they are people (the union).
    Links of cluster c lie from `link_starts[c]` on; their ends count within the cluster. `alone`: mentions that no link touches,
    by record number. About 12 bytes a node and 22 a link.
    """

    node_starts: Ids
    state: Small
    flags: Small
    said_starts: Numbers
    entity: Numbers
    says: Small
    link_starts: Ids
    links: Links
    alone: Numbers


def clusters_of(links: Links, speakers: Speakers, *, first_chart: int) -> Clusters:
    """Put everything in the order of clusters; takes 20 bytes a record and 30 a link for a while."""
    records = len(speakers.state)
    cluster, count = _numbered(links, speakers, first_chart)
    alone = np.flatnonzero(cluster[:first_chart] < 0).astype(np.int32)
    link_starts, order = _listed(count, cluster[links.left])
    node_starts, nodes = _listed(count, cluster)
    del cluster
    place = _places(records, node_starts, nodes)
    inside = Links(
        place[links.left[order]], place[links.right[order]], links.weight[order],
        links.pattern[order], links.held[order], links.vectors,
    )  # fmt: skip
    del place, order
    said_starts, entity, says = _said(
        nodes, speakers.start, speakers.entity, speakers.says, speakers.flags,
        speakers.chart_entity, first_chart,
    )  # fmt: skip
    flags = np.full(len(nodes), CHARTED, np.uint8)
    mentions = nodes < first_chart
    flags[mentions] = speakers.flags[nodes[mentions]]
    return Clusters(
        node_starts, speakers.state[nodes], flags, said_starts, entity, says, link_starts, inside, alone
    )  # fmt: skip


def _numbered(links: Links, speakers: Speakers, first_chart: int) -> tuple[Numbers, int]:
    """(cluster of each record, how many there are); -1 where no link touches it, or no mention is with it."""
    records = len(speakers.state)
    parent = np.arange(records, dtype=np.int32)
    union(parent, links.left, links.right, np.ones(len(links), bool))
    settle_roots(parent)
    linked = np.zeros(records, bool)
    linked[links.left] = linked[links.right] = True
    # the lowest record is the root, and mentions are lower than charts
    heads = np.flatnonzero(linked & (parent == np.arange(records, dtype=np.int32)))
    heads = heads[heads < first_chart]
    number = np.full(records, -1, np.int32)
    number[heads[_order(heads, speakers)]] = np.arange(len(heads), dtype=np.int32)
    return np.where(linked, number[parent], np.int32(-1)), len(heads)


def _order(heads: npt.NDArray[np.int64], speakers: Speakers) -> npt.NDArray[np.int64]:
    """Clusters by the entity that their first mention names, then its state, then as they came."""
    first = speakers.start[heads]
    named = first < speakers.start[heads + 1]
    key = np.full(len(heads), -1, np.int32)
    key[named] = speakers.entity[first[named]]
    return np.argsort(key.astype(np.int64) * 256 + speakers.state[heads], kind="stable")


def _listed(count: int, cluster: Numbers) -> tuple[Ids, Numbers]:
    """(starts, items): places of each cluster's entries, ascending; negative clusters are left out."""
    chosen = np.flatnonzero(cluster >= 0).astype(np.int32)
    there: Numbers = cluster[chosen]
    starts, items = grouped(count, there, np.arange(len(chosen), dtype=np.int32))
    return starts, chosen[items]


@compiled
def _places(records: int, starts: Ids, nodes: Numbers) -> Numbers:
    """Place of each record within its cluster."""
    place = np.full(records, -1, np.int32)
    for c in range(len(starts) - 1):
        for k in range(starts[c], starts[c + 1]):
            place[nodes[k]] = k - starts[c]
    return place


@compiled
def _said(
    nodes: Numbers, start: Numbers, entity: Numbers, says: Small, flags: Small, chart_entity: Numbers,
    first_chart: int,
) -> Any:  # fmt: skip
    """(starts, entity, says) in the order of the nodes."""
    starts = np.zeros(len(nodes) + 1, np.int32)
    for k in range(len(nodes)):
        node = nodes[k]
        if node < first_chart:
            count = 1 + start[node + 1] - start[node]
        else:
            count = 1 if chart_entity[node - first_chart] >= 0 else 0
        starts[k + 1] = starts[k] + count
    about, bits = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.uint8)
    for k in range(len(nodes)):
        node, at = nodes[k], starts[k]
        if node >= first_chart:
            if starts[k + 1] > at:
                about[at], bits[at] = chart_entity[node - first_chart], CHART
            continue
        about[at], bits[at] = UNION, says_of(SURE, flags[node])
        for s in range(start[node], start[node + 1]):
            at += 1
            about[at], bits[at] = entity[s], says_of(says[s], flags[node])
    return starts, about, bits
