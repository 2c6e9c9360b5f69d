"""Mentions with exactly the same cleaned values: compared once, so pairs name the group's first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matching.people.compiled import NOT_THERE, Ids, Marks, Numbers
from matching.people.records import Records
from matching.store import Workspace

__all__ = ["Alike", "read_alike"]


@dataclass(frozen=True, slots=True)
class Alike:
    """`first`: number of each mention's first in its group; `others`: the rest, by their first."""

    first: Numbers
    others: Ids

    def several(self, size: int) -> Marks:
        """Which of `size` records are the first of several."""
        marks = np.zeros(size, bool)
        marks[self.first[self.others]] = True
        return marks

    def others_of(self, firsts: Numbers) -> tuple[Ids, Numbers]:
        """(place in `firsts`, other mention), every other mention of each group."""
        known = self.first[self.others]
        starts = np.searchsorted(known, firsts, side="left")
        counts = np.searchsorted(known, firsts, side="right") - starts
        rows = np.repeat(np.arange(len(firsts)), counts)
        step = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.others[starts[rows] + step].astype(np.int32)


def read_alike(workspace: Workspace, records: Records) -> Alike:
    """Groups among included mentions; one without an identity is alone."""
    identities = workspace.read("identities", ["mention_id", "identity_id"])
    place = records.mention_numbers(identities["mention_id"].to_numpy())
    of = records.mention_numbers(identities["identity_id"].to_numpy())
    chosen = (place != NOT_THERE) & (of != NOT_THERE)
    first = np.arange(records.first_chart, dtype=np.int32)
    first[place[chosen]] = of[chosen]
    others = np.flatnonzero(first != np.arange(len(first)))
    return Alike(first, others[np.argsort(first[others], kind="stable")])
