"""Days that start clocks and end duties, as people recorded them since: what cannot be dated yet is null.

`facts` and `events` of the inbox come in; small frames by entity go out.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.answers import current_facts

__all__ = ["DATED_LATER", "filings", "recorded_days"]

DATED_LATER = ("determination", "confirmation", "notice_to_individual", "hhs_report")
"""Clock anchors that the incident itself does not date."""
_VALUE = pl.Struct({"of": pl.String, "recipient": pl.String, "jurisdiction": pl.String})
_LEFT_THE_HOUSE = ("accepted", "dropped")


def recorded_days(workspace: Workspace) -> pl.DataFrame:
    """One row per entity of the roster: `entity_id` and a day for each of DATED_LATER, null while unknown.

    Determination is the decision of the risk assessment, or an acknowledgement of it; confirmation an
    acknowledgement. Notice to individuals is the first piece that left, or an acknowledgement of an
    entity that writes itself. The report to HHS is a filing. A fact without entity holds for all.
    """
    roster = workspace.read("entities", ["entity_id"])
    facts = _facts(workspace)
    days = {
        "determination": (pl.col("kind") == "risk") | _acknowledges("determination"),
        "confirmation": _acknowledges("confirmation"),
        "notice_to_individual": _acknowledges("notice_to_individual"),
        "hhs_report": (pl.col("kind") == "filing") & (pl.col("recipient") == "hhs"),
    }
    for name, about in days.items():
        found = facts.filter(about.fill_null(value=False))
        if name == "notice_to_individual":
            found = pl.concat([found.select("entity_id", "dated_on"), _pieces(workspace)])
        roster = _with_day(roster, found, name)
    return roster.sort("entity_id")


def filings(workspace: Workspace) -> pl.DataFrame:
    """One row per entity, jurisdiction and recipient that was told: `..., filed_on`, the first day.

    From facts of kind `filing`: `{"recipient": "state_ag", "jurisdiction": "MD"}`; US where not said.
    """
    told = _facts(workspace).filter(pl.col("kind") == "filing", pl.col("entity_id").is_not_null())
    return (
        told.drop_nulls("recipient")
        .group_by("entity_id", pl.col("jurisdiction").fill_null("US"), "recipient")
        .agg(filed_on=pl.col("dated_on").min())
        .drop_nulls()
        .sort("entity_id", "jurisdiction", "recipient")
    )


def _facts(workspace: Workspace) -> pl.DataFrame:
    kinds = ("risk", "acknowledgement", "filing")
    facts = pl.concat([current_facts(workspace, kind) for kind in kinds])
    return facts.with_columns(value=pl.col("value").str.json_decode(_VALUE)).unnest("value")


def _acknowledges(what: str) -> pl.Expr:
    return (pl.col("kind") == "acknowledgement") & (pl.col("of") == what)


def _pieces(workspace: Workspace) -> pl.DataFrame:
    sent = pl.col("kind").is_in(_LEFT_THE_HOUSE) & pl.col("channel").is_in(["mail", "email"])
    return workspace.scan("events").filter(sent).select("entity_id", "dated_on").collect()


def _with_day(roster: pl.DataFrame, found: pl.DataFrame, name: str) -> pl.DataFrame:
    own = found.drop_nulls("entity_id").group_by("entity_id").agg(pl.col("dated_on").min())
    of_all = found.filter(pl.col("entity_id").is_null())["dated_on"].min()
    day = pl.min_horizontal("dated_on", pl.lit(of_all, dtype=pl.Date))
    joined = roster.join(own, on="entity_id", how="left")
    return joined.with_columns(day.alias(name)).drop("dated_on")
