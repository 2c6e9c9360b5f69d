"""Numbers and addresses that reach or name one person: SSN, member and chart numbers, phone, e-mail."""

from __future__ import annotations

import polars as pl

from matching.standardise.distinct import FLAG, RULE, Cleaner
from matching.standardise.text import blank_to_null

__all__ = ["clean_email", "clean_phone", "clean_ssn", "code"]

SAME_DIGITS = r"^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"
SSN_NEVER_ISSUED = r"^(000|666|9\d\d)|^\d{3}00|0000$"
"""Area, group and serial numbers that the SSA never issued."""
SSN_PLACEHOLDER = ("123456789", "987654321", "078051120", "219099999", "111223333", "012345678", "999999999")
"""Typed where a form insists, and two numbers known from advertisements."""
PHONE_PLACEHOLDER = r"^(\d{3}55501\d\d|\d{3}5551212|1234567890|0123456789|\d{3}(0000000|1111111|9999999|5555555|1234567))$"
MAIL_PLACEHOLDER = (
    r"^(no-?e?-?mail|none|no|na|n[./]a|nobody|no-?reply|unknown|test|fake|refused|declined|x+|noone|nomail|noname"
    r"|donot(e)?mail|email|abc|asdf)\d*@|^(.*@)?(noemail|none|no|nomail|unknown|test|fake)\.(com|net|org)$"
)
MAIL_FORM = r"^[^@\s,;<>]+@[^@\s,;<>]+\.\p{L}{2,}$"


def clean_ssn(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`ssn`: nine digits. A number that lost its leading zero to a spreadsheet gets it back."""
    digits = pl.col("raw").str.replace_all(r"\D", "")
    lost_zero = pl.col("raw").str.contains(r"^\s*\d{8}\s*$")
    full = pl.when(lost_zero).then(digits.str.zfill(9)).otherwise(digits)
    placeholder = full.is_in(SSN_PLACEHOLDER) | full.str.contains(SAME_DIGITS)
    sound = (full.str.len_bytes() == 9) & ~full.str.contains(SSN_NEVER_ISSUED) & ~placeholder
    return frame.select(
        "raw",
        ssn=pl.when(sound).then(full),
        **{
            f"{FLAG}ssn_placeholder": placeholder,
            f"{FLAG}ssn_impossible": pl.col("raw").is_not_null() & ~sound & ~placeholder,
            f"{RULE}leading_zero": lost_zero & sound,
        },
    )


def code(name: str) -> Cleaner:
    """`name`: letters and digits, upper case, leading zeros kept; null where it says nothing."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        kept = blank_to_null(pl.col("raw").str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", ""))
        placeholder = kept.str.contains(r"^(0+|9{5,}|NA|NONE|NULL|UNKNOWN|UNK|X+|TEST|PENDING)$")
        return frame.select(
            "raw", pl.when(~placeholder).then(kept).alias(name), placeholder.alias(f"{RULE}placeholder")
        )

    return clean


def clean_phone(name: str) -> Cleaner:
    """`name`: ten digits of a North American number, extension dropped; placeholders null."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        bare = pl.col("raw").str.replace(r"(?i)\s*(x|ext\.?|extension|#)\s*\d+\s*$", "")
        digits = bare.str.replace_all(r"\D", "").str.replace(r"^1(\d{10})$", "$1")
        placeholder = digits.str.contains(PHONE_PLACEHOLDER) | digits.str.contains(SAME_DIGITS)
        sound = digits.str.contains(r"^[2-9]\d{2}[2-9]\d{6}$") & ~placeholder
        return frame.select(
            "raw",
            pl.when(sound).then(digits).alias(name),
            placeholder.alias(f"{FLAG}{name}_placeholder"),
            (pl.col("raw").is_not_null() & ~sound & ~placeholder).alias(f"{FLAG}{name}_impossible"),
        )

    return clean


def clean_email(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`email`: lower case; what has no form of an address, and placeholders, are null."""
    kept = pl.col("raw").str.to_lowercase().str.strip_chars(" \t<>;,.\"'").str.replace(r"^mailto:", "")
    placeholder = kept.str.contains(MAIL_PLACEHOLDER)
    sound = kept.str.contains(MAIL_FORM) & ~placeholder
    return frame.select(
        "raw",
        email=pl.when(sound).then(kept),
        **{
            f"{FLAG}email_placeholder": placeholder,
            f"{FLAG}email_impossible": pl.col("raw").is_not_null() & ~sound & ~placeholder,
        },
    )
