"""Was this person told? Every event of one person in order, in words, with what proves each.

Reads `events` to their end (not only as far as the round read), `ledger` and the released manifests. Ids, days
and codes only: no name, no address.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl

from matching.store import Workspace
from notify.ledger.fold import pieces
from notify.ledger.states import UNTOLD, PieceState

__all__ = ["history", "told_words"]

_WORDS = {
    "exported": "handed to the mail vendor in batch {batch_id}, wave {wave}",
    "rejected": "rejected by the vendor",
    "suppressed": "suppressed at the vendor",
    "held": "held by the vendor",
    "moved": "a new address came back (move code {detail})",
    "dropped": "handed to the post, postage statement {detail}",
    "returned": "came back ({detail})",
    "recalled": "recalled before it was mailed",
    "accepted": "accepted by the mail server",
    "refused": "refused by the mail server ({detail})",
    "uncertain": "sent, but the answer was lost",
    "uncertain_replaced": "uncertain for too long: a letter takes its place",
    "bounced": "bounced ({detail})",
    "complained": "reported as unwanted",
}
_BY = {"mail": "letter", "email": "e-mail"}
_TOLD = {
    PieceState.MAILED: "told by letter on {state_on}: {detail}",
    PieceState.ACCEPTED: "told by e-mail on {state_on}",
    PieceState.EXPORTED: "a letter was handed over on {state_on}; that it was mailed is not confirmed",
    PieceState.UNCERTAIN: "an e-mail of {state_on} is uncertain",
}
_FIELDS = ("piece_id", "channel", "kind", "batch_id", "notice_version", "wave", "detail")


def history(workspace: Workspace, person_id: str) -> list[dict[str, Any]]:
    """One row per event of the person, by entity and then in order of day and record.

    `entity_id, dated_on, piece_id, channel, kind, batch_id, notice_version, wave, detail, words, proof`: `proof` names
    what shows it: digest of the returned file, or of the mail file as the batch's manifest lists it.
    """
    workspace = replace(workspace, inbox_parts=None)
    mine = workspace.scan("events").filter(pl.col("person_id") == person_id).collect()
    rows = mine.sort("entity_id", "dated_on", "recorded_at", "event_id").to_dicts()
    digests = {row["batch_id"]: _mail_digest(workspace, row["batch_id"]) for row in rows}
    return [
        {
            "entity_id": row["entity_id"],
            "dated_on": row["dated_on"].isoformat(),
            **{name: row[name] for name in _FIELDS},
            "words": _words(row),
            "proof": _proof(row, digests),
        }
        for row in rows
    ]


def told_words(workspace: Workspace, person_id: str) -> list[str]:
    """A sentence a covered entity: whether this person was told on its behalf, when, how, by which piece."""
    workspace = replace(workspace, inbox_parts=None)
    mine = pl.col("person_id") == person_id
    last = pieces(workspace).filter(mine).sort("wave", pl.col("channel") == "mail", "piece_id")
    found = last.collect()
    ledger = dict(
        workspace.scan("ledger").filter(mine).select("entity_id", "state").sort("entity_id").collect().iter_rows()
    )  # fmt: skip
    latest = {row["entity_id"]: row for row in found.to_dicts()}
    lines = [f"{entity}: {_sentence(row)}" for entity, row in sorted(latest.items())]
    return lines + [
        f"{entity}: nothing was sent; the ledger says {state}"
        for entity, state in ledger.items()
        if entity not in latest
    ]


def _sentence(row: dict[str, Any]) -> str:
    state = PieceState(row["state"])
    detail = f"postage statement {row['detail']}" if row["detail"] else "no postage statement named"
    if state in UNTOLD:
        said = f"not told: the {_BY[row['channel']]} is {state.value} since {row['state_on']}"
    else:
        said = _TOLD[state].format(state_on=row["state_on"], detail=detail)
    return f"{said} (piece {row['piece_id']}, wave {row['wave']})"


def _words(row: dict[str, Any]) -> str:
    known = _WORDS.get(row["kind"], row["kind"])
    values = {name: "not said" if value is None else value for name, value in row.items()}
    what = f"{_BY[row['channel']]} {row['piece_id']}" if row["channel"] in _BY else row["piece_id"]
    return f"{what}: {known.format(**values)}"


def _proof(row: dict[str, Any], digests: dict[str, str | None]) -> str | None:
    if row["source_sha256"]:
        return f"returned file {row['source_sha256']}"
    digest = digests[row["batch_id"]]
    return f"mail file {digest} of the batch's manifest" if digest else None


def _mail_digest(workspace: Workspace, batch: str) -> str | None:
    try:
        said = json.loads(workspace.get_output(f"batches/{batch}/manifest.json"))
        return str(said["mail_sha256"])
    except (OSError, ValueError, KeyError):
        return None
