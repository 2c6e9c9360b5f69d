"""How many people, of which covered entity, in which state: `counts`, `persons`, `entities`, `ledger`."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.report.charts import ranges
from notify.report.map import state_map
from notify.report.parts import (
    Card,
    Grid,
    Section,
    first_missing,
    grid_of,
    in_words,
    not_yet,
    number,
    words_of,
)

__all__ = [
    "entity_names",
    "entity_section",
    "headline",
    "state_counts",
    "state_section",
    "union_row",
]

SHOWN = 25
NUMBERS = ["confirmed", "expected", "expected_low", "expected_high", "upper"]
UNSTATED = ("UNK", "ZZ")
"""Residence unknown, and abroad: no state of the Union."""


def union_row(workspace: Workspace) -> dict[str, float] | None:
    """The five numbers of all people together; None before they are counted."""
    row = (
        workspace.scan("counts")
        .filter(pl.col("entity_id").is_null() & pl.col("state").is_null())
        .select(NUMBERS)
        .collect()
    )
    return row.to_dicts()[0] if row.height else None


def entity_counts(workspace: Workspace) -> pl.DataFrame:
    """The five numbers per covered entity that has anyone, most people first."""
    return (
        workspace.scan("counts")
        .filter(
            pl.col("entity_id").is_not_null() & pl.col("state").is_null() & (pl.col("upper") > 0)
        )
        .select("entity_id", *NUMBERS)
        .sort("expected", "entity_id", descending=[True, False])
        .collect()
    )


def state_counts(workspace: Workspace) -> pl.DataFrame:
    """The five numbers per state of residence, most people first; from the union where it has states."""
    by_state = workspace.scan("counts").filter(
        pl.col("state").is_not_null() & (pl.col("upper") > 0)
    )
    union = by_state.filter(pl.col("entity_id").is_null()).select("state", *NUMBERS).collect()
    if union.is_empty():
        union = by_state.group_by("state").agg(pl.col(NUMBERS).sum()).collect()
    return union.sort("expected", "state", descending=[True, False])


def entity_names(workspace: Workspace) -> pl.DataFrame:
    """`entity_id` and the name that patients know; UNOWNED says that the owner is unknown."""
    named = workspace.scan("entities").select(
        "entity_id", name=pl.coalesce("print_name", "legal_name", "entity_id"), home="state"
    )
    nobody = pl.LazyFrame(
        {"entity_id": [UNOWNED], "name": ["Owner unknown"], "home": [None]},
        schema={"entity_id": pl.String, "name": pl.String, "home": pl.String},
    )
    return pl.concat([named.filter(pl.col("entity_id") != UNOWNED), nobody]).collect()


def headline(workspace: Workspace) -> Section:
    """The numbers a manager asks for first, with what stands behind each."""
    title = "At a glance"
    people = union_row(workspace) if workspace.has("counts") else None
    if people is None:
        return not_yet("glance", title, "counts")
    entities, states = entity_counts(workspace), state_counts(workspace)
    owners = entities.filter(pl.col("entity_id") != UNOWNED).height
    residence = states.filter(~pl.col("state").is_in(UNSTATED)).height
    interval = f"{number(people['expected_low'])} to {number(people['expected_high'])}"
    cards = (
        Card(
            number(people["expected"]),
            "people expected",
            f"95 % interval {interval}, model only",
            "main",
        ),
        Card(number(people["confirmed"]), "confirmed", "the least the evidence allows"),
        Card(number(people["upper"]), "upper", "plans are made on this number"),
        Card(
            number(owners),
            "covered entities",
            f"of {number(_roster(workspace))} in the roster",
        ),
        Card(number(residence), "states", "and territories, by last known address"),
        *_ledger_cards(workspace),
    )
    chart = ranges(
        [{"label": "All people", **people}],
        caption="From confirmed to upper (grey), the 95 % interval (blue), expected (dot).",
        from_zero=False,
    )
    return Section(
        anchor="glance",
        title=title,
        cards=cards,
        charts=(chart,),
        notes=(_kinds_of_people(workspace),),
    )


def _roster(workspace: Workspace) -> int:
    entities = workspace.scan("entities").filter(pl.col("kind") != "business_associate")
    return int(entities.select(pl.len()).collect().item())


def _ledger_cards(workspace: Workspace) -> tuple[Card, ...]:
    if not workspace.has("ledger"):
        return (Card("not yet", "notices", "the round stopped before them"),)
    states = workspace.scan("ledger").group_by("state").agg(n=pl.len()).collect(engine="streaming")
    ordered = states.sort("n", "state", descending=[True, False]).head(3)
    return tuple(
        Card(number(n), f"notices: {in_words(state)}", "one per person and covered entity")
        for state, n in ordered.rows()
    )


def _kinds_of_people(workspace: Workspace) -> str:
    persons = workspace.scan("persons").filter(pl.col("affected") != "no_longer")
    found = persons.select(
        people=pl.len(),
        orphans=pl.col("orphan").sum(),
        deceased=pl.col("deceased").sum(),
        possible=(pl.col("affected") == "possible").sum(),
    ).collect(engine="streaming")
    people, orphans, deceased, possible = found.row(0)
    return (
        f"Notices are planned for {number(people)} people, no uncertain pair merged:"
        f" {number(orphans)} have no chart with any covered entity, {number(deceased)} are recorded as"
        f" deceased, {number(possible)} are possible only."
    )


def entity_section(workspace: Workspace) -> Section:
    """The covered entities with most people, in a chart and a table; the rest in one line."""
    title = "People by covered entity"
    if first_missing(workspace, ["counts"]):
        return not_yet("entities", title, "counts")
    counted = entity_counts(workspace).join(entity_names(workspace), on="entity_id", how="left")
    counted = counted.with_columns(label=pl.coalesce("name", "entity_id"))
    top = counted.head(SHOWN)
    twins = pl.col("label").is_duplicated()
    top = top.with_columns(
        label=pl.when(twins)
        .then(pl.col("label") + " (" + pl.col("entity_id") + ")")
        .otherwise("label")
    )
    chart = ranges(
        top.select("label", *NUMBERS).to_dicts(),
        caption=f"The {top.height} entities with most people: confirmed to upper, interval, expected.",
    )
    lead = (
        f"{number(counted.filter(pl.col('entity_id') != UNOWNED).height)} covered entities have affected"
        " people. A person counts once at each entity, so the column adds up to more than the headline."
    )
    return Section(
        anchor="entities",
        title=title,
        lead=lead,
        charts=(chart,),
        grids=(_entity_grid(counted, top), *_overlap_grid(workspace)),
    )


def _overlap_grid(workspace: Workspace) -> tuple[Grid, ...]:
    """Why the entities' numbers add up to more than the union."""
    if not workspace.has("overlap"):
        return ()
    heads = {
        "entities": "covered entities",
        "confirmed": "people with so many confirmed",
        "upper": "people with so many confirmed or possible",
    }
    caption = "People by the number of their covered entities; 0: the owner is not known."
    return (grid_of(workspace.read("overlap").sort("entities"), heads, caption=caption),)


def _entity_grid(counted: pl.DataFrame, top: pl.DataFrame) -> Grid:
    rest = counted.slice(top.height)
    heads = {"label": "covered entity", "entity_id": "id", "home": "state", **_heads()}
    grid = grid_of(top, heads)
    if rest.is_empty():
        return grid
    sums = rest.select(pl.col(NUMBERS).sum()).row(0)
    interval = (sums[0], sums[1], None, None, sums[4])  # ends of intervals do not add up
    others = (f"{number(rest.height)} further entities", "", "", *interval)
    return Grid(grid.heads, (*grid.rows, others))


def _heads() -> dict[str, str]:
    return {
        "confirmed": "confirmed", "expected": "expected", "expected_low": "from", "expected_high": "to",
        "upper": "upper",
    }  # fmt: skip


def state_section(workspace: Workspace) -> Section:
    """Every state of residence with its numbers; unknown residence is its own line."""
    title = "People by state"
    if first_missing(workspace, ["counts"]):
        return not_yet("states", title, "counts")
    counted = state_counts(workspace).with_columns(label=words_of("state"))
    chart = ranges(
        counted.head(SHOWN).select("label", *NUMBERS).to_dicts(),
        caption=f"The first {min(SHOWN, counted.height)} by expected people.",
    )
    unknown = counted.filter(pl.col("state") == "UNK")["upper"].sum()
    lead = (
        "Residence is the last known address, from charts first and the leak second."
        f" {number(unknown)} people have none; duties by state are also tested with all of them added."
    )
    grid = grid_of(counted, {"label": "state", **_heads()})
    tiles = state_map(
        counted.select("state", "expected").to_dicts(),
        caption="People expected by state of residence, shaded by how many; ? is unknown residence.",
    )
    return Section(anchor="states", title=title, lead=lead, charts=(tiles, chart), grids=(grid,))
