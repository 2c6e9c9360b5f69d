"""Scored pairs against the truth: precision and recall by threshold, by relationship, by field."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from matching.link.vectors import gammas
from matching.store import Workspace

__all__ = ["by_field", "by_relationship", "judged", "judged_guards", "true_pairs"]

DIGITS = 6
PRECISIONS = (0.999,)
"""Precisions at which recall is told: what merging needs."""


def true_pairs(truths: list[pl.Series]) -> int:
    """Pairs of records of one person: across two files, or within one."""
    counts = [truth.drop_nulls().to_frame("person").group_by("person").len("n") for truth in truths]
    if len(counts) == 1:
        n = counts[0]["n"].cast(pl.Int64)
        return int((n * (n - 1) // 2).sum())
    both = counts[0].join(counts[1], on="person", suffix="_right")
    return int((both["n"].cast(pl.Int64) * both["n_right"].cast(pl.Int64)).sum())


def judged(pairs: pl.DataFrame, *, total: int, default_bits: float) -> tuple[dict[str, Any], float]:
    """Figures over all thresholds, and the threshold of the best F1; `pairs`: match_weight, true."""
    curve = _curve(pairs, total)
    if curve.is_empty():
        nothing = _point(default_bits, 0, 0, total)
        zero = {f"{p}": 0.0 for p in PRECISIONS}
        return {
            "best": nothing,
            "default": nothing,
            "recall_at_precision": zero,
            "blocking_recall": 0.0,
        }, default_bits
    f1 = 2 * curve["found"] / (curve["linked"] + total)
    best = curve.row(int(f1.arg_max() or 0), named=True)
    above = pairs.filter(pl.col("match_weight") >= default_bits)
    return {
        "best": _point(best["threshold"], best["found"], best["linked"], total),
        "default": _point(default_bits, int(above["true"].sum()), above.height, total),
        "recall_at_precision": {f"{p}": _recall_at(curve, p, total) for p in PRECISIONS},
        "blocking_recall": _share(int(pairs["true"].sum()), total),
    }, float(best["threshold"])


def _curve(pairs: pl.DataFrame, total: int) -> pl.DataFrame:
    """threshold, linked, found: one row per distinct weight, from the highest."""
    if pairs.is_empty() or not total:
        return pl.DataFrame(schema={"threshold": pl.Float64, "linked": pl.Int64, "found": pl.Int64})
    grouped = pairs.group_by("match_weight").agg(
        n=pl.len().cast(pl.Int64), t=pl.col("true").sum().cast(pl.Int64)
    )
    ordered = grouped.sort("match_weight", descending=True)
    return ordered.select(
        threshold="match_weight", linked=pl.col("n").cum_sum(), found=pl.col("t").cum_sum()
    )


def _recall_at(curve: pl.DataFrame, precision: float, total: int) -> float:
    kept = curve.filter(pl.col("found") >= precision * pl.col("linked"))["found"]
    return _share(int(kept.max()), total) if len(kept) else 0.0  # type: ignore[arg-type]  # integers


def _point(threshold: float, found: int, linked: int, total: int) -> dict[str, float]:
    return {
        "threshold_bits": round(threshold, DIGITS),
        "precision": _share(found, linked),
        "recall": _share(found, total),
        "f1": _share(2 * found, linked + total),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, DIGITS) if whole else 0.0


def judged_guards(pairs: pl.DataFrame, *, at_bits: float) -> dict[str, dict[str, int]]:
    """By guard, pairs at or above the threshold that it keeps from linking: true ones and false ones."""
    said = pairs.filter(pl.col("match_weight") >= at_bits).select(
        "true", guard=pl.col("reasons").str.extract(";(.*)$").str.split(",")
    )
    counted = (
        said.explode("guard").drop_nulls("guard")
        .group_by(pl.col("guard").str.extract("^([^=]+)"))
        .agg(true=pl.col("true").sum(), false=(~pl.col("true")).sum())
        .sort("guard")
    )  # fmt: skip
    return {guard: {"true": int(t), "false": int(f)} for guard, t, f in counted.iter_rows()}


def by_field(workspace: Workspace, pairs: pl.DataFrame, *, at_bits: float) -> dict[str, Any]:
    """Comparison -> level -> compared true pairs, how many were linked, and false links."""
    settings = json.loads(workspace.read("model")["settings"][0])
    names = [c["output_column_name"] for c in settings["comparisons"]]
    levels = gammas(pairs["vector"], names)
    linked = pairs["match_weight"] >= at_bits
    found: dict[str, Any] = {}
    for comparison in settings["comparisons"]:
        labels = [x["label_for_charts"] for x in reversed(comparison["comparison_levels"])]
        graded = [label for label in labels if label != "missing"]
        number = levels[comparison["output_column_name"]].to_numpy()
        true = pairs["true"].to_numpy()
        found[comparison["output_column_name"]] = {
            label: _counts(number == i, true, linked.to_numpy())
            for i, label in [(-1, "missing"), *enumerate(graded)]
        }
    return found


def _counts(here: np.ndarray, true: np.ndarray, linked: np.ndarray) -> dict[str, int]:
    return {
        "true": int((here & true).sum()),
        "found": int((here & true & linked).sum()),
        "false": int((here & ~true & linked).sum()),
    }


_RELATIONSHIPS = {
    "same name and birth date": pl.col("first") & pl.col("last") & pl.col("birth"),
    "one family name and birth date, another first name": ~pl.col("first") & pl.col("last") & pl.col("birth"),
    "same name, another birth date": pl.col("first") & pl.col("last") & ~pl.col("birth"),
    "first name and birth date, another last name": pl.col("first") & ~pl.col("last") & pl.col("birth"),
    "one home, another person's name and birth date": pl.col("home") & ~pl.col("first") & ~pl.col("birth"),
}  # fmt: skip
"""What a pair looks like; the first that fits. Unknown values count as different."""


def by_relationship(
    workspace: Workspace, pairs: pl.DataFrame, *, within: bool, at_bits: float
) -> dict[str, dict[str, int]]:
    """Pairs by what they have in common: true ones compared, found, and false links."""
    left = _traits(workspace, "leaked_std", "mention_id", "left")
    right = left if within else _traits(workspace, "charts_std", "chart_id", "left")
    both = (
        pairs.lazy()
        .join(left, on="left")
        .join(right, left_on="right", right_on="left", suffix="_right")
    )
    same = {
        "first": pl.col("first_name") == pl.col("first_name_right"),
        "last": pl.col("last_name") == pl.col("last_name_right"),
        "birth": pl.col("date_of_birth") == pl.col("date_of_birth_right"),
        "home": (pl.col("place") == pl.col("place_right")).fill_null(value=False)
        | (pl.col("phone") == pl.col("phone_right")).fill_null(value=False),
    }
    kind = pl.lit("anything else")
    for name, fits in reversed(_RELATIONSHIPS.items()):
        kind = pl.when(fits).then(pl.lit(name)).otherwise(kind)
    linked = pl.col("match_weight") >= at_bits
    counted = (
        both.with_columns(expr.fill_null(value=False).alias(name) for name, expr in same.items())
        .group_by(kind=kind)
        .agg(
            true=pl.col("true").sum(),
            found=(pl.col("true") & linked).sum(),
            false=(~pl.col("true") & linked).sum(),
        )
        .collect()
    )
    rows = {row["kind"]: row for row in counted.iter_rows(named=True)}
    order = [*_RELATIONSHIPS, "anything else"]
    return {k: {n: int(rows[k][n]) for n in ("true", "found", "false")} for k in order if k in rows}


def _traits(workspace: Workspace, table: str, key: str, name: str) -> pl.LazyFrame:
    place = (pl.col("street_number") + " " + pl.col("street_name")).alias("place")
    return workspace.scan(table).select(
        pl.col(key).alias(name), "first_name", "last_name", "date_of_birth", place, "phone"
    )
