"""What the outbox tells the ledger: one event a state that matters, each once, whatever was killed.

An event's id is a keyed digest of its kind and its piece, so news that a killed run already told is known
by its id. Events go to the inbox in encrypted parts of thousands; they hold codes, never an address.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["append", "bounced", "wave_id"]

_EVENT_ID_LENGTH = 25


def wave_id(wave: int) -> str:
    """What a gate, a batch_id and a report call a wave of e-mails."""
    return f"EMAIL-{wave}"


def append(
    workspace: Workspace,
    rows: pl.DataFrame,
    *,
    dated_on: date,
    recorded_at: datetime,
    checked: bool,
) -> int:
    """Append the events of outbox rows (as `Outbox.unnoted` gives them); gives how many were new.

    `checked`: an earlier run may have told some of them, so look first.
    """
    named = rows.with_columns(batch_id=pl.lit("EMAIL-") + pl.col("wave").cast(pl.String))
    names = named.select(name=pl.concat_str("kind", "mailpiece_id", "batch_id", separator="|"))
    ids = workspace.keys.mint("event", names["name"], length=_EVENT_ID_LENGTH)
    new = named.with_columns(event_id=ids)
    if checked and new.height:
        known = workspace.scan("events").filter(pl.col("channel") == "email").select("event_id")
        wanted = new.select("event_id").lazy()
        told = wanted.join(known, on="event_id", how="semi").collect(engine="streaming")
        new = new.join(told, on="event_id", how="anti")
    if new.is_empty():
        return 0
    events = new.with_columns(
        channel=pl.lit("email"),
        piece_id="mailpiece_id",
        detail="reason",
        dated_on=pl.lit(dated_on),
        recorded_at=pl.lit(recorded_at).dt.cast_time_unit("us"),
    )
    workspace.append("events", TABLES["events"].complete(events))
    return new.height


def bounced(workspace: Workspace, pieces: pl.Series) -> pl.Series:
    """Of these pieces those that came back or were complained of."""
    back = pl.col("kind").is_in(["bounced", "complained"]) & (pl.col("channel") == "email")
    known = workspace.scan("events").filter(back).select("piece_id")
    wanted = pieces.to_frame("piece_id").lazy()
    return wanted.join(known, on="piece_id", how="semi").collect(engine="streaming")["piece_id"]
