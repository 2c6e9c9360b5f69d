"""Parts of `pairs`: one kind and one range of records each, made by whoever has a core to spare.

A chunk needs nothing but the tables, the settings and its number: threads here and workers elsewhere
make it with the same function, and whoever makes it twice writes the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from matching.link.coding import Coder
from matching.link.keys import slots
from matching.link.limits import Sizes, Streamed, limited, sizes_across
from matching.link.matcher import Indexed, Matcher
from matching.link.rules import Rule, rule_names, rules_of
from matching.link.settings import LinkSettings
from matching.link.sides import Side, Tools, index_side
from matching.store import TryAgainLater, Writer
from matching.tables import TABLES

__all__ = ["KINDS", "VERSION", "Chunks", "Linking", "Made", "band", "probability"]

KINDS = ("leaked_master", "leaked_leaked", "master_master")
"""In the order in which they are made: the first says which charts are compared with each other."""
VERSION = 2
"""Raise when the same inputs give other rows: parts of a killed run are then made anew."""
SAME_VALUES = "same_values"
"""Reason of a group's pair with itself: is the agreement of these values enough?"""
_SAME_VALUES_BIT = 62
"""Behind the bits of all rules; the sign bit stays free."""
_PROBABILITY_DECIMALS = 9
_HELD_SHARE = 0.75
"""Of the step's memory for what is held; the rest is for frames, chunks in hand and libraries."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a part took: pairs compared and kept, bytes on disk."""

    compared: int
    kept: int
    size: int


@dataclass(slots=True)
class Linking:
    """What the chunks of all kinds need, and the table that they are parts of."""

    settings: LinkSettings
    model: dict[str, Any]
    frequencies: pl.DataFrame
    writer: Writer
    leaked: Side
    charts: Side
    seconds: pl.DataFrame
    """identity_id, second: groups of several mentions, which are also compared with themselves."""
    rules: dict[str, Rule] = field(init=False, repr=False)
    """Blocking rules by name."""
    _among_reached: Side | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.rules = rules_of(self.model)

    def bounds(self, kind: str) -> dict[int, tuple[int, int]]:
        """Parts of a kind and the records of its left side that each is made of."""
        return self._bounds(kind, self._sides(kind)[0])

    def chunks(self, kind: str, *, hold: bool = True) -> Chunks:
        """Everything that the parts of a kind have in common: the right side coded and indexed.

        `hold`: also the left side as numbers where memory allows, for who makes all of its parts.
        """
        left, right = self._sides(kind)
        tools = self._tools(right)
        coded, index = index_side(right, tools)
        sizes, held = Sizes(index, None), dict[int, Streamed]()
        if left is not right:
            sizes, held = sizes_across(
                index, left, tools, size=self.settings.chunk_rows,
                hold=hold and self._fits(tools, left.rows, right.rows),
            )  # fmt: skip
        index, widest = limited(
            sizes, rules=self.rules, pair_budget=self.settings.pair_budget,
            step=f"link {kind}", threads=self.settings.threads,
        )  # fmt: skip
        indexed = Indexed(coded, index, widest)
        return Chunks(self, kind, self._bounds(kind, left), left, right, tools, indexed, held)

    def _sides(self, kind: str) -> tuple[Side, Side]:
        if kind == "leaked_master":
            return self.leaked, self.charts
        if kind == "leaked_leaked":
            return self.leaked, self.leaked
        if self._among_reached is None:
            self._among_reached = self.charts.only(self._reached())
        return self._among_reached, self._among_reached

    def _bounds(self, kind: str, left: Side) -> dict[int, tuple[int, int]]:
        return dict(enumerate(left.ranges(self.settings.chunk_rows), self._first_part(kind)))

    def _first_part(self, kind: str) -> int:
        """Parts of a kind follow those of the one before; tables sort by kind, left, right."""
        chunks = -(-self.leaked.workspace.rows(self.leaked.table) // self.settings.chunk_rows)
        return {"leaked_leaked": 0, "leaked_master": chunks, "master_master": 2 * chunks}[kind]

    def _tools(self, right: Side) -> Tools:
        sample = right.frame(*next(right.ranges(), (0, 0)))
        coder = Coder(self.model, self.frequencies, sample=sample)
        return Tools(coder, slots(self.rules), threads=self.settings.threads)

    def _fits(self, tools: Tools, left: int, right: int) -> bool:
        """Both sides as numbers and the index stay within the step's memory."""
        record = 4 * tools.coder.width + 8 * len(tools.coder.program.frequency_columns)
        keys = 8 * len(tools.slots.keys)
        # the right side's keys lie there twice while they are counted: index and counts
        needed = left * (record + keys) + right * (record + 1.5 * keys)
        return needed < _HELD_SHARE * self.settings.memory_gib * 2**30

    def _reached(self) -> pl.Series:
        """Charts that a leaked identity may be: at or above the include threshold."""
        found = [pl.Series("right", [], dtype=pl.Int64)]
        for part in self.bounds("leaked_master"):
            if not self.writer.has(part):
                root = self.writer.workspace.root
                raise TryAgainLater(f"{root}: part {part} of pairs is not there yet; run again")
            rows = self.writer.scan(part).select("right", "match_weight")
            near = rows.filter(pl.col("match_weight") >= self.settings.include_at_bits)
            found.append(near.select(pl.col("right").unique()).collect()["right"])
        return pl.concat(found).unique().sort()


@dataclass(frozen=True, slots=True)
class Chunks:
    """The parts of one kind, to be made in any order and by several threads at once."""

    linking: Linking
    kind: str
    bounds: dict[int, tuple[int, int]]
    left: Side
    right: Side
    tools: Tools
    indexed: Indexed
    held: dict[int, Streamed]

    def make(self, part: int, writer: Writer) -> Made:
        """Write one part."""
        start, stop = self.bounds[part]
        coded, keys = self._streamed(start, stop)
        con = self.tools.connection()
        matcher = Matcher(self.tools.coder, con, self.tools.slots.rule, self._floor)
        own = self._own(start, stop) if self.kind == "leaked_leaked" else None
        pieces = [
            self._rows(piece.with_columns(pl.col("left_rid") + start))
            for piece in matcher.pairs(
                coded, keys, self.indexed,
                after=start if self._within else -1, own=own, own_bit=_SAME_VALUES_BIT,
            )
        ]  # fmt: skip
        self.tools.back(con)
        rows = pl.concat([TABLES["pairs"].empty(), *pieces])
        writer.put(part, rows)
        return Made(matcher.compared, rows.height, writer.size(part))

    def _streamed(self, start: int, stop: int) -> Streamed:
        """The chunk's records as numbers and their keys, from where they are."""
        if start in self.held:
            return self.held.pop(start)
        if self._within:
            return self.indexed.coded.part(start, stop), self.tools.keys(self.left, start, stop)
        return self.tools.coded(self.left, start, stop)

    @property
    def _within(self) -> bool:
        return self.left is self.right

    @property
    def _floor(self) -> float:
        return self.linking.settings.floor_bits

    def _own(self, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Groups of several mentions, which are also compared with themselves."""
        several = self.linking.seconds["identity_id"]
        own = np.zeros(stop - start, dtype=np.bool_)
        at = self.left.ids.slice(start, stop - start).search_sorted(several).to_numpy()
        inside = (several >= self.left.ids[start]) & (several <= self.left.ids[stop - 1])
        own[at[inside.to_numpy()]] = True
        return own

    def _rows(self, scored: pl.DataFrame) -> pl.DataFrame:
        rows = scored.with_columns(
            kind=pl.lit(self.kind),
            left=self.left.ids.gather(scored["left_rid"]),
            right=self.right.ids.gather(scored["right_rid"]),
            probability=probability(),
            band=band(self.linking.settings),
        ).join(
            _reasons(scored["rules"], self.linking.rules),
            on="rules",
            how="left",
            maintain_order="left",
        )
        if self.kind == "leaked_leaked":
            seconds = self.linking.seconds
            rows = rows.join(seconds, left_on="left", right_on="identity_id", how="left")
            own = pl.col("left") == pl.col("right")
            rows = rows.with_columns(right=pl.when(own).then("second").otherwise("right"))
        return rows.select(list(TABLES["pairs"].columns))


def probability() -> pl.Expr:
    """Posterior of `match_weight`."""
    return (1 / (1 + 2.0 ** -pl.col("match_weight"))).round(_PROBABILITY_DECIMALS)


def band(settings: LinkSettings) -> pl.Expr:
    """match, review or no by `match_weight`."""
    weight = pl.col("match_weight")
    return (
        pl.when(weight >= settings.merge_at_bits).then(pl.lit("match"))
        .when(weight >= settings.include_at_bits).then(pl.lit("review"))
        .otherwise(pl.lit("no"))
    )  # fmt: skip


def _reasons(rules: pl.Series, named: Iterable[str]) -> pl.DataFrame:
    """The words for each set of rules that occurs: columns rules, reasons."""
    distinct = rules.unique().to_frame("rules")
    own = pl.col("rules") & (1 << _SAME_VALUES_BIT) != 0
    words = pl.when(own).then(pl.lit(SAME_VALUES)).otherwise(rule_names(pl.col("rules"), named))
    return distinct.with_columns(reasons=words)
