"""Texts as a person would read them, with the way back to the delivered characters.

Zero-width characters, JSON and HTML escapes, soft line ends of mails, reply prefixes and typographic
dashes stand in the middle of numbers and names. They are taken out or replaced before any pattern
looks, and `delivered_places` gives the places in the text as it was delivered.
"""

from __future__ import annotations

import html
import quopri
import re
from typing import Final

import polars as pl

from matching.passages.marks import CLOSE, OPEN, apart

__all__ = ["delivered_places", "plain"]

INVISIBLE: Final = r"[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u202a-\u202e\u2066-\u2069\u180e\u034f]"
SPACES: Final = r"[\u00a0\u2000-\u200a\u202f\u205f\u3000\x00-\x08\x0b\x0c\x0e-\x1f]"
DASHES: Final = r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
WIDE: Final = r"[\uff08\uff09\uff0b\uff0e\uff10-\uff1a\uff20\uff21-\uff3a\uff41-\uff5a]"
QUOTES: Final = r"[\u2018\u2019\u02bc\u201c\u201d]"
MASKED: Final = r"[xX*#\u2022]{3}[- ]?[xX*#\u2022]{2}[- ]?\d{4}"
"""A masked number keeps its stars, which elsewhere are bold print."""
JSON: Final = r'\\+[nrt"/]|(?:\\+u[0-9a-fA-F]{4})+'
HTML: Final = (
    r"&(?:nbsp|amp|lt|gt|quot|apos|ndash|mdash|#\d{2,6}|#x[0-9a-fA-F]{2,5});"
    r"|</?(?:br|p|div|tr|td|th|li|ul|ol|table|tbody|span|b|i|u|em|strong|font|h[1-6])(?:\s[^<>]*)?/?>"
)
MAIL: Final = r"=\r?\n|=3D|=20|=09|=A0|(?:=[89A-F][0-9A-F]){2,}|\r\n?|\n[ \t]*(?:[>|][ \t]?)+"
STAMP: Final = r"\n[\[(]?(?:(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|[A-Z][a-z]{2} \d{1,2}(?:, \d{4})?)[ ,T]+)?\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp]\.?[Mm])?Z?[\])]?[ \t-]+"
"""When a line of a chat was written: between question and answer it says nothing."""
STRANGE: Final = "|".join(
    (MASKED, STAMP, INVISIBLE, SPACES, DASHES, WIDE, QUOTES, JSON, HTML, MAIL, r"\*\*|`")
)
"""Everything that is replaced, MASKED by itself."""
_LINES: Final = re.compile(r"</?(?:br|p|div|tr|li|ul|ol|table|tbody|h[1-6])\b")
_NAMED: Final = {"&nbsp;": " ", "&ndash;": "-", "&mdash;": "-", "=20": " ", "=09": " ", "=A0": " ",
                 "=3D": "=", "**": "", "`": ""}  # fmt: skip


def plain(texts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`texts` (row, text; none null) readable, and the edits: row, at, shift, sorted.

    From character `at` of the readable text on, the delivered character lies `shift` further.
    """
    texts = texts.with_columns(pl.col("text").str.replace_all(f"[{OPEN}{CLOSE}]", " "))
    pieces = apart(texts, STRANGE)
    words = pieces["found"].drop_nulls().unique().sort()
    meaning = {word: _meaning(word) for word in words}
    pieces = pieces.with_columns(
        put=pl.col("found").replace_strict(meaning, default="", return_dtype=pl.String)
    ).with_columns(long=pl.concat_str("put", "rest").str.len_chars().cast(pl.Int64))
    edits = pieces.with_columns(
        at=pl.col("long").cum_sum().over("row") - pl.col("rest").str.len_chars().cast(pl.Int64)
    )
    edits = edits.filter(pl.col("found").is_not_null()).select(
        "row", "at", shift=pl.col("end") - pl.col("at")
    )
    read = pieces.group_by("row", maintain_order=True).agg(
        pl.concat_str("put", "rest").str.join("").alias("read")
    )
    joined = texts.join(read, on="row", how="left", maintain_order="left")
    readable = joined.select("row", text=pl.coalesce("read", "text"))
    return readable, edits


def _meaning(word: str) -> str:
    """What a reader sees in place of one escape."""
    if word in _NAMED or re.fullmatch(MASKED, word):
        return _NAMED.get(word, word)
    if word.startswith("\\"):
        return _json(word)
    if word[0] in "&<":
        return html.unescape(word) if word[0] == "&" else _tag(word)
    if word.startswith("="):
        return "" if word.endswith("\n") else _mail(word)
    return "\n" if word[0] in "\r\n" else _sign(word)


def _tag(word: str) -> str:
    if _LINES.match(word):
        return "\n"
    return " " if word.startswith(("<t", "</t")) else ""


def _json(word: str) -> str:
    kind = word.lstrip("\\")
    if kind[0] == "u" and len(kind) > 1:
        units = [int(unit, 16) for unit in re.findall(r"u([0-9a-fA-F]{4})", word)]
        read = b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "replace")
        return "".join(_sign(letter) for letter in read)
    return {"n": "\n", "r": "", "t": " "}.get(kind, kind)


def _mail(word: str) -> str:
    read = quopri.decodestring(word.encode()).decode("utf-8", "replace")
    return "".join(_sign(letter) for letter in read)


def _sign(letter: str) -> str:
    if re.fullmatch(INVISIBLE, letter):
        return ""
    if re.fullmatch(DASHES, letter):
        return "-"
    if re.fullmatch(WIDE, letter):
        return chr(ord(letter) - 0xFEE0)
    if re.fullmatch(QUOTES, letter):
        return '"' if letter in "\u201c\u201d" else "'"
    return " " if re.fullmatch(SPACES, letter) else letter


def delivered_places(found: pl.DataFrame, edits: pl.DataFrame) -> pl.DataFrame:
    """`found` (row, start, end ... of readable texts) with the places of the delivered ones."""
    if edits.is_empty() or found.is_empty():
        return found
    left = found.with_row_index("__order").with_columns(last=pl.col("end") - 1)
    for place in ("start", "last"):
        left = (
            left.sort("row", place)
            .join_asof(
                edits.sort("row", "at"),
                left_on=place, right_on="at", by="row", strategy="backward", check_sortedness=False,
            )
            .with_columns((pl.col(place) + pl.col("shift").fill_null(0)).alias(place))
            .drop("shift", "at", strict=False)
        )  # fmt: skip
    return left.sort("__order").with_columns(end=pl.col("last") + 1).drop("__order", "last")
