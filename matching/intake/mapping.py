"""From source columns to mentions and charts, by the mapping the incident file froze."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from matching.fields import CANONICAL_FIELDS, ROLES
from matching.intake.kinds import declared_kinds, kinds_of_row, safe_columns, unsafe_columns
from matching.intake.pieces import ROW_NO
from matching.sources import ColumnMap, LeakedSource, Source, listed
from matching.tables import FILE_STEP

__all__ = [
    "canonical",
    "fields_of",
    "mapped_columns",
    "role_of",
    "row_kinds",
    "with_id",
]

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


def mapped_columns(source: Source) -> set[str]:
    """Source columns that some canonical field takes, of whichever person on the row."""
    people = [source.columns]
    if isinstance(source, LeakedSource):
        people += [other.columns for other in source.also]
    return {name for one in people for columns in one.values() for name in listed(columns)}


def canonical(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Every canonical field as delivered, `extra` and ROW_NO; absent columns are null.

    Ciphertext is nobody's value: columns that were encrypted are null, whatever became of the key.
    """
    closed = set(unsafe_columns(source)) | safe_columns(source)
    shown = rows.drop(*closed & set(rows.columns))
    silent = closed | set(declared_kinds(source))
    named = [name for name in _unmapped(rows, source) if name not in silent]
    return shown.select(ROW_NO, *fields_of(source.columns, shown.columns), _extra(named))


def row_kinds(rows: pl.DataFrame, source: Source) -> pl.Series:
    """`kinds` of each row: what is declared of unmapped columns, and what their values show."""
    silent = safe_columns(source) | set(declared_kinds(source))
    named = [name for name in _unmapped(rows, source) if name not in silent]
    return kinds_of_row(rows, source, named)


def _unmapped(rows: pl.DataFrame, source: Source) -> list[str]:
    mapped = mapped_columns(source)
    return [name for name in rows.columns if name not in mapped | {ROW_NO}]


def fields_of(columns: ColumnMap, present: Sequence[str]) -> list[pl.Expr]:
    """Every canonical field from the source columns that are there."""
    there = set(present)
    return [
        _field([name for name in listed(columns.get(field, ())) if name in there], field)
        for field in CANONICAL_FIELDS
    ]


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


def id_of(file_no: int, number: pl.Expr) -> pl.Expr:
    """The id of a record. `number`: of the person on the row, 0 to 7."""
    return pl.lit(file_no, pl.Int64) * FILE_STEP + pl.col(ROW_NO) * ROLE_STEP + number


def with_id(name: str, *, file_no: int, number: pl.Expr) -> list[pl.Expr]:
    """The id, file_no, row_no, and record_id where the source has none."""
    own = pl.format("{}:{}", pl.lit(file_no), pl.col(ROW_NO))
    return [
        id_of(file_no, number).alias(name),
        pl.col("record_id").fill_null(own),
        pl.lit(file_no, pl.Int32).alias("file_no"),
        pl.col(ROW_NO).alias("row_no"),
    ]
