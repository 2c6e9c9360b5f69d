"""Which words are given names, family names, ordinary words, or words that no person is called in a note.

Names: the census shares of the package `names` (public domain) and the package `nicknames` (Apache-2.0).
`reference/words.txt`: words that documentation of software writes in small letters, counted once;
many are names too, and count as names only beside a surer one. `reference/never.txt`: words of
offices, clinics, mails and calendars. `reference/given.txt`: given names that the lists of 1990 lack.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import polars as pl

__all__ = ["first_names", "first_shares", "kinds_of_words", "last_names", "never", "words"]

_COMMON_FIRST: Final = 0.004
"""Per cent of people: the 1,500 commonest given names. Rarer ones are mostly words or family names, too."""
_COMMON_LAST: Final = 0.002
"""Per cent of people: the 6,500 commonest family names."""
_MORE_LAST: Final = (
    "patel", "singh", "nguyen", "kim", "chen", "wang", "li", "zhang", "liu", "kaur", "shah", "gupta", "sharma", "kumar", "khan", "ahmed", "ali",
    "hussain", "mohamed", "hernandez", "okafor", "adeyemi", "okonkwo", "mensah", "diallo", "abebe", "tesfaye", "ivanov", "petrov", "kowalski",
    "raghunathan", "krishnan", "iyer", "reddy", "rao", "mehta", "desai", "joshi", "verma", "tran", "pham", "huynh", "vo", "dang", "bui", "do",
)  # fmt: skip


@cache
def _read(name: str) -> frozenset[str]:
    text = files("matching.passages").joinpath("reference", name).read_text(encoding="utf-8")
    return frozenset(text.split())


def words() -> frozenset[str]:
    """Ordinary words, lower case."""
    return _read("words.txt")


def never() -> frozenset[str]:
    """Words that are no part of a name here."""
    return _read("never.txt")


@cache
def _shares(*names: str) -> dict[str, float]:
    lines = [
        line.split()
        for name in names
        for line in files("names").joinpath(name).read_text(encoding="utf-8").splitlines()
    ]
    shares: dict[str, float] = {}
    for word, share, *_ in lines:
        shares[word.lower()] = max(shares.get(word.lower(), 0.0), float(share))
    return shares


def first_shares() -> dict[str, float]:
    """Given names, lower case, with the per cent of women or men who bear them."""
    return _shares("dist.female.first", "dist.male.first")


@cache
def first_names() -> dict[str, int]:
    """Given names, lower case: 2 common, 1 listed."""
    common = {word: 2 if share >= _COMMON_FIRST else 1 for word, share in first_shares().items()}
    nicknames = (
        files("nicknames").joinpath("names.csv").read_text(encoding="utf-8").splitlines()[1:]
    )
    said = {
        word.strip().lower()
        for line in nicknames
        for word in (line.split(",")[0], line.split(",")[-1])
    }
    short = {word: 1 for word in said if word.isalpha() and len(word) > 2}
    return {**short, **common, **dict.fromkeys(_read("given.txt"), 2)}


@cache
def last_names() -> dict[str, int]:
    """Family names, lower case: 2 common, 1 listed."""
    listed = {
        word: 2 if share >= _COMMON_LAST else 1 for word, share in _shares("dist.all.last").items()
    }
    return {**listed, **dict.fromkeys(_MORE_LAST, 2)}


def kinds_of_words(found: pl.Series) -> pl.DataFrame:
    """found, low, first (0-2), last (0-2), word, never of each distinct text of `found`."""
    distinct = found.unique().sort().alias("found").to_frame()
    plain_letters = (
        pl.col("found").str.to_lowercase().str.normalize("NFKD").str.replace_all(r"\p{M}", "")
    )
    low = distinct.with_columns(low=plain_letters)
    plain = pl.col("low").str.replace_all("['-]", "")
    return low.with_columns(
        first=pl.max_horizontal(_tier(pl.col("low").str.split("-").list.first(), first_names()), _tier(plain, first_names())),
        last=pl.max_horizontal(_tier(plain, last_names()), _tier(pl.col("low").str.split("-").list.last(), last_names())),
        word=pl.col("low").is_in(list(words())),
        never=pl.col("low").is_in(list(never())),
    )  # fmt: skip


def _tier(word: pl.Expr, listed: dict[str, int]) -> pl.Expr:
    return word.replace_strict(listed, default=0, return_dtype=pl.Int8)
