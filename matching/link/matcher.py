"""Pairs and weights of a range of records against an indexed side: kernel first, text last.

What the kernel lets through is open in some comparisons. One comparison after the other, the most
telling first, DuckDB evaluates the level's own SQL on the texts of the pairs that are open there and
can still reach the floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.blocks import Index, PlaceTable
from matching.link.coding import Coded, Coder, Features, Lane
from matching.link.conditions import Atom, Kind
from matching.link.jumps import assemble
from matching.link.kernel import (
    BATCH,
    Batch,
    Code,
    Found,
    Met,
    Records,
    Window,
    at_most,
    meet,
    weigh,
)
from matching.link.scorer import DECIMALS, SCORED
from matching.link.vectors import BITS

__all__ = ["Indexed", "Matcher"]

ROOM = 1_000_000
"""Pairs that wait for their texts at a time: about 200 MB with texts."""
_NULL = -1
"""Number of the null level; what is lower is open."""
_SLACK_BITS = 1e-6
"""Bounds and weights are sums in different orders: equal to 1e-12, so nothing is lost."""

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A side whose records can be looked up. `widest`: most candidates one record can meet."""

    coded: Coded
    index: Index
    widest: int


@dataclass(slots=True)
class Matcher:
    """Compares streamed records with an indexed side. One per thread."""

    coder: Coder
    con: duckdb.DuckDBPyConnection
    rule: npt.NDArray[np.int64]
    floor_bits: float
    compared: int = 0
    """Pairs compared so far."""
    _cases: list[str] = field(init=False, repr=False)
    _turn: int = 0

    def __post_init__(self) -> None:
        self._cases = [c.case() for c in self.coder.program.comparisons]

    def pairs(
        self,
        streamed: Coded,
        places: PlaceTable,
        side: Indexed,
        *,
        flipped: bool = False,
        window: Window | None = None,
        own: Rows | None = None,
        own_bit: int = 0,
    ) -> Iterator[pl.DataFrame]:
        """Columns SCORED of pairs at or above the floor, in pieces; row numbers are those in the sides.

        In order: by streamed record, then by indexed one.

        For `places`, `flipped`, `window`, `own` see `kernel.meet`.
        """
        features = self.coder.features()
        code = assemble(self.coder, features)
        found = _room(max(ROOM, side.widest + 1), len(code.begin))
        met = _met(side.widest)
        batch = _batch(self.coder.width, len(code.begin))
        begin, rows = 0, places.shape[1]
        own = np.full(rows, -1) if own is None else own
        if window is None:
            window = Window(np.zeros(rows, dtype=np.int64), np.full(rows, side.coded.rows))
        here, there = (Records(c.lanes, c.shares) for c in (streamed, side.coded))
        sides = (side.coded, streamed) if flipped else (streamed, side.coded)
        while begin < rows:
            begin, pairs, compared = meet(
                begin, rows, self._turn, here, places, self.rule, side.index, there, code, met, batch,
                found, flipped, window, own, own_bit, self.floor_bits - _SLACK_BITS,
            )  # fmt: skip
            self._turn += rows + 1
            self.compared += compared
            if pairs:
                yield _Survivors(self, code, features, found, pairs, sides=sides).weighed()


class _Survivors:
    """Pairs that the kernel let through, while their open comparisons are decided."""

    def __init__(
        self, matcher: Matcher, code: Code, features: Features, found: Found, pairs: int,
        *, sides: tuple[Coded, Coded],
    ) -> None:  # fmt: skip
        self.matcher, self.code, self.features = matcher, code, features
        self.program = matcher.coder.program
        self.sides = sides
        self.rows = found.left[:pairs], found.right[:pairs]
        self.rules, self.levels = found.rules[:pairs], found.levels[:pairs]
        self.best = found.best[:pairs]
        self.floor = matcher.floor_bits

    def weighed(self) -> pl.DataFrame:
        """Columns SCORED of those at or above the floor, by streamed and indexed row number."""
        alive = np.arange(len(self.rules))
        for c in self._telling():
            rows = alive[self.levels[alive, c] < _NULL]
            if len(rows):
                before = self._most(c, rows)
                self.levels[rows, c] = self._decided(c, rows)
                self.best[rows] += self._most(c, rows) - before
                alive = alive[self.best[alive] >= self.floor - _SLACK_BITS]
        return self._exactly(alive)

    def _most(self, c: int, rows: Rows) -> Floats:
        """Weight of one comparison, where it is open the most that it can be."""
        (left, right), (one, two) = self.rows, self.sides
        return at_most(c, rows, self.levels, left, right, one.shares, two.shares, self.code)

    def _telling(self) -> list[int]:
        """Comparisons by how much their outcome can take away, most first."""
        weights = [[x.weight for x in c.levels] for c in self.program.comparisons]
        return sorted(range(len(weights)), key=lambda c: (min(weights[c]) - max(weights[c]), c))

    def _decided(self, c: int, rows: Rows) -> npt.NDArray[np.int8]:
        """Levels of one comparison by its SQL."""
        comparison, coder = self.program.comparisons[c], self.matcher.coder
        columns = {"bits": pl.Series(self._bits(comparison.exact, rows))}
        for name in comparison.texts:
            for side, mine, end in zip(self.sides, self.rows, ("l", "r"), strict=True):
                columns[f"{name}_{end}"] = coder.text(side, name, mine[rows])
        con = self.matcher.con
        con.register("open_pairs", pl.DataFrame(columns).to_arrow())
        found = con.execute(
            f"select {self.matcher._cases[c]} as level from open_pairs"
        ).fetchnumpy()
        con.unregister("open_pairs")
        return np.asarray(found["level"], dtype=np.int8)

    def _bits(self, atoms: tuple[Atom, ...], rows: Rows) -> npt.NDArray[np.uint64]:
        """The word of exact atoms."""
        word = np.zeros(len(rows), dtype=np.uint64)
        for bit, atom in enumerate(atoms):
            word |= self._holds(atom, rows).astype(np.uint64) << np.uint64(bit)
        return word

    def _holds(self, atom: Atom, rows: Rows) -> npt.NDArray[np.bool_]:
        left, right = (
            None
            if not name
            else side.lanes[mine[rows], lane.first : lane.first + min(lane.width, 2)]
            for name, side, mine in zip((atom.left, atom.right), self.sides, self.rows, strict=True)
            for lane in [self.matcher.coder.lanes.get(name, Lane(0, 0))]
        )
        if atom.kind == Kind.EQUAL:
            assert left is not None
            assert right is not None
            return np.asarray((left == right).all(axis=1) & left.any(axis=1))
        if atom.kind in (Kind.NULL_LEFT, Kind.NULL_RIGHT):
            tested = left if right is None else right
            assert tested is not None
            return np.asarray(~tested.any(axis=1))
        answers = [
            self.features.known[begin + stride * lanes[:, 0].astype(np.int64)]
            for name, expression, lanes in (
                (atom.left, atom.left_of, left), (atom.right, atom.right_of, right)
            )
            if lanes is not None
            for begin, stride in [self.features.place(name, expression, atom.kind)]
        ]  # fmt: skip
        return np.asarray((answers[0] == answers[-1]) & (answers[0] != 0))

    def _exactly(self, rows: Rows) -> pl.DataFrame:
        left, right = self.rows
        weight, tf_bits, vector = weigh(
            rows, self.levels, left, right, self.sides[0].shares, self.sides[1].shares,
            self.code, BITS,
        )  # fmt: skip
        weight = np.round(weight, DECIMALS)
        kept = weight >= self.floor
        rows = rows[kept]
        columns = {
            "left_rid": left[rows], "right_rid": right[rows], "rules": self.rules[rows],
            "vector": vector[kept], "tf_bits": np.round(tf_bits[kept], DECIMALS),
            "match_weight": weight[kept],
        }  # fmt: skip
        return pl.DataFrame(columns).cast(SCORED)  # type: ignore[arg-type]  # a plain dict


def _room(size: int, comparisons: int) -> Found:
    return Found(
        left=np.empty(size, dtype=np.uint32),
        right=np.empty(size, dtype=np.uint32),
        rules=np.empty(size, dtype=np.uint64),
        levels=np.empty((size, comparisons), dtype=np.int8),
        best=np.empty(size),
    )


def _batch(lanes: int, comparisons: int) -> Batch:
    return Batch(
        left=np.empty(BATCH, dtype=np.uint32),
        right=np.empty(BATCH, dtype=np.uint32),
        rules=np.empty(BATCH, dtype=np.uint64),
        left_lanes=np.empty((lanes, BATCH), dtype=np.uint32),
        right_lanes=np.empty((lanes, BATCH), dtype=np.uint32),
        words=np.empty((comparisons, BATCH), dtype=np.int64),
        levels=np.empty((comparisons, BATCH), dtype=np.int8),
        best=np.empty(BATCH),
        alive=np.empty(BATCH, dtype=np.int64),
    )


def _met(widest: int) -> Met:
    slots = 1 << (2 * widest + 16).bit_length()
    return Met(
        stamp=np.full(slots, -1, dtype=np.int64),
        row=np.empty(slots, dtype=np.uint32),
        number=np.empty(slots, dtype=np.uint32),
        rules=np.empty(widest + 2, dtype=np.uint64),
        rows=np.empty(widest + 2, dtype=np.uint32),
    )
