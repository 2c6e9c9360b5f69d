"""The ownership ladder: what in a leaked row names a covered entity, most telling first."""

from __future__ import annotations

import polars as pl

__all__ = ["FENCES", "LADDER", "NO_BASIS", "PRESUMED", "climb", "level_of"]

LADDER = (
    "tenant_id",
    "location_id",
    "entity_id",
    "mrn",
    "entity_npi",
    "entity_phone",
    "entity_email",
    "entity_hint",
    "linked_chart",
)
"""Rungs by name; the level of a rung is its place."""
PRESUMED, NO_BASIS = "presumed", "none"
FENCES = ("tenant_id", "location_id")
"""The vendor's own account numbers: they rule out every entity that they do not name."""


def level_of(basis: pl.Expr) -> pl.Expr:
    """Place of a basis on the ladder; what is not on it comes after."""
    places = {name: place for place, name in enumerate((*LADDER, PRESUMED, NO_BASIS))}
    return basis.replace_strict(places, return_dtype=pl.Int8)


def climb(named: pl.DataFrame) -> pl.DataFrame:
    """One row a source row and entity that its rungs leave: row, entity_id, level, alone.

    `named`: row, level, entity_id. The first rung that says anything gives the set; lower rungs
    narrow it, and where one contradicts it altogether the higher one stands. `alone`: one is left.
    `level` is the most telling rung that named the entity.
    """
    found = named.clear().with_columns(alone=pl.lit(value=True))
    current = named.clear()
    for level in range(len(LADDER)):
        new = named.filter(pl.col("level") == level)
        fresh = new.join(found, on="row", how="anti").join(current, on="row", how="anti")
        both = current.join(new, on=["row", "entity_id"], how="semi")
        current = pl.concat([current.join(both, on="row", how="anti"), both, fresh])
        alone = current.select("row", alone=pl.len().over("row") == 1).unique("row")
        current = current.join(alone, on="row")
        found = pl.concat([found, current.filter("alone")])
        current = current.filter(~pl.col("alone")).drop("alone")
    return pl.concat([found, current.with_columns(alone=pl.lit(value=False))])
