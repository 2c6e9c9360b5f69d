"""Mentions whose cleaned values are all equal are one identity: compared once, whatever their number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.link.hashing import GOLDEN, Hashes, chain
from matching.link.sides import FRAME_ROWS
from matching.model.definition import CLEANED_COLUMNS
from matching.store import Workspace

__all__ = ["Identities", "collapse", "second_mentions"]

Identities = pl.DataFrame
"""Columns mention_id, identity_id: one row per mention."""
_SEED = 11
_ODD = (GOLDEN, np.uint64(0xC2B2AE3D27D4EB4F))
"""Two chains of the columns' hashes: among 15 million identities no two differ and meet in both."""


def collapse(workspace: Workspace, *, threads: int = 1) -> Identities:
    """Each mention with the lowest mention of its group; roles do not matter.

    40 bytes a mention: its id, two hashes, and a place among the distinct ones.
    """
    begins = range(0, workspace.rows("leaked_std"), FRAME_ROWS)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda start: _hashed(workspace, start), begins))
    mentions = pl.concat([pl.Series("mention_id", [], dtype=pl.Int64), *(p[0] for p in parts)])
    assert mentions.is_sorted(), "parts of leaked_std are not in the order of their mentions"
    hashes = np.concatenate([np.empty((2, 0), dtype=np.uint64), *(p[1] for p in parts)], axis=1)
    first = _first_alike(hashes[0], hashes[1])
    return pl.DataFrame({"mention_id": mentions, "identity_id": mentions.gather(first)})


def _hashed(workspace: Workspace, start: int) -> tuple[pl.Series, npt.NDArray[np.uint64]]:
    """Ids of a range of mentions, and two hashes of their cleaned values."""
    rows = workspace.rows_between("leaked_std", start, start + FRAME_ROWS)
    frame = rows.select("mention_id", *CLEANED_COLUMNS).collect()
    both = np.zeros((2, frame.height), dtype=np.uint64)
    for name in CLEANED_COLUMNS:
        hashes = frame[name].hash(_SEED).to_numpy()
        for half, odd in enumerate(_ODD):
            chain(both[half], hashes, odd)
    return frame["mention_id"], both


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
