"""What is known of a person over all members: birth date, death, language."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["ADULT_AT_YEARS", "person_attributes"]

ADULT_AT_YEARS = 18
"""Everywhere but four jurisdictions, whose own age the notices apply."""
_DEFAULT_LANGUAGE = "en"


def person_attributes(workspace: Workspace, members: pl.LazyFrame) -> pl.DataFrame:
    """One row a person number: deceased, minor_on, language.

    `members` has columns record, person. The most frequent value counts; among equally frequent
    ones a chart's, then the lowest. `minor_on` is null where no member has a valid birth date.
    """
    cleaned = pl.concat(
        [
            _cleaned(workspace.scan("leaked_std"), "mention_id", chart=False),
            _cleaned(workspace.scan("charts_std"), "chart_id", chart=True),
        ]
    )
    rows = members.join(cleaned, on="record", how="inner")
    births = _most_frequent(rows, "date_of_birth")
    languages = _most_frequent(rows, "language")
    deceased = rows.filter("deceased").select("person", "deceased").unique().collect()
    persons = members.select("person").unique().collect(engine="streaming").sort("person")
    found = (
        persons.join(births, on="person", how="left", maintain_order="left")
        .join(languages, on="person", how="left", maintain_order="left")
        .join(deceased, on="person", how="left", maintain_order="left")
    )
    return found.select(
        "person",
        pl.col("deceased").fill_null(value=False),
        birthday(pl.col("date_of_birth"), ADULT_AT_YEARS).alias("minor_on"),
        pl.col("language").fill_null(_DEFAULT_LANGUAGE),
    )


def birthday(born: pl.Expr, years: int) -> pl.Expr:
    """The day so many years later; born on 29 February: 1 March where there is no 29th."""
    moved = born.dt.offset_by(f"{years}y")
    slipped = (born.dt.month() == 2) & (born.dt.day() == 29) & (moved.dt.day() == 28)
    return pl.when(slipped).then(moved.dt.offset_by("1d")).otherwise(moved)


def _cleaned(std: pl.LazyFrame, record: str, *, chart: bool) -> pl.LazyFrame:
    return std.select(
        pl.col(record).alias("record"),
        pl.col("date_of_birth").str.to_date("%Y-%m-%d", strict=False),
        pl.col("deceased").fill_null(value=False),
        "language",
        pl.lit(chart).alias("chart"),
    )


def _most_frequent(rows: pl.LazyFrame, value: str) -> pl.DataFrame:
    return (
        rows.filter(pl.col(value).is_not_null())
        .group_by("person", value)
        .agg(pl.len().alias("times"), pl.col("chart").any())
        .sort("person", "times", "chart", value, descending=[False, True, True, False])
        .collect(engine="streaming")
        .unique("person", keep="first", maintain_order=True)
        .select("person", value)
    )
