"""Blocking keys as 64-bit hashes: what records share, without touching a string twice.

Parts that are bare columns use the column's hash; any other part is evaluated once by DuckDB, whatever
the number of keys it takes part in: for each distinct value where it reads one column that repeats its
values, else row by row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.hashing import Hashes, Numbering, column_hashes, evaluated, mixed
from matching.link.rules import Key, Rule, columns_of_part

__all__ = ["KeyMaker", "KeyTable", "Slots", "slots"]

KeyTable = npt.NDArray[np.uint64]
"""keys x rows; 0 where a record has no such key."""


@dataclass(frozen=True, slots=True)
class Slots:
    """The keys of all rules in a row: `rule` gives the rule's bit of each."""

    keys: tuple[Key, ...]
    rule: npt.NDArray[np.int64]

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the parts read."""
        found = [column for part in self.parts for column in columns_of_part(part)]
        return tuple(dict.fromkeys(found))

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part once."""
        return tuple(dict.fromkeys(part for key in self.keys for part in key))


class KeyMaker:
    """Makes the keys of any number of frames. Safe to use from several threads.

    `repeating`: columns of which each distinct value is looked at once.
    """

    def __init__(self, slots: Slots, *, repeating: Collection[str] = ()) -> None:
        self._slots, self._by_row = slots, list[str]()
        self._by_value: dict[str, list[str]] = {}
        for part in slots.parts:
            columns = columns_of_part(part)
            if part in columns:
                continue
            if len(columns) == 1 and columns[0] in repeating:
                self._by_value.setdefault(columns[0], []).append(part)
            else:
                self._by_row.append(part)
        self._numberings = {
            column: Numbering(tuple(map(_hash_of, parts)), column=column)
            for column, parts in self._by_value.items()
        }
        read = dict.fromkeys(c for part in self._by_row for c in columns_of_part(part))
        self._read = list(read) or list(slots.columns[:1])  # a part may be a constant
        self._hashed = {*self._by_value, *(set(slots.parts) & set(slots.columns))}

    def table(
        self, con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, hashes: dict[str, Hashes]
    ) -> KeyTable:
        """Keys of a frame's rows. Hashes of columns are taken from `hashes` and left there."""
        for column in self._hashed:
            if column not in hashes:
                hashes[column] = column_hashes(frame[column])
        parts = dict(hashes)
        if self._by_row:
            answers = evaluated(con, frame.select(self._read), list(map(_hash_of, self._by_row)))
            parts |= zip(self._by_row, answers, strict=True)
        for column, numbering in self._numberings.items():
            numbers = numbering.number(hashes[column], frame[column])
            for place, part in enumerate(self._by_value[column]):
                parts[part] = numbering.known[:, place][numbers]
        table = np.empty((len(self._slots.keys), frame.height), dtype=np.uint64)
        for number, key in enumerate(self._slots.keys):
            table[number] = mixed([parts[part] for part in key])
        return table


def slots(rules: Mapping[str, Rule]) -> Slots:
    """The keys of these rules."""
    keys = tuple(key for rule in rules.values() for key in rule.keys)
    bits = [bit for bit, rule in enumerate(rules.values()) for _ in rule.keys]
    return Slots(keys, np.array(bits, dtype=np.int64))


def _hash_of(part: str) -> str:
    return f"(case when ({part}) is not null then hash({part}) end)"
