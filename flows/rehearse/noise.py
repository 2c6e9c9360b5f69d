"""Faults as people, scanners and exports make them, on whole columns at once.

Every function takes the struck texts and gives what became of them; nulls stay null. The
randomness is the caller's generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["fold", "mistype", "ocr", "slip_digit", "struck", "typo"]

Ints = NDArray[np.int64]

_KEYS: Final = "abcdefghijklmnopqrstuvwxyz"
_NEXT_KEY: Final = "snvfrdhjuikzmbijwerxycexus"  # the neighbour of each on a QWERTY keyboard
_SCANS: Final = (("m", "rn"), ("l", "1"), ("o", "0"), ("i", "l"), ("rn", "m"), ("e", "c"),
                 ("S", "5"), ("B", "8"), ("cl", "d"), ("h", "b"))  # fmt: skip


def struck(rng: np.random.Generator, size: int, rate: float) -> Ints:
    """Which of `size` rows are struck, each with the chance `rate`.

    Draws the gaps between struck rows where they are rare: the cost is theirs, not every row's.
    """
    if rate > 0.1:  # below, a gap costs less than the draws it saves
        return np.flatnonzero(rng.random(size) < rate)
    if rate <= 0:
        return np.zeros(0, dtype=np.int64)
    some = int(size * rate * 1.05) + 20
    at = np.cumsum(rng.geometric(rate, some)) - 1
    while at[-1] < size:
        at = np.concatenate([at, at[-1] + np.cumsum(rng.geometric(rate, some))])
    return at[: np.searchsorted(at, size)]


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


def mistype(rng: np.random.Generator) -> Callable[[pl.Series], pl.Series]:
    """A typing error before the @ of an e-mail address: the reserved domains stay what they are."""

    def apply(email: pl.Series) -> pl.Series:
        local, domain = email.str.extract(r"^([^@]*)"), email.str.extract(r"(@.*)$")
        return typo(rng)(local) + domain

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


def fold(text: pl.Series) -> pl.Series:
    """Without diacritics and apostrophes, as an old export writes names."""
    plain = text.str.normalize("NFKD").str.replace_all(r"\p{Mn}|'", "")
    return plain.str.replace_many(["ø", "Ł", "ł", "Đ"], ["o", "L", "l", "D"])
