"""Mentions whose cleaned values are all equal are one identity: compared once, whatever their number."""

from __future__ import annotations

import polars as pl

from matching.model.definition import CLEANED_COLUMNS
from matching.store import Workspace

__all__ = ["Identities", "collapse", "second_mentions"]

Identities = pl.DataFrame
"""Columns mention_id, identity_id: one row per mention."""
_SEEDS = {"low": 11, "high": 47}
"""Two 64-bit hashes: among 15 million identities no two differ and meet."""


def collapse(workspace: Workspace) -> Identities:
    """Each mention with the lowest mention of its group; roles do not matter."""
    values = pl.struct(CLEANED_COLUMNS)
    hashed = workspace.scan("leaked_std").select(
        "mention_id", *(values.hash(seed).alias(name) for name, seed in _SEEDS.items())
    )
    rows = hashed.collect(engine="streaming")
    lowest = rows.group_by(list(_SEEDS)).agg(identity_id=pl.col("mention_id").min())
    found = rows.join(lowest, on=list(_SEEDS)).select("mention_id", "identity_id")
    return found.sort("mention_id")


def second_mentions(identities: Identities) -> pl.DataFrame:
    """identity_id, second: the second-lowest mention of every group that has one, in order."""
    others = identities.filter(pl.col("mention_id") != pl.col("identity_id"))
    return others.group_by("identity_id").agg(second=pl.col("mention_id").min()).sort("identity_id")
