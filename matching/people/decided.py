"""What people decided about pairs, as record ids of this workspace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.people.partition import Ints
from matching.standing import standing
from matching.store import Workspace
from matching.tables import FILE_STEP, ROLE_NUMBER

__all__ = ["Decided", "pairs_of", "read_decided", "record_number"]


@dataclass(frozen=True, slots=True)
class Decided:
    """Pairs of record ids, one row a pair, by the last decision that nobody took back."""

    match: Ints
    no: Ints
    unsure: Ints


def record_number(row: str, role: str) -> pl.Expr:
    """mention_id or chart_id from `file_no`, a row and a role column (`chart` for charts)."""
    number = pl.col(role).replace_strict(ROLE_NUMBER, default=0, return_dtype=pl.Int64)
    return pl.col("file_no").cast(pl.Int64) * FILE_STEP + pl.col(row) * 8 + number


def read_decided(workspace: Workspace) -> Decided:
    """Pair decisions in force. Decisions on files that were never delivered are left out."""
    files = workspace.read("files", ["file_no", "file_sha256"])
    last = pairs_of(standing(workspace.read("decisions"), "pair"), files)
    kept = last.unique(["low", "high"], keep="last", maintain_order=True)
    return Decided(*(_pairs(kept, value) for value in ("match", "no", "unsure")))


def pairs_of(decisions: pl.DataFrame, files: pl.DataFrame) -> pl.DataFrame:
    """Decisions with their records' ids, `left_id` and `right_id`, in order `low` and `high`.

    Those on files that were never delivered are left out.
    """
    numbers = files.select("file_no", "file_sha256")
    ends = [
        decisions.join(
            numbers,
            left_on=f"{side}_file_sha256",
            right_on="file_sha256",
            how="left",
            maintain_order="left",
        )
        .select(record_number(f"{side}_row_no", f"{side}_role"))
        .to_series()
        .alias(f"{side}_id")
        for side in ("left", "right")
    ]
    sides = ["left_id", "right_id"]
    both = decisions.with_columns(ends).drop_nulls(sides)
    return both.with_columns(low=pl.min_horizontal(sides), high=pl.max_horizontal(sides))


def _pairs(kept: pl.DataFrame, value: str) -> Ints:
    chosen = kept.filter(pl.col("value") == value).select("low", "high").to_numpy()
    return chosen.astype(np.int64).reshape(-1, 2)
