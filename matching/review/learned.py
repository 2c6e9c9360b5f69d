"""m re-estimated from what people labelled: how often each level occurs among pairs that they say are one person.

In: match decisions on kept pairs, their comparison vectors, the run's model. Out: weights by comparison and code, as
edits for a scenario; nothing changes before somebody approves them. Each label speaks for the pairs of its stratum
of match weight (pairs of the stratum per reviewed pair), and the model's own m counts as PRIOR_LABELS labels, so
that a level which nobody saw keeps about its weight. Levels that the model fixes are left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.errors import OperatorError
from matching.link.reference import model_in_force
from matching.link.settings import Matching
from matching.link.vectors import codes, graded
from matching.model.files import significant
from matching.people.decided import read_decided
from matching.people.review_order import EDGES, stratum
from matching.reviewed import reviewed_strata
from matching.store import Workspace

__all__ = [
    "LEAST_LABELS",
    "PRIOR_LABELS",
    "Learned",
    "Level",
    "card_text",
    "learned",
    "m_of_labels",
]

PRIOR_LABELS = 50.0
"""Labels that the model's own m is worth: some hundred labels outweigh it, a dozen do not."""
LEAST_LABELS = 30
"""Fewer matches than this say too little of any level."""

Reals = npt.NDArray[np.float64]
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Level:
    """One level: its m in the run's model and by the labels, and how many labelled matches show it."""

    comparison: str
    code: int
    label: str
    seen: int
    m_before: float
    m_after: float
    bits_before: float
    bits_after: float


@dataclass(frozen=True, slots=True)
class Learned:
    """`labels`: match labels on kept pairs. `worth`: how many equally weighed labels they are worth."""

    labels: int
    worth: float
    levels: tuple[Level, ...]

    @property
    def edits(self) -> dict[tuple[str, int], float]:
        """Bits by comparison and code, as scenarios take them; levels that did not change are left out."""
        return {
            (level.comparison, level.code): level.bits_after
            for level in self.levels
            if level.bits_after != level.bits_before
        }


def learned(workspace: Workspace, matching: Matching) -> Learned:
    """Of all match decisions that stand. Some passes over the kept pairs, which stream.

    Raises OperatorError where there are fewer than LEAST_LABELS.
    """
    settings = model_in_force(workspace, matching)
    rows = _labelled(workspace)
    if rows.height < LEAST_LABELS:
        raise OperatorError(
            f"labels: {rows.height} matches on kept pairs; label {LEAST_LABELS} or more first"
        )
    strata = reviewed_strata(workspace)
    place = rows.select(stratum(pl.col("match_weight"))).to_series().to_numpy()
    labels = np.bincount(place, minlength=len(EDGES) + 1)
    reviewed = np.maximum(strata.reviewed, labels)  # also labels beside the sample
    weight = strata.pairs[place] / np.maximum(reviewed[place], 1)
    return m_of_labels(settings, rows["vector"].to_numpy(), np.maximum(weight, 1.0))


def _labelled(workspace: Workspace) -> pl.DataFrame:
    """vector, match_weight of every kept pair that people say is one person."""
    match = read_decided(workspace).match
    ids = pl.DataFrame(match, schema={"one": pl.Int64(), "other": pl.Int64()})
    records = pl.concat([ids["one"], ids["other"]]).unique().implode()
    groups = workspace.scan("identities").filter(pl.col("mention_id").is_in(records)).collect()
    nodes = dict(groups.select("mention_id", "identity_id").iter_rows())
    ends = [
        ids[name].replace(list(nodes), list(nodes.values())).alias(name)
        for name in ("one", "other")
    ]
    wanted = pl.DataFrame(ends).filter(pl.col("one") != pl.col("other")).unique()
    turned = wanted.select(left="other", right="one")
    both = pl.concat([wanted.select(left="one", right="other"), turned])
    rows = workspace.scan("pairs").join(both.lazy(), on=["left", "right"], how="semi")
    return (
        rows.select("left", "right", "vector", "match_weight")
        .sort("left", "right").collect(engine="streaming")
    )  # fmt: skip


def m_of_labels(
    settings: Mapping[str, Any], vectors: npt.NDArray[np.int64], weight: Reals
) -> Learned:
    """M of every level that is not fixed, of vectors of matches and how many pairs each speaks for."""
    worth = float(weight.sum() ** 2 / (weight**2).sum())
    scaled = weight * worth / weight.sum()
    comparisons = settings["comparisons"]
    code = codes(vectors, len(comparisons))
    levels: list[Level] = []
    for place, comparison in enumerate(comparisons):
        levels += _of_comparison(comparison, code[:, place], scaled)
    return Learned(len(vectors), worth, tuple(levels))


def _of_comparison(
    comparison: Mapping[str, Any], code: npt.NDArray[np.int64], weight: Reals
) -> list[Level]:
    graded_levels = graded(comparison)
    free = [n for n, level in enumerate(graded_levels, 1) if not level.get("fix_m_probability")]
    before = {n: float(graded_levels[n - 1]["m_probability"]) for n in free}
    share = sum(before.values())
    seen = {n: float(weight[code == n].sum()) for n in free}
    total = PRIOR_LABELS + sum(seen.values())
    found = []
    for n in free:
        level = graded_levels[n - 1]
        m = significant(share * (PRIOR_LABELS * before[n] / share + seen[n]) / total)
        u = float(level["u_probability"])
        was, now = (round(log2(x) - log2(u), _DIGITS) for x in (before[n], m))
        if not sum(seen.values()):
            m, now = before[n], was
        found.append(
            Level(
                comparison["output_column_name"], n, level["label_for_charts"],
                int((code == n).sum()), before[n], m, was, now,
            )
        )  # fmt: skip
    return found


def card_text(model: str, found: Learned) -> str:
    """What the model's card says of the labels: numbers and levels, no person's data."""
    lines = [
        f"# Model card: {model}, m by labels",
        "",
        f"{found.labels:,} labelled matches on kept pairs, worth {found.worth:,.0f} equally weighed ones.",
        f"The run's own m counts as {PRIOR_LABELS:g} labels. Levels that the model fixes keep their values.",
        "",
        "| comparison | level | labels | m of the run | m by labels | bits of the run | bits by labels |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {x.comparison} | {x.label} | {x.seen} | {x.m_before:.6g} | {x.m_after:.6g}"
        f" | {x.bits_before:+.2f} | {x.bits_after:+.2f} |"
        for x in found.levels
    ]
    return "\n".join(lines) + "\n"
