"""`row_owners`: the ladder climbed for every source row, slice by slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.owners.ladder import FENCES, LADDER, climb
from matching.owners.practice_names import named_by_text
from matching.owners.rungs import chart_numbers, named_by_roster, roster_keys
from matching.owners.settings import OwnersSettings
from matching.store import Workspace
from matching.succession import legal_owner

__all__ = ["mention_slices", "write_row_owners"]

_SLICE_MENTIONS = 500_000
"""Rows at a time: under 1 GB with their evidence."""
_MRN, _HINT, _CHART = (LADDER.index(name) for name in ("mrn", "entity_hint", "linked_chart"))


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What names entities beyond a row's own columns, over the whole incident."""

    keys: pl.DataFrame  # level, value, entity_id
    texts: pl.DataFrame  # entity_hint, state, entity_id
    numbers: pl.DataFrame  # row, entity_id, agrees
    linked: pl.DataFrame  # identity_id, entity_id, weight_bits


def mention_slices(workspace: Workspace) -> Iterator[tuple[int, int]]:
    """Ranges of mention ids [from, to) that together cover all; no source row is in two."""
    ids = workspace.scan("leaked").select("mention_id").collect().to_series().to_numpy()
    rows = np.unique(ids >> 3)
    for start in range(0, len(rows), _SLICE_MENTIONS):
        last = rows[min(start + _SLICE_MENTIONS, len(rows)) - 1]
        yield int(rows[start]) << 3, (int(last) + 1) << 3


def write_row_owners(workspace: Workspace, settings: OwnersSettings) -> int:
    """Write `row_owners`; gives the number of mentions that one entity certainly owns."""
    entities = workspace.read("entities")
    owner = legal_owner(entities, on=settings.owner_on)
    evidence = _Evidence(
        keys=roster_keys(entities).with_columns(owner).unique(),
        texts=named_by_text(workspace, entities).with_columns(owner).unique(),
        numbers=chart_numbers(workspace, owner),
        linked=_linked_charts(workspace, settings, owner),
    )
    certain = 0
    with workspace.writer("row_owners") as writer:
        for index, (start, end) in enumerate(mention_slices(workspace)):
            owners = _slice_owners(workspace, evidence, start=start, end=end)
            certain += int((owners["status"] == "confirmed").sum())
            writer.put(index, owners)
    return certain


def _slice_owners(
    workspace: Workspace, evidence: _Evidence, *, start: int, end: int
) -> pl.DataFrame:
    inside = pl.col("mention_id").is_between(start, end, closed="left")
    own = ("tenant_id", "location_id", "entity_id", "entity_npi", "entity_phone", "entity_email")
    leaked = workspace.scan("leaked").filter(inside)
    leaked = leaked.select("mention_id", "exclusion", "entity_hint", *own)
    states = workspace.scan("leaked_std").filter(inside).select("mention_id", "state")
    rows = leaked.join(states, on="mention_id", how="left").collect()
    rows = rows.with_columns(row=pl.col("mention_id") // 8)
    numbers = evidence.numbers.join(rows.select("row").unique(), on="row", how="semi")
    named = pl.concat(
        [
            named_by_roster(rows, evidence.keys),
            numbers.filter("agrees").select("row", _at(_MRN), "entity_id"),
            rows.select("row", "entity_hint", "state")
            .join(evidence.texts, on=["entity_hint", "state"], nulls_equal=True)
            .select("row", _at(_HINT), "entity_id"),
        ]
    )
    linked = _linked_rows(workspace, evidence.linked, inside)
    # charts narrow what a row leaves open; alone they name nobody with certainty
    narrowing = linked.join(named, on="row", how="semi").select("row", _at(_CHART), "entity_id")
    owned = climb(pl.concat([named, narrowing]).unique(["row", "level", "entity_id"]))
    owned = _with_charts(_with_weak(owned, numbers), linked)
    kept = rows.filter(pl.col("exclusion").is_null()).select("mention_id", "row")
    return kept.join(owned, on="row").select(
        "mention_id", "entity_id", "status", _basis(), "weight_bits"
    ).sort("mention_id", "entity_id")  # fmt: skip


def _with_weak(owned: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """Chart numbers whose chart looks like someone else's: possible, where nothing is certain."""
    settled = owned.filter(pl.col("alone") | _fenced()).select("row")
    weak = numbers.filter(~pl.col("agrees")).join(settled, on="row", how="anti")
    weak = weak.join(owned, on=["row", "entity_id"], how="anti")
    weak = weak.select("row", _at(_MRN), "entity_id", alone=pl.lit(value=False))
    named = pl.concat([owned.select(weak.columns), weak])
    status = pl.when("alone").then(pl.lit("confirmed")).otherwise(pl.lit("possible"))
    return named.with_columns(status=status, weight_bits=pl.lit(None, pl.Float64))


def _with_charts(owned: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Entities of linked charts that no rung names are possible, unless a fence rules them out."""
    fenced = owned.filter(_fenced()).select("row").unique()
    more = linked.join(fenced, on="row", how="anti")
    more = more.join(owned, on=["row", "entity_id"], how="anti")
    more = more.select(
        "row",
        _at(_CHART),
        "entity_id",
        alone=pl.lit(value=False),
        status=pl.lit("possible"),
        weight_bits="weight_bits",
    )
    return pl.concat([owned, more])


def _linked_charts(workspace: Workspace, settings: OwnersSettings, owner: pl.Expr) -> pl.DataFrame:
    """identity_id, entity_id, weight_bits: the best chart of each entity at or above the threshold."""
    charts = workspace.scan("charts").drop_nulls("entity_id").select("chart_id", owner)
    pairs = workspace.scan("pairs").filter(
        pl.col("kind") == "leaked_master",
        pl.col("match_weight") >= settings.attribute_at_bits,
        pl.col("band") == "match",
    )
    return (
        pairs.select("left", "right", "match_weight")
        .join(charts, left_on="right", right_on="chart_id")
        .group_by(pl.col("left").alias("identity_id"), "entity_id")
        .agg(pl.col("match_weight").max().alias("weight_bits"))
        .collect(engine="streaming")
    )


def _linked_rows(workspace: Workspace, linked: pl.DataFrame, inside: pl.Expr) -> pl.DataFrame:
    """row, entity_id, weight_bits: charts of any person on the row speak for the row."""
    identities = workspace.scan("identities").filter(inside).collect()
    return (
        identities.join(linked, on="identity_id")
        .group_by((pl.col("mention_id") // 8).alias("row"), "entity_id")
        .agg(pl.col("weight_bits").max())
    )


def _at(level: int) -> pl.Expr:
    return pl.lit(level, pl.Int8).alias("level")


def _fenced() -> pl.Expr:
    return pl.col("level").is_in([LADDER.index(name) for name in FENCES])


def _basis() -> pl.Expr:
    names = dict(enumerate(LADDER))
    return pl.col("level").replace_strict(names, return_dtype=pl.String).alias("basis")
