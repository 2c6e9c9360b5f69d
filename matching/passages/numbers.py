"""Numbers in texts: SSN, phone, birth date, card, chart, member and provider numbers.

Comes in: readable texts. Goes out: findings: row, start, end, kind, value, grade. What a bare number
is, the words around it decide; what it cannot be, its own digits do (SSA areas, NANP, Luhn, days).
`validated`: shape and check agree and nothing speaks against it; `likely`: less than that.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.lists import never, words
from matching.passages.marks import matches
from matching.passages.patterns import (
    CARD,
    DAY,
    INTERNATIONAL,
    KEYWORDS,
    LOCAL_PHONE,
    MASKED_SSN,
    NUMBER,
    PHONE,
    SKIPPED,
    SSN,
)
from matching.standardise.contacts import SAME_DIGITS, SSN_NEVER_ISSUED, SSN_PLACEHOLDER

__all__ = ["FINDING", "luhn", "numbers"]

FINDING: Final = {
    "row": pl.Int64, "start": pl.Int64, "end": pl.Int64, "kind": pl.String, "value": pl.String,
    "grade": pl.String,
}  # fmt: skip
NANP: Final = r"^[2-9]\d{2}[2-9]\d{6}$"
_N11: Final = r"^(?:[2-9]11|\d{3}[2-9]11(?:[02-9]|1[02-9]))"
"""Service codes are no area; as an exchange they are so rare that only 555 follows them in fiction."""
_LETTERS_BEFORE: Final = 48
_SMALL_WORDS: Final = frozenset(
    [
        "at",
        "is",
        "on",
        "or",
        "and",
        "to",
        "me",
        "him",
        "her",
        "them",
        "us",
        "it",
        "was",
        "via",
        "now",
    ]
)
_SHAPES: Final = {
    "skip": SKIPPED, "masked": MASKED_SSN, "day": DAY, "ssn": SSN, "card": CARD, "phone": PHONE,
    "abroad": INTERNATIONAL, "local": LOCAL_PHONE,
}  # fmt: skip


def numbers(texts: pl.DataFrame) -> pl.DataFrame:
    """Findings among everything in `texts` (row, text) that has the shape of a number."""
    found = matches(texts, NUMBER)
    if found.is_empty():
        return pl.DataFrame(schema=FINDING)
    shape = pl.coalesce(
        [
            pl.when(pl.col("found").str.contains(f"^(?:{pattern})$")).then(pl.lit(name))
            for name, pattern in _SHAPES.items()
        ]
    ).fill_null("bare")
    said = (
        found.with_columns(shape=shape, digits=pl.col("found").str.replace_all(r"\D", ""))
        .with_columns(word=_word())
        .filter(~_inside_something())
    )
    kinds = said.with_columns(kind=pl.coalesce(_kinds()))
    return (
        kinds.filter(pl.col("kind").is_not_null())
        .with_columns(value=_value(), grade=_grade())
        .filter(pl.col("value").is_not_null())
        .select(list(FINDING))
    )


def _word() -> pl.Expr:
    """Kind that the nearest keyword announces: since the number before, then after, then further back."""
    return pl.coalesce(
        _last_keyword(_spaced(pl.col("since"))),
        _keyword_after(_spaced(pl.col("after"))),
        pl.when(_one_of_several() & (_last_keyword(_spaced(pl.col("before"))) == "phone")).then(
            pl.lit("phone")
        ),
    )


def _spaced(text: pl.Expr) -> pl.Expr:
    """Words of keys apart: `homePhone` and `home_phone` are two."""
    return (
        text.str.replace_all(r"([a-z])([A-Z])", "$1 $2")
        .str.replace_all("_", " ")
        .str.replace_all(r"\s+", " ")
        .str.to_lowercase()
    )


def _one_of_several() -> pl.Expr:
    """Between two numbers stand only signs: both are what was announced."""
    return pl.col("since").str.contains(r"^[\s,;/&|]*(?:(?:or|and|then|cell|home|work)[\s,:]*)?$")


_ANY_KEYWORD: Final = rf"\b{{start-half}}(?:{'|'.join(KEYWORDS.values())})\b{{end-half}}"


def _last_keyword(text: pl.Expr) -> pl.Expr:
    """Kind of the last keyword: found in one pass; then only the keyword itself is asked what it is."""
    last = text.str.tail(_LETTERS_BEFORE).str.extract_all(_ANY_KEYWORD).list.last()
    return last.map_batches(_kind_of_keyword, return_dtype=pl.String())


def _kind_of_keyword(found: pl.Series) -> pl.Series:
    distinct = found.unique().sort().drop_nulls()
    kinds = pl.coalesce(
        [
            pl.when(pl.col("word").str.contains(rf"^(?:{words})$")).then(pl.lit(kind))
            for kind, words in KEYWORDS.items()
        ]
    )
    table = distinct.alias("word").to_frame().with_columns(kind=kinds)
    return found.replace_strict(table["word"], table["kind"], default=None, return_dtype=pl.String)


def _keyword_after(text: pl.Expr) -> pl.Expr:
    """`410-555-0134 (cell)`, `that's her social`: right after the number, within the sentence."""
    lead = (
        r"^[\s,(\[-]*(?:is |that'?s |was |for )?(?:my |his |her |the |their )?(?:new |best |home )?"
    )
    kinds = ("ssn", "phone", "fax", "date_of_birth", "card", "mrn", "member_id", "npi")
    return pl.coalesce(
        [
            pl.when(
                text.str.contains(
                    rf"{lead}(?:{KEYWORDS[kind]})\b[\s)\].,;]|{lead}(?:{KEYWORDS[kind]})$"
                )
            ).then(pl.lit(kind))
            for kind in kinds
        ]
    )


def _inside_something() -> pl.Expr:
    """Part of a longer number, code or decimal."""
    return pl.col("before").str.contains(
        r"[\d][-./:]$|[A-Za-z]-$|[$#]\w*-$|[=/&?][0-9a-f]+$"
    ) & ~pl.col("before").str.contains(
        r"(?i)\b(?:ph|tel|cell|ssn|ss|dob|fax|phone|mobile|home|work)-$"
    ) | pl.col("after").str.contains(r"^(?:-\d|\.\d|[A-Za-z]\d)")


def _kinds() -> list[pl.Expr]:
    """Kind of each number, by shape and word; null where it is none of a person."""
    shape, word, digits = pl.col("shape"), pl.col("word"), pl.col("digits")
    ssn_like = ~digits.str.contains(SSN_NEVER_ISSUED) & (digits.str.len_bytes() == 9)
    ten = _ten()
    nanp = ten.str.contains(NANP) & ~ten.str.contains(_N11)
    bare = pl.col("found").str.contains(r"^\d+$")
    asked = _asked_for("ssn")
    not_ssn = (
        (word == "other").fill_null(value=False) | _right_before("member_id", "mrn", "npi", "card")
    ) & ~asked
    bare_ssn = (word == "ssn") | (
        asked & (word.is_null() | word.is_in(["member_id", "card", "date_of_birth"]))
    )
    elsewhere = _right_before("other", "npi", "mrn", "member_id", "card")
    return [
        pl.when(shape == "masked").then(pl.lit("ssn4")),
        pl.when((shape == "ssn") & ssn_like & ~not_ssn).then(pl.lit("ssn")),
        pl.when((shape == "bare") & ssn_like & bare_ssn).then(pl.lit("ssn")),
        pl.when(shape.is_in(["phone"]) & nanp & (word == "fax")).then(pl.lit("fax")),
        pl.when((shape == "phone") & nanp & ~bare & ~elsewhere).then(pl.lit("phone")),
        pl.when((shape == "phone") & nanp & bare & (word == "phone")).then(pl.lit("phone")),
        pl.when((shape == "phone") & nanp & bare & word.is_null() & _stands_alone()).then(pl.lit("phone")),
        pl.when((shape == "abroad") & digits.str.len_bytes().is_between(8, 15)).then(pl.lit("phone")),
        pl.when((shape == "local") & (word == "phone")).then(pl.lit("phone")),
        pl.when(shape.is_in(["card", "bare"]) & luhn(digits) & _card_length() & (word == "card").fill_null(value=True))
        .then(pl.lit("card")),
        pl.when((shape == "day") & ((word == "date_of_birth") | _asked_for_birth())).then(pl.lit("date_of_birth")),
        pl.when((shape == "bare") & (digits.str.len_bytes() == 8) & (word == "date_of_birth")).then(pl.lit("date_of_birth")),
        pl.when((shape == "day") & ~word.is_in(["day", "other"]).fill_null(value=False)).then(pl.lit("day")),
        pl.when((word == "npi") & luhn("80840" + digits) & (digits.str.len_bytes() == 10)).then(pl.lit("npi")),
    ]  # fmt: skip


def _asked_for(kind: str) -> pl.Expr:
    """The words of a kind stand before the number, if not nearest to it."""
    return _spaced(pl.col("since")).str.contains(rf"(?:^|[^a-z])(?:{KEYWORDS[kind]})(?:$|[^a-z])")


def _asked_for_birth() -> pl.Expr:
    """A birth date was asked for before, perhaps with other things, and nothing about a visit."""
    return _asked_for("date_of_birth") & ~(pl.col("word") == "day").fill_null(value=False)


def _ten() -> pl.Expr:
    """Ten digits of a North American number, without country code and extension."""
    bare = pl.col("found").str.replace(r"(?i)[\s,]*(?:x|ext\.?|extension|#)[\s.:]*\d+$", "")
    return bare.str.replace_all(r"\D", "").str.replace(r"^(?:00)?1(\d{10})$", "$1")


def _right_before(*kinds: str) -> pl.Expr:
    """A keyword of these kinds with nothing but "no. is" between it and the number."""
    words = "|".join(KEYWORDS[kind] for kind in kinds)
    return _spaced(pl.col("since")).str.contains(
        rf"(?:^|[^a-z])(?:{words})[^a-z0-9]*(?:(?:is|was|no|number|num|id|of|the)[^a-z0-9]+){{0,3}}$"
    )


def _stands_alone() -> pl.Expr:
    """Ten digits in running text: after a name, a small word or nothing, not after what they count."""
    word = pl.col("before").str.extract(r"([A-Za-z]+)[.:]?\s$").str.to_lowercase()
    counted = word.is_in(list((words() | never()) - _SMALL_WORDS)).fill_null(value=False)
    part = pl.col("before").str.contains(r"""[=#/_:"'\d]\s?$|\w$""") | pl.col("after").str.contains(
        r"""^\s?["'/_=]"""
    )
    return ~counted & ~part


def _card_length() -> pl.Expr:
    return (
        pl.col("digits").str.len_bytes().is_between(13, 19)
        & ~pl.col("digits").str.contains(SAME_DIGITS)
        & pl.col("digits").str.contains("^[3-6]")
    )


def luhn(digits: pl.Expr) -> pl.Expr:
    """The check digit of cards and, after 80840, of provider numbers."""
    padded = digits.str.zfill(24)
    total = pl.lit(0)
    for place in range(24):
        one = padded.str.slice(place, 1).str.to_integer(strict=False)
        twice = one * 2 - pl.when(one > 4).then(9).otherwise(0)
        total = total + (twice if place % 2 == 0 else one)
    return total % 10 == 0


def _value() -> pl.Expr:
    """What a column would hold: digits, or a day as it was said but for months' names."""
    kind, digits = pl.col("kind"), pl.col("digits")
    ten = pl.when(pl.col("shape") == "phone").then(_ten()).otherwise(digits)
    return (
        pl.when(kind == "ssn4").then(digits.str.tail(4))
        .when(kind.is_in(["phone", "fax"])).then(ten)
        .when(kind.is_in(["date_of_birth", "day"])).then(_day())
        .otherwise(digits)
    )  # fmt: skip


def _day() -> pl.Expr:
    """The day as said, in one of the forms that standardise reads; null where it is none."""
    said = (
        pl.col("found").str.replace_all(r"\s*([/.-])\s*", "$1")
        .str.replace_all(r"(?i)(\d)(?:st|nd|rd|th)\b", "$1")
        .str.replace_all(r"(?i)\bof\b", " ").str.replace_all(r"[,']", " ")
        .str.replace(r"T[\d:.]+Z?$", "").str.replace_all(r"\s+", " ").str.strip_chars()
    )  # fmt: skip
    parts = said.str.extract_groups(r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}$")
    one = parts.struct.field("1").str.to_integer(strict=False)
    two = parts.struct.field("2").str.to_integer(strict=False)
    impossible = (one > 31) | (two > 31) | ((one > 12) & (two > 12)) | (one < 1) | (two < 1)
    eight = said.str.extract_groups(r"^(\d{2})(\d{2})(\d{4})$")
    month = eight.struct.field("1").str.to_integer(strict=False)
    day = eight.struct.field("2").str.to_integer(strict=False)
    solid = (month > 31) | (day > 31) | ((month > 12) & (day > 12))
    packed = said.str.contains(r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$")
    wrong = impossible.fill_null(value=False) | (solid.fill_null(value=False) & ~packed)
    return pl.when(~wrong).then(said)


def _grade() -> pl.Expr:
    """How sure it is: validated or likely."""
    kind, shape, word, digits = (pl.col(name) for name in ("kind", "shape", "word", "digits"))
    placeholder = digits.is_in(SSN_PLACEHOLDER) | digits.str.contains(SAME_DIGITS)
    dashed = pl.col("found").str.contains("-")
    sure = (
        pl.when(kind == "ssn").then(~placeholder & ((word == "ssn").fill_null(value=False) | dashed))
        .when(kind == "phone").then((shape == "phone") & ((word == "phone").fill_null(value=False) | (pl.col("found").str.len_chars() > 10)))
        .when(kind.is_in(["ssn4", "day"])).then(pl.lit(value=False))
        .otherwise(pl.lit(value=True))
    )  # fmt: skip
    return pl.when(sure).then(pl.lit("validated")).otherwise(pl.lit("likely"))
