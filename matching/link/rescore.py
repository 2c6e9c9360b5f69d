"""New weights for every kept pair without its strings: what a changed m, u or prior makes of them.

In: the `pairs` table (vector, match_weight, band, reasons), the model it was scored with and another
Splink settings JSON with the same comparisons. Out: match weights and bands, in the order of the table.
A pair is a pattern (its vector's place among the distinct ones) and its weight, about 11 bytes; a
pattern is scored once, a pair by what its pattern changed. Pairs that were dropped below the floor are
not seen: `could_lift` says whether that matters.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from splink.internals.misc import prob_to_match_weight
from splink.internals.settings_creator import SettingsCreator

from matching.compiling import compiled
from matching.errors import OperatorError
from matching.link.bands import BANDS
from matching.link.guards import action_of
from matching.link.vectors import BITS, codes
from matching.store import Workspace

__all__ = [
    "BANDS",
    "KeptVectors",
    "ModelWeights",
    "Rescored",
    "could_lift",
    "load_vectors",
    "model_weights",
    "rescore",
]

Reals = npt.NDArray[np.float64]
Bands = npt.NDArray[np.uint8]
_REVIEW_ALWAYS = 3
"""Instead of the highest band: a guard sends the pair to review, whatever its weight."""
_AT_ONCE = 1 << 20
"""Pairs a thread takes at a time: 18 MB, read and written while they are in the cache."""
_NOT_ADJUSTED = 1e-8
"""A pair whose adjustment is nearer zero has none: its value's frequency was never counted."""
_PER_BIT = 1e9
"""Weights have nine decimals."""
_NULL_AND_LEVELS = 1 << BITS


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """A model's bits by comparison (row) and code in the vector (column: 0 missing, else level + 1).

    `tf_weight` is 0 at levels without term-frequency adjustment; `log2_u` is what the adjustment is
    measured from there, `log2_tf_min` the lowest frequency it reckons with. `shape` names all that
    must be equal in two models for one's vectors to mean the same in the other.
    """

    names: tuple[str, ...]
    prior: float
    bits: Reals
    tf_weight: Reals
    log2_u: Reals
    log2_tf_min: Reals
    shape: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class KeptVectors:
    """Every kept pair: place of its vector in `vectors`, weight, highest band its guards allow."""

    vectors: npt.NDArray[np.int64]
    pattern: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    match_weight: Reals
    cap: Bands

    def __len__(self) -> int:
        return len(self.pattern)


@dataclass(frozen=True, slots=True)
class Rescored:
    """One entry a kept pair: bits, and place in BANDS."""

    match_weight: Reals
    band: Bands


def load_vectors(workspace: Workspace) -> KeptVectors:
    """All kept pairs in the order of their table; about 11 bytes a pair, twice that while loading."""
    pairs = workspace.scan("pairs")
    vectors = pairs.select(pl.col("vector").unique()).collect(engine="streaming").to_series().sort()
    dtype = pl.UInt16() if len(vectors) <= np.iinfo(np.uint16).max else pl.UInt32()
    place = pl.Series(np.arange(len(vectors))).cast(dtype)
    cap = action_of(pl.col("reasons")).replace_strict(
        {"veto": 0, "cap": 1, "review": _REVIEW_ALWAYS}, default=2, return_dtype=pl.UInt8
    )
    rows = pairs.select(
        pattern=pl.col("vector").replace_strict(vectors, place, return_dtype=dtype),
        match_weight="match_weight",
        cap=cap,
    ).collect(engine="streaming")
    return KeptVectors(
        vectors.to_numpy(),
        rows["pattern"].to_numpy(),
        rows["match_weight"].to_numpy(),
        rows["cap"].to_numpy(),
    )


def model_weights(settings: dict[str, Any]) -> ModelWeights:
    """The bits of a Splink settings JSON. Raises OperatorError naming a level without m or u."""
    core = SettingsCreator.from_path_or_dict(settings).get_settings("duckdb").core_model_settings
    names = tuple(comparison.output_column_name for comparison in core.comparisons)
    tables = np.zeros((4, len(names), _NULL_AND_LEVELS))
    shape = []
    for row, comparison in enumerate(core.comparisons):
        levels = comparison.comparison_levels
        for level in levels:
            column = level.comparison_vector_value + 1
            tables[:, row, column] = _of_level(names[row], level, levels)
        shape.append((names[row], *(_shape_of(level) for level in levels)))
    prior = prob_to_match_weight(core.probability_two_random_records_match)
    return ModelWeights(names, prior, tables[0], tables[1], tables[2], tables[3], tuple(shape))


def _of_level(name: str, level: Any, levels: Any) -> tuple[float, float, float, float]:
    """(bits, tf_weight, log2_u, log2_tf_min)."""
    if level.is_null_level:
        return 0.0, 0.0, 0.0, 0.0
    for kind, value in (("m", level._m_probability), ("u", level._u_probability)):
        if (
            not isinstance(value, int | float) or value <= 0
        ):  # Splink would put a default in its place
            label = level.label_for_charts
            raise OperatorError(f"model: comparison '{name}', level '{label}': no {kind}; set it")
    bits = log2(level.m_probability) - log2(level.u_probability)
    if not level._has_tf_adjustments or level._is_else_level or not level._tf_adjustment_weight:
        return bits, 0.0, 0.0, 0.0
    base = log2(level._u_probability_corresponding_to_exact_match(levels))
    lowest = level._tf_minimum_u_value
    return bits, level._tf_adjustment_weight, base, log2(lowest) if lowest else -np.inf


def _shape_of(level: Any) -> str:
    column = level._tf_adjustment_column if level._has_tf_adjustments else None
    lowest = level._tf_minimum_u_value if column else 0
    return f"{level.sql_condition} [tf {column} >= {lowest}]"


def rescore(
    kept: KeptVectors,
    *,
    old: ModelWeights,
    new: ModelWeights,
    include_at_bits: float,
    merge_at_bits: float,
) -> Rescored:
    """Weights and bands of every kept pair under `new`; nine decimals, as the scorer's.

    `old` is the model that made the weights. Raises OperatorError where the comparisons differ, or
    where weights of several adjustments change in different ways: their sum is all that is kept.
    """
    _check_same_comparisons(old, new)
    change = _change(kept.vectors, old, new)
    found = Rescored(np.empty(len(kept)), np.empty(len(kept), np.uint8))

    def part(start: int) -> None:
        at = slice(start, start + _AT_ONCE)
        _rescore(
            kept.pattern[at], kept.match_weight[at], kept.cap[at],
            change, include_at_bits, merge_at_bits, found.match_weight[at], found.band[at],
        )  # fmt: skip

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        list(pool.map(part, range(0, len(kept), _AT_ONCE)))
    return found


@compiled
def _rescore(
    pattern: Any, weight: Reals, cap: Bands, change: Reals, include: float, merge: float,
    out: Reals, band: Bands,
) -> None:  # fmt: skip
    """`change` by pattern: see `_change`."""
    for i in range(len(pattern)):
        base, bits, shift, grow = change[pattern[i]]
        changed = weight[i] + bits
        adjustment = weight[i] - base
        if abs(adjustment) > _NOT_ADJUSTED:
            changed += shift + grow * adjustment
        changed = np.floor(changed * _PER_BIT + 0.5) / _PER_BIT
        out[i] = changed
        by_weight = np.uint8(changed >= include) + np.uint8(changed >= merge)
        band[i] = 1 if cap[i] == _REVIEW_ALWAYS else min(cap[i], by_weight)


def _check_same_comparisons(old: ModelWeights, new: ModelWeights) -> None:
    if old.names != new.names:
        raise OperatorError("model: other comparisons than the run's; run the incident with it")
    for name, was, now in zip(old.names, old.shape, new.shape, strict=True):
        if was != now:
            raise OperatorError(
                f"model: comparison '{name}': other conditions, levels or term frequencies than the"
                " run's; run the incident with it"
            )


def _change(vectors: npt.NDArray[np.int64], old: ModelWeights, new: ModelWeights) -> Reals:
    """One row a pattern: (old weight without adjustment, gain, further gain and growth of adjusted)."""
    code = codes(vectors, len(old.names))
    row = np.arange(len(old.names))

    def of(table: Reals) -> Reals:
        return np.asarray(table[row, code])

    base = old.prior + of(old.bits).sum(axis=1)
    bits = new.prior - old.prior + of(new.bits - old.bits).sum(axis=1)
    shift = of(new.tf_weight * (new.log2_u - old.log2_u)).sum(axis=1)
    grow = _growth(of(old.tf_weight), of(new.tf_weight), old.names)
    return np.stack([base, bits, shift, grow], axis=1)


def _growth(was: Reals, now: Reals, names: tuple[str, ...]) -> Reals:
    """By how much of itself the summed adjustment of each pattern grows."""
    active = was != 0
    unknown = ~active & (now != 0)
    ratio = np.divide(now, was, out=np.ones_like(was), where=active)
    low = np.where(active, ratio, np.inf).min(axis=1, initial=np.inf)
    high = np.where(active, ratio, -np.inf).max(axis=1, initial=-np.inf)
    bad = (active.any(axis=1) & (high - low > 1e-12))[:, None] & active & (ratio != 1) | unknown
    if bad.any():
        listed = ", ".join(names[i] for i in np.flatnonzero(bad.any(axis=0)))
        raise OperatorError(
            f"model: tf_adjustment_weight of {listed}: kept pairs hold only the sum of several"
            " adjustments; change all weights by one factor, or run the incident with it"
        )
    return np.where(active.any(axis=1), low - 1, 0.0)


def could_lift(
    *, old: ModelWeights, new: ModelWeights, floor_bits: float, past_bits: float | None = None
) -> bool:
    """A pair that was dropped below `floor_bits` may reach `past_bits` (the floor) under `new`.

    True errs on the safe side: the best level of every comparison may not occur together. Where it
    is True, figures are "from kept pairs only" until the incident is run with the new model.
    """
    _check_same_comparisons(old, new)
    lift = new.prior - old.prior
    for row in range(len(old.names)):
        used = [0, *np.flatnonzero(old.bits[row]), *np.flatnonzero(new.bits[row])]
        lift += max(_lift(old, new, row, int(code)) for code in used)
    past = floor_bits if past_bits is None else past_bits
    return lift > max(0.0, past - floor_bits) + 1.0 / _PER_BIT


def _lift(old: ModelWeights, new: ModelWeights, row: int, code: int) -> float:
    """Most bits that this level gains, over all frequencies its value may have."""
    gained = float(new.bits[row, code] - old.bits[row, code])
    was, now = float(old.tf_weight[row, code]), float(new.tf_weight[row, code])
    if was == now == 0:
        return gained
    shift = now * float(new.log2_u[row, code]) - was * float(old.log2_u[row, code])
    rarest = float(min(old.log2_tf_min[row, code], new.log2_tf_min[row, code]))
    by_frequency = [0.0] if was == now else [0.0, (was - now) * rarest]
    return gained + max(0.0, *(shift + bits for bits in by_frequency))
