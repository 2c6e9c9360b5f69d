"""Who was told, who waits and for whom: `ledger`, `packets`, `batches`, `outbox` and what holds them up."""

from __future__ import annotations

from datetime import date

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.ledger import identities
from notify.report.charts import bars
from notify.report.owed import owed
from notify.report.parts import (
    Cell,
    Grid,
    Section,
    first_missing,
    grid_of,
    in_words,
    not_yet,
    number,
    words_of,
)
from notify.report.people import entity_names

__all__ = ["notice_section", "packet_section", "waiting_section"]

ENTITIES_SHOWN = 15
Line = tuple[Cell, ...]


def notice_section(workspace: Workspace) -> Section:
    """Every person and covered entity in its one state, by state and reason."""
    title = "Notices to people"
    if first_missing(workspace, ["ledger"]):
        return not_yet("notices", title, "ledger")
    states = (
        workspace.scan("ledger")
        .group_by("state", "reason")
        .agg(value=pl.len())
        .collect(engine="streaming")
        .with_columns(total=pl.col("value").sum().over("state"))
        .sort("total", "state", "value", "reason", descending=[True, False, True, False])
        .with_columns(
            label=words_of("state"),
            why=words_of("reason"),
        )
    )
    chart = bars(
        states.group_by("label", maintain_order=True).agg(pl.col("value").sum()).to_dicts(),
        caption="One per person and covered entity, each in exactly one state.",
        axis="person x covered entity",
    )
    lead = (
        f"{number(states['value'].sum())} notices are accounted for, one per person and covered entity,"
        " people without a known entity included."
    )
    grids = (
        grid_of(states, {"label": "state", "why": "reason", "value": "how many"}),
        *_channels(workspace),
        *_came_of(workspace),
        *_unreached(workspace),
    )
    return Section(anchor="notices", title=title, lead=lead, charts=(chart,), grids=grids)


def _channels(workspace: Workspace) -> tuple[Grid, ...]:
    if not workspace.rows("notices"):
        return ()
    planned = (
        workspace.scan("notices")
        .group_by("channel", "variant", "language")
        .agg(notices=pl.len(), first=pl.col("mail_by").min())
        .sort("notices", "channel", "variant", "language", descending=[True, False, False, False])
        .collect(engine="streaming")
        .with_columns(words_of("channel"), words_of("variant"))
    )
    heads = {
        "channel": "channel", "variant": "letter", "language": "language", "notices": "notices",
        "first": "earliest mail by",
    }  # fmt: skip
    return (
        grid_of(planned, heads, caption="Notices as planned, by channel, letter and language."),
    )


def _came_of(workspace: Workspace) -> tuple[Grid, ...]:
    """What came of the letters that were handed over, a row a wave; the columns add up."""
    found = identities(workspace)
    if found.is_empty():
        return ()
    numbers = ("exported", "mailed", "presumed_delivered", "remailed", "substitute", "uaa_open")
    rows = (
        found.group_by("wave")
        .agg(pl.col(numbers).sum())
        .with_columns(not_mailed=pl.col("exported") - pl.col("mailed"))
        .sort("wave")
    )
    heads = {
        "wave": "wave", "exported": "handed over", "not_mailed": "not mailed", "mailed": "mailed",
        "presumed_delivered": "not come back", "remailed": "written again", "substitute": "substitute",
        "uaa_open": "back, open",
    }  # fmt: skip
    caption = "Letters by what came of them. Handed over is mailed and not; mailed is the sum of the four after it."
    return (grid_of(rows, heads, caption=caption),)


def _unreached(workspace: Workspace) -> tuple[Grid, ...]:
    """Whom no letter reaches, by what their number asks of the entity."""
    if not workspace.rows("substitutes"):
        return ()
    forms = {
        "posting": "10 or more: on the home page for 90 days, or in major media",
        "other": "fewer than 10: in writing, by telephone or otherwise",
    }
    rows = (
        workspace.scan("substitutes")
        .group_by("form")
        .agg(
            pl.len().alias("entities"),
            pl.col("people", "came_back").sum(),
            pl.col("due_on").min(),
        )
        .sort("form", descending=True)
        .collect()
        .with_columns(pl.col("form").replace_strict(forms, return_dtype=pl.String))
    )
    heads = {
        "form": "substitute notice", "entities": "covered entities", "people": "people",
        "came_back": "of them, letters that came back", "due_on": "first due",
    }  # fmt: skip
    caption = "People whom no letter reaches, by entity (45 CFR 164.404(d)(2))."
    return (grid_of(rows, heads, caption=caption),)


def packet_section(workspace: Workspace) -> Section:
    """Every covered entity that has anyone, in its one state, and how many people its packet lists."""
    title = "Packets to covered entities"
    if first_missing(workspace, ["packets"]):
        return not_yet("packets", title, "packets")
    states = (
        workspace.scan("packets")
        .group_by("state", "reason")
        .agg(
            value=pl.len(),
            confirmed=pl.col("confirmed").sum(),
            possible=pl.col("possible").sum(),
            unlisted=pl.col("possible_unlisted").sum(),
        )
        .sort("value", "state", "reason", descending=[True, False, False])
        .collect()
        .with_columns(words_of("state"), words_of("reason"))
    )
    chart = bars(
        states.select("value", label="state").to_dicts(),
        caption="Covered entities by the state of their packet.",
        axis="covered entities",
    )
    heads = {
        "state": "state", "reason": "reason", "value": "entities", "confirmed": "confirmed people",
        "possible": "possible, listed", "unlisted": "possible, counted only",
    }  # fmt: skip
    lead = (
        "Covered entities are told first. A packet lists a possible person only with that entity's own"
        " chart; where it has none, it gives a number and asks."
    )
    return Section(
        anchor="packets", title=title, lead=lead, charts=(chart,), grids=(grid_of(states, heads),)
    )


def waiting_section(workspace: Workspace, *, as_of: date, gates: tuple[str, ...]) -> Section:
    """What has to be done next, by whom, and how much hangs on it."""
    lines = [
        *(("approvers", f"approve the gate `{gate}`", None) for gate in gates),
        *_overdue(workspace, as_of),
        *_reviewing(workspace),
        *_withheld(workspace),
        *_held(workspace),
        *_releasing(workspace),
    ]
    if not lines:
        lead = "Nothing waits for anyone in what exists so far."
        return Section(anchor="waiting", title="What waits for whom", lead=lead)
    grids = [Grid(("who", "what", "how many"), tuple(lines)), *_waiting_entities(workspace)]
    return Section(anchor="waiting", title="What waits for whom", grids=tuple(grids))


def _overdue(workspace: Workspace, as_of: date) -> list[Line]:
    late = (
        owed(workspace, as_of=as_of)
        .filter(pl.col("status") == "overdue")
        .group_by("performed_by", "recipient")
        .agg(duties=pl.len(), worst=-pl.col("days_left").min())
        .sort("worst", "performed_by", "recipient", descending=[True, False, False])
        .collect()
    )
    return [
        (
            "all parties: nobody is named" if by == "undecided" else in_words(by),
            f"overdue: notice to {in_words(to)}, up to {number(worst)} days",
            duties,
        )
        for by, to, duties, worst in late.rows()
    ]


def _reviewing(workspace: Workspace) -> list[Line]:
    review = _count(workspace.scan("pairs").filter(pl.col("band") == "review"))
    unowned = _count(workspace.scan("ownership").filter(pl.col("entity_id") == UNOWNED))
    lines: list[Line] = [
        ("reviewers", "decide pairs in the review band", review),
        ("responders", "find the covered entity of people whom no evidence gives to one", unowned),
    ]
    return [line for line in lines if line[2]]


def _withheld(workspace: Workspace) -> list[Line]:
    states = (
        workspace.scan("packets")
        .group_by("state", "reason")
        .agg(n=pl.len())
        .sort("state", "reason")
        .collect()
    )
    tasks = {
        "ready": ("responders", "release packets that are ready"),
        "withheld": ("responders", "packets withheld"),
        "sent": ("covered entities", "confirm the receipt of a packet"),
        "received": ("covered entities", "accept or dispute a packet"),
        "disputed": ("counsel", "settle a disputed packet"),
        "unreachable": ("counsel", "decide about entities that cannot be reached"),
    }
    lines: list[Line] = []
    for state, reason, n in states.rows():
        if state in tasks:
            who, what = tasks[state]
            lines.append((who, f"{what}: {in_words(reason)}" if reason else what, n))
    return lines


def _held(workspace: Workspace) -> list[Line]:
    waits = (
        workspace.scan("ledger")
        .filter(pl.col("state").is_in(["waiting_ce", "on_hold", "uncertain"]))
        .group_by("state", "reason")
        .agg(n=pl.len())
        .sort("state", "reason")
        .collect(engine="streaming")
    )
    who = {"waiting_ce": "covered entities", "on_hold": "counsel", "uncertain": "operators"}
    what = {
        "waiting_ce": "say who sends the notices of their patients",
        "on_hold": "lift the hold or find what is missing",
        "uncertain": "wait for bounces of e-mails that may have been sent",
    }
    return [
        (who[state], f"{what[state]}: {in_words(reason)}" if reason else what[state], n)
        for state, reason, n in waits.rows()
    ]


def _releasing(workspace: Workspace) -> list[Line]:
    batches = (
        workspace.scan("batches").select(n=pl.len(), pieces=pl.col("pieces").sum()).collect().row(0)
    )
    lines: list[Line] = []
    if batches[0]:
        lines.append(
            (
                "senders",
                f"approve and export planned vendor batches ({number(batches[0])}): pieces",
                batches[1],
            )
        )
    if workspace.rows("outbox"):
        lines.append(("senders", "approve the e-mail wave: messages", workspace.rows("outbox")))
    return lines


def _waiting_entities(workspace: Workspace) -> list[Grid]:
    waiting = (
        workspace.scan("ledger")
        .filter(pl.col("state") == "waiting_ce")
        .group_by("entity_id")
        .agg(people=pl.len())
        .sort("people", "entity_id", descending=[True, False])
        .collect(engine="streaming")
    )
    if waiting.is_empty():
        return []
    top = waiting.head(ENTITIES_SHOWN).join(
        entity_names(workspace), on="entity_id", how="left", maintain_order="left"
    )
    caption = f"Covered entities whose word is awaited: the first {top.height} of {waiting.height}."
    heads = {
        "name": "covered entity",
        "entity_id": "id",
        "home": "state",
        "people": "people who wait",
    }
    return [grid_of(top, heads, caption=caption)]


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
