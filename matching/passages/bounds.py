"""How many people the passages may name whom nothing identifies: an interval, with its method.

Comes in: `Said`. Goes out: one row of counts. People with an identifier are linked like any record
and are no part of the interval.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.said import Said

__all__ = ["METHOD", "bounds"]

METHOD: Final = (
    "People with an identifier, or a whole name with birth date or address, are linked like any record. "
    "Passages that only name somebody are counted as records. At least: 1 where some whole name is borne by "
    "none of the identified, else 0. At most: each distinct name once, and each passage without a name."
)


def bounds(said: Said) -> pl.DataFrame:
    """One row: resolvable (rows to be linked), passages, names (distinct), lower, upper."""
    linked = said.people.filter(pl.col("resolvable") & pl.col("role").is_null())
    mine = said.people.filter(pl.col("own"))
    names = said.passages.select(key=_key(pl.col("said")), why="why")
    known = (
        pl.concat([linked, mine]).select(key=_key(pl.col("full_name")))["key"].drop_nulls().unique()
    )
    nameless = names.filter(pl.col("key").is_null()).height
    distinct = names["key"].drop_nulls().unique()
    new = names.filter((pl.col("why") == "name_only") & ~pl.col("key").is_in(known.implode()))
    return pl.DataFrame(
        {
            "resolvable": [linked.filter(~pl.col("own")).height],
            "passages": [said.passages.height],
            "names": [distinct.len()],
            "lower": [int(new.height > 0)],
            "upper": [distinct.len() + nameless],
        }
    )


def _key(name: pl.Expr) -> pl.Expr:
    return name.str.to_uppercase().str.replace_all(r"[^\p{L}]+", " ").str.strip_chars()
