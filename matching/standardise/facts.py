"""Sex, language, birth order, flags: short fields with few values."""

from __future__ import annotations

import polars as pl

from matching.standardise.distinct import RULE, Cleaner
from matching.standardise.reference import words
from matching.standardise.text import blank_to_null, collapse, fold_accents, pipeline, upper

__all__ = ["clean_birth_order", "clean_confidential", "clean_language", "clean_sex", "lower"]

SEX = {
    "M": "M", "MALE": "M", "MAN": "M", "BOY": "M", "1": "M", "F": "F", "FEMALE": "F", "WOMAN": "F",
    "GIRL": "F", "2": "F", "X": "X", "NONBINARY": "X", "NON BINARY": "X", "OTHER": "X", "O": "X",
}  # fmt: skip
"""1 and 2 by ISO/IEC 5218; its 0 and 9 say nothing."""
NOT_SET = r"(?i)^(n|no|false|f|0|none|null|off)$"


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{N}]+", " ")


PLAIN_STEPS = (fold_accents, upper, _plain, collapse)


def clean_sex(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`sex`: M, F or X; null where it says nothing."""
    found = pipeline(pl.col("raw"), PLAIN_STEPS).replace_strict(
        SEX, default=None, return_dtype=pl.String
    )
    return frame.select("raw", sex=found).with_columns(
        (pl.col("raw").is_not_null() & pl.col("sex").is_null()).alias(f"{RULE}unknown")
    )


def clean_language(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`language`: BCP-47 primary tag; null where it is none."""
    named = pipeline(pl.col("raw"), PLAIN_STEPS).replace_strict(
        words("language"), default=None, return_dtype=pl.String
    )
    tag = pl.col("raw").str.strip_chars().str.to_lowercase().str.extract(r"^([a-z]{2})(?:[-_].*)?$")
    return frame.select("raw", language=pl.coalesce(named, tag)).with_columns(
        (pl.col("raw").is_not_null() & pl.col("language").is_null()).alias(f"{RULE}unknown")
    )


def clean_birth_order(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`birth_order`: 1 to 9; A, B, C are 1, 2, 3."""
    text = pl.col("raw").str.strip_chars().str.to_uppercase().str.strip_suffix(".0")
    letters = text.replace({"A": "1", "B": "2", "C": "3", "D": "4"})
    return frame.select("raw", birth_order=letters.str.extract(r"^([1-9])$"))


def clean_confidential(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`confidential`: any word but no. A flag too many holds a letter; one too few may harm a person."""
    text = pl.col("raw").str.strip_chars()
    return frame.select("raw", confidential=text.is_not_null() & ~text.str.contains(NOT_SET))


def lower(name: str) -> Cleaner:
    """`name`: lower case, as delivered otherwise."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        return frame.select(
            "raw", blank_to_null(collapse(pl.col("raw").str.to_lowercase())).alias(name)
        )

    return clean
