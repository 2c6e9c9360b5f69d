"""A Splink settings JSON, taken apart: the levels of each comparison, their conditions and weights.

Names, levels, m, u, prior and term-frequency settings come from the JSON through Splink's own objects;
nothing about the model is written down twice.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from splink.internals.comparison import Comparison
from splink.internals.comparison_level import ComparisonLevel
from splink.internals.misc import prob_to_match_weight
from splink.internals.settings_creator import SettingsCreator

from matching.errors import OperatorError
from matching.link.conditions import (
    Atom,
    Condition,
    Kind,
    atoms_of,
    columns_of,
    parse,
    residual,
    texts_of,
)
from matching.model.definition import MAX_COMPARISONS, MAX_LEVELS

__all__ = [
    "CompiledComparison", "Frequency", "Level", "Program", "compile_model", "model_columns",
]  # fmt: skip

MAX_ATOMS = 63
"""Bits of the word that DuckDB gets for a comparison."""
SMALLEST_SHARE = 2.0**-40
"""Below the share of one row among a trillion: bounds the weight of a rare value where the model sets
no minimum."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """Term-frequency adjustment of one level: weight x (log2_u - log2 of the larger share)."""

    column: str
    log2_u: float
    weight: float
    log2_minimum: float

    @property
    def most(self) -> float:
        """The largest adjustment there can be."""
        least = max(self.log2_minimum, math.log2(SMALLEST_SHARE))
        return max(self.weight * (self.log2_u - least), 0.0)


@dataclass(frozen=True, slots=True)
class Level:
    """One grade of agreement: its number (-1: the null level), condition and weight."""

    number: int
    condition: Condition
    weight: float
    frequency: Frequency | None

    @property
    def most(self) -> float:
        """Weight with the largest adjustment there can be."""
        return self.weight + (self.frequency.most if self.frequency else 0.0)


@dataclass(frozen=True, slots=True)
class CompiledComparison:
    """One comparison: its levels in the order of the CASE, the null level first of all."""

    name: str
    levels: tuple[Level, ...]

    @property
    def exact(self) -> tuple[Atom, ...]:
        """Exact atoms in the order of their bits in the word that DuckDB gets."""
        found = [a for x in self.levels for a in atoms_of(x.condition) if a.kind < Kind.ANY]
        return tuple(dict.fromkeys(found))

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """All atoms."""
        return tuple(dict.fromkeys(a for x in self.levels for a in atoms_of(x.condition)))

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns whose text DuckDB needs where the level is open."""
        return tuple(sorted(frozenset().union(*(texts_of(x.condition) for x in self.levels))))

    def case(self) -> str:
        """SQL of the level over `bits` and texts, in the order of the JSON."""
        bits = {atom: bit for bit, atom in enumerate(self.exact)}
        whens = " ".join(
            f"when {residual(x.condition, bits.__getitem__)} then {x.number}" for x in self.levels
        )
        return f"(case {whens} end)::tinyint"


@dataclass(frozen=True, slots=True)
class Program:
    """The compiled model."""

    prior_bits: float
    comparisons: tuple[CompiledComparison, ...]

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns whose text some level reads."""
        return tuple(sorted({name for c in self.comparisons for name in c.texts}))

    @property
    def compared_columns(self) -> tuple[str, ...]:
        """Columns that some atom reads."""
        names = {name for atom in self.atoms for name in (atom.left, atom.right)}
        return tuple(sorted(names - {""}))

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """All atoms, comparison by comparison."""
        return tuple(dict.fromkeys(atom for c in self.comparisons for atom in c.atoms))

    @property
    def frequency_columns(self) -> tuple[str, ...]:
        """Columns whose term frequency adjusts a weight, in model order."""
        found = [x.frequency.column for c in self.comparisons for x in c.levels if x.frequency]
        return tuple(dict.fromkeys(found))


def model_columns(settings: dict[str, Any]) -> tuple[str, ...]:
    """Columns that the model's levels read, in order of their names."""
    levels = [x for c in settings["comparisons"] for x in c["comparison_levels"]]
    return tuple(sorted({name for x in levels for name in columns_of(x["sql_condition"])}))


def compile_model(settings: dict[str, Any], *, coded: Collection[str] = ()) -> Program:
    """Compile Splink settings; `coded` columns have a dictionary (see `conditions.Atoms`).

    Raises OperatorError naming what is untrained or does not fit a comparison vector.
    """
    model = SettingsCreator.from_path_or_dict(settings).get_settings("duckdb")
    core = model.core_model_settings
    if len(core.comparisons) > MAX_COMPARISONS:
        raise OperatorError(
            f"model: {len(core.comparisons)} comparisons; at most {MAX_COMPARISONS} fit a vector"
        )
    return Program(
        prob_to_match_weight(core.probability_two_random_records_match),
        tuple(_comparison(comparison, coded) for comparison in core.comparisons),
    )


def _comparison(comparison: Comparison, coded: Collection[str]) -> CompiledComparison:
    name = comparison.output_column_name
    levels = comparison.comparison_levels
    if len(levels) > MAX_LEVELS:
        raise OperatorError(
            f"model: comparison '{name}' has {len(levels)} levels; at most {MAX_LEVELS} fit a vector"
        )
    if levels[-1].sql_condition.strip().upper() != "ELSE":
        raise OperatorError(
            f"model: comparison '{name}': its last level is not ELSE; put one there"
        )
    compiled = CompiledComparison(name, tuple(_level(comparison, level, coded) for level in levels))
    if len(compiled.exact) > MAX_ATOMS:
        raise OperatorError(
            f"model: comparison '{name}' tests {len(compiled.exact)} things; at most {MAX_ATOMS}"
        )
    return compiled


def _level(comparison: Comparison, level: ComparisonLevel, coded: Collection[str]) -> Level:
    if not level.is_null_level and level._match_weight is None:
        raise OperatorError(
            f"model: comparison '{comparison.output_column_name}', level"
            f" '{level.label_for_charts}' is untrained; train it or give it m and u"
        )
    weight = 0.0 if level.is_null_level else float(level._match_weight)
    condition = parse(level.sql_condition, coded)
    return Level(level.comparison_vector_value, condition, weight, _frequency(comparison, level))


def _frequency(comparison: Comparison, level: ComparisonLevel) -> Frequency | None:
    if level.is_null_level or level._is_else_level or not level._has_tf_adjustments:
        return None
    if level._tf_adjustment_weight == 0:
        return None
    exact = level._u_probability_corresponding_to_exact_match(comparison.comparison_levels)
    minimum = float(level._tf_minimum_u_value or 0.0)
    return Frequency(
        column=level._tf_adjustment_input_column.unquote().name,
        log2_u=math.log2(exact),
        weight=float(level._tf_adjustment_weight),
        log2_minimum=math.log2(minimum) if minimum > 0 else -math.inf,
    )
