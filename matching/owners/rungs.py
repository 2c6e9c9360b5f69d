"""What leaked rows say about their covered entity by values of the roster."""

from __future__ import annotations

import polars as pl

from matching.owners.ladder import LADDER

__all__ = ["named_by_roster", "roster_keys"]

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
    found = []
    for rung, value in rungs:
        level = LADDER.index(rung)
        said = leaked.select("row", value.alias("value")).drop_nulls()
        known = keys.filter(pl.col("level") == level)
        found.append(said.join(known, on="value").select("row", "level", "entity_id"))
    return pl.concat(found).unique()


def _level(rung: str) -> pl.Expr:
    places = {name: place for place, name in enumerate(LADDER)}
    return pl.col(rung).replace_strict(places, return_dtype=pl.Int8).alias("level")
