"""Estimate m, u and the prior of a model from the data it will link, without labels.

Two samples of pairs are compared: random pairs, which show what unrelated people share by chance, and
the candidate pairs of all blocking rules, which hold nearly every match and every pair that shares a
telling value. m comes from Splink's EM over the candidates at the prior of the whole space of pairs,
so that pairs which nobody compared count as non-matches; u from both samples, each pair weighed by
the probability that it is no match. Pairs at a level with a fixed weight below zero (twins) are left
out of the EM: relatives are a third kind of pair, and EM with two kinds would call them matches.
One thread, seeded, rounded to 12 digits: equal data give an equal model.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.blocking import TRAINING, Sides, candidates, limit_blocks, make_keys
from matching.link.rows import connect, load_rows
from matching.link.scorer import SplinkScorer
from matching.model.definition import MATCH_COLUMNS
from matching.model.estimates import PRIOR, Sample, graded, probability, set_m, set_u
from matching.model.files import significant
from matching.model.frequencies import count_frequencies, tf_columns

__all__ = ["Trained", "train"]

SAMPLE_ROWS = 50_000
"""Left rows whose candidates are compared: rates of 1 in 1,000 are then known within a tenth."""
RANDOM_ROWS = 700
"""Rows of each side whose every pair is compared: half a million random pairs, a few seconds."""
PAIR_BUDGET = 10_000_000
MIN_MATCHES = 300
"""With fewer expected matches the base model knows better than the data."""
ROUNDS = 6
"""Of EM, u and prior in turn: 30 iterations of EM in all; the prior settles within three rounds."""
_PRIOR_ROUNDS = 20
MEMORY_GIB = 4.0
_CONTENT_SEED = 23

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Trained:
    """A whole model, and what its card says about how it was made.

    `estimated` is false where the data held too few matches and only the prior was taken from them;
    `from_base` names the levels of which no compared pair is an example.
    """

    settings: dict[str, Any]
    estimated: bool
    left_rows: int
    right_rows: int
    pairs: int
    expected_matches: float
    from_base: tuple[str, ...]


def train(
    left: pl.DataFrame, right: pl.DataFrame | None, *, base: dict[str, Any], seed: int = 1
) -> Trained:
    """The base model with m, u and prior of these rows; `right` None: rows against each other.

    Rows are numbered matching rows (`rid` and MATCH_COLUMNS). The base model's values count as a few
    observations of each level, so that what the data do not show stays as it was.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    left, right = _in_content_order(left), None if right is None else _in_content_order(right)
    settings = copy.deepcopy(base)
    with connect(threads=1, memory_gib=MEMORY_GIB, spill=None) as con:
        space = _load(con, left, right, settings=settings, seed=seed)
        close = _sample(con, settings, _candidates(con, within=right is None), space)
        chance = _sample(con, settings, _random_pairs(con, seed), space)
        matches = _set_prior(settings, close)
        estimated = matches >= MIN_MATCHES
        for _ in range(ROUNDS if estimated else 0):
            set_u(settings, base, close, chance)
            set_m(con, settings, base, close)
            matches = _set_prior(settings, close)
    rows = 0 if right is None else right.height
    unseen = _round_and_name_unseen(settings, close)
    return Trained(settings, estimated, left.height, rows, close.levels.height, matches, unseen)


def _load(
    con: duckdb.DuckDBPyConnection,
    left: pl.DataFrame,
    right: pl.DataFrame | None,
    *,
    settings: dict[str, Any],
    seed: int,
) -> float:
    """Load a sample of the left rows and all right rows with keys; gives the number of all pairs."""
    others = left if right is None else right
    frames = [left] if right is None else [left, right]
    frequencies = count_frequencies(frames, tf_columns(settings))
    sample = left[_chosen(left.height, SAMPLE_ROWS, seed)]
    for side, rows in (("sampled", sample), ("others", others)):
        load_rows(con, side, rows, settings=settings, frequencies=frequencies)
        make_keys(con, side, TRAINING)
    return float(sample.height) * max(others.height - (right is None), 1)


def _in_content_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows numbered by a hash of their values: samples are the same whatever order files have."""
    values = pl.struct(MATCH_COLUMNS)
    ordered = rows.sort(values.hash(_CONTENT_SEED), values.hash(_CONTENT_SEED + 1))
    return ordered.with_columns(rid=pl.int_range(pl.len(), dtype=pl.Int32))


def _chosen(rows: int, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Row numbers of a sample without replacement, ascending."""
    if rows <= count:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, count, replace=False))


def _candidates(con: duckdb.DuckDBPyConnection, *, within: bool) -> pl.DataFrame:
    sides = Sides("sampled", "others")
    limit_blocks(con, sides, pair_budget=PAIR_BUDGET, step="train", rules=TRAINING)
    pairs = candidates(con, sides, start=0, stop=2**31 - 1)
    if within:
        pairs = pairs.filter(pl.col("left_rid") != pl.col("right_rid"))
    return pairs.sort("left_rid", "right_rid")


def _random_pairs(con: duckdb.DuckDBPyConnection, seed: int) -> pl.DataFrame:
    """All pairs of two small samples."""
    sides = []
    for number, side in enumerate(("sampled", "others")):
        rids = con.sql(f"select rid from rows_{side} order by rid").pl()["rid"]
        sides.append(rids.gather(_chosen(len(rids), RANDOM_ROWS, seed + 1 + number)))
    pairs: pl.DataFrame = (
        sides[0].to_frame("left_rid").join(sides[1].to_frame("right_rid"), how="cross")
    )
    apart = pl.col("left_rid") != pl.col("right_rid")
    return pairs.with_columns(rules=pl.lit(0, dtype=pl.Int64)).filter(apart)


def _sample(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], pairs: pl.DataFrame, space: float
) -> Sample:
    scorer = SplinkScorer(con, settings)
    scored = scorer.score(pairs, left="sampled", right="others", floor_bits=None)
    return Sample(scored.sort("left_rid", "right_rid"), settings, space)


def _set_prior(settings: dict[str, Any], close: Sample) -> float:
    """Prior = expected matches / all pairs, solved for itself; gives the expected matches."""
    evidence, prior, matches = close.evidence(settings), settings[PRIOR], 0.0
    for _ in range(_PRIOR_ROUNDS):
        matches = float(probability(evidence, prior).sum())
        # one pseudo-match: a prior of zero could never be left again
        prior = min(max((matches + 1) / (close.space + 1), 1e-12), 0.5)
    settings[PRIOR] = prior
    return matches


def _round_and_name_unseen(settings: dict[str, Any], close: Sample) -> tuple[str, ...]:
    """Round to 12 digits and name the levels that no compared pair reached."""
    settings[PRIOR] = significant(settings[PRIOR])
    unseen = []
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        seen = set(close.levels[name].unique().to_list())
        for number, level in enumerate(graded(comparison)):
            level["m_probability"] = significant(level["m_probability"])
            level["u_probability"] = significant(level["u_probability"])
            if number not in seen:
                unseen.append(f"{name}: {level['label_for_charts']}")
    return tuple(unseen)
