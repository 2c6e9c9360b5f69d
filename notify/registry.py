"""Which mentions made a released person: from then on the person keeps its id in every round.

`members`, `persons` and `files` come in; `registry` rows go out. `packets` and `export` call it at
release, for the people they are about to name outside the house.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from matching.store import Workspace
from matching.tables import ROLE_NUMBER, TABLES
from notify.records import people_in_ranges

__all__ = ["MEMBERS_AT_ONCE", "release_ids"]

MEMBERS_AT_ONCE = 3_000_000
"""Mentions and charts registered at one time: about 1 GB, and one part of the inbox."""
_ROW_KEY = ["person_id", "file_sha256", "row_no", "role"]
_ROLES_IN_ID = 8
"""mention_id = ... + row_no * 8 + role number."""
_AFTER_MENTIONS = 1 << 62
"""Added to a chart_id: higher than any mention_id."""


def release_ids(workspace: Workspace, persons: pl.DataFrame, *, recorded_at: datetime) -> int:
    """Register every mention and chart of these people that is not registered yet.

    `persons` has one column that counts, `person_id`; repeats are harmless, and so is calling it
    again: what is registered adds nothing. Gives the number of rows appended.
    """
    released = persons.lazy().select("person_id").unique()
    files = workspace.scan("files").select("file_no", "file_sha256")
    written = 0
    for people in people_in_ranges(workspace.rows("members"), MEMBERS_AT_ONCE):
        known = workspace.scan("registry").filter(people).select(_ROW_KEY).collect()
        rows = _rows(workspace, people).join(released, on="person_id", how="semi")
        new = _unknown(rows.join(files, on="file_no"), known.lazy())
        frame = new.with_columns(recorded_at=pl.lit(recorded_at).dt.cast_time_unit("us"))
        registered = frame.select(list(TABLES["registry"].columns)).collect(engine="streaming")
        workspace.append("registry", registered)
        written += registered.height
    return written


def _unknown(rows: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """Rows that are not registered; a person that is has been minted from an earlier mention."""
    people = known.select("person_id", known=pl.lit(value=True)).unique()
    return (
        rows.join(known, on=_ROW_KEY, how="anti", nulls_equal=True)
        .join(people, on="person_id", how="left")
        .with_columns(minted_by=pl.col("minted_by") & pl.col("known").is_null())
    )


def _rows(workspace: Workspace, people: pl.Expr) -> pl.LazyFrame:
    """One row per mention or chart; an id is minted from the first mention, else the first chart."""
    roles = {number: role for role, number in ROLE_NUMBER.items()}
    role = (pl.col("mention_id") % _ROLES_IN_ID).replace_strict(
        roles, default=None, return_dtype=pl.String
    )
    found = workspace.scan("persons").filter(people).select("person_id", "first_identified_on")
    chart = pl.col("side") == "master"
    return (
        workspace.scan("members")
        .filter(people)
        .with_columns(
            role=pl.when(chart).then(pl.lit("chart")).otherwise(role),
            turn=pl.when(chart)
            .then(_AFTER_MENTIONS + pl.col("mention_id"))
            .otherwise("mention_id"),
        )
        .with_columns(minted_by=pl.col("turn") == pl.col("turn").min().over("person_id"))
        .join(found, on="person_id")
    )
