"""Labels out: every pair decision that stands, as `affected decide` and Splink read them.

By place (file digest, row, role), or by the incident's own ids of records: no value of a row is in either.
"""

from __future__ import annotations

from io import BytesIO
from typing import Literal

import polars as pl

from matching.review.answers import Answers

__all__ = ["Format", "export"]

Format = Literal["affected", "splink"]
_SCORE = {"match": 1.0, "unsure": 0.5, "no": 0.0}


def export(answers: Answers, form: Format) -> bytes:
    """UTF-8 CSV. `affected`: value, note, places; `splink`: unique ids, source datasets, clerical_match_score.

    Both can be taken again with `affected decide`, also into another workspace of the same files.
    """
    rows = answers.pairs().sort("low", "high")
    target = BytesIO()
    if form == "affected":
        ends = {
            f"{side}_{short}": f"{side}_{column}"
            for side in ("left", "right")
            for short, column in (("file", "file_sha256"), ("row", "row_no"), ("role", "role"))
        }
        rows.select("value", pl.col("note").fill_null(""), **ends).write_csv(target)
    else:
        dataset = {
            f"source_dataset_{end}": pl.when(pl.col(f"{side}_role") == "chart")
            .then(pl.lit("charts")).otherwise(pl.lit("leaked"))
            for end, side in (("l", "left"), ("r", "right"))
        }  # fmt: skip
        score = pl.col("value").replace_strict(_SCORE, return_dtype=pl.Float64)
        rows.select(
            **dataset, unique_id_l="left_id", unique_id_r="right_id", clerical_match_score=score
        ).select(
            "source_dataset_l", "unique_id_l", "source_dataset_r", "unique_id_r",
            "clerical_match_score",
        ).write_csv(target)  # fmt: skip
    return target.getvalue()
