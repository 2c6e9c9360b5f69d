"""Which days may be planned with, and which may be stated as law.

A row without a reviewer may make a plan earlier, never later; what a letter or filing prints as a legal
date comes from reviewed rows only, and only where the clock runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from matching.store import Workspace

__all__ = ["NOT_OWED", "WAITING", "earliest_by", "may_be_stated", "stated_date", "stated_dates"]

NOT_OWED = ("not_required", "met")
"""Statuses in which nothing is left to do."""
WAITING = ("needs_counsel", "waiting", "waiting_receipt")
"""Statuses whose day is planned with, and not stated."""
_UNSTATED = ("not_required", *WAITING)


def earliest_by(workspace: Workspace) -> pl.DataFrame:
    """One row per entity and state, `entity_id, state, due_on`: the day by which its letters must be out.

    `state` is null where the day holds for everyone. The earlier of both hypotheses where agency is
    undetermined, and of all rules: an unreviewed row counts too, it can only make the day earlier, and
    so does one that waits. Days past are given as they are.
    """
    nationwide = pl.col("jurisdiction") == "US"
    return (
        workspace.scan("duties")
        .filter(
            pl.col("recipient") == "individual",
            pl.col("due_on").is_not_null(),
            pl.col("status") != "not_required",
        )
        .group_by("entity_id", state=pl.when(~nationwide).then("jurisdiction"))
        .agg(pl.col("due_on").min())
        .sort("entity_id", "state")
        .collect()
    )


def may_be_stated() -> pl.Expr:
    """Over rows of `duties`: the day may be printed as a legal date."""
    dated = pl.col("due_on").is_not_null() & pl.col("waits_for").is_null()
    return pl.col("reviewed") & dated & ~pl.col("status").is_in(_UNSTATED)


def stated_date(duty: Mapping[str, Any]) -> date | None:
    """`may_be_stated` for one row: its last day, or None where no letter or filing may say one."""
    if not duty["reviewed"] or duty["waits_for"] or duty["status"] in _UNSTATED:
        return None
    due: date | None = duty["due_on"]
    return due


def stated_dates(workspace: Workspace) -> pl.DataFrame:
    """Duties whose day may be printed: `duty_id, entity_id, jurisdiction, recipient, rule_id, hypothesis, citation, due_on`."""
    return (
        workspace.scan("duties")
        .filter(may_be_stated())
        .select(
            "duty_id", "entity_id", "jurisdiction", "recipient", "rule_id", "hypothesis", "citation", "due_on",
        )
        .collect()
    )  # fmt: skip
