"""What a released batch leaves in the inbox: people in `registry`, codes in `codes`, pieces in `events`.

Repeated after a kill it adds only what is missing.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.batches.codes import give
from notify.registry import release_ids

__all__ = ["event_ids", "note"]

_EVENT_ID_LENGTH = 25


def event_ids(workspace: Workspace, kind: str, pieces: pl.Series, batch: str) -> pl.Series:
    """Ids of one kind of event of each piece: the same news is one event."""
    names = kind + "|" + pieces + "|" + batch
    return workspace.keys.mint("event", names, length=_EVENT_ID_LENGTH)


def note(workspace: Workspace, as_of: date, batches: list[str], recorded_at: datetime) -> int:
    """Register the people, give codes, append an `exported` event per piece that has none; gives how many.

    People first: a person who was told must keep the id.
    """
    if not batches:
        return 0  # and no table is read: a damaged one may be about to be made again
    named = workspace.scan("pieces").filter(
        pl.col("batch_id").is_in(batches), pl.col("person_id").is_not_null()
    )
    people = named.select("person_id").unique().collect(engine="streaming")
    release_ids(workspace, people, recorded_at=recorded_at)
    known = workspace.scan("events").filter(pl.col("batch_id").is_in(batches))
    known_ids = known.select("event_id").collect(engine="streaming")
    return sum(_note_batch(workspace, as_of, batch, known_ids, recorded_at) for batch in batches)


def _note_batch(
    workspace: Workspace,
    as_of: date,
    batch: str,
    known: pl.DataFrame,
    recorded_at: datetime,
) -> int:
    columns = (
        "mailpiece_id",
        "person_id",
        "entity_id",
        "letter_version",
        "wave",
        "batch_id",
        "address_ref",
        "cm_code",
    )
    pieces = workspace.scan("pieces").filter(batch_id=batch, is_seed="N")
    rows = pieces.select(columns).collect()
    give(workspace, rows, batch=batch, recorded_at=recorded_at)
    ids = event_ids(workspace, "exported", rows["mailpiece_id"], batch)
    new = rows.with_columns(event_id=ids).join(known, on="event_id", how="anti")
    events = new.with_columns(
        pl.col("letter_version").str.extract(r"-V(\d+)$").cast(pl.Int32).alias("notice_version"),
        pl.col("wave").cast(pl.Int32),
        kind=pl.lit("exported"),
        channel=pl.lit("mail"),
        piece_id=pl.col("mailpiece_id"),
        detail=pl.col("address_ref"),
        dated_on=pl.lit(as_of),
        recorded_at=pl.lit(recorded_at),
    )
    if new.height:
        workspace.append("events", TABLES["events"].complete(events))
    return new.height
