"""Clean each distinct value once: a million rows hold few names, dates, towns.

A cleaner takes a lazy frame with one text column `raw` and gives one with its results. Columns that
begin with `rule:` say which rows a rule changed; those that begin with `flag:` do so too and are kept
with the row as reason codes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

__all__ = ["FLAG", "RULE", "Cleaner", "Cleaning"]

Cleaner = Callable[[pl.LazyFrame], pl.LazyFrame]
RULE, FLAG = "rule:", "flag:"


@dataclass(slots=True)
class Cleaning:
    """One part being cleaned: flags of rows, and rows changed by (field, rule)."""

    rows: int
    flags: dict[str, pl.Series] = field(default_factory=dict)
    changes: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(
        self, name: str, raw: pl.Series, cleaner: Cleaner, *, flagged: bool = True
    ) -> pl.DataFrame:
        """Clean the column, note its rules under `name`, and give its results row by row.

        Not `flagged`: the rules are counted, but say nothing about the person of the row.
        """
        cleaned, codes, weights = _distinct(raw, cleaner)
        for column in cleaned.columns:
            if column.startswith((RULE, FLAG)):
                hit = cleaned[column].fill_null(value=False)
                rule = column.split(":", 1)[1]
                self._count(name, rule, int(weights.filter(hit).sum()))
                if flagged and column.startswith(FLAG) and hit.any():
                    self._flag(rule, hit.gather(codes))
        values = cleaned.select(c for c in cleaned.columns if not c.startswith((RULE, FLAG)))
        return values[codes]

    def _count(self, name: str, rule: str, rows: int) -> None:
        if rows:
            self.changes[name, rule] = self.changes.get((name, rule), 0) + rows

    def _flag(self, rule: str, rows: pl.Series) -> None:
        self.flags[rule] = (self.flags[rule] | rows) if rule in self.flags else rows

    def note_rows(self, name: str, rule: str, hit: pl.Series) -> None:
        """The same for a rule that looks at several columns of a row: counted and flagged."""
        rows = hit.fill_null(value=False)
        self._count(name, rule, int(rows.sum()))
        if rows.any():
            self._flag(rule, rows)


def _distinct(raw: pl.Series, cleaner: Cleaner) -> tuple[pl.DataFrame, pl.Series, pl.Series]:
    """Cleaned distinct values, each row's place among them, and rows a value. Null is a value, last."""
    encoded = raw.to_arrow().dictionary_encode()
    values = pl.Series("raw", pl.from_arrow(encoded.dictionary), dtype=pl.String)
    codes = pl.Series(pl.from_arrow(encoded.indices), dtype=pl.UInt32).fill_null(values.len())
    weights = np.bincount(codes.to_numpy(), minlength=values.len() + 1)
    whole = pl.concat([values, pl.Series("raw", [None], dtype=pl.String)])
    return cleaner(pl.LazyFrame({"raw": whole})).drop("raw").collect(), codes, pl.Series(weights)
