"""A sample of pairs to review, as a CSV for `affected decide`, and what the reviewed ones say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from matching.errors import UsageError
from matching.link.settings import Matching
from matching.missed import missed_at_least
from matching.reviewed import EDGES, Estimate, calibration, estimate, reviewed_strata, sample
from matching.store import Workspace, replacing

__all__ = ["estimates", "write_sample"]

_SIDES = ("left", "right")
_DIGITS = 5


def write_sample(workspace: Workspace, out: Path, *, size: int) -> int:
    """Write file, row and role of both records of each pair, with an empty `value`; gives how many.

    Ids and places only: reviewers look the records up. Raises UsageError for another ending than .csv.
    """
    if out.suffix != ".csv" or not out.parent.is_dir():
        raise UsageError(f"--sample {out}: must end in .csv, in a folder that is there")
    pairs = sample(workspace, size).lazy()
    files = workspace.scan("files").select("file_no", "file_sha256")
    for side in _SIDES:
        places = _places(workspace).join(files, on="file_no").select(
            pl.col("record").alias(side),
            pl.col("file_sha256").alias(f"{side}_file"),
            pl.col("row_no").alias(f"{side}_row"),
            pl.col("role").cast(pl.String).alias(f"{side}_role"),
        )  # fmt: skip
        pairs = pairs.join(places, on=side, how="left", maintain_order="left")
    rows = pairs.with_columns(value=pl.lit(""), note=pl.lit("")).collect()
    ends = [f"{side}_{part}" for side in _SIDES for part in ("file", "row", "role")]
    with replacing(out) as draft:
        rows.select("value", "note", *ends, left_id="left", right_id="right").write_csv(draft)
    return rows.height


def _places(workspace: Workspace) -> pl.LazyFrame:
    leaked = workspace.scan("leaked").select("file_no", "row_no", "role", record="mention_id")
    charts = workspace.scan("charts").select("file_no", "row_no", record="chart_id")
    return pl.concat([leaked, charts.with_columns(role=pl.lit("chart"))], how="diagonal_relaxed")


def estimates(workspace: Workspace, matching: Matching) -> dict[str, Any]:
    """`blocking`: matches that were compared, and that were not, at least. `reviewed`: None before any review."""
    missed = missed_at_least(workspace)
    blocking = {
        "expected_matches": missed.found,
        "missed_at_least": missed.missed,
        "recall_at_most": round(missed.blocking_recall_at_most, _DIGITS),
        "found_by_one_rule_alone": missed.alone,
    }
    strata = reviewed_strata(workspace)
    reviewed: dict[str, Any] | None = None
    if strata.reviewed.any():
        reviewed = {"pairs": int(strata.pairs.sum()), "reviewed": int(strata.reviewed.sum())}
        for name, bits in (
            ("include", matching.include_at_bits),
            ("merge", matching.merge_at_bits),
        ):
            at = sum(bits >= edge for edge in EDGES)
            precision, recall = estimate(strata, at)
            reviewed[name] = {
                "from_bits": EDGES[at - 1] if at else None,
                "precision": _shown(precision),
                "recall_of_kept_pairs": _shown(recall),
            }
        rows = calibration(strata).with_columns(pl.col(pl.Float64).round(_DIGITS))
        reviewed["calibration"] = rows.to_dicts()
    return {"blocking": blocking, "reviewed": reviewed}


def _shown(found: Estimate) -> dict[str, float]:
    return {
        "value": round(found.value, _DIGITS), "low": round(found.low, _DIGITS),
        "high": round(found.high, _DIGITS),
    }  # fmt: skip
