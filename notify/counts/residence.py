"""Where a person lives for counting: one state each, from all sources."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["FOREIGN", "UNKNOWN", "residence"]

UNKNOWN, FOREIGN = "UNK", "ZZ"
_MILITARY = ("AA", "AE", "AP")
"""Armed-forces addresses: unknown residence, not a state."""


def residence(workspace: Workspace) -> pl.DataFrame:
    """person_id, state: of the chart known good last (ties: the first by letter), else of the leak.

    People without any usable address are not in it; foreign countries are ZZ.
    """
    addresses = pl.concat(
        [
            _addresses(workspace.scan("charts_std"), "chart_id", source=0),
            _addresses(workspace.scan("leaked_std"), "mention_id", source=1),
        ]
    )
    members = workspace.scan("members").select("person_id", "mention_id")
    return (
        members.join(addresses, on="mention_id")
        .sort(
            "person_id",
            "source",
            "address_as_of",
            "state",
            descending=[False, False, True, False],
            nulls_last=True,
        )
        .unique("person_id", keep="first", maintain_order=True)
        .select("person_id", "state")
        .collect(engine="streaming")
    )


def _addresses(std: pl.LazyFrame, record: str, *, source: int) -> pl.LazyFrame:
    abroad = pl.col("country").fill_null("US") != "US"
    state = pl.when(abroad).then(pl.lit(FOREIGN)).otherwise(pl.col("state"))
    known = std.select(
        pl.col(record).alias("mention_id"),
        pl.lit(source).alias("source"),
        "address_as_of",
        state.replace(_MILITARY, [UNKNOWN] * len(_MILITARY)).alias("state"),
    )
    return known.drop_nulls("state")
