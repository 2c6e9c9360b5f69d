"""Small steps on text that several fields share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import polars as pl

__all__ = ["Step", "blank_to_null", "collapse", "fold_accents", "pipeline", "upper"]

Step = Callable[[pl.Expr], pl.Expr]
_UNDECOMPOSED = {
    "Ł": "L", "ł": "l", "Ø": "O", "ø": "o", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "ß": "SS",
    "ẞ": "SS", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Þ": "TH", "þ": "th", "\u0131": "i", "İ": "I",
    "Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t",
}  # fmt: skip
"""Latin letters that Unicode does not take apart into a letter and a mark."""


def pipeline(text: pl.Expr, steps: tuple[Step, ...]) -> pl.Expr:
    """The steps in order."""
    return reduce(lambda value, step: step(value), steps, text)


def fold_accents(text: pl.Expr) -> pl.Expr:
    """'Zoë Núñez' becomes 'Zoe Nunez'; other scripts survive."""
    return text.map_batches(_fold_series, return_dtype=pl.String, is_elementwise=True)


def _fold_series(text: pl.Series) -> pl.Series:
    """Only values beyond ASCII are touched: one in a hundred, and by far the slowest step."""
    beyond = (text.str.len_bytes() != text.str.len_chars()).fill_null(value=False)
    if not beyond.any():
        return text
    apart = text.filter(beyond).str.normalize("NFKD").str.replace_all(r"[\u{300}-\u{36f}]", "")
    folded = apart.str.normalize("NFC").str.replace_many(_UNDECOMPOSED)
    return text.scatter(beyond.arg_true(), folded)


def upper(text: pl.Expr) -> pl.Expr:
    """Upper case."""
    return text.str.to_uppercase()


def collapse(text: pl.Expr) -> pl.Expr:
    """One blank between words, none at the ends."""
    return text.str.replace_all(r"\s\s+|[^\S ]", " ").str.strip_chars(" ")


def blank_to_null(text: pl.Expr) -> pl.Expr:
    """Empty text is null."""
    return pl.when(text != "").then(text)
