"""Lists that values are held against: names by frequency, places, codes. All from libraries already used."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import polars as pl
import zipcodes

from matching.fields import ROLES
from matching.intake.mapping import ROLE_WORDS
from matching.owners.kinds import KINDS
from matching.standardise.reference import nicknames, words

__all__ = [
    "FORMATS",
    "GENERATIONS",
    "KIND_WORDS",
    "SCOPES",
    "SEXES",
    "cities",
    "countries",
    "first_names",
    "first_or_last_bits",
    "languages",
    "last_names",
    "listed",
    "role_words",
    "states",
    "street_words",
    "zips",
]

SEXES = frozenset(
    [
        "m",
        "f",
        "u",
        "o",
        "x",
        "male",
        "female",
        "unknown",
        "other",
        "man",
        "woman",
        "masculino",
        "femenino",
        "h",
        "mujer",
        "hombre",
        "nonbinary",
        "non-binary",
        "unk",
        "ambiguous",
        "undifferentiated",
    ]
)
GENERATIONS = frozenset(
    [
        "JR",
        "SR",
        "I",
        "II",
        "III",
        "IV",
        "V",
        "VI",
        "2ND",
        "3RD",
        "JUNIOR",
        "SENIOR",
        "MD",
        "DDS",
        "ESQ",
        "PHD",
    ]
)
FORMATS = frozenset(
    ("braille", "large print", "largeprint", "large_print", "audio", "audio cd", "sign language", "tty",
     "screen reader", "electronic text", "easy read")
)  # fmt: skip
SCOPES = frozenset(
    ("notices", "reminders", "all", "marketing", "appointments", "billing", "none", "statements")
)
KIND_WORDS = frozenset(KINDS) - {"other"}
RARE_BITS = -19.0
"""Share of a name that the census list does not have: under one in half a million."""


@cache
def first_names() -> dict[str, float]:
    """Given names, upper case -> share of people, in per cent (US census of 1990; nicknames with none)."""
    found = dict.fromkeys(nicknames()["name"].to_list(), 0.001)
    for kind in ("female.first", "male.first"):
        for name, share in _census(kind).items():
            found[name] = found.get(name, 0.0) + share / 2
    return found


@cache
def last_names() -> dict[str, float]:
    """Family names, upper case -> share of people, in per cent."""
    return _census("all.last")


def _census(kind: str) -> dict[str, float]:
    stored = files("names").joinpath(f"dist.{kind}").read_text()
    return {name: float(share) for name, share, *_ in map(str.split, stored.splitlines())}


def first_or_last_bits(values: pl.Series) -> float:
    """Mean bits by which these words are likelier given names than family names; 0 where unknown."""
    first = values.str.to_uppercase().str.normalize("NFKD").str.replace_all(r"[^A-Z ]", "")
    known = [
        _bits(first_names().get(name)) - _bits(last_names().get(name))
        for name in first.str.extract(r"^(\S+)").head(400)
        if name and len(name) > 1 and (name in first_names() or name in last_names())
    ]
    return sum(known) / len(known) if known else 0.0


def _bits(per_cent: float | None) -> float:
    return math.log2(per_cent / 100) if per_cent else RARE_BITS


@cache
def states() -> frozenset[str]:
    """Codes and names of states."""
    found = words("state")
    return frozenset(found) | frozenset(found.values())


@cache
def _places() -> pl.DataFrame:
    return pl.DataFrame(
        [
            (row["zip_code"], [row["city"], *row["acceptable_cities"]])
            for row in zipcodes.list_all()  # type: ignore[no-untyped-call]
        ],
        schema={"zip": pl.String, "city": pl.List(pl.String)},
        orient="row",
    )


@cache
def cities() -> frozenset[str]:
    """Post towns, upper case."""
    names = _places()["city"].explode().str.to_uppercase().str.replace_all(r"[^A-Z ]", "")
    return frozenset(names.drop_nulls())


@cache
def zips() -> frozenset[str]:
    """ZIP codes in use."""
    return frozenset(_places()["zip"])


@cache
def languages() -> frozenset[str]:
    """Codes and names, lower case."""
    found = words("language")
    return frozenset(word.lower() for word in (*found, *found.values()))


@cache
def countries() -> frozenset[str]:
    """Codes and names, upper case."""
    found = words("country")
    return frozenset(found) | frozenset(found.values()) | {"US", "USA", "U.S.", "UNITED STATES"}


@cache
def street_words() -> frozenset[str]:
    """Street suffixes."""
    found = words("suffix")
    return frozenset(found) | frozenset(found.values())


@cache
def listed(kind: str) -> pl.Series:
    """One of the lists as a column, sorted."""
    lists = {
        "state": states, "city": cities, "zip": zips, "first": first_names, "last": last_names,
        "language": languages, "country": countries, "role": role_words, "street_word": street_words,
    }  # fmt: skip
    closed = {
        "sex": SEXES,
        "generation": GENERATIONS,
        "format": FORMATS,
        "scope": SCOPES,
        "element": KIND_WORDS,
    }
    return pl.Series(sorted(closed[kind] if kind in closed else lists[kind]()), dtype=pl.String)


@cache
def role_words() -> frozenset[str]:
    """What a role column may say."""
    return frozenset(ROLE_WORDS) | frozenset(ROLES)
