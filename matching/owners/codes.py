"""Short forms for the work: entities as two bytes, charts as places in one array."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.store import Workspace
from matching.tables import UNOWNED

__all__ = ["ChartOwners", "entity_codes"]

_FILE_BITS, _ROLE_BITS = 40, 3


def entity_codes(entities: pl.DataFrame) -> pl.Enum:
    """Every entity that may own, UNOWNED too; codes sort as the ids do."""
    return pl.Enum(sorted({*entities["entity_id"].to_list(), UNOWNED}))


class ChartOwners:
    """Legal owner of each chart: 4 bytes a row of the master files, looked up without a search.

    A chart's place is its row within its file, after the rows of the files before it.
    """

    def __init__(self, workspace: Workspace, owner: pl.Expr, codes: pl.Enum) -> None:
        charts = workspace.scan("charts").select(
            "chart_id", owner.cast(codes).to_physical().cast(pl.UInt32).alias("code")
        )
        found = charts.drop_nulls("code").collect(engine="streaming")
        ids = found["chart_id"].to_numpy()
        self._entity = pl.Series("entity_id", [*codes.categories, None], dtype=codes)
        file, row = _file(ids), _row(ids)
        rows = np.zeros(int(file.max(initial=0)) + 2, np.int64)
        np.maximum.at(rows, file + 1, row + 1)
        self._rows, self._before = rows[1:], np.cumsum(rows)[:-1]
        self._code = np.full(int(rows.sum()) + 1, len(codes.categories), np.uint32)
        self._code[self._before[file] + row] = found["code"].to_numpy()

    def of(self, charts: pl.Series) -> pl.Series:
        """The owner of each chart; null where none is known."""
        ids = charts.to_numpy()
        file, row = np.minimum(_file(ids), len(self._rows) - 1), _row(ids)
        known = (file == _file(ids)) & (row < self._rows[file])
        code = self._code[np.where(known, self._before[file] + row, -1)]
        return self._entity.gather(pl.Series(code))


def _file(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return ids >> _FILE_BITS


def _row(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    return (ids & ((1 << _FILE_BITS) - 1)) >> _ROLE_BITS
