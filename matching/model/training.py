"""Estimate m, u and the prior of a model from the data it will link, without labels.

u comes from Splink's random sampling, for plain equality exactly from the value counts. m comes from
Splink's EM over the candidate pairs of all blocking rules at the prior of the whole space of pairs,
so that pairs which were never compared count as non-matches. Levels with a fixed weight below zero
(relatives) are left out of the EM: a family is a third kind of pair, and EM with two kinds would
call it a match. One thread, seeded, rounded to 12 digits: equal data give an equal model.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import polars as pl
from splink import DuckDBAPI, Linker
from splink.internals.expectation_maximisation import expectation_maximisation
from splink.internals.settings_creator import SettingsCreator

from matching.link.blocking import Sides, candidates, limit_blocks, make_keys
from matching.link.rows import connect, load_rows
from matching.link.scorer import SplinkScorer
from matching.link.vectors import gammas
from matching.model.exact import exact_agreement
from matching.model.files import significant
from matching.model.frequencies import count_frequencies, tf_columns

__all__ = ["Trained", "train"]

SAMPLE_ROWS = 50_000
"""Left rows whose candidates feed the EM: rates of 1 in 1,000 are then known within a tenth."""
U_ROWS = 1_000
"""Rows of each side whose every pair is compared for u: a million pairs, a few seconds."""
PAIR_BUDGET = 10_000_000
MIN_MATCHES = 300
"""With fewer expected matches the base model knows better than the data."""
BASE_COUNTS = 2.0
"""So many observations at the base model's rate are added to each level: they decide levels that
the data hardly show and fade where it shows hundreds."""
RARE_COUNTS = 100
"""Equality seen less often than this in the sample for u is counted exactly instead."""
ROUNDS = 3
"""The prior settles within three rounds to a few per cent, a tenth of a bit."""
_FLOOR_SHARE = 0.02
_CHANCE_ROUNDS = 20

Levels = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Trained:
    """A whole model, and what its card says about how it was made."""

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

    Rows are numbered matching rows (`rid` and MATCH_COLUMNS). Where the data hold no example of a
    level the base model's value stays, named in `from_base`; with too few matches all of it stays
    and only the prior is taken from the data.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = copy.deepcopy(base)
    with connect(threads=1, memory_gib=4, spill=None) as con:
        space = _load(con, left, right, settings=settings, seed=seed)
        sides = Sides("sampled", "others")
        limit_blocks(con, sides, pair_budget=PAIR_BUDGET, step="train")
        pairs = _pairs(con, sides, within=right is None)
        exact = exact_agreement(settings, left, right)
        u_seen = _random_u(con, settings, left, right, seed=seed)
        matches = 0.0
        for _ in range(ROUNDS):
            scored = SplinkScorer(con, settings).score(
                pairs, left="sampled", right="others", floor_bits=None
            )
            matches = _set_prior(settings, scored, space)
            if matches < MIN_MATCHES:
                return Trained(base | _prior(settings), False, left.height, _rows(right), pairs.height, matches, ())
            _set_u(settings, base, u_seen, exact)
            _set_m(con, settings, base, scored)
        scored = SplinkScorer(con, settings).score(pairs, left="sampled", right="others", floor_bits=None)
        matches = _set_prior(settings, scored, space)
        unseen = _round_and_name_unseen(settings, scored)
    return Trained(settings, True, left.height, _rows(right), pairs.height, matches, unseen)


def _rows(right: pl.DataFrame | None) -> int:
    return 0 if right is None else right.height


def _prior(settings: dict[str, Any]) -> dict[str, Any]:
    name = "probability_two_random_records_match"
    return {name: significant(settings[name])}


def _load(
    con: duckdb.DuckDBPyConnection,
    left: pl.DataFrame,
    right: pl.DataFrame | None,
    *,
    settings: dict[str, Any],
    seed: int,
) -> float:
    """Load a sample of the left rows and all right rows with their keys; gives the number of pairs."""
    others = left if right is None else right
    frames = [left] if right is None else [left, right]
    frequencies = count_frequencies(frames, tf_columns(settings))
    sample = _sampled(left, SAMPLE_ROWS, seed)
    for side, rows in (("sampled", sample), ("others", others)):
        load_rows(con, side, rows, settings=settings, frequencies=frequencies)
        make_keys(con, side)
    return float(sample.height) * max(others.height - (right is None), 1)


def _sampled(rows: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    if rows.height <= count:
        return rows
    chosen = np.random.default_rng(seed).choice(rows.height, count, replace=False)
    return rows[np.sort(chosen)]


def _pairs(con: duckdb.DuckDBPyConnection, sides: Sides, *, within: bool) -> pl.DataFrame:
    pairs = candidates(con, sides, start=0, stop=2**31 - 1)
    if within:
        pairs = pairs.filter(pl.col("left_rid") != pl.col("right_rid"))
    return pairs.sort("left_rid", "right_rid")


def _random_u(
    con: duckdb.DuckDBPyConnection,
    settings: dict[str, Any],
    left: pl.DataFrame,
    right: pl.DataFrame | None,
    *,
    seed: int,
) -> Levels:
    """u by Splink's random sampling: all pairs of two small samples, levels from worst to best."""
    others = left if right is None else right
    frames = [_sampled(left, U_ROWS, seed), _sampled(others, U_ROWS, seed + 1)]
    api = DuckDBAPI(connection=con)
    tables = [
        api.register(rows.to_arrow(), dataset_display_name=name)
        for name, rows in zip(("u_left", "u_right"), frames, strict=True)
    ]
    linker = Linker(tables, _without_values(settings), log_level=None, validate_settings=False)
    linker.training.estimate_u_using_random_sampling(
        max_pairs=U_ROWS * U_ROWS, seed=seed, min_count_per_level=None, num_chunks=1
    )
    found: Levels = {}
    for comparison in linker._settings_obj.core_model_settings.comparisons:
        levels = comparison._comparison_levels_excluding_null
        found[comparison.output_column_name] = np.array(
            [x.u_probability if x._u_is_trained else 0.0 for x in reversed(levels)]
        )
    return found


def _without_values(settings: dict[str, Any]) -> dict[str, Any]:
    """The same comparisons untrained: Splink keeps a level's first value where it sees none."""
    bare = copy.deepcopy(settings)
    for comparison in bare["comparisons"]:
        for level in comparison["comparison_levels"]:
            for key in ("m_probability", "u_probability", "fix_m_probability", "fix_u_probability"):
                level.pop(key, None)
    return bare


def graded(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """Levels without the null level, from worst (0) to best, as vectors number them."""
    return [x for x in reversed(comparison["comparison_levels"]) if not x.get("is_null_level")]


def _set_prior(settings: dict[str, Any], scored: pl.DataFrame, space: float) -> float:
    """Prior = expected matches / pairs, solved for itself; gives the expected matches."""
    prior = settings["probability_two_random_records_match"]
    evidence = scored["match_weight"].to_numpy() - np.log2(prior / (1 - prior))
    matches = 0.0
    for _ in range(_CHANCE_ROUNDS):
        weights = np.clip(evidence + np.log2(prior / (1 - prior)), -500, 500)
        matches = float((1 / (1 + np.exp2(-weights))).sum())
        # one pseudo-match: a prior of zero could never be left again
        prior = min(max((matches + 1) / (space + 1), 1e-12), 0.5)
    settings["probability_two_random_records_match"] = prior
    return matches


def _set_u(settings: dict[str, Any], base: dict[str, Any], seen: Levels, exact: dict[tuple[str, str], float]) -> None:
    pairs = float(U_ROWS * U_ROWS)
    prior = settings["probability_two_random_records_match"]
    for comparison, first in zip(settings["comparisons"], base["comparisons"], strict=True):
        name = comparison["output_column_name"]
        observed = seen[name]
        for level, start, u in zip(graded(comparison), graded(first), observed, strict=True):
            if level.get("fix_u_probability"):
                continue
            key = (name, level["label_for_charts"])
            rare = key in exact and u * pairs < RARE_COUNTS
            among_all = exact[key] if rare else _weighed(u, pairs, start["u_probability"])
            if rare or observed.sum() > 0:
                # true matches are among all pairs too: in small data they are most of what agrees
                apart = among_all - prior * level["m_probability"]
                level["u_probability"] = max(apart, among_all * _FLOOR_SHARE, 1e-12)


def _weighed(rate: float, count: float, base: float) -> float:
    """The rate of `count` observations with the base rate mixed in."""
    mixed = (rate * count + BASE_COUNTS) / (count + BASE_COUNTS / base)
    return float(min(max(mixed, 1e-12), 1.0))


def _set_m(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], base: dict[str, Any], scored: pl.DataFrame
) -> None:
    """Splink's EM for m at fixed u and prior; the base model counts as a few observations."""
    vectors, usable = _patterns(settings, scored)
    api = DuckDBAPI(connection=con)
    table = api.register(vectors.filter(usable).to_arrow())
    model = SettingsCreator.from_path_or_dict(copy.deepcopy(settings)).get_settings("duckdb")
    history = expectation_maximisation(
        api,
        model.training_settings,
        True,
        model.core_model_settings,
        model.column_info_settings.unique_id_input_columns,
        {"u", "lambda"},
        _named(table),
    )
    weight = np.clip(scored["match_weight"].to_numpy(), -500, 500)
    chance = (1 / (1 + np.exp2(-weight))) * usable.to_numpy()
    trained = {c.output_column_name: c for c in history[-1].comparisons}
    for comparison, first in zip(settings["comparisons"], base["comparisons"], strict=True):
        name = comparison["output_column_name"]
        counts = float(chance[vectors[f"gamma_{name}"].to_numpy() >= 0].sum())
        levels = list(reversed(trained[name]._comparison_levels_excluding_null))
        for level, start, found in zip(graded(comparison), graded(first), levels, strict=True):
            if level.get("fix_m_probability"):
                continue
            m = float(found.m_probability) if found._m_is_trained else 0.0
            level["m_probability"] = _weighed(m, counts, start["m_probability"])


def _named(table: Any) -> Any:
    table.templated_name = "__splink__df_comparison_vectors"
    return table


def _patterns(settings: dict[str, Any], scored: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """Levels of each pair, and which pairs EM may see: none at a fixed level that speaks against."""
    names = [c["output_column_name"] for c in settings["comparisons"]]
    vectors = gammas(scored["vector"], [f"gamma_{name}" for name in names])
    usable = pl.lit(value=True)
    for comparison in settings["comparisons"]:
        for number, level in enumerate(graded(comparison)):
            if level.get("fix_m_probability") and level["m_probability"] < level["u_probability"]:
                usable &= pl.col(f"gamma_{comparison['output_column_name']}") != number
    return vectors, vectors.select(usable.alias("usable")).to_series()


def _round_and_name_unseen(settings: dict[str, Any], scored: pl.DataFrame) -> tuple[str, ...]:
    """Round to 12 digits and name the levels that no candidate pair reached."""
    names = [c["output_column_name"] for c in settings["comparisons"]]
    vectors = gammas(scored["vector"], names)
    settings.update(_prior(settings))
    unseen = []
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        seen = set(vectors[name].unique().to_list())
        for number, level in enumerate(graded(comparison)):
            level["m_probability"] = significant(level["m_probability"])
            level["u_probability"] = significant(level["u_probability"])
            if number not in seen:
                unseen.append(f"{name}: {level['label_for_charts']}")
    return tuple(unseen)
