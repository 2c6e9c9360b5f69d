"""Numbers and addresses that reach or name one person: SSN, member and chart numbers, phone, e-mail."""

from __future__ import annotations

import polars as pl

from matching.standardise.distinct import FLAG, RULE, Cleaner
from matching.standardise.text import blank_to_null

__all__ = ["clean_email", "clean_phone", "clean_ssn", "code"]

SAME_DIGITS = r"^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"
SSN_NEVER_ISSUED = r"^(000|666|9\d\d)|^\d{3}00|0000$"
"""Area, group and serial numbers that the SSA never issued."""
SSN_PLACEHOLDER = (
    "123456789",
    "987654321",
    "078051120",
    "219099999",
    "111223333",
    "012345678",
    "999999999",
)
"""Typed where a form insists, and two numbers known from advertisements."""
PHONE_PLACEHOLDER = (
    r"^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+|1234567890|0123456789"
    r"|\d{3}(?:55501\d\d|5551212|0000000|1111111|5555555|9999999|1234567))$"
)
"""555-0100 to 555-0199 are kept for fiction, 555-1212 is directory assistance."""
EXTENSION = r"(?i)\s*(x|ext\.?|extension|#)\s*\d+\s*$"
MAIL_PLACEHOLDER = (
    r"^(no-?e?-?mail|none|no|na|n[./]a|nobody|no-?reply|unknown|test|fake|refused|declined|x+|noone|nomail|noname"
    r"|donot(e)?mail|email|abc|asdf)\d*@|^(.*@)?(noemail|none|no|nomail|unknown|test|fake)\.(com|net|org)$"
)
MAIL_FORM = r"^[^@\s,;<>]+@[^@\s,;<>]+\.\p{L}{2,}$"


def clean_ssn(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`ssn`: nine digits. A number that lost its leading zero to a spreadsheet gets it back."""
    digits = pl.col("raw").str.replace_all(r"\D+", "")
    lost_zero = (pl.col("raw").str.len_bytes() == 8) & (digits.str.len_bytes() == 8)
    full, sound = pl.col("full"), pl.col("sound")
    return (
        frame.with_columns(
            full=pl.when(lost_zero).then("0" + digits).otherwise(digits), lost=lost_zero
        )
        .with_columns(placeholder=full.is_in(SSN_PLACEHOLDER) | full.str.contains(SAME_DIGITS))
        .with_columns(
            sound=(full.str.len_bytes() == 9)
            & ~full.str.contains(SSN_NEVER_ISSUED)
            & ~pl.col("placeholder")
        )
        .select(
            "raw",
            pl.when(sound).then(full).alias("ssn"),
            pl.col("placeholder").alias(f"{FLAG}ssn_placeholder"),
            (~sound & ~pl.col("placeholder")).alias(f"{FLAG}ssn_impossible"),
            (pl.col("lost") & sound).alias(f"{RULE}leading_zero"),
        )
    )


def code(name: str) -> Cleaner:
    """`name`: letters and digits, upper case, leading zeros kept; null where it says nothing."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        kept = blank_to_null(pl.col("raw").str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", ""))
        placeholder = kept.str.contains(r"^(0+|9{5,}|NA|NONE|NULL|UNKNOWN|UNK|X+|TEST|PENDING)$")
        return frame.select(
            "raw",
            pl.when(~placeholder).then(kept).alias(name),
            placeholder.alias(f"{RULE}placeholder"),
        )

    return clean


def clean_phone(name: str) -> Cleaner:
    """`name`: ten digits of a North American number, extension dropped; placeholders null."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        extended = pl.col("raw").str.contains_any(["x", "X", "#"])
        bare = pl.when(extended).then(pl.col("raw").str.replace(EXTENSION, "")).otherwise("raw")
        ten = pl.when(pl.col("digits").str.len_bytes() == 11).then(
            pl.col("digits").str.strip_prefix("1")
        )
        digits, placeholder, sound = pl.col("digits"), pl.col("placeholder"), pl.col("sound")
        return (
            frame.with_columns(digits=bare.str.replace_all(r"\D+", ""))
            .with_columns(digits=pl.coalesce(ten, digits))
            .with_columns(placeholder=digits.str.contains(PHONE_PLACEHOLDER))
            .with_columns(sound=digits.str.contains(r"^[2-9]\d{2}[2-9]\d{6}$") & ~placeholder)
            .select(
                "raw",
                pl.when(sound).then(digits).alias(name),
                placeholder.alias(f"{FLAG}{name}_placeholder"),
                (~sound & ~placeholder).alias(f"{FLAG}{name}_impossible"),
            )
        )

    return clean


def clean_email(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`email`: lower case; what has no form of an address, and placeholders, are null."""
    kept = (
        pl.col("raw").str.to_lowercase().str.strip_chars(" \t<>;,.\"'").str.strip_prefix("mailto:")
    )
    placeholder, sound = pl.col("placeholder"), pl.col("sound")
    return (
        frame.with_columns(kept=kept)
        .with_columns(placeholder=pl.col("kept").str.contains(MAIL_PLACEHOLDER))
        .with_columns(sound=pl.col("kept").str.contains(MAIL_FORM) & ~placeholder)
        .select(
            "raw",
            pl.when(sound).then("kept").alias("email"),
            placeholder.alias(f"{FLAG}email_placeholder"),
            (~sound & ~placeholder).alias(f"{FLAG}email_impossible"),
        )
    )
