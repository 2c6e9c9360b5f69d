"""The list of all covered entities that a regulator asks of a business associate: basis, count, state of notice.

`entities`, `counts`, `ownership`, `packets`, `events` and the answers come in; one row per entity of the
roster, also where no one of its people was found. An empty cell is a thing that no table says.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.answers import receipts
from notify.packets.individuals import owned
from notify.packets.plan import released

__all__ = ["COLUMNS", "roster", "summary"]

_NUMBERS = ("confirmed", "expected", "expected_low", "expected_high", "upper")
COLUMNS = (
    "entity_id", "legal_name", "print_name", "kind", "status", "successor_id", "custodian", "street",
    "city", "state", "zip", "npi", "agency", "basis", *_NUMBERS, "notice", "reason", "packet_version",
    "told_on", "received_on",
)  # fmt: skip
"""Columns of roster.csv: more may follow, none goes."""


def roster(workspace: Workspace) -> pl.DataFrame:
    """COLUMNS, in order of entity_id. `basis`: what says that people are its patients, with how many."""
    counts = workspace.read("counts").filter(pl.col("state").is_null()).drop("state")
    whole = pl.col("expected", "expected_low", "expected_high").round().cast(pl.Int64)
    notice = _notice(workspace)
    return (
        workspace.read("entities")
        .join(_basis(workspace), on="entity_id", how="left")
        .join(counts.with_columns(whole), on="entity_id", how="left")
        .join(notice, on="entity_id", how="left")
        .join(receipts(workspace), on="entity_id", how="left", suffix="_answered")
        .with_columns(
            notice=pl.coalesce(
                pl.when(pl.col("upper").is_null()).then(pl.lit("none_found")), "notice"
            ).fill_null("not_planned"),
            received_on=pl.coalesce("received_on_answered", "received_on"),
        )
        .select(COLUMNS)
        .sort("entity_id")
    )


def summary(workspace: Workspace, rows: pl.DataFrame) -> dict[str, Any]:
    """Entities by state of notice, and the people of no known entity. JSON-ready."""
    counts = workspace.read("counts").filter(pl.col("state").is_null())
    unowned = counts.filter(pl.col("entity_id") == UNOWNED).select(_NUMBERS).to_dicts()
    everyone = counts.filter(pl.col("entity_id").is_null()).select(_NUMBERS).to_dicts()
    states = rows.group_by("notice").len().sort("notice").iter_rows()
    return {
        "schema": "affected.roster/1",
        "entities": rows.height,
        "by_notice": dict(states),
        "individuals": everyone[0] if everyone else None,
        "of_no_known_entity": unowned[0] if unowned else None,
        "note": "a person of several entities is counted once at each; individuals counts everyone once",
    }


def _basis(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, basis`: rungs of the ladder with their people, confirmed and possible, by name."""
    counted = (
        owned(workspace)
        .group_by("entity_id", "basis", "status")
        .agg(people=pl.len())
        .sort("entity_id", "status", "basis")
        .collect(engine="streaming")
    )
    told = pl.concat_str("basis", pl.lit(", "), "status", pl.lit(": "), "people")
    return counted.group_by("entity_id", maintain_order=True).agg(basis=told.str.join("|"))


def _notice(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, notice, reason, packet_version, told_on`; what went out since the round counts as sent."""
    events = workspace.read("events")
    gone = events.filter((pl.col("channel") == "packet") & (pl.col("kind") == "exported"))
    first = gone.group_by("entity_id").agg(told_on=pl.col("dated_on").min())
    out = (pl.col("content") == pl.col("released_content")).fill_null(value=False)
    just_sent = out & pl.col("state").is_in(["ready", "closed_with_custodian"])
    packets = workspace.read("packets").join(released(events), on="entity_id", how="left")
    return packets.join(first, on="entity_id", how="left").select(
        "entity_id",
        "reason",
        "told_on",
        notice=pl.when(just_sent).then(pl.lit("sent")).otherwise("state"),
        packet_version="released_version",
    )
