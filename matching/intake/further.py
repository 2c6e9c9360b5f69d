"""Other people on the same row: the parent or guarantor of a patient, and whoever else the incident file names.

Two people on one row are two mentions: what the row says about one is not said about the other.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import polars as pl

from matching.fields import OF_AGE_YEARS, PERSON_FIELDS
from matching.intake.mapping import fields_of
from matching.intake.pieces import ROW_NO
from matching.sources import Also
from matching.tables import ROLE_NUMBER

__all__ = ["guarantors", "on_row_number", "others"]

OF_ENTITY: Final = (
    "record_id", "entity_id", "entity_hint", "entity_npi", "entity_phone", "entity_email",
    "location_id", "tenant_id",
)  # fmt: skip
"""What a row says about whose record it is: true of everyone on it."""
SHARED_WITH_GUARANTOR: Final = (
    *OF_ENTITY, "street", "street2", "city", "state", "zip", "country",
    "address_as_of", "phone", "phone2", "email", "language", "last_visit_on",
)  # fmt: skip
"""What a row says about the parent or guarantor on it too; birth date, numbers and care are the child's."""
SECOND_OF_ROLE: Final = 6
"""The number, in ids, of a person whose role is the row's own: roles have 0 to 5."""


def on_row_number(role: pl.Expr) -> pl.Expr:
    """The number of a role, in ids."""
    return role.replace_strict(ROLE_NUMBER, return_dtype=pl.Int64)


def guarantors(rows: pl.DataFrame, *, received_on: date | None) -> pl.DataFrame:
    """The second person on a patient's row: the parent or guarantor named there.

    Null but for the name and what the row says about both. An adult who is his own guarantor is no
    second mention; a child of its parent's name is one, and so is whoever's age nothing tells.
    """
    first, last = pl.col("guardian_first_name"), pl.col("guardian_last_name")
    same_first = _letters(first).eq_missing(_letters(pl.col("first_name")))
    same_last = _letters(last).eq_missing(_letters(pl.col("last_name")))
    himself = same_first & same_last & _surely_adult(received_on)
    named = first.is_not_null() | last.is_not_null()
    found = rows.filter((pl.col("role") == "patient") & named).filter(~himself)
    own: dict[str, pl.Expr] = {"first_name": first, "last_name": last, "role": pl.lit("guarantor")}
    own |= {name: pl.col(name) for name in (ROW_NO, *SHARED_WITH_GUARANTOR)}
    return found.select(
        own.get(name, pl.lit(None, dtype)).alias(name) for name, dtype in rows.schema.items()
    )


def _surely_adult(received_on: date | None) -> pl.Expr:
    """Born more than eighteen years before the file came, by the year alone."""
    if received_on is None:
        return pl.lit(value=False)
    year = pl.col("date_of_birth").str.extract(r"((?:19|20)\d\d)").str.to_integer(strict=False)
    return (year < received_on.year - OF_AGE_YEARS).fill_null(value=False)


def _letters(name: pl.Expr) -> pl.Expr:
    return name.str.to_uppercase().str.replace_all(r"[^\p{L}]", "")


def others(rows: pl.DataFrame, raw: pl.DataFrame, other: Also) -> pl.DataFrame:
    """The person whom `other` finds on each row that says anything about one, with `on_row`.

    `rows`: the canonical rows with their role; `raw`: the source's, row by row the same.
    """
    found = raw.select(fields_of(other.columns, raw.columns))
    said = found.select(
        pl.any_horizontal(
            pl.col(name).is_not_null() for name in PERSON_FIELDS if name in found.columns
        )
    ).to_series()
    number = ROLE_NUMBER[other.role]
    own = pl.when(pl.col("role") == other.role).then(SECOND_OF_ROLE).otherwise(number)
    frame = found.with_columns(
        *(pl.coalesce(pl.col(name), rows[name]).alias(name) for name in OF_ENTITY),
        rows[ROW_NO],
        role=pl.lit(other.role),
        on_row=rows.select(own.cast(pl.Int64)).to_series(),
    )
    return frame.filter(said)
