"""What became of released persons: who was merged into whom, and who was split, since their letters went out."""

from __future__ import annotations

import polars as pl

__all__ = ["histories"]


def histories(released: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Table `histories`: one row for each released id and each person of this round with records of it.

    `released`: rows of `naming.released_records`; `named`: `person` and `person_id` of this round.
    """
    now = named.select(pl.col("person").cast(pl.Int64), now_id="person_id")
    held = (
        released.join(now, on="person", how="left").group_by("person_id", "now_id").len("records")
    )
    still = pl.col("person_id").is_in(named["person_id"].implode())
    gone = pl.col("now_id").is_null()
    became = (
        pl.when(gone).then(pl.lit("gone"))
        .when(pl.col("now_id") == pl.col("person_id")).then(pl.lit("kept"))
        .when(still).then(pl.lit("split"))
        .otherwise(pl.lit("merged"))
    )  # fmt: skip
    rows = held.with_columns(became=became, now_id=pl.coalesce("now_id", "person_id"))
    left = rows.filter((pl.col("became") != "gone") | (pl.len().over("person_id") == 1))
    return (
        left.rename({"person_id": "released_id", "now_id": "person_id"})
        .sort("released_id", "person_id")
        .select("released_id", "person_id", "became", pl.col("records").cast(pl.Int64))
    )
