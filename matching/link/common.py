"""Keys that are too common for a rule, frozen at the first run: every later round leaves out the same.

A key is kept as the values of one record that has it, because hashes are not the same for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.link.blocks import Index, Shared, found_keys
from matching.link.hashing import Hashes
from matching.link.keys import KeyTable
from matching.link.rules import columns_of_part
from matching.link.sides import Side, Tools
from matching.store import TryAgainLater, Workspace
from matching.tables import TABLES

__all__ = ["OVER_BUDGET", "Common"]

OVER_BUDGET = "over_budget"
"""Table of the commonest keys of a refused rule; has the columns of the frozen tables."""


@dataclass(frozen=True, slots=True)
class Common:
    """The frozen keys of one kind of pairs. `rules`: names in the order of their bits."""

    workspace: Workspace
    table: str
    tools: Tools
    rules: tuple[str, ...]

    def freeze(self, left_out: Mapping[int, Shared], side: Side, index: Index) -> None:
        """Write the keys that are left out, by rule; `side` is the indexed one."""
        rows = self._rows(left_out, side, index)
        try:
            self.workspace.write(self.table, rows)
        except TryAgainLater:
            if not self.workspace.has(self.table):  # else another worker wrote the same meanwhile
                raise

    def show(self, worst: Mapping[int, Shared], side: Side, index: Index) -> None:
        """Write the commonest keys of a rule that is refused."""
        self.workspace.write(OVER_BUDGET, self._rows(worst, side, index))

    def _rows(self, keys: Mapping[int, Shared], side: Side, index: Index) -> pl.DataFrame:
        """A row for each key, by rule: values of one record that has it."""
        found = [TABLES[OVER_BUDGET].empty()]
        for bit, shared in keys.items():
            columns = self._columns(bit)
            records = side.at(index.rows(shared.at), columns)
            hashes = self._keys(records)
            values = records.select(
                pl.struct(columns).struct.json_encode().alias("record"),
                rule=pl.lit(self.rules[bit]),
                left_rows=pl.Series(shared.left), right_rows=pl.Series(shared.right),
            )  # fmt: skip
            for place, slot in enumerate(self._slots(bit)):
                mine = pl.Series(found_keys(index, bit, hashes[slot]).at == shared.at)
                found.append(
                    TABLES[OVER_BUDGET].complete(
                        values.filter(mine).with_columns(key=pl.lit(place))
                    )
                )
        return pl.concat(found).unique(list(TABLES[OVER_BUDGET].key))

    def frozen(self) -> dict[int, Hashes]:
        """The frozen keys by rule; empty where none are."""
        common, found = self.workspace.read(self.table), dict[int, Hashes]()
        for bit, rule in enumerate(self.rules):
            schema = pl.Struct(dict.fromkeys(self._columns(bit), pl.String()))
            hashes = []
            for place, slot in enumerate(self._slots(bit)):
                mine = common.filter(pl.col("rule") == rule, pl.col("key") == place)
                if mine.height:
                    values = mine.select(pl.col("record").str.json_decode(schema))
                    hashes.append(self._keys(values.unnest("record"))[slot])
            if hashes:
                found[bit] = np.unique(np.concatenate(hashes))
        return found

    def within(self, index: Index) -> dict[int, Shared]:
        """Where the frozen keys lie in an index, by rule."""
        there = {bit: found_keys(index, bit, hashes) for bit, hashes in self.frozen().items()}
        return {bit: keys.where(keys.at >= 0) for bit, keys in there.items()}

    def _slots(self, bit: int) -> list[int]:
        return [slot for slot, rule in enumerate(self.tools.slots.rule) if rule == bit]

    def _columns(self, bit: int) -> list[str]:
        parts = [part for slot in self._slots(bit) for part in self.tools.slots.keys[slot]]
        return list(dict.fromkeys(c for part in parts for c in columns_of_part(part)))

    def _keys(self, records: pl.DataFrame) -> KeyTable:
        """Keys of records that have the columns of one rule only: the others are null."""
        missing = [c for c in self.tools.slots.columns if c not in records.columns]
        nulls = (pl.lit(None, pl.String).alias(c) for c in missing)
        return self.tools.keys_of(records.with_columns(nulls))
