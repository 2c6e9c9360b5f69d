"""Mentions whose cleaned values are all equal are one identity: compared once, whatever their number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.compiling import compiled
from matching.fields import NAMED_IN_TEXT
from matching.link.hashing import GOLDEN, Hashes, chain
from matching.link.kept import Kept
from matching.model.definition import CLEANED_COLUMNS
from matching.store import Part, Workspace

__all__ = ["Identities", "collapse", "second_mentions"]

Identities = pl.DataFrame
"""Columns mention_id, identity_id: one row per mention."""
_SEED = 11
_ODD = (GOLDEN, np.uint64(0xC2B2AE3D27D4EB4F))
"""Two chains of the columns' hashes: among 15 million identities no two differ and meet in both."""


def collapse(workspace: Workspace, *, threads: int = 1, kept: Kept | None = None) -> Identities:
    """Each mention with the lowest mention of its group; roles do not matter.

    40 bytes a mention: its id, two hashes, and a place among the distinct ones. `kept`: where hashes of
    earlier rounds are, and stay for the next.
    """
    found = workspace.lazy_parts("leaked_std")
    begins = np.cumsum([0, *(part.rows for part, _ in found)])
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda f, begin: _known(f[0], f[1], int(begin), kept), found, begins))
    mentions = pl.concat([pl.Series("mention_id", [], dtype=pl.Int64), *(p[0] for p in parts)])
    assert mentions.is_sorted(), "parts of leaked_std are not in the order of their mentions"
    hashes = np.concatenate([np.empty((2, 0), dtype=np.uint64), *(p[1] for p in parts)], axis=1)
    first = _first_alike(hashes[0], hashes[1])
    return pl.DataFrame({"mention_id": mentions, "identity_id": mentions.gather(first)})


def _known(
    part: Part, rows: pl.LazyFrame, begin: int, kept: Kept | None
) -> tuple[pl.Series, npt.NDArray[np.uint64]]:
    """Ids of a part's mentions, and two hashes of their cleaned values."""
    if kept is None:
        return _hashed(rows)
    if kept.has("mentions", begin, part.rows_hash):
        ids = rows.select("mention_id").collect()["mention_id"]
        return ids, kept.read("mentions", begin, np.uint64)
    ids, both = _hashed(rows)
    kept.put("mentions", begin, part.rows_hash, both)
    return ids, both


def _hashed(rows: pl.LazyFrame) -> tuple[pl.Series, npt.NDArray[np.uint64]]:
    frame = rows.select(
        "mention_id", "doubt", *(n for n in CLEANED_COLUMNS if n != "doubt")
    ).collect()
    both = np.zeros((2, frame.height), dtype=np.uint64)
    for name in CLEANED_COLUMNS:
        hashes = frame[name].hash(_SEED).to_numpy()
        for half, odd in enumerate(_ODD):
            chain(both[half], hashes, odd)
    alone = (frame["doubt"] == NAMED_IN_TEXT).fill_null(value=False).to_numpy()
    if alone.any():  # two passages that say one name are not one person for that
        own = frame["mention_id"].hash(_SEED).to_numpy()
        for half in range(len(_ODD)):
            both[half][alone] ^= own[alone]
    return frame["mention_id"], both


@compiled
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
