"""What a set of thresholds makes of the incident: people, legal lines, review load, errors and their cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.costs import Costs
from matching.link.settings import Matching
from matching.reviewed import Estimate, reviewed_strata
from matching.store import Workspace
from matching.tables import UNOWNED
from matching.tuning.changes import STEPS_PER_BIT
from matching.tuning.errors import Curve, Errors

__all__ = [
    "LARGE", "Numbers", "Thresholds", "crossed", "curve_of_run", "legal_lines", "moved",
    "numbers_at", "numbers_of_run",
]  # fmt: skip

LARGE = 500
"""45 CFR 164.408(b): 500 people or more of an entity; 164.406: more than 500 residents of one state."""
MINUTES_A_PAIR = 1.0
"""What a reviewer needs for one pair, as `[costs] reviewed_pair` has it."""
_NUMBERS = ("confirmed", "expected", "upper")

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bits: including someone as affected, merging two records, attributing to an entity by a chart alone."""

    include_at_bits: float
    merge_at_bits: float
    attribute_at_bits: float

    @classmethod
    def of(cls, matching: Matching) -> Thresholds:
        """Those of `[matching]`."""
        return cls(matching.include_at_bits, matching.merge_at_bits, matching.attribute_at_bits)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The whole incident at some thresholds.

    `counts`: rows as the table `counts`. `passing`: as `crossed`. `lines`: line (in words), confirmed, expected, upper: how many pass
    it. `exact`: no pair that was dropped could matter. Estimates are of people and letters; `labelled`: from
    people's labels, else from the model's probabilities, with odds that may be off by a bit.
    """

    at: Thresholds
    counts: pl.DataFrame
    passing: pl.DataFrame
    lines: pl.DataFrame
    review_pairs: int
    review_hours: float
    missed: Estimate
    wrong_letters: Estimate
    duplicate_letters: Estimate
    cost: Estimate
    exact: bool
    labelled: bool

    @property
    def union(self) -> dict[str, float]:
        """confirmed, expected, expected_low, expected_high, upper over all entities and states."""
        whole = self.counts.filter(pl.col("entity_id").is_null(), pl.col("state").is_null())
        columns = ("confirmed", "expected", "expected_low", "expected_high", "upper")
        if not whole.height:
            return dict.fromkeys(columns, 0.0)
        return {name: float(whole[name][0]) for name in columns}


def numbers_of_run(workspace: Workspace, matching: Matching, costs: Costs) -> Numbers:
    """The round's own numbers at its own thresholds, from its tables."""
    curve, strata = curve_of_run(workspace), reviewed_strata(workspace)
    counts, at = workspace.read("counts"), Thresholds.of(matching)
    return numbers_at(counts, curve, at, costs, Errors.of(curve, strata), labelled=strata.labelled)


def numbers_at(
    counts: pl.DataFrame, curve: Curve, at: Thresholds, costs: Costs, errors: Errors,
    *, labelled: bool, exact: bool = True,
) -> Numbers:  # fmt: skip
    """Rows of `counts` at some thresholds with what follows from them and from the curve."""
    merge = curve.step(at.merge_at_bits)
    pairs = int(curve.pairs[curve.step(at.include_at_bits) : merge].sum())
    passing = crossed(counts)
    return Numbers(
        at, counts, passing, legal_lines(passing), pairs, pairs * MINUTES_A_PAIR / 60, *errors.at(merge, costs),
        exact, labelled,
    )  # fmt: skip


def curve_of_run(workspace: Workspace) -> Curve:
    """From `merge_counts`, which says how many links and pairs lie at or above each tenth."""
    rows = workspace.read("merge_counts", ["at_bits", "links", "pairs"]).sort("at_bits")
    lowest = round(float(rows["at_bits"][0]) * STEPS_PER_BIT) if rows.height else 0
    links, pairs = (-np.diff(rows[name].to_numpy(), append=0) for name in ("links", "pairs"))
    return Curve(lowest, links, pairs)


def legal_lines(passing: pl.DataFrame) -> pl.DataFrame:
    """line, confirmed, expected, upper: how many entities, entities in one state, and states pass a line of law.

    `passing`: rows of `crossed`.
    """
    entity = passing.filter(pl.col("state").is_null())
    inside = passing.filter(pl.col("state").is_not_null())
    rows = [
        ("entities with 500 people or more", entity.select(pl.col(_NUMBERS).sum())),
        ("entities with more than 500 in one state", inside.select(pl.col(_NUMBERS).sum())),
        (
            "states with such an entity",
            inside.group_by("state").agg(pl.col(_NUMBERS).any()).select(pl.col(_NUMBERS).sum()),
        ),
    ]
    return pl.concat([
        found.select(pl.lit(line).alias("line"), pl.col(_NUMBERS).cast(pl.Int64)) for line, found in rows
    ])  # fmt: skip


def crossed(counts: pl.DataFrame) -> pl.DataFrame:
    """entity_id, state, people (upper), and whether confirmed, expected and upper pass the line of the entity or of its state.

    Rows of `counts` that pass none by any number are left out.
    """
    least = pl.when(pl.col("state").is_null()).then(LARGE).otherwise(LARGE + 1)
    named = pl.col("entity_id").is_not_null() & (pl.col("entity_id") != UNOWNED)
    known = pl.col("state").is_null() | ~pl.col("state").is_in(["UNK", "ZZ"])
    return counts.filter(pl.max_horizontal(_NUMBERS) >= LARGE).filter(named, known).select(
        "entity_id", "state", *((pl.col(name) >= least).alias(name) for name in _NUMBERS), people="upper"
    ).filter(pl.any_horizontal(_NUMBERS))  # fmt: skip


def moved(counts: pl.DataFrame, now: Mapping[str, Reals], was: Mapping[str, Reals]) -> pl.DataFrame:
    """Rows of `counts` with what other thresholds change: confirmed <= expected <= upper stays. Rows of nobody go.

    `now` and `was` have confirmed, expected, upper and spread by row of `counts`.
    """
    change = {name: pl.Series(now[name] - was[name]) for name in _NUMBERS}
    upper = (pl.col("upper") + change["upper"].round().cast(pl.Int64)).clip(lower_bound=0)
    confirmed = (pl.col("confirmed") + change["confirmed"].round().cast(pl.Int64)).clip(0, upper)
    mean = (pl.col("expected") + change["expected"]).clip(
        confirmed.cast(pl.Float64), upper.cast(pl.Float64)
    )
    wider = np.sqrt((now["spread"] + 1.0) / (was["spread"] + 1.0))
    low = mean - (pl.col("expected") - pl.col("expected_low")) * pl.Series(wider)
    high = mean + (pl.col("expected_high") - pl.col("expected")) * pl.Series(wider)
    return counts.select(
        "entity_id", "state", confirmed=confirmed, expected=mean.round(6),
        expected_low=low.clip(lower_bound=0).round(6),
        expected_high=high.clip(mean, upper.cast(pl.Float64)).round(6), upper=upper,
    ).filter(pl.col("upper") > 0)  # fmt: skip
