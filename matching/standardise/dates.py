"""Dates as people and programs write them, to ISO; what is no possible day is null."""

from __future__ import annotations

from datetime import date
from functools import cache

import polars as pl

from matching.standardise.distinct import FLAG, RULE, Cleaner

__all__ = ["birth_date", "death_date", "known_date"]

YEARS = (1850, 2100)
"""Outside: a slip of the keyboard or a program's least or greatest date."""
PLACEHOLDERS = (date(1900, 1, 1), date(1901, 1, 1), date(1899, 12, 30), date(1899, 12, 31))
"""Epochs of spreadsheets and databases, and what people type when they do not know."""
MONTHS = {
    "JAN": "1", "FEB": "2", "MAR": "3", "APR": "4", "MAY": "5", "JUN": "6",
    "JUL": "7", "AUG": "8", "SEP": "9", "OCT": "10", "NOV": "11", "DEC": "12",
}  # fmt: skip
FORMS = {
    "iso": r"^(?<a>\d{4})[-/.](?<b>\d{1,2})[-/.](?<c>\d{1,2})(?:[T ].*)?$",
    "packed": r"^(?<a>18[5-9]\d|19\d\d|20\d\d)(?<b>0[1-9]|1[0-2])(?<c>0[1-9]|[12]\d|3[01])$",
    "solid": r"^(?<a>\d{2})(?<b>\d{2})(?<c>\d{4})$",
    "parts": r"^(?<a>\d{1,2})[-/. ]+(?<b>\d{1,2})[-/. ]+(?<c>\d{4}|\d{2})(?: .*)?$",
    "named": r"^(?<b>[A-Z]{3,9})[-. ]+(?<c>\d{1,2})(?:ST|ND|RD|TH)?,?[- ]+(?<a>\d{4}|\d{2})$",
    "turned": r"^(?<c>\d{1,2})(?:ST|ND|RD|TH)?[- ]*(?<b>[A-Z]{3,9})[-., ]*(?<a>\d{4}|\d{2})$",
}
"""How dates are written; a, b, c are year, month, day but for `solid` and `parts`, which follow the order."""
DIGITS_LOOK_LIKE = {"O": "0", "I": "1", "L": "1", "|": "1", "Z": "2", "S": "5", "G": "6", "B": "8"}
LOOKS_LIKE_DATE = r"(?i)^[\dOIL|ZSGB]{1,4}[-/.][\dOIL|ZSGB]{1,2}[-/.][\dOIL|ZSGB]{1,4}$"
"""Scanned paper: letters among the digits of a date. What is no date afterwards was none before."""
BY_PROGRAM = r"^\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?$"
"""Programs write this form. No day of it is possible: a value that stands for none, or a broken export."""
NO = r"(?i)^(n|no|false|f|alive|living|none|null|n/a|[-0/. ]+)$"
"""What a column of deaths says of the living; anything else is a death, with its day or without."""


def _with_day(frame: pl.LazyFrame, order: str, pivot: int) -> pl.LazyFrame:
    """`day`, a date in YEARS; null where the text is none. `order` decides only what is ambiguous."""
    text = pl.col("raw").str.strip_chars().str.to_uppercase()
    text = pl.when(_scanned(text)).then(_as_digits(text)).otherwise(text)
    forms = [text.str.extract_groups(pattern) for pattern in FORMS.values()]
    read = frame.with_columns(
        **{f"{part}_{form}": groups.struct.field(part) for form, groups in zip(FORMS, forms, strict=True) for part in ("a", "b", "c")}
    )  # fmt: skip
    pieces = read.select(
        "raw",
        *(pl.coalesce(f"{part}_{form}" for form in FORMS).alias(part) for part in ("a", "b", "c")),
        by_order=pl.coalesce("a_iso", "a_packed").is_null()
        & pl.coalesce("a_solid", "a_parts").is_not_null(),
    ).with_columns(pl.col("b").str.head(3).replace(MONTHS))
    first, second = _places(order)
    return pieces.with_columns(
        day=pl.when("by_order")
        .then(pl.coalesce(_day(first, pivot), _day(second, pivot)))
        .otherwise(_day("abc", pivot))
    ).select("raw", "day")


def _scanned(text: pl.Expr) -> pl.Expr:
    return text.str.contains(LOOKS_LIKE_DATE) & text.str.contains(r"(?i)[OIL|ZSGB]")


def _as_digits(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(list(DIGITS_LOOK_LIKE), list(DIGITS_LOOK_LIKE.values()))


def _places(order: str) -> tuple[str, str]:
    """Which pieces are year, month and day; the second order is used where the first gives no day.

    25/12/1980 is Christmas in any order.
    """
    return {"mdy": ("cab", "cba"), "dmy": ("cba", "cab"), "ymd": ("abc", "cab")}[order]


def _day(places: str, pivot: int) -> pl.Expr:
    year, month, day = (pl.col(place).str.zfill(2) for place in places)
    short = year.str.len_bytes() == 2
    century = (
        pl.when(year.str.to_integer(strict=False) <= pivot)
        .then(pl.lit("20"))
        .otherwise(pl.lit("19"))
    )
    text = pl.when(short).then(century + year).otherwise(year) + "-" + month + "-" + day
    date = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(date.dt.year().is_between(*YEARS)).then(date)


@cache
def birth_date(order: str, *, pivot: int) -> Cleaner:
    """`date_of_birth`: ISO text; placeholders and impossible dates null and flagged."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        raw = pl.col("raw").str.strip_chars()
        no_day = raw.is_not_null() & pl.col("day").is_null()
        nothing = raw.str.contains(r"(?i)^[-0/. ]+$|^0000|^9999|^(unknown|none|n/?a|null)$")
        return (
            _with_day(frame, order, pivot)
            .with_columns(
                placeholder=pl.col("day").is_in(PLACEHOLDERS) | (raw == "11/11/1111") | nothing
            )
            .select(
                "raw",
                pl.when(~pl.col("placeholder") | pl.col("placeholder").is_null())
                .then(pl.col("day").dt.to_string("iso"))
                .alias("date_of_birth"),
                pl.col("placeholder").alias(f"{FLAG}birth_date_placeholder"),
                (no_day & ~nothing & (raw != "11/11/1111")).alias(f"{FLAG}birth_date_impossible"),
                (no_day & ~nothing & raw.str.contains(BY_PROGRAM)).alias(
                    f"{FLAG}birth_date_sentinel"
                ),
                _scanned(raw).alias(f"{RULE}digits_from_letters"),
                (pl.col("day").dt.to_string("iso") != raw).alias(f"{RULE}rewritten"),
            )
        )

    return clean


@cache
def known_date(order: str, *, name: str, pivot: int) -> Cleaner:
    """`name` as a date; null where it is none."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        no_day = pl.col("raw").is_not_null() & pl.col("day").is_null()
        return _with_day(frame, order, pivot).select(
            "raw", pl.col("day").alias(name), no_day.alias(f"{RULE}no_date")
        )

    return clean


@cache
def death_date(order: str, *, pivot: int) -> Cleaner:
    """`deceased_on` and `deceased`: a date, or any text but no; 1900-01-01 where only the fact is known.

    A delivered 1900-01-01 is a database's empty date, not a death.
    """

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        raw = pl.col("raw").str.strip_chars()
        no = pl.col("day").is_in(PLACEHOLDERS).fill_null(value=False) | raw.str.contains(NO)
        return (
            _with_day(frame, order, pivot)
            .with_columns(deceased=(raw.is_not_null() & ~no).fill_null(value=False))
            .select(
                "raw",
                "deceased",
                pl.when("deceased")
                .then(pl.col("day").fill_null(pl.date(1900, 1, 1)))
                .alias("deceased_on"),
                (pl.col("deceased") & pl.col("day").is_null()).alias(f"{RULE}fact_without_day"),
            )
        )

    return clean
