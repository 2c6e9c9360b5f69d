"""Figures L, C and D of `affected verify`: nobody forgotten, nobody twice.

Reads `ownership`, `ledger`, `notices`, `packets` and `events`; writes nothing.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.ledger.fold import last_pieces
from notify.ledger.states import UNTOLD, PieceState

__all__ = ["ENTITY_STATES", "STATES", "contradictions", "figure_c", "figure_d", "figure_l"]

STATES = (
    "unowned",
    "waiting_ce",
    "ce_notifies",
    "queued",
    "mailed",
    "e-mailed",
    "substitute",
    "deceased_without_representative",
    "excluded",
    "on_hold",
    "uncertain",
    "no_longer",
)
"""Figure L: where a (person, entity) can be."""
ENTITY_STATES = (
    "ready",
    "withheld",
    "sent",
    "received",
    "accepted",
    "disputed",
    "unreachable",
    "closed_with_custodian",
)
"""Figure C: where a covered entity with affected people can be."""
_PAIR = ["person_id", "entity_id"]


def figure_l(workspace: Workspace, *, events_read: bool = False) -> dict[str, int]:
    """`gaps`: pairs of `ownership` in no state; `overlaps`: pairs in several, unknown or unasked.

    With `events_read`, when the round that made the ledger read the events that this workspace shows, a pair
    whose state and pieces contradict each other is an overlap, too: it is in both.
    """
    owned = workspace.scan("ownership").select(_PAIR).unique()
    ledger = workspace.scan("ledger").select(*_PAIR, "state")
    known = ledger.filter(pl.col("state").is_in(STATES))
    gaps = owned.join(known, on=_PAIR, how="anti")
    unasked = ledger.join(owned, on=_PAIR, how="anti")
    extra = ledger.group_by(_PAIR).len().select(pl.col("len").sum() - pl.len())
    repeated = int(extra.collect(engine="streaming").item() or 0)
    both = contradictions(workspace) if events_read else 0
    return {"gaps": _rows(gaps), "overlaps": repeated + _rows(unasked) + both}


def contradictions(workspace: Workspace) -> int:
    """Pairs that the ledger calls told of whom nothing is out, or queued anew while a piece is out or arrived.

    A notice that names the piece whose place it takes is meant to be a second one.
    """
    told = [state.value for state in PieceState if state not in UNTOLD]
    states = workspace.scan("ledger").select(*_PAIR, "state")
    wanted = states.filter(pl.col("state").is_in(["mailed", "e-mailed", "queued"]))
    said = pl.col("piece").is_in(told).fill_null(value=False)
    anew = workspace.scan("notices").filter(pl.col("remail_of").is_not_null()).select(_PAIR)
    with_piece = wanted.join(
        last_pieces(workspace).select(*_PAIR, piece="state"), on=_PAIR, how="left"
    )
    unsent = with_piece.filter(pl.col("state") != "queued", ~said)
    twice = with_piece.filter(pl.col("state") == "queued", said).join(anew, on=_PAIR, how="anti")
    return _rows(unsent) + _rows(twice)


def figure_c(workspace: Workspace) -> int:
    """Entities with a confirmed or possible person that are not in exactly one state; 0 is right."""
    people = workspace.scan("persons").filter(pl.col("affected") != "no_longer").select("person_id")
    concerned = (
        workspace.scan("ownership")
        .filter(pl.col("entity_id") != UNOWNED)
        .join(people, on="person_id", how="semi")
        .select("entity_id")
        .unique()
    )
    known = workspace.scan("packets").filter(pl.col("state").is_in(ENTITY_STATES))
    states = known.group_by("entity_id").agg(states=pl.col("state").len())
    joined = concerned.join(states, on="entity_id", how="left")
    return _rows(joined.filter(pl.col("states").fill_null(0) != 1))


def figure_d(workspace: Workspace) -> int:
    """(person, entity, channel, version, wave) handed over or accepted more than once; 0 is right.

    What was recalled from its batch does not count. A letter is handed over once a piece and batch; an e-mail is
    accepted once an event, so that the same message sent twice is two.
    """
    events = workspace.scan("events").filter(pl.col("person_id").is_not_null())
    undone = events.filter(pl.col("kind") == "recalled").select("piece_id", "batch_id")
    key = [*_PAIR, "channel", "notice_version", "wave", "kind"]
    once = pl.when(pl.col("channel") == "email").then("event_id").otherwise("batch_id")
    done = (
        events.filter(pl.col("kind").is_in(["exported", "accepted"]))
        .join(undone, on=["piece_id", "batch_id"], how="anti", nulls_equal=True)
        .select(*key, "piece_id", once=once)
    )
    several = done.group_by(key).len().filter(pl.col("len") > 1).select(key)
    few = done.join(several, on=key, how="semi", nulls_equal=True).unique()
    return _rows(few.group_by(key).len().filter(pl.col("len") > 1))


def _rows(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
