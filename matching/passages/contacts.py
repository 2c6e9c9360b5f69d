"""E-mail and postal addresses in texts, also as people write them to hide them from machines.

Comes in: readable texts. Goes out: findings: row, start, end, kind, value, grade; an address's value
is `street|city|state|zip`.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.marks import matches
from matching.passages.numbers import FINDING
from matching.passages.patterns import ADDRESS, EMAIL, STATES

__all__ = ["addresses", "emails"]

_FILES: Final = r"\.(?:png|jpe?g|gif|svg|webp|pdf|docx?|xlsx?|js|ts|css|py|html?|exe|dll|zip|local|internal|localhost)$"
_NO_PERSON: Final = r"(?i)(?:message-id|in-reply-to|references|cid|content-id|return-path|x-[a-z-]+)\s?:[^\n]{0,60}$"
"""Headers whose address names a message, not somebody."""
_TALK: Final = (
    "arrive", "arrived", "be", "call", "him", "her", "in", "is", "it", "look", "looking", "meet", "met", "me", "not", "or", "out",
    "seen", "stop", "them", "us", "was", "work", "works", "you", "and", "the", "appt", "available",
)  # fmt: skip
"""Words before ` at ` that are no mailbox: "call me at home dot com" was never written."""


def emails(texts: pl.DataFrame) -> pl.DataFrame:
    """Findings of kind email; the value is in plain form, lower case."""
    found = matches(texts, EMAIL)
    if found.is_empty():
        return pl.DataFrame(schema=FINDING)
    hidden = r"\s?[(\[{<](?i:at)[)\]}>]\s?|\s(?i:at)\s|\s?@\s?"
    dots = r"\s?[(\[{<](?i:dot)[)\]}>]\s?|\s(?i:dot)\s|\s\.\s?"
    plain = pl.col("found").str.contains(r"^\S+@\S+$")
    value = (
        pl.when(plain)
        .then("found")
        .otherwise(pl.col("found").str.replace(hidden, "@").str.replace_all(dots, "."))
        .str.to_lowercase()
    )
    mailbox = pl.col("value").str.extract(r"^([^@]+)@")
    spoken = ~pl.col("found").str.contains(r"@|[(\[{<](?i:at)[)\]}>]")
    return (
        found.with_columns(value=value)
        .filter(
            ~pl.col("value").str.contains(_FILES)
            & ~pl.col("before").str.contains(_NO_PERSON)
            & pl.col("value").str.contains(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
            & ~(spoken & mailbox.is_in(list(_TALK)))
        )
        .select(
            "row", "start", "end", kind=pl.lit("email"), value="value",
            grade=pl.when(plain).then(pl.lit("validated")).otherwise(pl.lit("likely")),
        )
    )  # fmt: skip


def addresses(texts: pl.DataFrame) -> pl.DataFrame:
    """Findings of kind address: a delivery line, a place with state and ZIP, or both."""
    found = matches(texts, ADDRESS)
    if found.is_empty():
        return pl.DataFrame(schema=FINDING)
    text = pl.col("found").str.replace_all(r"\s*\n\s*", ", ").str.replace_all(r"[ \t]+", " ")
    place = text.str.extract_groups(
        rf"(?:^|[,])\s*([A-Z][A-Za-z.' -]+?),?\s+({STATES})(?:[\s,]+(\d{{5}}(?:-\d{{4}})?))?$"
    )
    city, state, code = (place.struct.field(part).fill_null("") for part in ("1", "2", "3"))
    street = pl.when(state != "").then(text.str.split(", ").list.first()).otherwise(text)
    line = pl.when(street.str.contains(r"^\d|(?i)^p")).then(street).otherwise(pl.lit(""))
    return (
        found.with_columns(value=pl.concat_str([line, city, state, code], separator="|"))
        .select("row", "start", "end", kind=pl.lit("address"), value="value", grade=pl.lit("likely"))
    )  # fmt: skip
