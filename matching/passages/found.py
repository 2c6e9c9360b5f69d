"""All findings of a batch of texts: identifiers, names, then what the words around show.

Comes in: `texts` (row, text). Goes out: findings with places in readable text, and the lines they
stand on. Identifiers come first, because a street or a mailbox may hold a name.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.codes import coded, in_brackets, named_after
from matching.passages.contacts import addresses, emails
from matching.passages.marks import AROUND
from matching.passages.model import Reader
from matching.passages.names import named, said_again, without_overlaps
from matching.passages.numbers import FINDING, numbers

__all__ = ["CONTEXT", "findings"]

CONTEXT: Final = {**FINDING, "line": pl.Int64, "before": pl.String, "after": pl.String}
_BORN_BEFORE: Final = 2012
"""A bare day right after a name is a birth date where no visit can have been: records began later."""
_YEAR: Final = r"((?:18|19|20)\d\d)"


def findings(texts: pl.DataFrame, reader: Reader | None) -> pl.DataFrame:
    """row, start, end, kind, value, grade, line, before, after; sorted, none overlapping.

    `texts` is readable already. `reader` adds the names that only the model sees.
    """
    sure = pl.concat(
        [numbers(texts), coded(texts), named_after(texts), emails(texts), addresses(texts)]
    )
    both = without_overlaps(pl.concat([sure, named(texts)]))
    if reader is not None:
        both = without_overlaps(pl.concat([both, reader.names(texts, both)]))
    more = [said_again(texts, both), in_brackets(texts, both)]
    both = without_overlaps(pl.concat([both, *more]))
    placed = _placed(texts, both)
    return _birth_dates(placed).filter(pl.col("kind") != "day").select(list(CONTEXT))


def _placed(texts: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """With the number of its line, and the words before and after it."""
    held = found.sort("row", "start").join(texts, on="row", how="left", maintain_order="left")
    start, end = pl.col("start"), pl.col("end")
    head = pl.col("text").str.slice(0, start)
    return held.with_columns(
        line=head.str.count_matches("\n").cast(pl.Int64),
        before=head.str.tail(AROUND),
        after=pl.col("text").str.slice(end, AROUND),
    ).drop("text")


def _birth_dates(found: pl.DataFrame) -> pl.DataFrame:
    """A day right behind a name, in brackets or too early for a visit, is a birth date."""
    day = pl.col("kind") == "day"
    near = pl.col("kind").shift(1).over("row").eq("name") & (
        (pl.col("start") - pl.col("end").shift(1).over("row") <= 3)
        | pl.col("before").str.contains(r", (?:both|each|born) $")
    )
    short = pl.col("value").str.contains(
        r"^\d{1,2}\D\d{1,2}\D[3-9]\d$"
    )  # of a visit it would be in the future
    year = pl.col("value").str.extract(_YEAR).str.to_integer(strict=False)
    bracket = pl.col("before").str.contains(r"\(\s?$") & pl.col("after").str.contains(r"^\s?\)")
    visit = (
        pl.col("after")
        .str.to_lowercase()
        .str.contains(r"^\W{0,3}(?:appt|visit|seen|cleaning|recall|at \d)")
    )
    born = day & near & ~visit & (bracket | short | (year < _BORN_BEFORE))
    return found.with_columns(
        kind=pl.when(born.fill_null(value=False)).then(pl.lit("date_of_birth")).otherwise("kind"),
        grade=pl.when(born.fill_null(value=False)).then(pl.lit("likely")).otherwise("grade"),
    )
