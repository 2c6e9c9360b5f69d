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

__all__ = ["Memberships", "chart_rows", "leaked_rows", "make_memberships", "share_out"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SECOND: Final = 0.25  # people at a second practice
_THIRD: Final = 0.04
_LEAKED: Final = 0.93
_LEAKED_ELSEWHERE: Final = 0.8
_PURGED: Final = 0.055  # people whose charts are all gone
_PURGED_ONE: Final = 0.02


@dataclass(slots=True)
class Memberships:
    """One element per person and practice."""

    who: Ints
    practice: Ints
    location: Ints
    leaked: Bools
    charted: Bools


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
    at = np.flatnonzero(members.leaked)
    if total <= len(at):
        return rng.permutation(at)[:total]
    more = at[rng.integers(0, len(at), total - len(at))]
    return rng.permutation(np.concatenate([at, more]))


def chart_rows(rng: np.random.Generator, members: Memberships, total: int) -> tuple[Ints, Ints]:
    """`total` positions of memberships with a chart, and the copy number of each chart."""
    at = np.flatnonzero(members.charted)
    if total <= len(at):
        return rng.permutation(at)[:total], np.zeros(total, dtype=np.int64)
    more = at[rng.integers(0, len(at), total - len(at))]
    rows = np.concatenate([at, more])
    order = np.argsort(rows, kind="stable")
    ranked = rows[order]
    starts = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    run = np.arange(len(rows)) - np.maximum.accumulate(np.where(starts, np.arange(len(rows)), 0))
    copy = np.empty(len(rows), dtype=np.int64)
    copy[order] = run
    shuffle = rng.permutation(len(rows))
    return rows[shuffle], copy[shuffle]
