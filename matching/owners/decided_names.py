"""Practice names whose owner people decided: one decision on a row that says the name holds for all that say it."""

from __future__ import annotations

import polars as pl

from matching.owners.practice_names import name_places
from matching.people.decided import record_number
from matching.standing import standing
from matching.store import Workspace

__all__ = ["NOBODY", "decided_names"]

NOBODY = "none"
"""Value of a decision that a name is no practice's of the roster."""


def decided_names(workspace: Workspace) -> pl.DataFrame:
    """name_place, entity_id (null: nobody's), decision_id, by; the last decision on a name and place counts.

    The name is read from the row that the decision names, so that the inbox holds no text of a leaked row.
    """
    decisions = standing(workspace.read("decisions"), "practice")
    files = workspace.read("files", ["file_no", "file_sha256"])
    rows = decisions.join(
        files, left_on="left_file_sha256", right_on="file_sha256", maintain_order="left"
    ).with_columns(mention_id=record_number("left_row_no", "left_role"))
    texts = _texts(workspace, rows["mention_id"])
    places = name_places(texts.select("entity_hint", "state").unique())
    said = texts.join(places, on=["entity_hint", "state"], nulls_equal=True)
    found = rows.join(said, on="mention_id", maintain_order="left")
    last = found.unique("name_place", keep="last", maintain_order=True)
    entity = pl.when(pl.col("value") != NOBODY).then("value")
    return last.select("name_place", "decision_id", "by", entity_id=entity)


def _texts(workspace: Workspace, mentions: pl.Series) -> pl.DataFrame:
    """mention_id, entity_hint, state of the mentions that say a practice."""
    schema = {"mention_id": pl.Int64(), "entity_hint": pl.String(), "state": pl.String()}
    if mentions.is_empty():
        return pl.DataFrame(schema=schema)
    wanted = pl.col("mention_id").is_in(mentions.implode())
    said = workspace.scan("leaked").filter(wanted).select("mention_id", "entity_hint")
    homes = workspace.scan("leaked_std").filter(wanted).select("mention_id", "state")
    return said.join(homes, on="mention_id", how="left").drop_nulls("entity_hint").collect()
