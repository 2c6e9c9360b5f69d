"""From cleaned records to scored pairs: leaked identities with charts, with each other, charts with charts.

Reads leaked_std, charts_std and nonidentifying; writes identities and pairs, and at the first run the
reference (model, term frequencies, non-identifying values). One side is held whole, as numbers and by
key; the other goes past it in chunks of records. A part of `pairs` is one kind and one chunk: a kill
loses the chunks in hand, and neither their size nor the number of workers changes a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from matching.link.coding import Coder
from matching.link.identities import collapse, second_mentions
from matching.link.keys import slots
from matching.link.limits import Sizes, Streamed, limited, sizes_across
from matching.link.matcher import Indexed, Matcher
from matching.link.reference import frozen_model, match_sides
from matching.link.rules import Rule, rule_names, rules_of
from matching.link.settings import LinkSettings
from matching.link.sides import Side, Tools, index_side
from matching.log import log_counts
from matching.store import Workspace, Writer
from matching.tables import TABLES

__all__ = ["KINDS", "band", "probability", "run"]

SAME_VALUES = "same_values"
"""Reason of a group's pair with itself: is the agreement of these values enough?"""
_SAME_VALUES_BIT = 62
"""Behind the bits of all rules; the sign bit stays free."""
_PROBABILITY_DECIMALS = 9
_HELD_SHARE = 0.75
"""Of the step's memory for what is held; the rest is for frames, chunks in hand and libraries."""
_VERSION = 2
"""Raise when the same inputs give other rows: parts of a killed run are then made anew."""
KINDS = ("leaked_master", "leaked_leaked", "master_master")
"""In the order in which they are made: the first says which charts are compared with each other."""


def run(workspace: Workspace, settings: LinkSettings, *, kinds: tuple[str, ...] = KINDS) -> None:
    """Write `identities` and `pairs` at or above the floor; freeze the reference at the first run.

    `kinds`: an evaluation needs one kind only.
    """
    identities = collapse(workspace)
    workspace.write("identities", identities)
    seconds = second_mentions(identities)
    leaked, charts, model, frequencies = _prepared(workspace, settings, identities)
    del identities
    with workspace.writer("pairs", resume_key=_resume_key(workspace, settings)) as writer:
        linking = _Linking(settings, model, frequencies, writer, leaked, charts, seconds)
        for kind in kinds:
            linking.one_kind(kind)


def _prepared(
    workspace: Workspace, settings: LinkSettings, identities: pl.DataFrame
) -> tuple[Side, Side, dict[str, Any], pl.DataFrame]:
    """Both sides and the frozen model."""
    leaked, charts = match_sides(workspace, identities)
    model, frequencies = frozen_model(workspace, settings, leaked, charts)
    log_counts("link", mentions=identities.height, identities=leaked.rows, charts=charts.rows)
    return leaked, charts, model, frequencies


def _resume_key(workspace: Workspace, settings: LinkSettings) -> str:
    inputs = ("leaked_std", "charts_std", "frozen_nonidentifying", "model", "term_frequencies")
    text = json.dumps([
        _VERSION,
        [workspace.digest(name) for name in inputs],
        settings.model_dump(exclude={"memory_gib", "threads", "model", "train", "seed"}),
    ])  # fmt: skip
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _Linking:
    """The parts of one run."""

    settings: LinkSettings
    model: dict[str, Any]
    frequencies: pl.DataFrame
    writer: Writer
    leaked: Side
    charts: Side
    seconds: pl.DataFrame

    @property
    def rules(self) -> dict[str, Rule]:
        """Blocking rules by name."""
        return rules_of(self.model)

    def one_kind(self, kind: str) -> None:
        """All parts of a kind that are not there yet."""
        left, right = self._sides(kind)
        first = self._first_part(kind)
        chunks = list(left.ranges(self.settings.chunk_rows))
        waiting = [i for i in range(len(chunks)) if not self.writer.has(first + i)]
        if not waiting:
            return
        tools = self._tools(right)
        within = left is right
        coded, index = index_side(right, tools)
        sizes, held = Sizes(index, None), dict[int, Streamed]()
        if not within:
            hold = self._fits(tools, left.rows, right.rows)
            sizes, held = sizes_across(
                index, left, tools, size=self.settings.chunk_rows, hold=hold
            )
        index, widest = limited(
            sizes, rules=self.rules, pair_budget=self.settings.pair_budget,
            step=f"link {kind}", threads=self.settings.threads,
        )  # fmt: skip
        del sizes
        chunk = _Chunk(self, kind, left, right, tools, Indexed(coded, index, widest), held)
        with ThreadPoolExecutor(self.settings.threads) as pool:
            done = list(pool.map(lambda i: chunk.make(first + i, *chunks[i]), waiting))
        log_counts(f"link {kind}", compared=sum(d[0] for d in done), kept=sum(d[1] for d in done))

    def _sides(self, kind: str) -> tuple[Side, Side]:
        if kind == "leaked_master":
            return self.leaked, self.charts
        if kind == "leaked_leaked":
            return self.leaked, self.leaked
        reached = self.charts.only(self._reached())
        return reached, reached

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
        return left * (record + keys) + right * (record + 1.5 * keys) < _HELD_SHARE * self.settings.memory_gib * 2**30

    def _reached(self) -> pl.Series:
        """Charts that a leaked identity may be: at or above the include threshold."""
        first = self._first_part("leaked_master")
        found = [pl.Series("right", [], dtype=pl.Int64)]
        for index in range(first, self._first_part("master_master")):
            if self.writer.has(index):
                rows = self.writer.scan(index).select("right", "match_weight")
                near = rows.filter(pl.col("match_weight") >= self.settings.include_at_bits)
                found.append(near.select(pl.col("right").unique()).collect()["right"])
        return pl.concat(found).unique().sort()


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What every chunk of one kind needs."""

    linking: _Linking
    kind: str
    left: Side
    right: Side
    tools: Tools
    indexed: Indexed
    held: dict[int, Streamed]

    def make(self, part: int, start: int, stop: int) -> tuple[int, int]:
        """Write one part; gives pairs compared and kept."""
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
        self.linking.writer.put(part, rows)
        return matcher.compared, rows.height

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
