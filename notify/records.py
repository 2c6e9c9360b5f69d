"""The records of people, leaked and from charts, with what a letter needs of them.

`leaked_std`, `charts_std` and the originals come in; one lazy frame of `member` (mention_id or
chart_id) and the columns below goes out. Names are also given as delivered (`raw_...`), because a
letter does not rewrite a person's name; everything else is as cleaned for mailing.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["records"]

_CLEANED = (
    "first_name", "middle_name", "last_name", "suffix", "street", "unit", "city", "state", "zip5",
    "zip4", "country", "address_as_of", "alternate_street", "alternate_city", "alternate_state",
    "alternate_zip5", "representative_name", "representative_street", "representative_city",
    "representative_state", "representative_zip5", "email", "email_consent_on",
    "email_consent_scope", "email_consent_withdrawn_on", "deceased_on", "confidential",
)  # fmt: skip
_AS_DELIVERED = ("first_name", "middle_name", "last_name", "zip")


def records(workspace: Workspace, wanted: pl.LazyFrame) -> pl.LazyFrame:
    """One row per record of `wanted` (column `member`) that is not excluded."""
    return pl.concat(
        [
            _side(workspace, wanted, "leaked", "mention_id"),
            _side(workspace, wanted, "charts", "chart_id"),
        ]
    )


def _side(workspace: Workspace, wanted: pl.LazyFrame, name: str, key: str) -> pl.LazyFrame:
    delivered = workspace.scan(name).select(
        pl.col(key).alias("member"), *(pl.col(c).alias(f"raw_{c}") for c in _AS_DELIVERED)
    )
    cleaned = workspace.scan(f"{name}_std").select(pl.col(key).alias("member"), *_CLEANED)
    members = wanted.select("member").unique()
    return cleaned.join(members, on="member", how="semi").join(
        delivered.join(members, on="member", how="semi"), on="member", how="left"
    )
