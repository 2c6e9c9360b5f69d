"""Which mentions made a released person: from then on the person keeps its id in every round.

`members`, `persons` and `files` come in; `registry` rows go out. `packets` and `export` call it at
release, for the people they are about to name outside the house.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from matching.store import Workspace
from matching.tables import ROLE_NUMBER, TABLES

__all__ = ["release_ids"]

_ROW_KEY = ["person_id", "file_sha256", "row_no", "role"]
_ROLES_IN_ID = 8
"""mention_id = ... + row_no * 8 + role number."""


def release_ids(workspace: Workspace, persons: pl.DataFrame, *, recorded_at: datetime) -> int:
    """Register every mention and chart of these people that is not registered yet.

    `persons` has one column that counts, `person_id`; repeats are harmless, and so is calling it
    again: what is registered adds nothing. Gives the number of rows appended.
    """
    released = persons.lazy().select("person_id").unique()
    known = workspace.scan("registry")
    new = (
        _rows(workspace, released)
        .join(known.select(_ROW_KEY), on=_ROW_KEY, how="anti")
        .join(known.select("person_id", known=pl.lit(True)).unique(), on="person_id", how="left")
        .with_columns(minted_by=pl.col("minted_by") & pl.col("known").is_null())
        .with_columns(recorded_at=pl.lit(recorded_at).dt.cast_time_unit("us"))
        .select(list(TABLES["registry"].columns))
        .collect(engine="streaming")
    )
    workspace.append("registry", new)
    return new.height


def _rows(workspace: Workspace, released: pl.LazyFrame) -> pl.LazyFrame:
    """One row per distinct (person, file, row, role); an id is minted from the first mention."""
    roles = {number: role for role, number in ROLE_NUMBER.items()}
    role = (pl.col("mention_id") % _ROLES_IN_ID).replace_strict(
        roles, default=None, return_dtype=pl.String
    )
    files = workspace.scan("files").select("file_no", "file_sha256")
    found = workspace.scan("persons").select("person_id", "first_identified_on")
    return (
        workspace.scan("members")
        .join(released, on="person_id", how="semi")
        .join(files, on="file_no")
        .join(found, on="person_id")
        .with_columns(
            role=pl.when(pl.col("side") == "master").then(pl.lit("chart")).otherwise(role),
            minted_by=pl.struct(pl.col("side") == "master", "mention_id")
            .rank("ordinal")
            .over("person_id")
            == 1,
        )
        .group_by(_ROW_KEY)
        .agg(pl.col("minted_by").any(), pl.col("first_identified_on").min())
    )
