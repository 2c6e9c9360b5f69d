"""The statement for a regulator: method, coverage, error rates, covered entities told and not reached, and why.

What a corrective action plan asks of a business associate: to tell entities "to the extent possible", and to show
it. Counts, dates, and names of covered entities; no person's data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from matching.store import Workspace
from notify.report import ReportSettings
from notify.report.accurate import accuracy_section
from notify.report.doubt import doubts, method
from notify.report.leak import bridge, inventory
from notify.report.owed import duty_section
from notify.report.page import page_html
from notify.report.parts import Section, first_missing, grid_of, not_yet, number, words_of
from notify.report.people import entity_names, headline
from notify.report.progress import progress, progress_section
from notify.report.told import notice_section, packet_section

__all__ = ["statement_html"]

ENTITIES_SHOWN = 500
"""Entities without a notice that are named one by one; all are in the roster, out/filings."""
_REACHED = ("sent", "received", "accepted", "disputed", "closed_with_custodian")


def statement_html(workspace: Workspace, settings: ReportSettings, *, since: date | None) -> str:
    """The page; equal tables, inbox and audit log give equal bytes."""
    workspace = replace(workspace, inbox_parts=None)  # as it is now, not as the round began
    return page_html(
        workspace,
        settings,
        kind="Statement on the breach response" + (f", progress since {since}" if since else ""),
        sections=_sections(workspace, settings, since),
        holds="Counts, dates and names of covered entities only; no person's data.",
    )


def _sections(
    workspace: Workspace, settings: ReportSettings, since: date | None
) -> Sequence[Section]:
    as_of = settings.as_of
    return (
        progress_section(progress(workspace, since), since=since),
        replace(headline(workspace), title="Who is affected"),
        packet_section(workspace),
        _not_reached(workspace),
        notice_section(workspace),
        duty_section(workspace, as_of=as_of),
        accuracy_section(settings.accuracy),
        inventory(workspace),
        bridge(workspace),
        doubts(workspace),
        method(workspace, as_of=as_of),
    )


def _not_reached(workspace: Workspace) -> Section:
    """Covered entities with affected people that hold no notice yet, each with the reason."""
    title = "Covered entities without a notice"
    if first_missing(workspace, ["packets"]):
        return not_yet("unreached", title, "packets")
    told = workspace.scan("events").filter(channel="packet").select("entity_id").unique()
    left = (
        workspace.scan("packets")
        .filter(~pl.col("state").is_in(_REACHED))
        .join(told, on="entity_id", how="anti")
        .with_columns(people=pl.col("confirmed") + pl.col("possible") + pl.col("possible_unlisted"))
        .sort("people", "entity_id", descending=[True, False])
        .collect()
    )
    everyone = workspace.rows("packets")
    lead = (
        f"Of {number(everyone)} covered entities with affected people {number(everyone - left.height)} were told"
        f" or have a custodian who was; {number(left.height)} were not, for the reason beside each."
    )
    if left.is_empty():
        return Section(anchor="unreached", title=title, lead=lead)
    shown = left.head(ENTITIES_SHOWN).join(
        entity_names(workspace), on="entity_id", how="left", maintain_order="left"
    )
    heads = {
        "name": "covered entity", "entity_id": "id", "home": "state", "state": "packet",
        "reason": "reason", "people": "people",
    }  # fmt: skip
    worded = shown.with_columns(words_of("state"), words_of("reason"))
    more = left.height - shown.height
    caption = f"The first {shown.height}; {number(more)} more are in the roster." if more else ""
    grid = grid_of(worded, heads, caption=caption)
    return Section(anchor="unreached", title=title, lead=lead, grids=(grid,))
