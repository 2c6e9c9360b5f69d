"""m and u of every level from scored samples of pairs, with the base model as a few observations."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
from splink import DuckDBAPI
from splink.internals.expectation_maximisation import expectation_maximisation
from splink.internals.settings_creator import SettingsCreator

from matching.link.rules import TRAINING
from matching.link.vectors import gammas, graded

__all__ = ["PRIOR", "Sample", "probability", "set_m", "set_u"]

PRIOR = "probability_two_random_records_match"

BASE_COUNTS = 2.0
"""So many observations at the base model's rate are added to each u: they decide levels that the data
hardly show and fade where it shows hundreds."""
_WHOLE_VALUE = ("place", "phone", "email", "ssn", "member_id")
"""Rules whose pairs are all pairs that share the value."""
_WHOLE_BITS = sum(1 << bit for bit, name in enumerate(TRAINING) if name in _WHOLE_VALUE)

_SEEN = 0.5
"""Pairs that are no match, expected at a level among random pairs, from which on the level is seen there."""
BASE_SHARE = 0.02
"""Share of the base model in every m. EM confirms itself: matches that disagree in a field are taken for
non-matches, and the field then looks surer than it is."""

EM_ITERATIONS = 5
"""Per round. The m of a level that no match shows shrinks by a factor in each, and Splink refuses an m of
zero: between rounds the base model's share lifts it again."""

Floats = npt.NDArray[np.float64]


class Sample:
    """Pairs compared once: their levels, and their weights under any m, u and prior.

    At a term-frequency level u falls out of the weight (the value's own frequency stands for it), so
    that what remains of the adjustment is the same under every model.
    """

    def __init__(self, scored: pl.DataFrame, settings: dict[str, Any], space: float) -> None:
        self.space = space
        self.whole = (scored["rules"].to_numpy() & _WHOLE_BITS) != 0
        names = [c["output_column_name"] for c in settings["comparisons"]]
        self.levels = gammas(scored["vector"], names)
        own = sum(self._per_level(c, _own_u) for c in settings["comparisons"])
        self._frequency_bits: Floats = scored["tf_bits"].to_numpy() - own

    def _per_level(
        self, comparison: dict[str, Any], value: Callable[[dict[str, Any]], float]
    ) -> Floats:
        """The value of each pair's level; 0 where the comparison is missing."""
        table = np.array([*(value(level) for level in graded(comparison)), 0.0])
        return np.asarray(
            table[self.levels[comparison["output_column_name"]].to_numpy()], np.float64
        )

    def evidence(self, settings: dict[str, Any]) -> Floats:
        """Weight in bits without the prior."""
        bits = sum(self._per_level(c, _bits) for c in settings["comparisons"])
        return np.asarray(bits + self._frequency_bits)

    def match(self, settings: dict[str, Any]) -> Floats:
        """Probability that each pair is a match."""
        return probability(self.evidence(settings), settings[PRIOR])

    def count(self, name: str, levels: int, weights: Floats) -> Floats:
        """Sum of weights per level of a comparison; missing values left out."""
        number = self.levels[name].to_numpy()
        known = number >= 0
        counts = np.bincount(number[known], weights=weights[known], minlength=levels)
        return counts.astype(np.float64)


def probability(evidence: Floats, prior: float) -> Floats:
    """Posterior of evidence in bits at a prior."""
    bits = np.clip(evidence + np.log2(prior / (1 - prior)), -500, 500)
    return np.asarray(1 / (1 + np.exp2(-bits)))


def _own_u(level: dict[str, Any]) -> float:
    return float(np.log2(level["u_probability"])) if level.get("tf_adjustment_column") else 0.0


def _bits(level: dict[str, Any]) -> float:
    bits = float(np.log2(level["m_probability"]))
    return (
        bits if level.get("tf_adjustment_column") else bits - float(np.log2(level["u_probability"]))
    )


def set_u(settings: dict[str, Any], base: dict[str, Any], close: Sample, chance: Sample) -> None:
    """Set u from random pairs and, for levels that imply an equal telling value, from candidates.

    A million random pairs hold no two equal e-mail addresses; the candidates hold all of them.
    """
    close_apart, chance_apart = 1 - close.match(settings), 1 - chance.match(settings)
    for comparison, first in zip(settings["comparisons"], base["comparisons"], strict=True):
        name, levels = comparison["output_column_name"], graded(comparison)
        at_random = chance.count(name, len(levels), chance_apart)
        known = float(at_random.sum())
        if not known:
            continue
        space = close.space * known / float(chance_apart.sum())
        near = close.count(name, len(levels), close_apart)
        loose = close.count(name, len(levels), (~close.whole).astype(np.float64))
        for i, (level, start) in enumerate(zip(levels, graded(first), strict=True)):
            if level.get("fix_u_probability"):
                continue
            # every pair at this level shares a telling value: no such pair lies outside the candidates.
            # That other rules show none proves it only where chance shows none either
            complete = near[i] > 0 and loose[i] == 0 and at_random[i] < _SEEN
            count, pairs = (near[i], space) if complete else (at_random[i], known)
            u = _weighed(float(count), float(pairs), start["u_probability"])
            level["u_probability"] = max(u, float(near[i]) / space)


def _weighed(count: float, total: float, base: float) -> float:
    """Count / total with the base rate mixed in."""
    mixed = (count + BASE_COUNTS) / (total + BASE_COUNTS / base)
    return min(max(mixed, 1e-12), 1.0)


def set_m(
    con: duckdb.DuckDBPyConnection, settings: dict[str, Any], base: dict[str, Any], close: Sample
) -> None:
    """Set m by Splink's EM over the candidates, u and prior held."""
    usable = _usable(settings, close)
    names = {name: f"gamma_{name}" for name in close.levels.columns}
    api = DuckDBAPI(connection=con)
    table = api.register(close.levels.rename(names).filter(usable).to_arrow())
    table.templated_name = "__splink__df_comparison_vectors"
    limited = {**copy.deepcopy(settings), "max_iterations": EM_ITERATIONS}
    model = SettingsCreator.from_path_or_dict(limited).get_settings("duckdb")
    history = expectation_maximisation(
        db_api=api,
        training_settings=model.training_settings,
        estimate_without_term_frequencies=True,
        core_model_settings=model.core_model_settings,
        unique_id_input_columns=model.column_info_settings.unique_id_input_columns,
        training_fixed_probabilities={"u", "lambda"},
        df_comparison_vector_values=table,
    )
    weights = close.match(settings) * usable.to_numpy()
    trained = {c.output_column_name: c for c in history[-1].comparisons}
    for comparison, first in zip(settings["comparisons"], base["comparisons"], strict=True):
        name, levels = comparison["output_column_name"], graded(comparison)
        counts = close.count(name, len(levels), weights)
        total = float(counts.sum())
        if not total:
            continue
        objects = reversed(trained[name]._comparison_levels_excluding_null)
        found = [
            count / total if level.get("fix_m_probability") and total
            else float(x.m_probability) if x._m_is_trained else 0.0
            for level, x, count in zip(levels, objects, counts, strict=True)
        ]  # fmt: skip
        for level, start, m in zip(levels, graded(first), _shares(levels, found), strict=True):
            if not level.get("fix_m_probability"):
                level["m_probability"] = m + BASE_SHARE * (start["m_probability"] - m)


def _shares(levels: list[dict[str, Any]], found: list[float]) -> list[float]:
    """Shares of the matches by level; agreement at a fixed level counts for the best estimated one.

    The fixed level is the same agreement where other evidence makes it say less.
    """
    free = [i for i, level in enumerate(levels) if not level.get("fix_m_probability")]
    shares = list(found)
    for level, share in zip(levels, found, strict=True):
        if (
            free
            and level.get("fix_m_probability")
            and level["m_probability"] > level["u_probability"]
        ):
            shares[free[-1]] += share
    return shares


def _usable(settings: dict[str, Any], close: Sample) -> pl.Series:
    """Pairs that EM may see: none at a fixed level that speaks against a match."""
    usable = pl.lit(value=True)
    for comparison in settings["comparisons"]:
        for number, level in enumerate(graded(comparison)):
            if level.get("fix_m_probability") and level["m_probability"] < level["u_probability"]:
                usable &= pl.col(comparison["output_column_name"]) != number
    return close.levels.with_columns(usable.alias("usable"))["usable"]
