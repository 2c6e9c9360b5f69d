"""Clean each distinct value once: a million rows hold few names, dates, towns.

A cleaner takes a lazy frame with one text column `raw` and gives one with its results. Columns that
begin with `rule:` say which rows a rule changed; those that begin with `flag:` do so too and are kept
with the row as reason codes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import Lock
from typing import Any

import numpy as np
import polars as pl

from matching.compiling import compiled

__all__ = ["FLAG", "RULE", "Cleaner", "Cleaning", "Known"]

Cleaner = Callable[[pl.LazyFrame], pl.LazyFrame]
RULE, FLAG = "rule:", "flag:"
KEPT_VALUES = 200_000
"""Values that a cleaner's results are kept of: all given names, towns, birth dates; 20 MB a cleaner."""
FEW = 4
"""Values are kept where each is borne by so many rows: a number of one's own comes once."""
ROWS_MIN, SAMPLE, SAMPLE_MIN = 50_000, 10_000, 1_000
OWN_SHARE = 0.99
"""Of ten thousand rows of a part: where each value came twice, two in a hundred would be seen again."""
_AT = "__at"


@dataclass(slots=True)
class Known:
    """What cleaners made of values they met before, in any part. Safe for several threads.

    Memory: KEPT_VALUES results a cleaner; what comes later is cleaned each time.
    """

    results: dict[Cleaner, pl.DataFrame] = field(default_factory=dict)
    locks: defaultdict[Cleaner, Lock] = field(default_factory=lambda: defaultdict(Lock))

    def cleaned(self, cleaner: Cleaner, values: pl.Series) -> pl.DataFrame:
        """The cleaner's results, value by value; a null among them is cleaned, too."""
        with self.locks[cleaner]:
            before = self.results.get(cleaner)
            if before is None:
                after = _clean(cleaner, values)
                at = pl.Series(np.arange(values.len(), dtype=np.uint32))
            else:
                places = before.select("raw").with_row_index(_AT)
                found = values.to_frame().join(
                    places, on="raw", how="left", maintain_order="left", nulls_equal=True
                )[_AT]
                new = values.filter(found.is_null())
                after = pl.concat([before, _clean(cleaner, new)]) if new.len() else before
                numbers = pl.Series(np.arange(before.height, after.height, dtype=np.uint32))
                at = found.scatter(found.is_null().arg_true(), numbers) if new.len() else found
            if after.height <= KEPT_VALUES:
                self.results[cleaner] = after
        return after.drop("raw")[at]


@dataclass(slots=True)
class Cleaning:
    """One part being cleaned: flags of rows, and rows changed by (field, rule)."""

    rows: int
    known: Known = field(default_factory=Known)
    flags: dict[str, pl.Series] = field(default_factory=dict)
    changes: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(
        self, name: str, raw: pl.Series, cleaner: Cleaner, *, flagged: bool = True
    ) -> pl.DataFrame:
        """Clean the column, note its rules under `name`, and give its results row by row.

        Not `flagged`: the rules are counted, but say nothing about the person of the row.
        """
        if _own(raw):
            results, codes = _clean(cleaner, raw.alias("raw")).drop("raw"), None
        else:
            values, codes = _distinct(raw)
            few = values.len() * FEW <= max(raw.len(), KEPT_VALUES // FEW)
            results = (
                self.known.cleaned(cleaner, values) if few else _clean(cleaner, values).drop("raw")
            )
        self._note(name, results, codes, flagged=flagged)
        kept = results.select(c for c in results.columns if not c.startswith((RULE, FLAG)))
        return kept if codes is None else kept[codes]

    def _note(
        self, name: str, results: pl.DataFrame, codes: pl.Series | None, *, flagged: bool
    ) -> None:
        """Count what the rules changed; keep the flags."""
        for column in results.columns:
            if column.startswith((RULE, FLAG)) and results[column].any():
                hit = results[column].fill_null(value=False)
                rows = hit if codes is None else hit.gather(codes)
                rule = column.split(":", 1)[1]
                self._count(name, rule, int(rows.sum()))
                if flagged and column.startswith(FLAG):
                    self._flag(rule, rows)

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


def _clean(cleaner: Cleaner, values: pl.Series) -> pl.DataFrame:
    return cleaner(pl.LazyFrame({"raw": values})).collect()


def _own(raw: pl.Series) -> bool:
    """Nearly every row has a value of its own, as a chart number: looking for equal ones gains nothing."""
    if raw.len() < ROWS_MIN:
        return False
    some = raw.gather_every(raw.len() // SAMPLE).drop_nulls()
    return some.n_unique() > OWN_SHARE * max(some.len(), SAMPLE_MIN)


def _distinct(raw: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Distinct values in order of first sight and each row's place among them. Null is a value."""
    if raw.null_count() == raw.len():
        return raw.head(1).alias("raw"), pl.Series(np.zeros(raw.len(), np.uint32))
    size = 1 << (2 * raw.len()).bit_length()
    codes, firsts = np.empty(raw.len(), np.uint32), np.empty(raw.len(), np.uint32)
    for seed in count():
        slots = np.full(size, -1, np.int32)
        found = _number(raw.hash(seed).to_numpy(), slots, codes, firsts)
        values, places = raw.gather(firsts[:found]).alias("raw"), pl.Series(codes)
        if values.gather(places).equals(raw):  # two values of one hash: not in a lifetime
            break
    return values, places


@compiled
def _number(hashes: Any, slots: Any, codes: Any, firsts: Any) -> int:
    """Number equal hashes alike, by first sight; gives how many. Twice as fast as Arrow's encoding."""
    last, known = np.uint64(slots.size - 1), 0
    for row in range(hashes.size):
        at = hashes[row] & last
        while slots[at] >= 0 and hashes[firsts[slots[at]]] != hashes[row]:
            at = (at + np.uint64(1)) & last
        if slots[at] < 0:
            slots[at], firsts[known] = known, row
            known += 1
        codes[row] = slots[at]
    return known
