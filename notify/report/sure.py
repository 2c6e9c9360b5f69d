"""How sure the links and the owners are: `pairs`, `decisions` and `ownership`."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.report.charts import bars, weights
from notify.report.parts import (
    Chart,
    Section,
    first_missing,
    grid_of,
    not_yet,
    number,
    words_of,
)

__all__ = ["ownership_section", "weight_section"]

LOWEST_BITS, HIGHEST_BITS = -20, 50
"""Pairs beyond are drawn in the outermost bars; nothing is decided out there."""


def weight_section(
    workspace: Workspace, *, include_at: float | None, merge_at: float | None
) -> Section:
    """Histogram of match weights with both thresholds, and how many pairs wait for a person."""
    title = "How sure the links are"
    if first_missing(workspace, ["pairs"]):
        return not_yet("links", title, "pairs")
    counted = _histogram(workspace)
    review = int(counted.filter(pl.col("band") == "review")["pairs"].sum())
    decided = (
        workspace.scan("decisions")
        .filter(pl.col("subject") == "pair")
        .select(pl.len())
        .collect()
        .item()
    )
    by_kind = counted.pivot(
        "band", index="kind", values="pairs", aggregate_function="sum"
    ).fill_null(0)
    bands = [band for band in ("match", "review", "no") if band in by_kind.columns]
    grid = grid_of(
        by_kind.sort("kind").with_columns(pl.col("kind").str.replace_all("_", " to ")),
        {"kind": "pairs of", **{band: {"no": "below"}.get(band, band) for band in bands}},
    )
    lead = (
        f"{number(counted['pairs'].sum())} pairs of records were kept; {number(review)} lie in the review"
        f" band, between perhaps and certainly the same person. {number(decided)} decisions on pairs"
        " were given. An undecided pair is never merged: both are told."
    )
    notes = () if include_at is None else (_thresholds(include_at, merge_at),)
    return Section(
        anchor="links", title=title, lead=lead, grids=(grid,), notes=notes,
        charts=_weight_charts(counted, include_at, merge_at),
    )  # fmt: skip


def _histogram(workspace: Workspace) -> pl.DataFrame:
    """Pairs by kind, band and whole bits."""
    bits = pl.col("match_weight").floor().clip(LOWEST_BITS, HIGHEST_BITS)
    return (
        workspace.scan("pairs")
        .group_by("kind", "band", bits=bits)
        .agg(pairs=pl.len())
        .sort("kind", "band", "bits")
        .collect(engine="streaming")
    )


def _weight_charts(
    counted: pl.DataFrame, include_at: float | None, merge_at: float | None
) -> tuple[Chart, ...]:
    if counted.is_empty():
        return ()
    named = pl.col("band").replace({"no": "below"})
    rows = counted.with_columns(bits_to=pl.col("bits") + 1, band=named).to_dicts()
    caption = (
        "Match weight: log2 of how many times likelier the agreement is for one person than for two,"
        " prior included. Dashed: from where a pair may be the same person, and from where it is."
        " A guard (twins, father and son ...) may hold a heavy pair in the review band."
    )
    return (weights(rows, include_at=include_at, merge_at=merge_at, caption=caption),)


def _thresholds(include_at: float, merge_at: float | None) -> str:
    upper = "" if merge_at is None else f"; from {merge_at:g} bits they are one person"
    return f"From {include_at:g} bits two records may be the same person and are looked at{upper}."


def ownership_section(workspace: Workspace) -> Section:
    """On what evidence people were given to covered entities, and how many to none."""
    title = "Whose patients they are"
    if first_missing(workspace, ["ownership"]):
        return not_yet("owners", title, "ownership")
    bases = (
        workspace.scan("ownership")
        .group_by("basis", "status")
        .agg(value=pl.len())
        .collect(engine="streaming")
        .with_columns(total=pl.col("value").sum().over("basis"))
        .sort("total", "basis", "status", descending=[True, False, False])
        .with_columns(label=words_of("basis"), part="status")
    )
    unowned = (
        workspace.scan("ownership")
        .filter(pl.col("entity_id") == "UNOWNED")
        .select(pl.len())
        .collect(engine="streaming")
        .item()
    )
    chart = bars(
        bases.select("label", "value", "part").to_dicts(),
        caption="Person and covered entity, by the most telling evidence that joins them.",
        colours={"confirmed": "#2f8f83", "possible": "#d18a12"},
        axis="person x covered entity",
    )
    lead = (
        f"{number(bases['value'].sum())} ties of a person to a covered entity. An account or location id"
        " in the row tells most, a free-text name least; where several entities are possible all are"
        f" kept as possible. {number(unowned)} people could be given to nobody and stay in the list."
    )
    return Section(anchor="owners", title=title, lead=lead, charts=(chart,))
