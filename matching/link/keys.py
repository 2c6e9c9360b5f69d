"""Blocking keys as 64-bit hashes: what records share, without touching a string twice.

Parts that are bare columns use the column's hash; any other part is evaluated once by DuckDB,
whatever the number of keys it takes part in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.hashing import Hashes, column_hashes, mixed
from matching.link.rules import Key, Rule, columns_of_part

__all__ = ["KeyTable", "Slots", "slots"]

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

    def table(
        self, con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, hashes: dict[str, Hashes]
    ) -> KeyTable:
        """Keys of a frame's rows. Hashes of columns are taken from `hashes` and left there."""
        for part in self.parts:
            if part in frame.columns and part not in hashes:
                hashes[part] = column_hashes(frame[part])
        derived = [part for part in self.parts if part not in frame.columns]
        parts = {**hashes, **_evaluated(con, frame, derived)}
        table = np.empty((len(self.keys), frame.height), dtype=np.uint64)
        for number, key in enumerate(self.keys):
            table[number] = mixed([parts[part] for part in key])
        return table


def slots(rules: Mapping[str, Rule]) -> Slots:
    """The keys of these rules."""
    keys = tuple(key for rule in rules.values() for key in rule.keys)
    bits = [bit for bit, rule in enumerate(rules.values()) for _ in rule.keys]
    return Slots(keys, np.array(bits, dtype=np.int64))


def _evaluated(
    con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, parts: list[str]
) -> dict[str, Hashes]:
    if not parts:
        return {}
    con.register("frame", frame.to_arrow())
    each = ", ".join(
        f"(case when ({part}) is null then 0 else hash({part}) end)::ubigint as p{n}"
        for n, part in enumerate(parts)
    )
    found = con.sql(f"select {each} from frame").fetchnumpy()
    con.unregister("frame")
    return {part: np.asarray(found[f"p{n}"]) for n, part in enumerate(parts)}
