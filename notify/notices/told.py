"""What earlier rounds already did for a person at an entity, from what became of its pieces.

Nobody is mailed twice: a piece that was handed over counts as told until news says otherwise. The piece of the
highest wave speaks; what it leaves undone is done by the next wave.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.ledger.fold import last_pieces
from notify.ledger.states import NOT_TAKEN, PieceState
from notify.renamed import under_present_ids

__all__ = ["TOLD", "told"]

_DEAD = "DEC"
_PAIR = ["person_id", "entity_id"]

TOLD: dict[PieceState, str | None] = {
    PieceState.EXPORTED: "mailed",
    PieceState.MAILED: "mailed",
    PieceState.RETURNED: "returned",
    PieceState.HELD: "held",
    PieceState.REJECTED: "rejected",
    PieceState.SUPPRESSED: "suppressed",
    PieceState.RECALLED: None,
    PieceState.ACCEPTED: "e-mailed",
    PieceState.UNCERTAIN: "uncertain",
    PieceState.REFUSED: "paper",
    PieceState.REPLACED: "paper",
    PieceState.BOUNCED: "paper",
    PieceState.COMPLAINED: "paper",
}
"""State of the last piece -> what it leaves: told, to be told again, or (null) untold as before."""


def told(workspace: Workspace, *, refused_is_told: bool = False) -> pl.DataFrame:
    """One row per person and entity with pieces.

    `person_id, entity_id, told` (a value of TOLD), `told_kind` (state of the piece), `told_detail` (its code),
    `told_piece, told_wave, told_channel, told_on, reported_dead` (a letter came back saying so).
    """
    states = pl.DataFrame(
        [(state.value, left) for state, left in TOLD.items()],
        schema=["state", "told"],
        orient="row",
    )
    speaking = _speaking(workspace).join(states.lazy(), on="state", how="left")
    found = speaking.collect(engine="streaming")
    returned = pl.col("told") == "returned"
    code = pl.col("detail")
    if refused_is_told:
        reached = returned & code.is_in(NOT_TAKEN)
        found = found.with_columns(
            told=pl.when(reached.fill_null(value=False)).then(pl.lit("mailed")).otherwise("told")
        )
    return found.select(
        *_PAIR,
        "told",
        told_kind="state",
        told_detail="detail",
        told_piece="piece_id",
        told_wave="wave",
        told_channel="channel",
        told_on="state_on",
        reported_dead=(returned & (code == _DEAD)).fill_null(value=False),
    )


def _speaking(workspace: Workspace) -> pl.LazyFrame:
    """The last piece of each pair; of a person who was sent some under two ids the one of the higher wave."""
    last = last_pieces(workspace)
    present = under_present_ids(workspace, last)
    if present is last:
        return last  # nobody was merged: one row a pair already
    return present.sort("wave", "piece_id").group_by(_PAIR).agg(pl.all().last())
