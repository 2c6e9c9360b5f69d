"""People whom we named outside the house and who are known under another id by now.

`histories` comes in. Who was released twice and turned out to be one person keeps the older id; what was said
of the other, and what was sent to it, is that person's. Of a split person the id stays with the mention it was
minted from, so nothing moves.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["under_present_ids"]


def under_present_ids(workspace: Workspace, rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with each merged `person_id` replaced by the person it went into; others as they are."""
    merged = (
        workspace.scan("histories")
        .filter(pl.col("became") == "merged")
        .select("released_id", "person_id")
        .collect()
    )
    if merged.is_empty():
        return rows
    now = pl.col("person_id").replace(merged["released_id"], merged["person_id"])
    return rows.with_columns(person_id=now)
