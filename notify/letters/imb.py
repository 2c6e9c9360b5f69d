"""Numbers of the Intelligent Mail barcode: `imb_mid` and `imb_serial` of MAIL v1, and the bars of a piece.

Only where `[mailing.imb]` gives a mailer id; else the vendor numbers the pieces. A serial number follows from its
batch's place among the planned ones, what was exported before, and `seq_no`: no number twice as long as the mailer
id's numbers last, so never within 180 days (the post asks for 45).
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from matching.store import OperatorError, Workspace
from notify.barcode import REFUSALS, encode
from notify.facts import Imb

__all__ = ["SEEDS_MAX", "bars", "first_serials", "used_serials", "with_serials"]

SEEDS_MAX = 1000
"""Numbers set aside for the decoys of each exported batch, of which events do not tell."""


def used_serials(workspace: Workspace) -> int:
    """How many numbers the batches exported so far can have used."""
    exported = workspace.scan("events").filter(
        pl.col("kind") == "exported", pl.col("channel") == "mail"
    )
    found = exported.select(
        pieces=pl.col("piece_id").n_unique(), batches=pl.col("batch_id").n_unique()
    ).collect(engine="streaming")
    return int(found["pieces"][0]) + SEEDS_MAX * int(found["batches"][0])


def first_serials(batches: Iterable[tuple[str, int]], imb: Imb, *, used: int) -> dict[str, int]:
    """batch_id -> its first serial number, for planned batches with so many rows, seeds included.

    Raises OperatorError where the mailer id has not that many numbers left.
    """
    first, found = imb.serial_from + used, {}
    for batch_id, rows in sorted(batches):
        found[batch_id] = first
        first += rows
    if first > 10**imb.serial_digits:
        raise OperatorError(
            f"mailing.imb.mid: its {10**imb.serial_digits:,} serial numbers are used up; lower"
            " serial_from where earlier ones are 180 days old, or use a mailer id of 6 digits"
        )
    return found


def with_serials(rows: pl.DataFrame, imb: Imb, first: int) -> pl.DataFrame:
    """The rows of one batch with `imb_mid` and `imb_serial`, text with leading zeros."""
    serial = (pl.col("seq_no").cast(pl.Int64) + (first - 1)).cast(pl.String)
    return rows.with_columns(
        imb_mid=pl.lit(imb.mid), imb_serial=serial.str.zfill(imb.serial_digits)
    )


def bars(rows: pl.DataFrame, imb: Imb | None) -> pl.Series:
    """The bars of each piece; empty where it has no number of ours or goes abroad.

    Raises AssertionError for a number that the post refuses: we made it.
    """
    numbered = pl.col("imb_serial").is_not_null() & pl.col("country_line").is_null()
    if imb is None or rows.is_empty():
        return pl.repeat("", rows.height, dtype=pl.String, eager=True)
    codes = rows.select(
        numbered=numbered,
        tracking=imb.barcode_id + imb.service_type + pl.col("imb_mid") + pl.col("imb_serial"),
        routing=pl.concat_str([pl.col("zip5"), pl.col("zip4")], ignore_nulls=True),
    )
    made = encode(codes["tracking"], codes["routing"])
    wrong = made.filter(codes["numbered"] & (pl.col("code") != 0))["code"].unique()
    assert wrong.is_empty(), f"barcode: {REFUSALS[wrong[0]]}"
    return made.select(pl.when(codes["numbered"]).then("bars").otherwise(pl.lit("")).alias("bars"))[
        "bars"
    ]
