"""What changed between two versions of a packet: people added, removed, changed, by reference number.

Compares the list that went out before, as it went out, with the one that goes out now. Whether someone
turned 18, and what the entity answered, is no change.
"""

from __future__ import annotations

import io

import polars as pl

from notify.packets.individuals import COLUMNS

__all__ = ["COMPARED", "as_listed", "delta"]

COMPARED = tuple(c for c in COLUMNS if c not in {"person_id", "reference_no", "minor", "answered"})


def as_listed(csv: bytes) -> pl.DataFrame:
    """An individuals.csv that went out, as text; columns that a version before did not have are null."""
    listed = pl.read_csv(io.BytesIO(csv), infer_schema=False)
    absent = [pl.lit(None, pl.String).alias(c) for c in COLUMNS if c not in listed.columns]
    return listed.with_columns(absent).select(COLUMNS)


def delta(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """`reference_no, person_id, change, fields`: added, removed or changed, and which columns changed.

    Both as individuals.csv has them. In order of change and reference number.
    """
    both = before.join(now, on="person_id", how="full", coalesce=True, suffix="_now")
    differing = [
        pl.when(pl.col(c).ne_missing(pl.col(f"{c}_now"))).then(pl.lit(c)) for c in COMPARED
    ]
    gone, new = pl.col("status_now").is_null(), pl.col("status").is_null()
    fields = pl.when(~gone & ~new).then(pl.concat_str(differing, separator="|", ignore_nulls=True))
    change = (
        pl.when(new)
        .then(pl.lit("added"))
        .when(gone)
        .then(pl.lit("removed"))
        .when(fields != "")
        .then(pl.lit("changed"))
    )
    return (
        both.select(
            pl.coalesce("reference_no_now", "reference_no").alias("reference_no"),
            "person_id",
            change=change,
            fields=fields,
        )
        .drop_nulls("change")
        .sort("change", "reference_no", "person_id")
    )
