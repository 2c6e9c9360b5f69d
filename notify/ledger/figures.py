"""Figures L, C and D of `affected verify`: nobody forgotten, nobody twice.

Reads `ownership`, `ledger`, `packets` and `events`; writes nothing.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED

__all__ = ["ENTITY_STATES", "STATES", "figure_c", "figure_d", "figure_l"]

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


def figure_l(workspace: Workspace) -> dict[str, int]:
    """`gaps`: pairs of `ownership` in no state; `overlaps`: pairs in several, unknown or unasked."""
    owned = workspace.scan("ownership").select(_PAIR).unique()
    ledger = workspace.scan("ledger").select(*_PAIR, "state")
    known = ledger.filter(pl.col("state").is_in(STATES))
    gaps = owned.join(known, on=_PAIR, how="anti")
    unasked = ledger.join(owned, on=_PAIR, how="anti")
    extra = ledger.group_by(_PAIR).len().select(pl.col("len").sum() - pl.len())
    repeated = int(extra.collect(engine="streaming").item() or 0)
    return {"gaps": _rows(gaps), "overlaps": repeated + _rows(unasked)}


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

    A batch that was recalled or destroyed does not count.
    """
    events = workspace.scan("events").filter(pl.col("person_id").is_not_null())
    undone = events.filter(pl.col("kind").is_in(["recalled", "destroyed"]))
    key = [*_PAIR, "channel", "notice_version", "wave", "kind"]
    return _rows(
        events.filter(pl.col("kind").is_in(["exported", "accepted"]))
        .join(undone, on=["piece_id", "batch_id"], how="anti", nulls_equal=True)
        .group_by(key)
        .agg(pl.col("batch_id").n_unique())
        .filter(pl.col("batch_id") > 1)
    )


def _rows(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
