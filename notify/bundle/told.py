"""What a bundle tells of a person besides letters: rows, covered entities, kinds of data, notices.

Ids, dates, file names and codes; values of rows stay in their tables. A table that a purge took away gives no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.letters.body import element_texts
from notify.letters.texts import Wording
from notify.report.parts import Section, grid_of, in_words, words_of
from notify.report.people import entity_names

__all__ = ["Rows", "entities_of", "notices_of", "rows_of", "sections_of"]

Rows = pl.DataFrame
_ROW = ["side", "path", "row_no", "entity_id", "file_sha256", "evidence", "received_from", "received_on", "flag"]  # fmt: skip


def rows_of(workspace: Workspace, person_id: str) -> Rows:
    """One row per source row of the person, leaked ones first: file, digest, row, who delivered it and when."""
    if not workspace.has("members"):
        return pl.DataFrame(schema=dict.fromkeys(_ROW, pl.String))
    members = workspace.scan("members").filter(pl.col("person_id") == person_id).collect()
    files = workspace.read("inventory").sort("position").unique("file_no", keep="first")
    joined = members.join(files.drop("side"), on="file_no", how="left")
    return joined.sort("side", "file_no", "row_no").select(_ROW)


def entities_of(workspace: Workspace, person_id: str, wording: Wording) -> Rows:
    """One row per covered entity: name, status, basis, kinds of data in words, and the ledger's state."""
    mine = pl.col("person_id") == person_id
    owned = workspace.scan("ownership").filter(mine).select("entity_id", "status", "basis")
    state = workspace.scan("ledger").filter(mine).select("entity_id", "state", "reason")
    kinds = (
        workspace.scan("elements")
        .filter(mine)
        .group_by("entity_id")
        .agg(kinds=pl.col("element").sort().str.join("|"))
        .collect()
    )
    words = pl.DataFrame(
        {
            "entity_id": kinds["entity_id"],
            "kinds": ["; ".join(element_texts(each, wording, "en")) for each in kinds["kinds"]],
        },
        schema={"entity_id": pl.String, "kinds": pl.String},
    )
    return (
        owned.collect()
        .join(entity_names(workspace), on="entity_id", how="left")
        .join(words, on="entity_id", how="left")
        .join(state.collect(), on="entity_id", how="left")
        .sort("status", "entity_id")
    )


def notices_of(workspace: Workspace, person_id: str) -> Rows:
    """One row per notice planned in the last round."""
    columns = ["entity_id", "wave", "channel", "reason", "variant", "language", "reference_no", "mail_by"]  # fmt: skip
    if not workspace.has("notices"):
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    mine = workspace.scan("notices").filter(pl.col("person_id") == person_id)
    return mine.select(columns).sort("entity_id", "wave").collect()


def sections_of(explained: Mapping[str, Any], told: Mapping[str, Rows]) -> tuple[Section, ...]:
    """The page's first sections: why, whose, what kinds, which notice, what happened to it."""
    rows, entities, notices = told["rows"], told["entities"], told["notices"]
    events = pl.DataFrame(
        explained["history"],
        schema={"dated_on": pl.String, "entity_id": pl.String, "words": pl.String, "proof": pl.String},
    )  # fmt: skip
    status = in_words(explained["affected"])
    return (
        Section(
            anchor="why", title="Why this person is affected", lead=f"Person {explained['person_id']}: {status}.",
            notes=tuple(explained["words"]),
            grids=(grid_of(rows, {
                "side": "side", "path": "delivered file", "row_no": "row, from 0", "entity_id": "chart of",
                "evidence": "evidence", "received_from": "from", "received_on": "on",
            }, caption="Source rows that describe this person; their digests are in bundle.json."),),
        ),
        Section(
            anchor="whose", title="Whose patient, and which kinds of data",
            grids=(grid_of(entities.with_columns(words_of("basis"), words_of("state"), words_of("reason")), {
                "name": "covered entity", "status": "status", "basis": "by", "kinds": "kinds of data",
                "state": "where the notice stands", "reason": "reason",
            }),),
        ),
        Section(
            anchor="notice", title="Which notice",
            grids=(grid_of(notices.with_columns(words_of("variant")), {
                "entity_id": "on behalf of", "wave": "wave", "channel": "channel", "variant": "letter",
                "language": "language", "reference_no": "reference", "mail_by": "due by",
            }, caption="As planned in the last round."),),
        ),
        Section(
            anchor="events", title="What happened, day by day",
            lead="" if events.height else "Nothing was handed over, sent or returned so far.",
            grids=(grid_of(events, {
                "dated_on": "day", "entity_id": "on behalf of", "words": "event", "proof": "shown by",
            }),) if events.height else (),
        ),
    )  # fmt: skip


def read_to_the_end(workspace: Workspace) -> Workspace:
    """Events up to now, not only those that the last round read."""
    return replace(workspace, inbox_parts=None)
