"""Treating providers by name: at which covered entities the master files know them."""

from __future__ import annotations

import polars as pl

from matching.owners.codes import entity_codes
from matching.store import Workspace

__all__ = ["named_by_provider", "provider_keys"]

_TITLES = (
    "DR", "DRS", "DOCTOR", "PROF", "MR", "MRS", "MS", "DDS", "DMD", "MD", "DO", "DPM", "OD", "DC", "PHD", "RDH",
    "RN", "NP", "PA", "MS", "MPH", "FAGD", "FACS", "PROVIDER", "JR", "SR", "II", "III",
)  # fmt: skip
_NAMED_AT_MOST = 5
"""A name at more entities than this is a function (HYGIENE, FRONT DESK) or a very common name."""


def provider_keys(workspace: Workspace, owner: pl.Expr, entities: pl.DataFrame) -> pl.DataFrame:
    """value, entity_id, home: names of providers in charts, and the state of each entity that has them."""
    codes = entity_codes(entities)
    charts = workspace.scan("charts").drop_nulls("provider")
    said = charts.select("provider", owner.cast(codes).alias("entity_id")).unique()
    found = said.collect(engine="streaming").drop_nulls()
    named = found.with_columns(value=_name(pl.col("provider"))).filter(pl.col("value") != "")
    keys = named.select("value", "entity_id").unique()
    few = keys.filter(pl.len().over("value") <= _NAMED_AT_MOST)
    homes = entities.select(pl.col("entity_id").cast(codes), home="state")
    return few.join(homes, on="entity_id", how="left").sort("value", "entity_id")


def named_by_provider(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """row, entity_id, near: the entities that have the row's provider (`row`, `provider`, `state`).

    `near`: the row's person does not live in another state than the entity lies in, as far as known.
    """
    said = rows.select("row", "provider", "state").drop_nulls("provider")
    spelt = said.select("provider").unique().with_columns(value=_name(pl.col("provider")))
    met = said.join(spelt, on="provider").join(keys, on="value")
    near = (pl.col("state") == pl.col("home")).fill_null(value=True)
    return met.select("row", "entity_id", near.alias("near")).unique(["row", "entity_id"])


def _name(text: pl.Expr) -> pl.Expr:
    """Words in order of letters, without titles: `Smith, Jane DDS` and `Dr. Jane Smith` are one name."""
    words = (
        text.str.to_uppercase().str.replace_all(r"[^A-Z0-9]+", " ").str.strip_chars().str.split(" ")
    )
    kept = words.list.eval(pl.element().filter(~pl.element().is_in(_TITLES)))
    return kept.list.sort().list.join(" ")
