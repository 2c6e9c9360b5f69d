"""What is compared with what: records of one delivery of files with those before, and among themselves.

A delivery is the files that one round brought. Pairs of earlier deliveries stand; a later one adds the
pairs in which one of its records takes part, so that all deliveries together make the same pairs as all
files at once. A strip is one such comparison: records that stream past an indexed side. What came last
is the indexed side, because it is the smaller one and is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.kernel import Window
from matching.link.sides import Side
from matching.store import Workspace
from matching.tables import FILE_STEP

__all__ = ["KINDS", "Deliveries", "Ranges", "Strip", "deliveries_of", "number_of", "strips"]

KINDS = ("leaked_master", "leaked_leaked", "master_master")
"""In the order in which they are made: the first says which charts are compared with each other."""
_PARTS = 100_000
"""Most parts of a strip: 40 billion records at the usual size."""
_WAYS = 10
_DELIVERIES = 1_000
_SMALL, _WIDEST = 4, 16
"""A part against a side of a hundredth is made of 16 ranges, and has fewer pairs than one against a whole
side has of one range."""

Ranges = dict[int, list[tuple[int, int]]]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Ids below `ends[w]` came with delivery w or before; `keys[w]` is a digest of all their rows."""

    ends: tuple[int, ...]
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ends)

    def cut(self, side: Side) -> list[int]:
        """How many records of a side came up to each delivery."""
        return [int(side.ids.search_sorted(end)) for end in self.ends]


@dataclass(frozen=True, slots=True)
class Strip:
    """Records of `streamed` against all of `indexed`. One side with itself where both are the same.

    `flipped`: the streamed records are the right ones of their pairs. `below`: of mixed ids, the streamed
    record must be the lower one (the higher where flipped). `own`: groups that are compared with
    themselves; with `only_own`, with nothing else.
    """

    kind: str
    number: int
    delivery: int
    streamed: Side
    indexed: Side
    flipped: bool = False
    below: bool = False
    own: pl.Series | None = None
    only_own: bool = False
    wider: int = 1
    """Ranges of a part: few meet a small side, and a part costs three syncs of the disk."""

    @property
    def within(self) -> bool:
        """One side with itself."""
        return self.streamed is self.indexed

    @property
    def late(self) -> bool:
        """Few records that came late: most of those that were there meet none of them."""
        return self.delivery > 0 and self.wider > 1

    def is_twin(self, other: Strip) -> bool:
        """The same two sides in the other order of ids."""
        return self.below and self.streamed is other.streamed and self.indexed is other.indexed

    @property
    def whole_delivery(self) -> bool:
        """The indexed records are all of their table that the delivery brought."""
        return self.kind != "master_master" and not self.only_own

    def parts(self, size: int) -> Ranges:
        """Parts of `pairs` and the ranges of about `size` streamed records that each is made of.

        A part is known by its rows in the table: fewer streamed records make the same parts, or fewer.
        """
        found: Ranges = {}
        for number, start, stop in self.streamed.numbered_ranges(size):
            part = self.number * _PARTS + number // self.wider
            found.setdefault(part, []).append((start, stop))
        return found

    def window(self, start: int, stop: int) -> Window:
        """Which indexed records each of these streamed records may meet."""
        low, high = np.zeros(stop - start, dtype=np.int64), np.full(stop - start, self.indexed.rows)
        if self.only_own:
            high[:] = 0
        elif self.within:
            low = np.arange(start, stop) + 1
        elif self.below:
            ids = self.streamed.ids.slice(start, stop - start)
            place = self.indexed.ids.search_sorted(ids).to_numpy().astype(np.int64)
            low, high = (low, place) if self.flipped else (place, high)
        return Window(low, high)

    def itself(self, start: int, stop: int) -> Rows:
        """Row of the indexed side of records that are also compared with themselves, else -1."""
        rows = np.full(stop - start, -1, dtype=np.int64)
        if self.own is None or start == stop:
            return rows
        ids = self.streamed.ids
        mine = self.own.filter((self.own >= ids[start]) & (self.own <= ids[stop - 1]))
        places = ids.search_sorted(mine).to_numpy().astype(np.int64)
        rows[places - start] = places
        return rows


def number_of(part: int) -> int:
    """The strip that a part belongs to."""
    return part // _PARTS


def deliveries_of(workspace: Workspace, inputs: Callable[[int], str]) -> Deliveries:
    """The deliveries of an incident by the rounds in which its files came; one where none are recorded.

    `inputs(end)`: digest of all that pairs of ids below `end` depend on.
    """
    found = [rows.select(pl.col("file_no").max()).collect().item() for _, rows in workspace.lazy_parts("files")]  # fmt: skip
    ends = [(int(last) + 1) * FILE_STEP for last in found if last is not None] or [1 << 62]
    ends[-1] = 1 << 62
    return Deliveries(tuple(ends), tuple(inputs(end) for end in ends))


@dataclass(slots=True)
class _Numbered:
    """Strips of one kind in the order of their pairs."""

    kind: str
    first: int
    count: int = 0

    def strip(self, delivery: int, streamed: Side, indexed: Side, **how: bool | pl.Series) -> Strip:
        number = self.first + delivery * _WAYS + self.count % _WAYS
        self.count += 1
        table = streamed.workspace.rows(streamed.table)
        wider = min(max(int(table / (_SMALL * max(indexed.rows, 1))), 1), _WIDEST)
        return Strip(self.kind, number, delivery, streamed, indexed, wider=wider, **how)  # type: ignore[arg-type]  # as it is called


def strips(
    kind: str, deliveries: Deliveries, leaked: Side, charts: Side, *,
    seconds: pl.DataFrame, reached: Callable[[int], pl.Series],
) -> Iterator[Strip]:  # fmt: skip
    """Strips of a kind, delivery by delivery, without those that have nothing to compare.

    `seconds`: second mention of each group that has one. `reached(delivery)`: ids of the charts that
    mentions reach with the charts and mentions of that delivery and before, ascending.
    """
    first = sorted(KINDS).index(kind) * _DELIVERIES * _WAYS
    made = {
        "leaked_master": lambda: _across(first, deliveries, leaked, charts),
        "leaked_leaked": lambda: _among_leaked(first, deliveries, leaked, seconds),
        "master_master": lambda: _among_reached(first, deliveries, charts, reached),
    }[kind]()
    yield from (strip for strip in made if strip.streamed.rows and strip.indexed.rows)


def _across(first: int, deliveries: Deliveries, leaked: Side, charts: Side) -> Iterator[Strip]:
    mentions, masters = deliveries.cut(leaked), deliveries.cut(charts)
    for delivery in range(len(deliveries)):
        numbered = _Numbered("leaked_master", first)
        m, c = (cut[delivery - 1] if delivery else 0 for cut in (mentions, masters))
        new, new_charts = (
            leaked.between(m, mentions[delivery]),
            charts.between(c, masters[delivery]),
        )
        if not delivery:
            yield numbered.strip(delivery, new, new_charts)
            continue
        yield numbered.strip(delivery, charts.between(0, masters[delivery]), new, flipped=True)
        yield numbered.strip(delivery, leaked.between(0, m), new_charts)


def _among_leaked(
    first: int, deliveries: Deliveries, leaked: Side, seconds: pl.DataFrame
) -> Iterator[Strip]:
    cuts = [0, *deliveries.cut(leaked)]
    for delivery, end in enumerate(deliveries.ends):
        numbered = _Numbered("leaked_leaked", first)
        old, new = (
            leaked.between(0, cuts[delivery]),
            leaked.between(cuts[delivery], cuts[delivery + 1]),
        )
        begin = deliveries.ends[delivery - 1] if delivery else 0
        doubled = seconds.filter(pl.col("second") >= begin, pl.col("second") < end)["identity_id"]
        yield numbered.strip(delivery, new, new, own=doubled.filter(doubled >= begin))
        yield numbered.strip(delivery, old, new)
        before = leaked.only(doubled.filter(doubled < begin))
        yield numbered.strip(delivery, before, before, own=before.ids, only_own=True)


def _among_reached(
    first: int, deliveries: Deliveries, charts: Side, reached: Callable[[int], pl.Series]
) -> Iterator[Strip]:
    before = charts.ids.clear()
    for delivery in range(len(deliveries)):
        numbered = _Numbered("master_master", first)
        now = reached(delivery)
        added = charts.only(now.filter(~now.is_in(before.implode())) if delivery else now)
        old = charts.only(before)
        yield numbered.strip(delivery, added, added)
        yield numbered.strip(delivery, old, added, below=True)
        yield numbered.strip(delivery, old, added, below=True, flipped=True)
        before = now
