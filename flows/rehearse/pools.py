"""Names, nicknames, places and street names to draw from.

Comes in: the packages `names` (census 1990 shares), `nicknames` and `zipcodes`. Goes out: one
`Pools` of columns; everything else refers to them by position, so a person is a few integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import zipcodes
from numpy.typing import NDArray

from flows.rehearse.wordlists import (
    OTHER_FIRST_NAMES,
    OTHER_LAST_NAMES,
    SPANISH_FIRST_NAMES,
    SPANISH_LAST_NAMES,
    SPELLINGS,
    STREET_SUFFIXES,
    STREET_WORDS,
)

__all__ = ["Names", "Places", "Pools", "load_pools"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Names outside the census lists: about one person in 250 bears one.
OTHER_SHARE: Final = 0.004


@dataclass(frozen=True, slots=True)
class Names:
    """One list of names: `text` as its bearer writes it, `plain` in ASCII small letters."""

    text: pl.Series
    plain: pl.Series
    cumulative: Floats

    def draw(self, rng: np.random.Generator, size: int) -> Ints:
        """Positions of `size` names, as often as they are borne."""
        return self.at(rng.random(size))

    def at(self, share: Floats) -> Ints:
        """Positions of the names at these shares (0-1) of the list."""
        last = len(self.cumulative) - 1
        return np.minimum(np.searchsorted(self.cumulative, share, side="right"), last)


@dataclass(frozen=True, slots=True)
class Places:
    """Delivery ZIP codes in use, in order, with their city, state and one area code.

    `city_no` and `state_no` are positions in the lists of distinct names.
    """

    zip: pl.Series
    city: pl.Series
    state: pl.Series
    area_code: Ints
    city_no: Ints
    city_names: pl.Series
    state_no: Ints
    state_names: pl.Series


@dataclass(frozen=True, slots=True)
class Given:
    """Given names in every form a desk writes without a fault; numbers are positions in `words`.

    A bearer's name is a position in both first lists together, women's first.
    """

    words: pl.Series
    code: Ints  # per bearer's name
    nick_from: Ints  # per bearer's name: where its nicknames start
    nick_count: Ints
    nick_code: Ints
    initial_code: Ints  # per word: its first letter alone
    baby_code: Ints  # what stands for a newborn girl's and boy's
    marked: Bools  # per word: letters or signs beyond A to Z


@dataclass(frozen=True, slots=True)
class Pools:
    """Everything that names are drawn from."""

    first: tuple[Names, Names]  # women, men
    last: Names
    given: Given
    last_marked: Bools  # per surname: letters or signs beyond A to Z
    spanish_first: tuple[Ints, Ints]
    spanish_last: frozenset[int]
    places: Places
    streets: pl.Series
    suffixes: pl.DataFrame


def _spelled(names: pl.Series) -> pl.Series:
    """Census capitals as people write them: 'OBRIEN' becomes 'O'Brien'."""
    usual = names.str.to_lowercase().str.to_titlecase()
    mc = usual.str.replace(r"^Mc([a-z])", "Mc\u0001${1}")
    letters = "abcdefghijklmnopqrstuvwxyz"
    old, new = ["\u0001" + c for c in letters], [c.upper() for c in letters]
    return names.replace_strict(SPELLINGS, default=None, return_dtype=pl.String).fill_null(
        mc.str.replace_many(old, new)
    )


def plain_letters(names: pl.Series) -> pl.Series:
    """ASCII small letters only; null where nothing is left (other scripts)."""
    folded = names.str.normalize("NFKD").str.to_lowercase().str.replace_all(r"[^a-z]", "")
    return folded.replace("", None)


def _names(resource: str, others: Sequence[str]) -> Names:
    text = files("names").joinpath(resource).read_text(encoding="ascii")
    rows = pl.DataFrame({"line": text.splitlines()}).select(
        name=pl.col("line").str.extract(r"^(\S+)"),
        upto=pl.col("line").str.extract(r"^\S+\s+\S+\s+(\S+)").cast(pl.Float64),
    )
    known = rows["upto"].to_numpy()
    share = known / known[-1] * (1 - OTHER_SHARE)
    rest = share[-1] + OTHER_SHARE * np.arange(1, len(others) + 1) / len(others)
    names = pl.concat([_spelled(rows["name"]), pl.Series("name", others, dtype=pl.String)])
    return Names(names, plain_letters(names), np.concatenate([share, rest]))


def _nicknames(first: tuple[Names, Names]) -> tuple[Ints, Ints, pl.Series]:
    text = files("nicknames").joinpath("names.csv").read_text(encoding="utf-8")
    pairs = pl.read_csv(text.encode(), infer_schema=False).select(
        plain=pl.col("name1"), nick=pl.col("name2").str.to_titlecase()
    )
    listed = pl.DataFrame({"plain": pl.concat([n.plain for n in first])}).with_row_index("at")
    held = listed.join(pairs, on="plain", how="inner").sort("at", "nick")
    count = np.bincount(held["at"].to_numpy(), minlength=len(listed)).astype(np.int64)
    return np.cumsum(count) - count, count, held["nick"]


_PLACE_COLUMNS: Final = pa.schema(
    {
        "zip_code": pa.string(),
        "zip_code_type": pa.string(),
        "active": pa.bool_(),
        "city": pa.string(),
        "state": pa.string(),
        "area_codes": pa.list_(pa.string()),
    }
)


def _places() -> Places:
    listed = zipcodes.list_all()  # type: ignore[no-untyped-call]  # Rust module
    every = pa.Table.from_pylist(listed, schema=_PLACE_COLUMNS)
    rows = (
        pl.DataFrame(every)
        .filter(
            (pl.col("zip_code_type") == "STANDARD")
            & pl.col("active")
            & (pl.col("area_codes").list.len() > 0)
            & ~pl.col("state").is_in(["AE", "AP", "AA", "GU", "VI", "AS", "MP", "FM", "MH", "PW"])
        )
        .sort("zip_code")
        .with_columns(area=pl.col("area_codes").list.first().cast(pl.Int64))
    )
    city_names, state_names = (rows[c].unique().sort() for c in ("city", "state"))
    return Places(
        zip=rows["zip_code"].alias("zip"),
        city=rows["city"],
        state=rows["state"],
        area_code=rows["area"].to_numpy(),
        city_no=_numbers(rows["city"], city_names),
        city_names=city_names,
        state_no=_numbers(rows["state"], state_names),
        state_names=state_names,
    )


def _numbers(texts: pl.Series, words: pl.Series) -> Ints:
    """The position of each text in a list of distinct words."""
    return texts.cast(pl.Enum(words)).to_physical().to_numpy().astype(np.int64)


def _marked(names: pl.Series) -> Bools:
    return names.str.contains(r"[^A-Za-z \-]").to_numpy()


def _given(first: tuple[Names, Names]) -> Given:
    both = pl.concat([names.text for names in first])
    start, count, nicks = _nicknames(first)
    babies = pl.Series(["BABY GIRL", "BABY BOY"])
    words = pl.concat([s.alias("given") for s in (both, nicks, babies)])
    words = pl.concat([words, words.str.head(1)]).unique(maintain_order=True)
    return Given(
        words=words,
        code=_numbers(both, words),
        nick_from=start,
        nick_count=count,
        nick_code=_numbers(nicks, words),
        initial_code=_numbers(words.str.head(1), words),
        baby_code=_numbers(babies, words),
        marked=_marked(words),
    )


def _streets(last: Names) -> pl.Series:
    ordinals = [
        f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') if n // 10 != 1 else 'th' }"
        for n in range(1, 80)
    ]
    return pl.concat(
        [pl.Series(STREET_WORDS * 6 + ordinals * 2, dtype=pl.String), last.text.head(1500)]
    )


@cache
def load_pools() -> Pools:
    """Read every list once per process."""
    women = _names("dist.female.first", OTHER_FIRST_NAMES + SPANISH_FIRST_NAMES[0])
    men = _names("dist.male.first", OTHER_FIRST_NAMES + SPANISH_FIRST_NAMES[1])
    last = _names("dist.all.last", OTHER_LAST_NAMES)
    spanish = (
        np.flatnonzero(women.text.is_in(SPANISH_FIRST_NAMES[0]).to_numpy()),
        np.flatnonzero(men.text.is_in(SPANISH_FIRST_NAMES[1]).to_numpy()),
    )
    surnames = last.text.is_in([SPELLINGS.get(n, n.title()) for n in SPANISH_LAST_NAMES])
    return Pools(
        first=(women, men),
        last=last,
        given=_given((women, men)),
        last_marked=_marked(last.text),
        spanish_first=spanish,
        spanish_last=frozenset(np.flatnonzero(surnames.to_numpy()).tolist()),
        places=_places(),
        streets=_streets(last),
        suffixes=pl.DataFrame(
            {"long": [s for s, _ in STREET_SUFFIXES], "short": [s for _, s in STREET_SUFFIXES]}
        ),
    )
