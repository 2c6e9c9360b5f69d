"""From source columns to mentions and charts, by the mapping the incident file froze."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import polars as pl

from matching.fields import CANONICAL_FIELDS, OF_AGE_YEARS, ROLES
from matching.intake.pieces import ROW_NO
from matching.sources import Source
from matching.tables import FILE_STEP, ROLE_NUMBER

__all__ = ["canonical", "guarantors", "mapped_columns", "role_of", "with_id"]

ROLE_STEP: Final = 8

ROLE_WORDS: Final = {
    **{role: role for role in ROLES},
    "pt": "patient",
    "responsible_party": "guarantor",
    "responsible": "guarantor",
    "guardian": "guarantor",
    "parent": "guarantor",
    "subscriber": "guarantor",
    "prospect": "lead",
    "caller": "lead",
    "staff": "employee",
    "user": "employee",
    "dentist": "provider",
    "doctor": "provider",
    "hygienist": "provider",
    "physician": "provider",
    "emergency": "emergency_contact",
    "contact": "emergency_contact",
}
"""What a role column says, lower case, blanks and hyphens as `_`; any other word is a patient."""

SHARED_WITH_GUARANTOR: Final = (
    "record_id", "entity_id", "entity_hint", "entity_npi", "entity_phone", "entity_email",
    "location_id", "tenant_id", "street", "street2", "city", "state", "zip", "country",
    "address_as_of", "phone", "phone2", "email", "language", "last_visit_on",
)  # fmt: skip
"""What a row says about the parent or guarantor on it too; birth date, numbers and care are the child's."""


def mapped_columns(source: Source) -> set[str]:
    """Source columns that some canonical field takes."""
    return {name for columns in source.columns.values() for name in _as_list(columns)}


def canonical(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Every canonical field as delivered, `extra` and ROW_NO; absent columns are null."""
    present = set(rows.columns)
    fields = [
        _field([name for name in _as_list(source.columns.get(field, ())) if name in present], field)
        for field in CANONICAL_FIELDS
    ]
    unmapped = [name for name in rows.columns if name not in mapped_columns(source) | {ROW_NO}]
    return rows.select(ROW_NO, *fields, _extra(unmapped))


def _as_list(columns: str | Sequence[str]) -> Sequence[str]:
    return (columns,) if isinstance(columns, str) else columns


def _field(columns: Sequence[str], field: str) -> pl.Expr:
    if not columns:
        return pl.lit(None, pl.String).alias(field)
    if len(columns) == 1:
        return pl.col(columns[0]).alias(field)
    joined = pl.concat_str(
        [pl.col(name).str.strip_chars() for name in columns], separator=" ", ignore_nulls=True
    )
    return pl.when(joined != "").then(joined).alias(field)


def _extra(unmapped: Sequence[str]) -> pl.Expr:
    """Names of unmapped columns that hold a value in this row."""
    if not unmapped:
        return pl.lit(None, pl.String).alias("extra")
    names = [
        pl.when(pl.col(name).is_not_null()).then(pl.lit(name.replace("|", "/")))
        for name in sorted(unmapped)
    ]
    joined = pl.concat_str(names, separator="|", ignore_nulls=True)
    return pl.when(joined != "").then(joined).alias("extra")


def role_of(said: pl.Expr, otherwise: str) -> pl.Expr:
    """One of ROLES: the row's word, else the file's, else patient."""
    word = said.str.strip_chars().str.to_lowercase().str.replace_all(r"[\s-]+", "_")
    default = ROLE_WORDS.get(otherwise.strip().lower(), "patient")
    named = word.replace_strict(ROLE_WORDS, default="patient", return_dtype=pl.String)
    return pl.when(said.is_null()).then(pl.lit(default)).otherwise(named)


def with_id(name: str, *, file_no: int, role: pl.Expr) -> list[pl.Expr]:
    """The id, file_no, row_no, and record_id where the source has none."""
    number = role.replace_strict(ROLE_NUMBER, return_dtype=pl.Int64)
    own = pl.format("{}:{}", pl.lit(file_no), pl.col(ROW_NO))
    return [
        (pl.lit(file_no, pl.Int64) * FILE_STEP + pl.col(ROW_NO) * ROLE_STEP + number).alias(name),
        pl.col("record_id").fill_null(own),
        pl.lit(file_no, pl.Int32).alias("file_no"),
        pl.col(ROW_NO).alias("row_no"),
    ]


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
