"""The nodes of the graph of records: groups of equal mentions, and the charts they reach.

Mentions with exactly the same cleaned values are one node where that much agreement makes a match
(the group's pair with itself says so), else each is its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.people.partition import Ints, Marks
from matching.store import Workspace

__all__ = ["Mentions", "position_in", "read_mentions"]


@dataclass(frozen=True, slots=True)
class Mentions:
    """Leaked mentions without exclusion, ascending. `alike` is the place of the group's first."""

    ids: Ints
    alike: Ints
    node: Ints
    node_ids: Ints
    merged: Marks

    def members_of(self, firsts: Ints) -> tuple[Ints, Ints]:
        """For groups by their first's place: (place in `firsts`, node), every node of each group."""
        order = np.argsort(self.alike, kind="stable")
        sizes = np.bincount(self.alike, minlength=len(self.ids))
        counts = np.where(self.merged[firsts], 1, sizes[firsts])
        starts = np.searchsorted(self.alike[order], firsts)
        rows = np.repeat(np.arange(len(firsts)), counts)
        step = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.node[order[starts[rows] + step]]


def read_mentions(workspace: Workspace, *, merged_groups: Ints, split_groups: Ints) -> Mentions:
    """All included mentions with their nodes.

    `merged_groups` and `split_groups` hold identity ids: the values match; a person decided that
    two of its mentions are not the same.
    """
    included = workspace.scan("leaked").filter(pl.col("exclusion").is_null())
    ids = np.sort(included.select("mention_id").collect().to_series().to_numpy())
    alike = _first_alike(workspace, ids)
    merged = np.isin(ids, merged_groups) & ~np.isin(ids, split_groups)
    own = (alike == np.arange(len(ids))) | ~merged[alike]
    number = np.cumsum(own) - 1
    node = np.where(merged[alike], number[alike], number)
    return Mentions(ids, alike, node, ids[own], merged)


def position_in(ascending: Ints, wanted: Ints) -> tuple[Ints, Marks]:
    """Places of wanted ids in an ascending array, and which of them are there at all."""
    if not len(ascending):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(ascending, wanted), len(ascending) - 1)
    return places, ascending[places] == wanted


def _first_alike(workspace: Workspace, ids: Ints) -> Ints:
    identities = workspace.read("identities", ["mention_id", "identity_id"])
    place, known = position_in(ids, identities["mention_id"].to_numpy())
    first, first_known = position_in(ids, identities["identity_id"].to_numpy())
    chosen = known & first_known
    alike = np.arange(len(ids))
    alike[place[chosen]] = first[chosen]
    return alike
