"""Mentions whose cleaned values are all equal are one identity: compared once, whatever their number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.hashing import Hashes, chained
from matching.model.definition import CLEANED_COLUMNS
from matching.store import Workspace

__all__ = ["Identities", "collapse", "second_mentions"]

_ROWS = 1 << 18
"""Mentions read at a time: a row group of the store's Parquet files."""
_NONE = np.empty(0, dtype=np.uint64)

Identities = pl.DataFrame
"""Columns mention_id, identity_id: one row per mention."""
_SEEDS = (11, 47)
"""Two 64-bit hashes: among 15 million identities no two differ and meet."""


def collapse(workspace: Workspace) -> Identities:
    """Each mention with the lowest mention of its group; roles do not matter.

    32 bytes a mention: its id, two hashes, and a place among the distinct ones.
    """
    ids, low, high = [pl.Series("mention_id", [], dtype=pl.Int64)], [_NONE], [_NONE]
    for start in range(0, workspace.rows("leaked_std"), _ROWS):
        rows = workspace.rows_between("leaked_std", start, start + _ROWS)
        frame = rows.select("mention_id", *CLEANED_COLUMNS).collect()
        ids.append(frame["mention_id"])
        for hashes, seed in ((low, _SEEDS[0]), (high, _SEEDS[1])):
            hashes.append(
                _combined([frame[name].hash(seed).to_numpy() for name in CLEANED_COLUMNS])
            )
    mentions = pl.concat(ids)
    assert mentions.is_sorted(), "parts of leaked_std are not in the order of their mentions"
    first = _first_alike(np.concatenate(low), np.concatenate(high))
    return pl.DataFrame({"mention_id": mentions, "identity_id": mentions.gather(first)})


def _combined(columns: list[Hashes]) -> Hashes:
    whole = columns[0]
    for column in columns[1:]:
        whole = chained(whole, column)
    return whole


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _first_alike(low: Hashes, high: Hashes) -> npt.NDArray[np.int64]:
    """Of each row, the first row with both its hashes."""
    size = 1
    while size < 2 * len(low) + 2:
        size *= 2
    rows = np.full(size, -1, dtype=np.int64)
    first = np.empty(len(low), dtype=np.int64)
    for i in range(len(low)):
        at = np.int64(low[i] & np.uint64(size - 1))
        while rows[at] >= 0 and (low[rows[at]] != low[i] or high[rows[at]] != high[i]):
            at = (at + 1) & (size - 1)
        if rows[at] < 0:
            rows[at] = i
        first[i] = rows[at]
    return first


def second_mentions(identities: Identities) -> pl.DataFrame:
    """identity_id, second: the second-lowest mention of every group that has one, in order."""
    others = identities.filter(pl.col("mention_id") != pl.col("identity_id"))
    return others.group_by("identity_id").agg(second=pl.col("mention_id").min()).sort("identity_id")
