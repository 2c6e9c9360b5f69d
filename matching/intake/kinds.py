"""Kinds of data in columns that no canonical field takes: as the incident file declares, else by their values.

A value counts where its form leaves little doubt: a card number with a right check digit, an SSN that can
have been issued, codes of diagnoses and procedures with their dot or letter. Names of columns are words,
which the step owners reads; here only what a cell itself says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from matching.fields import FIELD_KINDS
from matching.sources import LeakedSource, Source, listed

__all__ = [
    "NO_KIND",
    "VALUE_KINDS",
    "declared_kinds",
    "kinds_of_row",
    "safe_columns",
    "unsafe_columns",
    "valued",
]

NO_KIND: Final = "none"
"""Declared of a column that says nothing about a person."""
VALUE_KINDS: Final[Mapping[str, str]] = {
    "ssn": r"\b(?:00[1-9]|0[1-9]\d|[1-5]\d\d|6[0-57-9]\d|66[0-57-9]|[78]\d\d)-(?:0[1-9]|[1-9]\d)-(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})\b",
    "contact": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}|(?:\(\d{3}\) ?|\b\d{3}[-.])\d{3}[-.]\d{4}\b",
    "diagnosis": r"\b[A-TV-Z]\d[0-9AB]\.[0-9A-TV-Z]{1,4}\b",
    "treatment": r"\bD[0-9]\d{3}\b",
    "medication": r"(?i)\b\d+ ?(?:mg|mcg|ml)\b",
    "photo": r"(?i)\.(?:jpe?g|png|dcm|tiff?|heic|bmp)\b",
    "date_of_birth": r"(?i)\b(?:dob|d\.o\.b\.|born|birth ?date|date of birth)\b\W{0,3}\d",
}
"""Kind -> what a cell holds somewhere in it: SSN by area, group and serial that were issued; ICD-10-CM with its
dot; CDT; strengths of medicines; names of image files."""
CARD: Final = r"\b((?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|3[47]\d\d|6011|65\d\d)(?:[ -]?\d){9,12})\b"
"""Visa, Mastercard, American Express and Discover by their first digits; the check digit decides."""
IDENTIFIERS: Final = frozenset({"ssn", "card", "contact", "date_of_birth"})
"""Kinds that in searched text are said of whom the text names, and not of the row's person."""
_TELLING: Final = r"[0-9@.]"
"""Every pattern above needs one of these, and few cells of words have one."""


def safe_columns(source: Source) -> set[str]:
    """Source columns that were encrypted and whose key is safe: not unsecured PHI (164.402)."""
    return set(_secured(source, {"encrypted_key_safe"}))


def unsafe_columns(source: Source) -> dict[str, tuple[str, ...]]:
    """Columns that hold ciphertext whose key is lost or unknown, with the kinds that they count as."""
    return _secured(source, {"encrypted_key_lost", "unknown"})


def _secured(source: Source, states: set[str]) -> dict[str, tuple[str, ...]]:
    """Column -> kinds of the canonical fields that take it, of columns in one of these states."""
    kinds: dict[str, tuple[str, ...]] = {}
    for name, state in source.secured_columns.items():
        if state in states:
            columns = source.columns.get(name, name)
            of = tuple(kind for kind, fields in FIELD_KINDS.items() if name in fields)
            for column in listed(columns):
                kinds[column] = kinds.get(column, ()) + of
    return kinds


def declared_kinds(source: Source) -> dict[str, tuple[str, ...]]:
    """Kinds by source column; an empty tuple where it says nothing."""
    given = source.kinds if isinstance(source, LeakedSource) else {}
    return {
        name: tuple(sorted({kind for kind in kinds.split("|") if kind != NO_KIND}))
        for name, kinds in given.items()
    }


def kinds_of_row(rows: pl.DataFrame, source: Source, unmapped: Sequence[str]) -> pl.Series:
    """Kinds of each row, sorted, separated by `|`; null where there are none."""
    declared = declared_kinds(source) | unsafe_columns(source)
    by_kind: dict[str, list[pl.Expr]] = {}
    for name, kinds in declared.items():
        if name in rows.columns:
            for kind in kinds:
                by_kind.setdefault(kind, []).append(pl.col(name).is_not_null())
    marks = rows.select(
        pl.any_horizontal(exprs).alias(kind) for kind, exprs in sorted(by_kind.items())
    )
    searched = set(source.text) if isinstance(source, LeakedSource) else set()
    for name in unmapped:
        if name not in declared:
            found = valued(rows[name])
            leave = IDENTIFIERS & set(found.columns) if name in searched else ()
            marks = _with(marks, found.drop(leave))
    if not marks.width:
        return pl.Series("kinds", [None], dtype=pl.String).new_from_index(0, rows.height)
    words = [pl.when(pl.col(kind)).then(pl.lit(kind)) for kind in sorted(marks.columns)]
    joined = pl.concat_str(words, separator="|", ignore_nulls=True)
    return marks.select(pl.when(joined != "").then(joined).alias("kinds")).to_series()


def _with(marks: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    if not marks.width:
        return found
    both = [pl.col(kind) | found[kind] for kind in found.columns if kind in marks.columns]
    new = [found[kind] for kind in found.columns if kind not in marks.columns]
    return marks.with_columns(*both, *new)


def valued(cells: pl.Series) -> pl.DataFrame:
    """One flag a kind that some cell shows; only such kinds, so a column of plain words gives none."""
    telling = cells.str.contains(_TELLING).fill_null(value=False)
    places, some = telling.arg_true(), cells.filter(telling)
    found = {kind: some.str.contains(pattern) for kind, pattern in VALUE_KINDS.items()}
    found["card"] = _cards(some)
    none = pl.repeat(False, len(cells), eager=True)
    return pl.DataFrame(
        none.scatter(places.filter(flags), True).alias(kind)
        for kind, flags in found.items()
        if flags.any()
    )


def _cards(cells: pl.Series) -> pl.Series:
    """Cells with a number of 13 to 16 digits that a card can bear (ISO/IEC 7812, Luhn's check digit)."""
    digits = cells.str.extract(CARD).str.replace_all(r"\D", "").str.reverse()
    total = pl.lit(0, pl.Int64)
    for place in range(16):
        digit = pl.col("digits").str.slice(place, 1).str.to_integer(strict=False).fill_null(0)
        doubled = pl.when(digit > 4).then(digit * 2 - 9).otherwise(digit * 2)
        total = total + (doubled if place % 2 else digit)
    sums = (
        digits.alias("digits").to_frame().select(total=total, there=pl.col("digits").is_not_null())
    )
    return sums.select((pl.col("total") % 10 == 0) & pl.col("there")).to_series()
