"""What leaked rows say about their covered entity: roster values, and chart numbers."""

from __future__ import annotations

import polars as pl

from matching.owners.ladder import LADDER
from matching.store import Workspace

__all__ = ["chart_numbers", "named_by_roster", "roster_keys"]

_PUBLIC_DOMAINS = (
    "gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "aol.com", "icloud.com", "msn.com",
    "live.com", "me.com", "comcast.net", "att.net", "verizon.net", "sbcglobal.net",
)  # fmt: skip
_NAMED_AT_MOST = 5
"""A value that more entities share than this (a mail host, a call centre) names nobody."""
_LISTS = {"tenant_ids": "tenant_id", "location_ids": "location_id", "email_domains": "entity_email"}


def _code(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().str.to_uppercase()


def _ten_digits(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"\D", "").str.extract(r"^1?(\d{10})$")


def _address(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().str.to_lowercase()


def _domain(text: pl.Expr) -> pl.Expr:
    host = _address(text).str.extract(r"(?:@|//|^)(?:www\.)?([^@/:\s]+\.[a-z]+)(?:[/:].*)?$")
    return pl.when(~host.is_in(_PUBLIC_DOMAINS)).then(host)


def _values(prefix: str) -> list[tuple[str, pl.Expr]]:
    """(rung, value) of leaked rows; the roster's single columns read the same with no prefix."""
    email = pl.col(f"{prefix}email")
    return [
        ("entity_id", _code(pl.col("entity_id"))),
        ("entity_npi", _code(pl.col(f"{prefix}npi"))),
        ("entity_phone", _ten_digits(pl.col(f"{prefix}phone"))),
        ("entity_email", _address(email)),
        ("entity_email", _domain(email)),
    ]


def roster_keys(entities: pl.DataFrame) -> pl.DataFrame:
    """One row a rung, value and covered entity it names: level, value, entity_id."""
    roster = entities.filter(pl.col("kind") == "covered_entity")
    frames = [
        roster.select(pl.lit(rung).alias("rung"), value.alias("value"), "entity_id")
        for rung, value in [*_values(""), ("entity_email", _domain(pl.col("website")))]
    ]
    for column, rung in _LISTS.items():
        clean = _domain if rung == "entity_email" else _code
        listed = roster.select("entity_id", pl.col(column).str.split("|").alias("value"))
        listed = listed.explode("value", empty_as_null=True, keep_nulls=True)
        frames.append(
            listed.select(pl.lit(rung).alias("rung"), clean(pl.col("value")), "entity_id")
        )
    keys = pl.concat(frames).filter(pl.col("value") != "").unique()
    few = pl.col("entity_id").len().over("rung", "value") <= _NAMED_AT_MOST
    shared_account = pl.col("rung").is_in(["tenant_id", "location_id"])
    return keys.filter(few | shared_account).select(_level("rung"), "value", "entity_id")


def named_by_roster(leaked: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """row, level, entity_id: what the rows' own columns name. Unknown values are no evidence."""
    rungs = [
        *((name, _code(pl.col(name))) for name in ("tenant_id", "location_id")),
        *_values("entity_"),
    ]
    said = pl.concat(
        [
            leaked.select("row", pl.lit(rung).alias("rung"), value.alias("value")).drop_nulls()
            for rung, value in rungs
        ]
    )
    return (
        said.unique()
        .with_columns(_level("rung"))
        .join(keys, on=["level", "value"])
        .select("row", "level", "entity_id")
    )


def chart_numbers(workspace: Workspace, owner: pl.Expr) -> pl.DataFrame:
    """row, entity_id, agrees: chart numbers of leaked rows that exist at one covered entity only.

    `agrees`: a chart of that number there bears the row's first name, last name or birth date, or
    one side has none of them. Where all differ the number is another number space's.
    """
    compared = ("first_name", "last_name", "date_of_birth")
    said = workspace.scan("leaked_std").select("mention_id", "mrn", *compared).drop_nulls("mrn")
    owners = workspace.scan("charts").drop_nulls("entity_id").select("chart_id", owner)
    charts = workspace.scan("charts_std").select("chart_id", "mrn", *compared).drop_nulls("mrn")
    charts = charts.join(said, on="mrn", how="semi").join(owners, on="chart_id")
    single = charts.group_by("mrn").agg(
        pl.col("entity_id").n_unique().alias("entities"), pl.col("entity_id").first()
    )
    single = single.filter(pl.col("entities") == 1).select("mrn", "entity_id")
    met = said.join(single, on="mrn").join(charts.drop("entity_id"), on="mrn", suffix="_chart")
    same = [(pl.col(name) == pl.col(f"{name}_chart")) for name in compared]
    agrees = pl.any_horizontal(same).fill_null(value=False) | pl.all_horizontal(
        comparison.is_null() for comparison in same
    )
    return (
        met.select((pl.col("mention_id") // 8).alias("row"), "entity_id", agrees.alias("agrees"))
        .group_by("row", "entity_id")
        .agg(pl.col("agrees").any())
        .collect(engine="streaming")
    )


def _level(rung: str) -> pl.Expr:
    places = {name: place for place, name in enumerate(LADDER)}
    return pl.col(rung).replace_strict(places, return_dtype=pl.Int8).alias("level")
