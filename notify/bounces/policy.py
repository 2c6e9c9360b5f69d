"""Which pieces a receiver refused for the sender's sake: what pauses a domain.

`events` come in. A table with domains would be a list of where patients have their mail, so none is kept: who
sends reads the address of each piece at the moment of sending anyway, and sees here which pieces to look up.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from matching.store import Workspace

__all__ = ["refused_by_policy"]


def refused_by_policy(workspace: Workspace, *, since: datetime | None = None) -> pl.LazyFrame:
    """One row per e-mail that came back with 5.7.x: `piece_id, person_id, entity_id, detail, dated_on, recorded_at`.

    `since`: only what was recorded after a person lifted the last pause. In no order. The domain of each
    piece's address is to be paused; its person is told by letter like anyone whose e-mail came back.
    """
    refused = workspace.scan("events").filter(
        pl.col("channel") == "email",
        pl.col("kind") == "bounced",
        pl.col("detail").str.starts_with("5.7."),
    )
    later = refused if since is None else refused.filter(pl.col("recorded_at") > since)
    return later.select("piece_id", "person_id", "entity_id", "detail", "dated_on", "recorded_at")
