"""Parts of `pairs`: one kind and one range of records each, made by whoever has a core to spare.

A chunk needs nothing but the tables, the settings and its number: threads here and workers elsewhere
make it with the same function, and whoever makes it twice writes the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from matching.files import digest_of
from matching.link.bands import SAME_VALUES_BIT, banded
from matching.link.blocks import Index, places
from matching.link.coding import Coded, Coder
from matching.link.common import Common
from matching.link.guards import Guards, guards_of
from matching.link.kept import Fingerprints, Kept, Prints, Sieve, looked_up
from matching.link.keys import KeyTable, slots
from matching.link.limits import (
    Sizes,
    Streamed,
    TooManyPairs,
    limited,
    sizes_across,
    too_common,
)
from matching.link.matcher import Indexed, Matcher
from matching.link.rules import Rule, rules_of
from matching.link.settings import LinkSettings
from matching.link.sides import Side, Tools, index_side
from matching.link.strips import KINDS, Deliveries, Ranges, Strip, strips
from matching.store import TryAgainLater, Writer
from matching.tables import TABLES

__all__ = ["KINDS", "VERSION", "Chunks", "Linking", "Loader", "Made"]

VERSION = 6
"""Raise when the same inputs give other rows: parts of a killed run are then made anew."""
_TEXT_BYTES = 24
"""16 for where a text is and its first bytes; most that are kept beside have 10 to 20."""
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
    """What the chunks of all strips need, and the table that they are parts of."""

    settings: LinkSettings
    model: dict[str, Any]
    frequencies: pl.DataFrame
    writer: Writer
    kept: Kept
    leaked: Side
    charts: Side
    seconds: pl.DataFrame
    """identity_id, second: groups of several mentions, which are also compared with themselves."""
    deliveries: Deliveries
    rules: dict[str, Rule] = field(init=False, repr=False)
    """Blocking rules by name."""
    guards: Guards = field(init=False, repr=False)
    fingerprints: Fingerprints = field(init=False, repr=False)
    _strips: dict[str, list[Strip]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.rules = rules_of(self.model)
        self.guards = guards_of(self.model, self.settings.guards)
        sides = {side.table: side for side in (self.leaked, self.charts)}
        self.fingerprints = Fingerprints(self.kept, self.deliveries, sides)

    def strips(self, kind: str) -> list[Strip]:
        """All strips of a kind. Those of the last kind are known when the parts of the first are there."""
        if kind not in self._strips:
            self._strips[kind] = list(
                strips(
                    kind, self.deliveries, self.leaked, self.charts,
                    seconds=self.seconds, reached=self._reached,
                )
            )  # fmt: skip
        return self._strips[kind]

    def parts(self, strip: Strip) -> Ranges:
        """Parts of a strip and the ranges of streamed records that each is made of."""
        return strip.parts(self.settings.chunk_rows)

    def key(self, strip: Strip, part: int) -> str:
        """What a part's rows depend on, so that later rounds find it again."""
        return digest_of(self.deliveries.keys[strip.delivery], part)

    def has(self, strip: Strip, part: int) -> bool:
        """The part is there and whole."""
        return self.writer.has(part, key=self.key(strip, part))

    def _reached(self, delivery: int) -> pl.Series:
        """Charts that a leaked identity may be, at or above the include threshold, up to a delivery."""
        found = [pl.Series("right", [], dtype=pl.Int64)]
        for strip in self.strips("leaked_master"):
            for part in self.parts(strip) if strip.delivery <= delivery else ():
                if not self.has(strip, part):
                    root = self.writer.workspace.root
                    raise TryAgainLater(f"{root}: part {part} of pairs is not there yet; run again")
                rows = self.writer.scan(part).select("right", "match_weight")
                near = rows.filter(pl.col("match_weight") >= self.settings.include_at_bits)
                found.append(near.select(pl.col("right").unique()).collect()["right"])
        return pl.concat(found).unique().sort()


@dataclass(frozen=True, slots=True)
class Chunks:
    """The parts of one strip, to be made in any order and by several threads at once.

    `strip` streams only what may meet a record; parts that are not in `parts` stay empty.
    """

    linking: Linking
    strip: Strip
    parts: Ranges
    tools: Tools
    indexed: Indexed
    held: dict[int, Streamed]

    def make(self, part: int, writer: Writer) -> Made:
        """Write one part."""
        made = [self._pairs(start, stop) for start, stop in self.parts.get(part, ())]
        rows = pl.concat([TABLES["pairs"].empty(), *(pairs for pairs, _ in made)])
        if self.strip.flipped:
            rows = rows.sort("left", "right")
        writer.put(part, rows, key=self.linking.key(self.strip, part))
        return Made(sum(compared for _, compared in made), rows.height, writer.size(part))

    def _pairs(self, start: int, stop: int) -> tuple[pl.DataFrame, int]:
        """Pairs of a range of streamed records, and how many were compared."""
        coded, found = self._streamed(start, stop)
        con = self.tools.connection()
        floor = self.linking.settings.floor_bits
        matcher = Matcher(self.tools.coder, con, self.tools.slots.rule, floor)
        number = "right_rid" if self.strip.flipped else "left_rid"
        pieces = [
            self._rows(piece.with_columns(pl.col(number) + start))
            for piece in matcher.pairs(
                coded, found, self.indexed, flipped=self.strip.flipped,
                window=self.strip.window(start, stop), own=self.strip.itself(start, stop),
                own_bit=SAME_VALUES_BIT,
            )
        ]  # fmt: skip
        self.tools.back(con)
        return pl.concat([TABLES["pairs"].empty(), *pieces]), matcher.compared

    def _streamed(self, start: int, stop: int) -> Streamed:
        """The chunk's records as numbers and the places of their keys, from where they are."""
        if start in self.held:
            return self.held[start] if self.strip.below else self.held.pop(start)
        side, tools = self.strip.streamed, self.tools
        if self.strip.within:
            coded, keys = self.indexed.coded.part(start, stop), tools.keys(side, start, stop)
        else:
            coded, keys = tools.coded(side, start, stop)
        return coded, places(self.indexed.index, tools.slots.rule, keys)

    def _rows(self, scored: pl.DataFrame) -> pl.DataFrame:
        left, right = self.strip.streamed, self.strip.indexed
        if self.strip.flipped:
            left, right = right, left
        linking = self.linking
        rows = banded(scored, linking.settings, rules=linking.rules, guards=linking.guards)
        rows = rows.with_columns(
            kind=pl.lit(self.strip.kind),
            left=left.ids.gather(scored["left_rid"]),
            right=right.ids.gather(scored["right_rid"]),
        )
        if self.strip.kind == "leaked_leaked":
            seconds = self.linking.seconds
            rows = rows.join(seconds, left_on="left", right_on="identity_id", how="left")
            own = pl.col("left") == pl.col("right")
            rows = rows.with_columns(right=pl.when(own).then("second").otherwise("right"))
        return rows.select(list(TABLES["pairs"].columns))


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An indexed side, for all strips of a delivery and kind that have it. `sieve`: where it is a late one."""

    strip: Strip
    tools: Tools
    common: Common
    coded: Coded
    index: Index
    sieve: Sieve | None

    def serves(self, other: Strip) -> bool:
        """The same records, less the same keys."""
        mine = self.strip
        return (
            mine.kind == other.kind
            and mine.delivery == other.delivery
            and mine.indexed is other.indexed
        )


@dataclass(slots=True)
class Loader:
    """Codes and indexes sides, and keeps those of a late delivery for the strips that follow."""

    linking: Linking
    _tools: Tools | None = field(default=None, init=False, repr=False)
    _loaded: _Loaded | None = field(default=None, init=False, repr=False)
    _last: tuple[Strip, Chunks] | None = field(default=None, init=False, repr=False)

    def chunks(self, strip: Strip, *, hold: bool = True) -> Chunks:
        """Everything that the parts of a strip have in common: one side coded and indexed.

        `hold`: also what memory allows of the other side as numbers, for who makes all of its parts.
        """
        if self._last and strip.is_twin(self._last[0]):
            made = self._last[1]
            strip = replace(strip, streamed=made.strip.streamed)
            return replace(made, strip=strip, parts=self.linking.parts(strip))
        loaded = self._loaded if self._loaded and self._loaded.serves(strip) else None
        self._last = self._loaded = None  # first, so that two are never held
        loaded = loaded or self._load(strip)
        made = self._chunks(strip, loaded, hold=hold)
        if strip.delivery:  # of the first, no two strips have a side in common
            self._loaded, self._last = loaded, (strip, made)
        return made

    def _load(self, strip: Strip) -> _Loaded:
        """The indexed side of a strip."""
        tools = self._tools = self._tools or self._make_tools()
        linking, prints = self.linking, list[Prints]()
        table = f"common_{strip.kind}"
        common = Common(linking.writer.workspace, table, tools, tuple(linking.rules))
        frozen = common.frozen() if strip.late else {}
        without = [frozen.get(int(rule)) for rule in tools.slots.rule]

        def seen(start: int, keys: KeyTable) -> None:
            linking.fingerprints.keep(strip, start, keys)
            if strip.late:
                prints.append(looked_up(keys, without))

        coded, index = index_side(strip.indexed, tools, seen=seen)
        return _Loaded(strip, tools, common, coded, index, Sieve(prints) if strip.late else None)

    def _chunks(self, strip: Strip, loaded: _Loaded, *, hold: bool) -> Chunks:
        linking, tools = self.linking, loaded.tools
        if loaded.sieve and not strip.within:
            strip = linking.fingerprints.near(strip, loaded.sieve, threads=tools.threads)
        sizes, held = Sizes(loaded.index, None), dict[int, Streamed]()
        if not strip.within:
            sizes, held = sizes_across(
                loaded.index, strip.streamed, tools, size=linking.settings.chunk_rows,
                hold=self._room(tools, strip.indexed.rows) if hold else 0,
            )  # fmt: skip
        index, widest = self._without_common(strip, sizes, loaded.common)
        side = Indexed(loaded.coded, index, widest)
        return Chunks(linking, strip, linking.parts(strip), tools, side, held)

    def _without_common(self, strip: Strip, sizes: Sizes, common: Common) -> tuple[Index, int]:
        """The index without the keys that were too common when this kind was first linked."""
        settings, rules, step = self.linking.settings, self.linking.rules, f"link {strip.kind}"
        if common.workspace.has(common.table):
            dropped = common.within(sizes.index)
        else:
            try:
                dropped = too_common(
                    sizes, rules=rules, pair_budget=settings.pair_budget, step=step,
                    threads=settings.threads, refuse=settings.over_budget == "refuse",
                )  # fmt: skip
            except TooManyPairs as refused:
                common.show(refused.worst, strip.indexed, sizes.index)
                raise
            common.freeze(dropped, strip.indexed, sizes.index)
        return limited(sizes, dropped, rules=rules, step=step, threads=settings.threads)

    def _make_tools(self) -> Tools:
        """Judged by a first range of either side; kept, because it learns the values that it sees."""
        linking = self.linking
        sides = (linking.leaked, linking.charts)
        sample = pl.concat(side.frame(*next(side.ranges(), (0, 0))) for side in sides)
        coder = Coder(linking.model, linking.frequencies, sample=sample)
        return Tools(coder, slots(linking.rules), threads=linking.settings.threads)

    def _room(self, tools: Tools, indexed: int) -> int:
        """How many streamed records can be held as numbers beside the index in the step's memory."""
        record = 4 * tools.coder.width + 8 * len(tools.coder.program.frequency_columns)
        record += _TEXT_BYTES * len(tools.coder.text_beside)
        keys = len(tools.slots.keys)
        # 8 bytes for an entry and 4 for its count; 4 for the place of a streamed record's key
        left = _HELD_SHARE * self.linking.settings.memory_gib * 2**30 - indexed * (
            record + 12 * keys
        )
        return max(int(left / (record + 4 * keys)), 0)
