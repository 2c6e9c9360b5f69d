"""From cleaned records to scored pairs: leaked identities with charts, with each other, charts with charts.

Reads leaked_std, charts_std and nonidentifying; writes identities and pairs, and at the first run the
reference (model, term frequencies, non-identifying values). A part of `pairs` is one kind and one
range of left rows: a kill loses the part in hand, and no size of part changes a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from matching.link.blocking import BLOCKING, Sides, candidates, limit_blocks, make_keys, rule_names
from matching.link.identities import collapse, second_mentions
from matching.link.reference import frozen_model, match_rows
from matching.link.rows import connect, load_rows
from matching.link.scorer import Scorer, SplinkScorer
from matching.link.settings import LinkSettings
from matching.log import log_counts
from matching.store import Workspace, Writer
from matching.tables import TABLES

__all__ = ["KINDS", "band", "probability", "run"]

SAME_VALUES = "same_values"
"""Reason of a group's pair with itself: is the agreement of these values enough?"""
_SAME_VALUES_BIT = len(BLOCKING)
_RUN_SHARE = 0.6
"""Share of the step's memory that DuckDB may use: frames in polars take the rest."""
_PROBABILITY_DECIMALS = 9
_VERSION = 1
"""Raise when the same inputs give other rows: parts of a killed run are then made anew."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of pairs: which loaded sides, whose ids, and where its parts begin."""

    name: str
    sides: Sides
    left_ids: pl.Series
    right_ids: pl.Series
    first_part: int
    parts: int


KINDS = ("leaked_master", "leaked_leaked", "master_master")
"""In the order in which they are made: the first says which charts are compared with each other."""


def run(workspace: Workspace, settings: LinkSettings, *, kinds: tuple[str, ...] = KINDS) -> None:
    """Write `identities` and `pairs` at or above the floor; freeze the reference at the first run.

    `kinds`: an evaluation needs one kind only.
    """
    identities = collapse(workspace)
    workspace.write("identities", identities)
    with (
        workspace.scratch() as spill,
        connect(
            threads=settings.threads, memory_gib=settings.memory_gib * _RUN_SHARE, spill=spill
        ) as con,
    ):
        scorer, ids = _load(workspace, settings, con, identities)
        seconds = second_mentions(identities)
        del identities
        with workspace.writer("pairs", resume_key=_resume_key(workspace, settings)) as writer:
            _Linking(settings, con, scorer, writer, ids, seconds).all_kinds(kinds)


@dataclass(frozen=True, slots=True)
class _Ids:
    """The id of each row number, ascending: all that stays in memory outside DuckDB."""

    leaked: pl.Series
    charts: pl.Series


def _load(
    workspace: Workspace,
    settings: LinkSettings,
    con: duckdb.DuckDBPyConnection,
    identities: pl.DataFrame,
) -> tuple[Scorer, _Ids]:
    """Rows and keys of both sides into DuckDB, and the scorer of the frozen model."""
    rows = match_rows(workspace, identities)
    model, frequencies = frozen_model(workspace, settings, rows)
    log_counts(
        "link", mentions=identities.height, identities=rows.leaked.height, charts=rows.charts.height
    )
    for side, frame in (("leaked", rows.leaked), ("charts", rows.charts)):
        load_rows(con, side, frame, settings=model, frequencies=frequencies)
        make_keys(con, side)
    return SplinkScorer(con, model), _Ids(rows.leaked_ids, rows.chart_ids)


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
    con: duckdb.DuckDBPyConnection
    scorer: Scorer
    writer: Writer
    ids: _Ids
    seconds: pl.DataFrame

    def all_kinds(self, kinds: tuple[str, ...]) -> None:
        """Parts of each kind; leaked with charts first."""
        leaked, charts = self.ids.leaked, self.ids.charts
        chunks = -(-len(leaked) // self.settings.chunk_rows)
        across = _Kind("leaked_master", Sides("leaked", "charts"), leaked, charts, chunks, chunks)
        if "leaked_master" in kinds:
            self._one_kind(across)
        if "leaked_leaked" in kinds:
            self._one_kind(
                _Kind("leaked_leaked", Sides("leaked", "leaked"), leaked, leaked, 0, chunks)
            )
        if "master_master" in kinds:
            self._load_reached(self._reached(across))
            parts = -(-len(charts) // self.settings.chunk_rows)
            reached = Sides("reached", "reached")
            self._one_kind(_Kind("master_master", reached, charts, charts, 2 * chunks, parts))

    def _one_kind(self, kind: _Kind) -> None:
        # also where every part is there already: the next kind must find the same blocks left
        limit_blocks(
            self.con, kind.sides, pair_budget=self.settings.pair_budget, step=f"link {kind.name}"
        )
        waiting = [i for i in range(kind.parts) if not self.writer.has(kind.first_part + i)]
        compared = kept = 0
        for i in waiting:
            start = i * self.settings.chunk_rows
            pairs = candidates(
                self.con, kind.sides, start=start, stop=start + self.settings.chunk_rows
            )
            if kind.name == "leaked_leaked":
                pairs = pl.concat([pairs, self._self_pairs(start)])
            rows = self._scored(kind, pairs)
            self.writer.put(kind.first_part + i, rows)
            compared, kept = compared + pairs.height, kept + rows.height
        log_counts(f"link {kind.name}", compared=compared, kept=kept)

    def _self_pairs(self, start: int) -> pl.DataFrame:
        """Groups of several mentions in this range, paired with themselves."""
        ids = self.ids.leaked.slice(start, self.settings.chunk_rows)
        rids = pl.DataFrame(
            {"identity_id": ids, "rid": np.arange(start, start + len(ids), dtype=np.int32)}
        )
        found = rids.join(self.seconds, on="identity_id", how="semi").sort("rid")
        bit = pl.lit(1 << _SAME_VALUES_BIT, dtype=pl.Int64)
        return found.select(left_rid="rid", right_rid="rid", rules=bit)

    def _scored(self, kind: _Kind, pairs: pl.DataFrame) -> pl.DataFrame:
        scored = self.scorer.score(
            pairs, left=kind.sides.left, right=kind.sides.right, floor_bits=self.settings.floor_bits
        )
        rows = scored.with_columns(
            kind=pl.lit(kind.name),
            left=kind.left_ids.gather(scored["left_rid"]),
            right=kind.right_ids.gather(scored["right_rid"]),
            probability=probability(),
            band=band(self.settings),
            reasons=_reasons(pl.col("rules")),
        )
        if kind.name == "leaked_leaked":
            rows = rows.join(self.seconds, left_on="left", right_on="identity_id", how="left")
            own = pl.col("left") == pl.col("right")
            rows = rows.with_columns(right=pl.when(own).then("second").otherwise("right"))
        return rows.select(list(TABLES["pairs"].columns)).sort("left", "right")

    def _reached(self, across: _Kind) -> pl.Series:
        """Charts that a leaked identity may be: at or above the include threshold."""
        frames = self._written(range(across.first_part, across.first_part + across.parts))
        near = [
            frame.filter(pl.col("match_weight") >= self.settings.include_at_bits)["right"].unique()
            for frame in frames
        ]
        return pl.concat(near).unique().sort() if near else pl.Series("right", [], dtype=pl.Int64)

    def _written(self, indexes: range) -> Iterator[pl.DataFrame]:
        for index in indexes:
            yield self.writer.scan(index).select("right", "match_weight").collect()

    def _load_reached(self, reached: pl.Series) -> None:
        rids = self.ids.charts.search_sorted(reached).cast(pl.Int32)
        self.con.register("reached_rids", pl.DataFrame({"rid": rids}).to_arrow())
        for table in ("rows", "keys"):
            self.con.execute(
                f"create table {table}_reached as select * from {table}_charts "
                "where rid in (select rid from reached_rids)"
            )


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


def _reasons(rules: pl.Expr) -> pl.Expr:
    own = rules & (1 << _SAME_VALUES_BIT) != 0
    return pl.when(own).then(pl.lit(SAME_VALUES)).otherwise(rule_names(rules))
