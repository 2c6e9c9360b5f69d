"""Dates as people and programs write them, to ISO; what is no possible day is null."""

from __future__ import annotations

import polars as pl

from matching.standardise.distinct import FLAG, RULE, Cleaner

__all__ = ["birth_date", "death_date", "known_date"]

YEARS = (1850, 2100)
"""Outside: a slip of the keyboard or a program's least or greatest date."""
PLACEHOLDERS = ("1900-01-01", "1901-01-01", "1899-12-30", "1899-12-31")
"""Epochs of spreadsheets and databases, and what people type when they do not know."""
MONTHS = {m: i for i, m in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
YES = r"(?i)^(y|yes|true|t|1|x|d|dec|deceased|dead|expired|died)$"
NO = r"(?i)^(n|no|false|f|0|alive|living|none|null)$"


def _iso(raw: pl.Expr, order: str, pivot: int) -> pl.Expr:
    """Text yyyy-mm-dd, checked to be a day in YEARS; null else. `order` decides only what is ambiguous."""
    text = raw.str.strip_chars().str.to_uppercase()
    iso = text.str.extract_groups(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?$")
    packed = text.str.extract_groups(r"^(18[5-9]\d|19\d\d|20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$")
    solid = text.str.extract_groups(r"^(\d{2})(\d{2})(\d{4})$")
    parts = text.str.extract_groups(r"^(\d{1,2})[-/. ]+(\d{1,2})[-/. ]+(\d{4}|\d{2})(?: .*)?$")
    named = text.str.extract_groups(r"^([A-Z]{3,9})[-. ]+(\d{1,2})(?:ST|ND|RD|TH)?,?[- ]+(\d{4}|\d{2})$")
    turned = text.str.extract_groups(r"^(\d{1,2})(?:ST|ND|RD|TH)?[- ]*([A-Z]{3,9})[-., ]*(\d{4}|\d{2})$")
    return pl.coalesce(
        _day(iso, "1", "2", "3", pivot),
        _day(packed, "1", "2", "3", pivot),
        _by_order(solid, order, pivot),
        _by_order(parts, order, pivot),
        _day(_month_number(named, "1"), "3", "1", "2", pivot),
        _day(_month_number(turned, "2"), "3", "2", "1", pivot),
    )


def _by_order(groups: pl.Expr, order: str, pivot: int) -> pl.Expr:
    """Day and month change places where only that gives a day: 25/12/1980 is Christmas anyway."""
    mdy, dmy = (_day(groups, "3", "1", "2", pivot), _day(groups, "3", "2", "1", pivot))
    if order == "ymd":
        return pl.coalesce(_day(groups, "1", "2", "3", pivot), mdy)
    return pl.coalesce(mdy, dmy) if order == "mdy" else pl.coalesce(dmy, mdy)


def _month_number(groups: pl.Expr, name: str) -> pl.Expr:
    month = groups.struct.field(name).str.head(3).replace_strict(MONTHS, default=None, return_dtype=pl.Int32)
    return groups.struct.with_fields(month.cast(pl.String).alias(name))


def _day(groups: pl.Expr, year: str, month: str, day: str, pivot: int) -> pl.Expr:
    short = groups.struct.field(year).str.zfill(2)
    century = pl.when(short.cast(pl.Int32, strict=False) <= pivot).then(pl.lit("20")).otherwise(pl.lit("19"))
    full = pl.when(short.str.len_bytes() == 2).then(century + short).otherwise(short)
    text = full + "-" + groups.struct.field(month).str.zfill(2) + "-" + groups.struct.field(day).str.zfill(2)
    date = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(date.dt.year().is_between(*YEARS)).then(text)


def birth_date(order: str, pivot: int) -> Cleaner:
    """`date_of_birth`: ISO text; placeholders and impossible dates null and flagged."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        raw = pl.col("raw").str.strip_chars()
        read = frame.with_columns(iso=_iso(raw, order, pivot))
        placeholder = pl.col("iso").is_in(PLACEHOLDERS) | raw.str.contains(
            r"^0*[-/. ]*0*[-/. ]*0+$|^0000|^9999|^1111-11-11|^11/11/1111|(?i)^(unknown|none|n/?a|null)$"
        )
        return read.select(
            "raw",
            date_of_birth=pl.when(~placeholder).then("iso"),
            placeholder=placeholder,
        ).select(
            "raw",
            "date_of_birth",
            pl.col("placeholder").alias(f"{FLAG}birth_date_placeholder"),
            (raw.is_not_null() & pl.col("date_of_birth").is_null() & ~pl.col("placeholder")).alias(f"{FLAG}birth_date_impossible"),
            (raw.is_not_null() & pl.col("date_of_birth").is_not_null() & (pl.col("date_of_birth") != raw)).alias(f"{RULE}rewritten"),
        )  # fmt: skip

    return clean


def known_date(name: str, order: str, pivot: int) -> Cleaner:
    """`name` as a date; null where it is none."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        read = _iso(pl.col("raw"), order, pivot).str.to_date("%Y-%m-%d", strict=False)
        return frame.select("raw", read.alias(name)).with_columns(
            (pl.col("raw").is_not_null() & pl.col(name).is_null()).alias(f"{RULE}no_date")
        )

    return clean


def death_date(order: str, pivot: int) -> Cleaner:
    """`deceased_on` and `deceased`: a date, or any text but no; 1900-01-01 where only the fact is known.

    A delivered 1900-01-01 is a database's empty date, not a death.
    """

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        raw = pl.col("raw").str.strip_chars()
        read = frame.with_columns(iso=_iso(raw, order, pivot))
        empty = pl.col("iso").is_in(PLACEHOLDERS) | raw.str.contains(NO) | raw.str.contains(r"^[0/. -]+$")
        dead = raw.is_not_null() & ~empty.fill_null(value=False)
        day = pl.col("iso").str.to_date("%Y-%m-%d", strict=False).fill_null(pl.date(1900, 1, 1))
        return read.select(
            "raw",
            deceased=dead,
            deceased_on=pl.when(dead).then(day),
            **{f"{RULE}fact_without_day": dead & pl.col("iso").is_null()},
        )

    return clean
