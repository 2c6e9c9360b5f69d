"""Committed word lists: street words, states, countries, languages, ZIP areas, nicknames."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

import polars as pl

__all__ = ["nicknames", "words", "zip3_states"]


@cache
def words(kind: str) -> dict[str, str]:
    """Words of one kind with their code. USPS Publication 28 appendices B, C; ISO 3166, 639."""
    rows = _committed("words.csv").filter(pl.col("kind") == kind)
    return dict(rows.select("word", pl.col("code").fill_null("")).iter_rows())


@cache
def zip3_states() -> dict[str, str]:
    """States of a ZIP area, sorted, separated by `|` (from the `zipcodes` package, MIT)."""
    return dict(_committed("zip3_states.csv").iter_rows())


@cache
def nicknames() -> pl.DataFrame:
    """Each given name with itself, its nicknames and its formal forms: `name`, `names`, sorted, `|`.

    From the `nicknames` package (Apache-2.0): name1 has_nickname name2, read both ways.
    """
    stored = files("nicknames").joinpath("names.csv").read_bytes()
    pairs = pl.read_csv(BytesIO(stored), infer_schema=False).select(
        pl.col("name1", "name2").str.to_uppercase().str.replace_all(r"[^\p{L}]", "")
    )
    back = pairs.select(name1="name2", name2="name1")
    both = pl.concat([pairs, back])
    selves = both.select("name1", name2="name1")
    return (
        pl.concat([both, selves])
        .group_by("name1")
        .agg(pl.col("name2").unique().sort().str.join("|"))
        .rename({"name1": "name", "name2": "names"})
        .sort("name")
    )


def _committed(name: str) -> pl.DataFrame:
    stored = files("matching.standardise").joinpath("reference", name).read_bytes()
    return pl.read_csv(BytesIO(stored), infer_schema=False)
