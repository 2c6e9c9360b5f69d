"""A wrong batch called back: every piece that was not mailed yet is owed again.

`events` of the batch come in; `recalled` events and `RECALL.json` for the vendor go out. The batch's own files
stay as they were released. What the vendor mails all the same comes back as a drop and counts as mailed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from matching.store import OperatorError, Workspace, log_counts, public_key, signature
from matching.tables import TABLES
from notify.batches.noting import event_ids
from notify.ledger.fold import pieces
from notify.ledger.states import MAY_BECOME, PieceState

__all__ = ["SCHEMA", "Recalled", "recall"]

SCHEMA = "affected.mail-recall/1"
_FILE = "RECALL.json"
_CALLABLE = frozenset(
    state for state, later in MAY_BECOME.items() if PieceState.RECALLED in later
) | {PieceState.RECALLED}
"""Not mailed, not returned, not rejected: there is still something to stop."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """Pieces called back, pieces of the batch that are past it, and the vendor's file."""

    pieces: int
    past: int
    file: Path


def recall(
    workspace: Workspace, batch: str, *, by: str, note: str, as_of: date, recorded_at: datetime
) -> Recalled:
    """Call back what the vendor has not mailed yet; the caller has asked for the right `send`.

    Killed and called again it finishes its work. Raises OperatorError where the batch was never
    exported, or was recalled before. Memory is bounded by a batch's pieces.
    """
    folder = workspace.out / "batches" / batch
    if workspace.was_recorded(f"batches/{batch}/{_FILE}"):
        raise OperatorError(
            f"batch {batch}: recalled before; its vendor's file is {folder / _FILE}"
        )
    found = pieces(workspace).filter(channel="mail", batch_id=batch).collect().sort("piece_id")
    if found.is_empty() or not workspace.was_recorded(f"batches/{batch}/.done"):
        raise OperatorError(
            f"batch {batch}: never exported; `affected status` names those that were"
        )
    stopped = found.filter(pl.col("state").is_in([str(state) for state in _CALLABLE]))
    _append(workspace, batch, stopped, as_of, recorded_at)
    document = {
        "schema": SCHEMA,
        "incident": workspace.incident_id,
        "batch": batch,
        "recalled_on": as_of.isoformat(),
        "recalled_at": recorded_at.isoformat(),
        "by": by,
        "note": note,
        "pieces": {"batch": found.height, "recalled": stopped.height, "past": found.height - stopped.height},
        "mailpiece_ids": stopped["piece_id"].to_list(),
    }  # fmt: skip
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False).encode()
    place = f"batches/{batch}"
    signed = signature(workspace, text)
    workspace.put_output(f"{place}/RECALL.signing_key.pem", public_key(workspace), personal=False)
    workspace.put_output(f"{place}/RECALL.sig", signed, personal=False)
    path = workspace.put_output(f"{place}/{_FILE}", text, personal=False)
    log_counts("recall", recalled=stopped.height, past=found.height - stopped.height)
    return Recalled(stopped.height, found.height - stopped.height, path)


def _append(
    workspace: Workspace, batch: str, stopped: pl.DataFrame, as_of: date, recorded_at: datetime
) -> None:
    """A `recalled` event for each piece that has none."""
    known = workspace.scan("events").filter(batch_id=batch, kind="recalled").select("event_id")
    events = stopped.select(
        "person_id", "entity_id", "piece_id", "batch_id", "notice_version", "wave",
        event_ids(workspace, "recalled", stopped["piece_id"], batch).alias("event_id"),
        kind=pl.lit("recalled"), channel=pl.lit("mail"),
        dated_on=pl.lit(as_of), recorded_at=pl.lit(recorded_at),
    )  # fmt: skip
    new = events.join(known.collect(), on="event_id", how="anti")
    if new.height:
        workspace.append("events", TABLES["events"].complete(new))
