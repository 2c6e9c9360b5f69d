"""Where a pattern occurs in a column of texts: place, words around it, all in bulk.

Comes in: frames of `row`, `text`. Goes out: one row per occurrence. A regex cannot tell places in
bulk, so each occurrence is put between two marks and the text is cut there: the lengths of the
pieces give the places. Time is linear in the text, however many occurrences one text has.
"""

from __future__ import annotations

from typing import Final

import polars as pl

__all__ = ["CLOSE", "OPEN", "apart", "around", "matches"]

OPEN: Final = "\ue000"
CLOSE: Final = "\ue001"
"""Private use characters; `plain` takes them out of delivered texts."""
AROUND: Final = 96
"""Characters kept on either side: a keyword further off speaks of something else."""


def matches(texts: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """One row per occurrence, in order: row, start, end (characters), found, before, since, after.

    `since`: what stands between the occurrence before (or the start) and this one; `before` and
    `after` reach over other occurrences. All three at most AROUND characters.
    """
    return around(apart(texts, pattern)).filter(pl.col("found").is_not_null()).drop("rest")


def apart(texts: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Texts with an occurrence in pieces: row, start, end, found, rest.

    The first piece of a text is what stands before its first occurrence; `found` is null there.
    """
    marked = pl.col("text").str.replace_all(f"({pattern})", f"{OPEN}${{1}}{CLOSE}")
    pieces = (
        texts.lazy()
        .filter(pl.col("text").str.contains(pattern))
        .select("row", piece=marked.str.split(OPEN))
        .explode("piece", empty_as_null=False, keep_nulls=False)
        .with_columns(cut=pl.col("piece").str.split_exact(CLOSE, 1))
        .with_columns(
            one=pl.col("cut").struct.field("field_0"), two=pl.col("cut").struct.field("field_1")
        )
        .with_columns(
            found=pl.when(pl.col("two").is_not_null()).then("one"),
            rest=pl.coalesce("two", "one"),
        )
        .with_columns(
            long=pl.col("found").str.len_chars().fill_null(0).cast(pl.Int64),
            whole=(pl.col("found").fill_null("") + pl.col("rest")).str.len_chars().cast(pl.Int64),
        )
        .with_columns(start=pl.col("whole").cum_sum().over("row") - pl.col("whole"))
    )
    return pieces.select(
        "row", "start", end=pl.col("start") + pl.col("long"), found="found", rest="rest"
    ).collect()


def around(pieces: pl.DataFrame) -> pl.DataFrame:
    """`pieces` with `since`, `before` and `after`."""
    whole = pl.concat_str(pl.col("found").fill_null(""), "rest")
    behind = [whole.shift(back).over("row").fill_null("") for back in (3, 2, 1)]
    ahead = [whole.shift(-step).over("row").fill_null("") for step in (1, 2)]
    return pieces.with_columns(
        since=pl.col("rest").shift(1).over("row").fill_null("").str.tail(AROUND),
        before=pl.concat_str(behind).str.tail(AROUND),
        after=pl.concat_str("rest", *ahead).str.head(AROUND),
    )
