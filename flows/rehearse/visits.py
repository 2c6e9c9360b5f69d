"""Who is a patient where, what leaked of it, and which charts are still kept.

Goes out: `Memberships` (a person at a practice) of a block, and which membership each leaked row
and each chart of the block belongs to. Totals per block are exact, so a run's totals are too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.rehearse.homes import draw_practices
from flows.rehearse.records import Block

__all__ = ["Memberships", "Visits", "chart_rows", "leaked_rows", "make_memberships", "share_out"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SECOND: Final = 0.25  # people at a second practice
_THIRD: Final = 0.04
_LEAKED: Final = 0.93
_LEAKED_ELSEWHERE: Final = 0.8
_PURGED: Final = 0.055  # people whose charts are all gone
_PURGED_ONE: Final = 0.02


@dataclass(frozen=True, slots=True)
class Visits:
    """Who was seen at which practice and at which of its locations, one element per row."""

    who: Ints
    practice: Ints
    location: Ints


@dataclass(slots=True)
class Memberships:
    """One element per person and practice."""

    who: Ints
    practice: Ints
    location: Ints
    leaked: Bools
    charted: Bools

    def visits(self, rows: Ints) -> Visits:
        """Rows about these memberships."""
        return Visits(self.who[rows], self.practice[rows], self.location[rows])


def share_out(total: int, index: int, count: int) -> int:
    """The part of `total` that falls to block `index` of `count`: exact in sum."""
    return total * (index + 1) // count - total * index // count


def make_memberships(rng: np.random.Generator, block: Block) -> Memberships:
    """Everyone at the household's practice, some at others too."""
    size = block.people.size
    luck = rng.random(size)
    extra = (luck < _SECOND).astype(np.int64) + (luck < _THIRD)
    who = np.repeat(np.arange(size), 1 + extra)
    first = np.concatenate([[True], who[1:] != who[:-1]])
    home = block.homes.practice[block.people.household][who]
    count = len(block.practices.entity_id)
    away = draw_practices(rng, block.practices, len(who))
    away = np.where(away == home, (away + 1) % count, away)
    practice = np.where(first, home, away)
    leaks = rng.random(size) < _LEAKED
    purged = rng.random(size) < _PURGED
    leaked = leaks[who] & (first | (rng.random(len(who)) < _LEAKED_ELSEWHERE))
    gone = leaked & (purged[who] | (rng.random(len(who)) < _PURGED_ONE))
    location = (rng.random(len(who)) * block.practices.locations[practice]).astype(np.int64) + 1
    return Memberships(who, practice, location, leaked, ~gone)


def leaked_rows(rng: np.random.Generator, members: Memberships, total: int) -> Ints:
    """`total` positions of leaked memberships: each once, the rest at random, shuffled."""
    return rng.permutation(_each_and_more(rng, members.leaked, total))[:total]


def chart_rows(rng: np.random.Generator, members: Memberships, total: int) -> tuple[Ints, Ints]:
    """`total` positions of memberships with a chart, and the copy number of each chart."""
    rows = np.sort(_each_and_more(rng, members.charted, total))
    at = np.arange(len(rows))
    starts = np.concatenate([[True], rows[1:] != rows[:-1]])
    copy = at - np.maximum.accumulate(np.where(starts, at, 0))
    shuffle = rng.permutation(len(rows))[:total]
    return rows[shuffle], copy[shuffle]


def _each_and_more(rng: np.random.Generator, kept: Bools, total: int) -> Ints:
    """The positions of `kept`, and as many of them again as are lacking to `total`."""
    at = np.flatnonzero(kept)
    return np.concatenate([at, at[rng.integers(0, len(at), max(0, total - len(at)))]])
