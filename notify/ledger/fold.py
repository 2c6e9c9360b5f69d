"""What each piece is now, folded from its events: a pure function of what is in the inbox.

The same events in any order, and the same event twice, give the same rows: each piece takes the strongest
state that any of its events brings, and of events that bring it the latest by day, then by id.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.ledger.states import EMAIL_STATES, MAIL_STATES

__all__ = ["last_pieces", "pieces"]

_KEY = ["person_id", "entity_id"]
_SAME = ("batch_id", "notice_version", "wave")
_STATES = (("mail", MAIL_STATES), ("email", EMAIL_STATES))


def pieces(workspace: Workspace) -> pl.LazyFrame:
    """One row per piece that was ever handed over or sent, in no order.

    `channel, piece_id, person_id, entity_id, batch_id, notice_version, wave, state` (of `PieceState`),
    `state_on` (civil day), `detail` (code of the event that brought the state), `exported_detail` (which
    address the piece bore; null for e-mail), `exported_on`.
    """
    strength, state = _strengths()
    told = workspace.scan("events").filter(pl.col("person_id").is_not_null())
    known = told.join(strength, on=["channel", "kind"], how="inner")
    latest = pl.struct("strength", "dated_on", "event_id")
    of_export = pl.col("kind") == "exported"
    folded = known.group_by("channel", "piece_id").agg(
        *(pl.col(name).first() for name in (*_KEY, *_SAME)),
        pl.col("strength").max(),
        state_on=pl.col("dated_on").sort_by(latest).last(),
        detail=pl.col("detail").sort_by(latest).last(),
        exported_detail=pl.col("detail").filter(of_export).min(),
        exported_on=pl.col("dated_on").filter(of_export).min(),
    )
    return folded.join(state, on=["channel", "strength"], how="left").drop("strength")


def last_pieces(workspace: Workspace) -> pl.LazyFrame:
    """Of each person and entity the piece that speaks: the one of the highest wave, a letter before an e-mail."""
    order = pl.struct("wave", pl.col("channel") == "mail", "piece_id")
    return pieces(workspace).group_by(_KEY).agg(pl.all().sort_by(order).last())


def _strengths() -> tuple[pl.LazyFrame, pl.LazyFrame]:
    rows = [
        (channel, kind, strength, state.value)
        for channel, states in _STATES
        for strength, (kind, state) in enumerate(states.items())
    ]
    table = pl.DataFrame(rows, schema=["channel", "kind", "strength", "state"], orient="row")
    rows_of = table.with_columns(pl.col("strength").cast(pl.Int8)).lazy()
    return rows_of.drop("state"), rows_of.drop("kind")
