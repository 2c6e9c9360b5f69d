"""Faults as people, scanners and exports make them, on whole columns at once.

Every function takes a column and the rows it strikes and gives the column with those rows
changed; nulls stay null. The randomness is the caller's generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = [
    "blank",
    "change",
    "fold",
    "initial",
    "iso_dates",
    "ocr",
    "slip_birth",
    "slip_digit",
    "spread",
    "strikes",
    "text_dates",
    "typo",
]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_KEYS: Final = "abcdefghijklmnopqrstuvwxyz"
_NEXT_KEY: Final = "snvfrdhjuikzmbijwerxycexus"  # the neighbour of each on a QWERTY keyboard
_SCANS: Final = (("m", "rn"), ("l", "1"), ("o", "0"), ("i", "l"), ("rn", "m"), ("e", "c"),
                 ("S", "5"), ("B", "8"), ("cl", "d"), ("h", "b"))  # fmt: skip


def strikes(rng: np.random.Generator, size: int, rate: float) -> Bools:
    """Which of `size` rows are struck at this rate."""
    return rng.random(size) < rate


def change(column: pl.Series, where: Bools, new: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The column with `new` applied to the struck rows."""
    rows = np.flatnonzero(where)
    if not len(rows):
        return column
    return column.clone().scatter(rows, new(column.gather(rows)))


def blank(column: pl.Series, where: Bools) -> pl.Series:
    """The column with the struck rows missing."""
    return change(column, where, lambda old: pl.Series([None] * len(old), dtype=pl.String))


def spread(size: int, rows: Ints, values: pl.Series) -> pl.Series:
    """A column of `size` texts that is null but for `values` at `rows`."""
    column = pl.repeat(None, size, dtype=pl.String, eager=True)
    return column.scatter(rows, values) if len(rows) else column


def typo(rng: np.random.Generator) -> Callable[[pl.Series], pl.Series]:
    """One letter replaced by its neighbour, left out, doubled, or swapped with the next."""

    def apply(text: pl.Series) -> pl.Series:
        frame = pl.DataFrame(
            {"s": text, "u": rng.random(len(text)), "kind": rng.choice(4, len(text))}
        ).with_columns(at=(pl.col("u") * (pl.col("s").str.len_chars() - 1)).cast(pl.Int64) + 1)
        s, at, kind = pl.col("s"), pl.col("at"), pl.col("kind")
        before, letter, after = s.str.slice(0, at), s.str.slice(at, 1), s.str.slice(at + 1)
        lower = letter.str.to_lowercase().replace(list(_KEYS), list(_NEXT_KEY))
        near = pl.when(letter.str.contains(r"[A-Z]")).then(lower.str.to_uppercase())
        swapped = s.str.slice(0, at - 1) + letter + s.str.slice(at - 1, 1) + after
        new = (
            pl.when(s.str.len_chars() < 3).then(s)
            .when(kind == 0).then(before + near.otherwise(lower) + after)
            .when(kind == 1).then(before + after)
            .when(kind == 2).then(before + letter + letter + after)
            .otherwise(swapped)
        )  # fmt: skip
        return frame.select(new.alias("s"))["s"]

    return apply


def ocr(rng: np.random.Generator) -> Callable[[pl.Series], pl.Series]:
    """One confusion of a scanner: 'rn' for 'm', '0' for 'o'."""

    def apply(text: pl.Series) -> pl.Series:
        frame = pl.DataFrame({"s": text, "kind": rng.choice(len(_SCANS), len(text))})
        new = pl.col("s")
        for kind, (seen, read) in enumerate(_SCANS):
            read_as = pl.col("s").str.replace(seen, read, literal=True)
            new = pl.when(pl.col("kind") == kind).then(read_as).otherwise(new)
        return frame.select(new.alias("s"))["s"]

    return apply


def slip_digit(rng: np.random.Generator, *, last: int) -> Callable[[pl.Series], pl.Series]:
    """One of the last `last` characters, a digit, becomes another digit."""

    def apply(text: pl.Series) -> pl.Series:
        frame = pl.DataFrame(
            {"s": text, "back": rng.integers(1, last + 1, len(text)),
             "by": rng.integers(1, 10, len(text))}
        )  # fmt: skip
        at = pl.col("s").str.len_chars().cast(pl.Int64) - pl.col("back")
        digit = pl.col("s").str.slice(at, 1).cast(pl.Int64, strict=False)
        new = pl.col("s").str.slice(0, at) + ((digit + pl.col("by")) % 10).cast(pl.String)
        return frame.select(s=(new + pl.col("s").str.slice(at + 1)).fill_null(pl.col("s")))["s"]

    return apply


def initial(text: pl.Series) -> pl.Series:
    """The first letter only."""
    return text.str.head(1)


def fold(text: pl.Series) -> pl.Series:
    """Without diacritics and apostrophes, as an old export writes names."""
    plain = text.str.normalize("NFKD").str.replace_all(r"\p{Mn}|'", "")
    return plain.str.replace_many(["ø", "Ł", "ł", "Đ"], ["o", "L", "l", "D"])


def slip_birth(
    rng: np.random.Generator, days: Ints, *, swapped: float, slip: float, year: float
) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of each date, some with the usual mistakes in them."""
    size = len(days)
    dates = days.astype("datetime64[D]")
    y = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    m = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    d = (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1
    luck = rng.random(size)
    swap = (luck < swapped) & (d <= 12)
    m, d = np.where(swap, d, m), np.where(swap, m, d)
    luck = rng.random(size)
    step = rng.choice([-10, -2, -1, 1, 2, 10], size)
    near = d + step
    near = np.where((near < 1) | (near > 28), np.where(d < 28, d + 1, d - 1), near)
    d = np.where(luck < slip * 0.6, near, d)
    other_month = (m - 1 + np.abs(step)) % 12 + 1
    month_slip = (luck >= slip * 0.6) & (luck < slip)
    m = np.where(month_slip, other_month, m)
    d = np.where(month_slip, np.minimum(d, 28), d)
    off = rng.choice([-10, -1, 1, 1, 10], size)
    wrong_year = rng.random(size) < year
    d = np.where(wrong_year & (m == 2), np.minimum(d, 28), d)
    return np.where(wrong_year, y + off, y), m, d


def text_dates(parts: tuple[Ints, Ints, Ints], *, order: str) -> pl.Series:
    """Dates as text: `iso` (2026-03-05) or `us` (03/05/2026)."""
    year, month, day = (pl.Series(part).cast(pl.String) for part in parts)
    frame = pl.DataFrame({"y": year, "m": month.str.zfill(2), "d": day.str.zfill(2)})
    form = pl.format("{}-{}-{}", "y", "m", "d") if order == "iso" else (
        pl.format("{}/{}/{}", "m", "d", "y"))  # fmt: skip
    return frame.select(date=form)["date"]


def iso_dates(days: Ints) -> pl.Series:
    """Days since 1970 as text like 2026-03-05."""
    return pl.Series(days.astype(np.int32)).cast(pl.Date).cast(pl.String)
