"""Numbers that only the words right before them announce: chart and member numbers, an SSN's last four.

Comes in: readable texts. Goes out: findings: row, start, end, kind, value, grade.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.marks import matches
from matching.passages.numbers import FINDING, luhn
from matching.passages.patterns import CODED

__all__ = ["coded", "in_brackets", "named_after"]

_FILL: Final = (
    r"(?:(?:is|was|are|as|of|for|on file|on the card|ends?|ending|in|with|here|below|listed|please|now|still|would be|it'?s|it is|that'?s|the|my|her|his|their|patient|pt|this"
    r"|no|num(?:ber)?s?|id|sure|yes|yeah|um+|ok|okay|digits)\b\s*|(?:\(s\)|#|:|=|-|,|\.)\s*)"
)
_ASKED: Final = rf"[^\n\d]{{0,40}}\?[^\n\d]{{0,20}}\n+\W*(?:\d{{1,2}}:\d\d\W{{0,4}}(?:[ap]m)?\W{{0,4}})?(?:[^\n:\d]{{1,30}}:)?\s*{_FILL}{{0,4}}"
"""A question and the answer on the next line, with or without who speaks."""
_PROMPTED: Final = rf"[^\n\d]{{0,40}}\n+\W*[^\n:\d]{{1,30}}:\s*{_FILL}{{0,4}}"
"""The same without a question mark; then somebody must speak."""
_JOIN: Final = rf"""(?:['"*)\]]*\s*(?:{_ASKED}|{_PROMPTED}|{_FILL}{{0,5}})['"(\[]*#?\s*)"""
_CODE: Final = r"(?:[A-Za-z]{1,5}[-.]?\n?)?\d[A-Za-z0-9]*(?:-[A-Za-z0-9]+){0,3}"


def coded(texts: pl.DataFrame) -> pl.DataFrame:
    """Findings that only the words before them announce: chart and member numbers, last four of an SSN."""
    announced = {kind: words.replace(" ", r"\s") for kind, words in CODED.items()}
    any_code = "|".join(announced.values())
    pattern = rf"(?i)(?:^|[^A-Za-z])(?:{any_code}){_JOIN}{_CODE}\b"
    spread = texts.with_columns(text=_keys_apart(pl.col("text")))
    found = matches(spread, pattern)
    if found.is_empty():
        return pl.DataFrame(schema=FINDING)
    lower = pl.col("found").str.to_lowercase()
    parts = pl.coalesce(
        [
            pl.when(lower.str.contains(rf"^[^a-z]?(?:{words}){_JOIN}{_CODE}$")).then(pl.lit(kind))
            for kind, words in announced.items()
        ]
    )
    return (
        found.with_columns(kind=parts, code=pl.col("found").str.extract(rf"(?i)(?:{any_code}){_JOIN}({_CODE})$"))
        .with_columns(digits=pl.col("code").str.replace_all(r"\D", ""))
        .filter(_code_is_sound())
        .select(
            "row",
            start=pl.col("end") - pl.col("code").str.len_chars().cast(pl.Int64),
            end="end",
            kind="kind",
            value=pl.col("code").str.replace_all("\n", ""),
            grade=pl.when(lower.str.contains(r"acct|account|a/c|last")).then(pl.lit("likely")).otherwise(pl.lit("validated")),
        )
    )  # fmt: skip


def _keys_apart(text: pl.Expr) -> pl.Expr:
    """`chart_number` as `chart number`: lengths stay, so that places hold."""
    return text.str.replace_all(r"([A-Za-z])_([A-Za-z])", "$1 $2")


def _code_is_sound() -> pl.Expr:
    """Three digits at least; four for an SSN's end; no day, no SSN, no phone, no money account."""
    kind, code, digits = pl.col("kind"), pl.col("code"), pl.col("digits")
    length = digits.str.len_bytes()
    day = code.str.contains(r"^\d{1,2}-\d{1,2}-(?:\d{2}|\d{4})$|^(?:19|20)\d\d-\d\d?-\d\d?$")
    elsewhere = pl.col("before").str.to_lowercase().str.contains(
        r"(?:bank|routing|checking|savings|aba|credit|debit|card|visa|flow|spread|pie|bar|perio|invoice)[^a-z]*$"
    ) | pl.col("after").str.contains(r"^/\d|^\s?(?:am|pm|mm|mg|%)\b|^\.\d")
    card = pl.col("found").str.to_lowercase().str.contains("last") & pl.col(
        "before"
    ).str.to_lowercase().str.contains(
        r"(?:card|visa|amex|mastercard|discover|cc|debit|bank|phone|cell)\b[^a-z0-9]*(?:[a-z]+\W+){0,2}$"
    ) & ~pl.col("found").str.to_lowercase().str.contains("ss|soc") | pl.col(
        "after"
    ).str.to_lowercase().str.contains(r"^\W{0,2}(?:of )?(?:(?:the|my|her|his) )?(?:card|visa)")
    by_kind = (
        pl.when(kind == "ssn4").then((length == 4) & (code == digits) & ~card)
        .when(kind == "npi").then((length == 10) & (code == digits) & luhn("80840" + digits))
        .when(kind == "member_id").then(length >= 4)
        .otherwise((length >= 3) & ~elsewhere & ~code.str.contains(r"^\d{3}-\d{2}-\d{4}$"))
    )  # fmt: skip
    record = (
        pl.col("found").str.to_lowercase().str.contains("mr|rec|hrn")
    )  # 12-34-56 is a hospital's number
    return kind.is_not_null() & by_kind & (~day | record)


_NAMED_AFTER: Final = (
    r"(?:\s?\(|\s(?:is|was|as)\s|[\s,-]+(?:wait )?that'?s\s|\s=\s)(?:(?:his|her|the|my|their|our)\s)?"
    r"(?:mrns?|chart ?(?:#|no|num|id)|chart\b|med(?:ical)?\.? ?rec\w*|(?:patient|pt|acct|account) ?(?:id|#|no|num))"
)
_IN_BRACKETS: Final = r"\((?:#\s?)?[A-Za-z]{0,4}-?\d{4,10}[A-Za-z]?\)"


def named_after(texts: pl.DataFrame) -> pl.DataFrame:
    """Chart numbers whose keyword follows: "45211 is her chart number"."""
    found = matches(texts, rf"(?i)\b{_CODE}{_NAMED_AFTER}")
    code = pl.col("found").str.extract(rf"(?i)^({_CODE})")
    return (
        found.with_columns(code=code)
        .filter(pl.col("code").str.count_matches(r"\d") >= 4)
        .select(
            "row", "start",
            end=pl.col("start") + pl.col("code").str.len_chars().cast(pl.Int64),
            kind=pl.lit("mrn"), value="code", grade=pl.lit("likely"),
        )
    )  # fmt: skip


def in_brackets(texts: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """A code in brackets right behind a name is a chart number: "Lopez, Maria (H757589)"; a year is none."""
    found = matches(texts, _IN_BRACKETS).with_columns(code=pl.col("found").str.strip_chars("(# )"))
    spots = names.filter(pl.col("kind") == "name").select("row", near="end").sort("row", "near")
    behind = found.sort("row", "start").join_asof(
        spots,
        left_on="start",
        right_on="near",
        by="row",
        strategy="backward",
        check_sortedness=False,
    )
    lead = (
        pl.col("found").str.len_chars().cast(pl.Int64)
        - pl.col("code").str.len_chars().cast(pl.Int64)
        - 1
    )
    return behind.filter(
        (pl.col("start") - pl.col("near") <= 2) & ~pl.col("code").str.contains(r"^(?:19|20)\d\d$|^\d{9,10}$")
    ).select(
        "row", start=pl.col("start") + lead, end=pl.col("end") - 1, kind=pl.lit("mrn"), value="code", grade=pl.lit("likely")
    )  # fmt: skip
