"""Names typed in small letters, as in chats: common given names, and words that "pt" and the like announce.

Comes in: readable texts. Goes out: findings of kind name and provider, grade likely.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.lists import first_shares, kinds_of_words, last_names, never, words
from matching.passages.marks import matches
from matching.passages.numbers import FINDING

__all__ = ["PROVIDER", "small_names"]

PROVIDER: Final = r"(?i)(?:^|[^a-z])(?:dr|doctor|hygienist|nurse|provider|dentist|surgeon|rdh|assistant|seen by|signed by|treated by)[\s.:]{1,3}$"
"""What stands right before the name of somebody who treats."""


def small_names(texts: pl.DataFrame) -> list[pl.DataFrame]:
    """Findings of three ways; they may overlap."""
    return [_small(texts), _announced_small(texts), _answered(texts)]


_SMALL_COMMON: Final = 0.008
"""Per cent: given names common enough to be looked for without a capital, some 1,000."""


def _small_pattern() -> str:
    shares = first_shares()
    known = sorted(
        word
        for word, share in shares.items()
        if share >= _SMALL_COMMON and word not in words() | never() and len(word) > 2
    )
    return rf"\b(?:{'|'.join(known)})\b(?: (?:[a-z]\.? )?[a-z]{{2,}}(?:['-][a-z]{{2,}})?\b)?"


_ASKED: Final = (
    r"(?i)\bname\b[^\n?]{0,40}\?\s*\n\W*(?:\d{1,2}:\d\d\W{0,4}(?:[ap]m)?\W{0,4})?(?:[^\n:\]>]{1,30}[:\]>])?\s*(?:(?:hi|hey|yes|sure|ok|it'?s|this is|i'?m|my name is)[ ,]+){0,3}"
    r"[\p{L}'-]{2,}(?: [\p{L}'.-]+){0,3}"
)
"""A name was asked for; the next line, whoever speaks, answers with up to four words."""
_LEADS: Final = (
    r"(?i)\b(?:pt|pts|patient|my name is|name is|name's|name:|spoke with|spoke to|talked to|talked with|mr|mrs|ms|miss|dr|mom|dad|mother|father|wife|husband|son|daughter|i'?m|i am|this is|here is"
    r"|w/|for|called)[.,]? [a-z]{2,}(?:['-][a-z]+)?(?: [a-z]\.?)?(?: [a-z]{2,}(?:['-][a-z]+)?)?\b"
)
_TOLD: Final = r"(?i)^(?:my name is|name is|name's|name:|mr|mrs|ms|miss|dr)\b"


def _known(split: pl.DataFrame, name: str) -> pl.DataFrame:
    """What the lists know of each word of one column; their columns bear its name."""
    kinds = kinds_of_words(split[name])
    return kinds.rename({c: name if c == "found" else f"{c}_{name}" for c in kinds.columns})


def _announced_small(texts: pl.DataFrame) -> pl.DataFrame:
    """After "pt", "my name is" and the like: one or two small words that are names or no words at all."""
    found = matches(texts, _LEADS).with_columns(
        groups=pl.col("found").str.extract_groups(
            r"^(.*?[.,]? )(\S+?)(?: ([a-z])\.?)?(?: (\S{2,}))?$"
        )
    )
    lead_end = r"^(?i:pts?|patient|my name is|name is|name's|name:|spoke with|spoke to|talked to|talked with|mr|mrs|ms|miss|dr|mom|dad|mother|father|wife|husband|son|daughter|i'?m|i am|this is|here is|w/|for|called)[.,]? "
    parts = pl.col("found").str.replace(lead_end, "")
    cut = parts.str.extract_groups(r"^(\S+)(?: ([a-z])\.?)?(?: (\S{2,}))?$")
    split = found.with_columns(
        one=cut.struct.field("1"), two=cut.struct.field("2").fill_null(""), three=cut.struct.field("3").fill_null(""),
        told=pl.col("found").str.contains(_TOLD), size=parts.str.len_chars().cast(pl.Int64),
    ).filter(pl.col("one").str.contains(r"^[a-z]"))  # fmt: skip
    if split.is_empty():
        return pl.DataFrame(schema=FINDING)
    first, second = _known(split, "one"), _known(split, "three")
    met = split.join(first, on="one", how="left", maintain_order="left").join(
        second, on="three", how="left", maintain_order="left"
    )

    def strange(name: str) -> pl.Expr:
        return ~pl.col(f"word_{name}") & ~pl.col(f"never_{name}") & (pl.col(name) != "")

    given = strange("one") & ((pl.col("first_one") > 0) | pl.col("told"))
    family = strange("three") & ((pl.col("last_three") > 0) | pl.col("told"))
    patient = (
        pl.col("found").str.contains(r"(?i)^(?:pts?|patient) ") & strange("one") & strange("three")
    )
    alone = strange("one") & (
        (pl.col("first_one") == 2) | pl.col("told") | ((pl.col("last_one") == 2) & pl.col("told"))
    )
    whole = (given & family) | patient
    title = pl.col("found").str.contains(r"(?i)^(?:mr|mrs|ms|miss|dr)\b")
    start = pl.col("end") - pl.col("size")
    return met.filter(whole | alone).select(
        "row", start=start,
        end=pl.when(whole).then("end").otherwise(start + pl.col("one").str.len_chars().cast(pl.Int64)),
        kind=pl.when(pl.col("found").str.contains(r"(?i)^dr\b")).then(pl.lit("provider")).otherwise(pl.lit("name")),
        value=pl.when(whole).then(pl.concat_str("one", pl.lit("|"), "two", pl.lit("|"), "three"))
        .when(title).then(pl.concat_str(pl.lit("||"), "one")).otherwise(pl.concat_str("one", pl.lit("||"))),
        grade=pl.lit("likely"),
    )  # fmt: skip


def _answered(texts: pl.DataFrame) -> pl.DataFrame:
    """The answer to a question for a name, whatever the lists know of it, without ordinary words."""
    found = matches(texts, _ASKED)
    if found.is_empty():
        return pl.DataFrame(schema=FINDING)
    answer = pl.col("found").str.extract(r"(?s)([\p{L}'-]{2,}(?: [\p{L}'.-]+){0,3})$")
    said = found.with_columns(
        answer=answer.str.replace(
            r"(?i)^(?:(?:hi|hey|yes|sure|ok|it'?s|this is|i'?m|my name is)\b[ ,]*)+", ""
        )
    ).with_columns(
        size=pl.col("answer").str.len_chars().cast(pl.Int64), parts=pl.col("answer").str.split(" ")
    )
    low = pl.col("parts").list.eval(pl.element().str.to_lowercase().is_in(list(never())))
    plain = pl.col("parts").list.eval(
        pl.element().str.to_lowercase().is_in(list(words() | never()))
    )
    count = pl.col("parts").list.len()
    good = said.filter(
        (pl.col("answer") != "")
        & ~low.list.any()
        & ~plain.list.all()
        & (pl.col("parts").list.first().str.len_chars() > 1)
    )
    value = (
        pl.when(count == 1)
        .then(pl.concat_str("answer", pl.lit("||")))
        .otherwise(
            pl.concat_str(
                pl.col("parts").list.first(),
                pl.lit("|"),
                pl.col("parts").list.slice(1, count.cast(pl.Int64) - 2).list.join(" "),
                pl.lit("|"),
                pl.col("parts").list.last(),
            )
        )
    )
    return good.select(
        "row", start=pl.col("end") - pl.col("size"), end="end", kind=pl.lit("name"), value=value, grade=pl.lit("likely")
    )  # fmt: skip


def _small(texts: pl.DataFrame) -> pl.DataFrame:
    """Names typed without capitals: a common given name before a family name, or after "pt" and the like."""
    pairs = matches(texts, _small_pattern()).filter(
        ~pl.col("after").str.contains("^'[^s]")
    )  # don't
    family = list({name for name in last_names() if name not in words()})
    whole = pl.col("found").str.extract_groups(r"^(\S+)(?: (?:([a-z])\.? )?(\S+))?$")
    found = pairs.with_columns(
        one=whole.struct.field("1"),
        two=whole.struct.field("2").fill_null(""),
        three=whole.struct.field("3").fill_null(""),
    )
    plain = pl.col("three").str.replace_all("['-]", "")
    is_family = plain.is_in(family)
    value = (
        pl.when(is_family)
        .then(pl.concat_str("one", pl.lit("|"), "two", pl.lit("|"), "three"))
        .otherwise(pl.concat_str("one", pl.lit("||")))
    )
    end = (
        pl.when(is_family)
        .then("end")
        .otherwise(pl.col("start") + pl.col("one").str.len_chars().cast(pl.Int64))
    )
    return found.select(
        "row", "start", end=end,
        kind=pl.when(pl.col("before").str.contains(PROVIDER)).then(pl.lit("provider")).otherwise(pl.lit("name")),
        value=value, grade=pl.lit("likely"),
    )  # fmt: skip
