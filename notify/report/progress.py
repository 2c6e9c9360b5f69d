"""What was done since a day, from the inbox: packets, answers, letters, e-mails, filings, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.report.parts import Grid, Section, in_words

__all__ = ["progress", "progress_section"]

Done = list[dict[str, Any]]
_EVENTS = {
    ("packet", "exported"): "packets released to covered entities",
    ("mail", "exported"): "letters handed to the mail vendor",
    ("mail", "dropped"): "letters handed to the post",
    ("mail", "returned"): "letters that came back",
    ("mail", "moved"): "new addresses that came back",
    ("mail", "recalled"): "letters recalled",
    ("email", "accepted"): "e-mails accepted by the mail server",
    ("email", "bounced"): "e-mails that bounced",
}
"""Channel and kind of events that a reader asks for; the others are in `affected table WS events`."""


def progress(workspace: Workspace, since: date | None) -> Done:
    """`what, entities, pieces, first_on, last_on` of what happened on or after the day; all there is where None.

    Reads the inbox to its end. `pieces` counts events, answers, facts or decisions; `entities` is null where none
    is named.
    """
    rows = [*_events(workspace, since), *_answers(workspace, since), *_facts(workspace, since)]
    return [row for row in (*rows, *_decided(workspace, since)) if row["pieces"]]


def progress_section(done: Done, *, since: date | None) -> Section:
    """The same as a table."""
    title = f"Since {since.isoformat()}" if since else "What was done so far"
    if not done:
        return Section(anchor="progress", title=title, lead="Nothing was released, sent, answered or filed.")  # fmt: skip
    heads = ("what", "how many", "covered entities", "first", "last")
    rows = tuple(
        (row["what"], row["pieces"], row["entities"], row["first_on"], row["last_on"])
        for row in done
    )
    return Section(anchor="progress", title=title, grids=(Grid(heads, rows),))


def _events(workspace: Workspace, since: date | None) -> Done:
    counted = _counted(workspace.scan("events"), since, ["channel", "kind"])
    by = {(row["channel"], row["kind"]): row for row in counted}
    return [_line(words, by[key]) for key, words in _EVENTS.items() if key in by]


def _answers(workspace: Workspace, since: date | None) -> Done:
    return [
        _line(f"answers of covered entities: {in_words(row['answer'])}", row)
        for row in _counted(workspace.scan("responses"), since, ["answer"])
    ]


def _facts(workspace: Workspace, since: date | None) -> Done:
    kinds = {"filing": "filings made", "acknowledgement": "filings acknowledged", "hold": "holds recorded"}  # fmt: skip
    rows = _counted(workspace.scan("facts"), since, ["kind"])
    return [_line(kinds[row["kind"]], row) for row in rows if row["kind"] in kinds]


def _decided(workspace: Workspace, since: date | None) -> Done:
    rows = workspace.scan("decisions").with_columns(
        dated_on=pl.col("recorded_at").dt.date(), entity_id=pl.lit(None, pl.String)
    )
    return [
        _line(f"decisions of reviewers: {in_words(row['subject'])}", row)
        for row in _counted(rows, since, ["subject"])
    ]


def _counted(rows: pl.LazyFrame, since: date | None, by: list[str]) -> Done:
    """Where a day is not known, that of the record counts."""
    dated = rows.with_columns(dated_on=pl.coalesce("dated_on", pl.col("recorded_at").dt.date()))
    if since is not None:
        dated = dated.filter(pl.col("dated_on") >= since)
    counted = dated.group_by(by).agg(
        pieces=pl.len(),
        entities=pl.col("entity_id").drop_nulls().n_unique(),
        first_on=pl.col("dated_on").min(),
        last_on=pl.col("dated_on").max(),
    )
    return counted.sort(by).collect(engine="streaming").to_dicts()


def _line(words: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": words,
        "pieces": row["pieces"],
        "entities": row["entities"] or None,
        "first_on": row["first_on"],
        "last_on": row["last_on"],
    }
