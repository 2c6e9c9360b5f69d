"""What is known of a person over all members: birth date, death, language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.people.compiled import NOT_THERE, Ids, Marks, Numbers, most_frequent
from matching.people.records import Records
from matching.store import Workspace

__all__ = ["ADULT_AT_YEARS", "person_attributes"]

ADULT_AT_YEARS = 18
"""Everywhere but four jurisdictions, whose own age the notices apply."""
_DEFAULT_LANGUAGE = "en"
_MISSING = int(np.iinfo(np.int32).min)


@dataclass(frozen=True, slots=True)
class _Known:
    """By record number: birth date in days, place among `languages` (_MISSING: unknown), death."""

    born: Numbers
    language: Numbers
    deceased: Marks
    languages: pl.Series


def person_attributes(
    workspace: Workspace, records: Records, *, starts: Ids, members: Numbers
) -> pl.DataFrame:
    """One row a person number: deceased, minor_on, language.

    `members[starts[p]:starts[p + 1]]` are the records of person p. The most frequent value counts;
    among equally frequent ones a chart's, then the lowest. `minor_on` is null where no member has
    a valid birth date.
    """
    known = _read_known(workspace, records)
    born, language = (
        most_frequent(starts, members, value, records.first_chart, _MISSING)
        for value in (known.born, known.language)
    )
    of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    deceased = np.zeros(len(starts) - 1, bool)
    deceased[of[known.deceased[members]]] = True
    found = pl.DataFrame({"deceased": deceased, "born": born, "language": language})
    days = pl.when(pl.col("born") != _MISSING).then("born").cast(pl.Date)
    spoken = pl.when(pl.col("language") != _MISSING).then("language")
    return found.select(
        "deceased",
        birthday(days, ADULT_AT_YEARS).alias("minor_on"),
        pl.lit(known.languages).gather(spoken).fill_null(_DEFAULT_LANGUAGE).alias("language"),
    )


def birthday(born: pl.Expr, years: int) -> pl.Expr:
    """The day so many years later; born on 29 February: 1 March where there is no 29th."""
    moved = born.dt.offset_by(f"{years}y")
    slipped = (born.dt.month() == 2) & (born.dt.day() == 29) & (moved.dt.day() == 28)
    return pl.when(slipped).then(moved.dt.offset_by("1d")).otherwise(moved)


def _read_known(workspace: Workspace, records: Records) -> _Known:
    """Cleaned values of every record; one that was never cleaned is unknown."""
    languages = _languages(workspace)
    known = _Known(
        np.full(len(records), _MISSING, np.int32),
        np.full(len(records), _MISSING, np.int32),
        np.zeros(len(records), bool),
        languages,
    )
    for table, key, numbers in (
        ("leaked_std", "mention_id", records.mention_numbers),
        ("charts_std", "chart_id", records.chart_numbers),
    ):
        rows = workspace.scan(table).select(key, *_values(languages)).collect()
        number = numbers(rows[key].to_numpy())
        there = number != NOT_THERE
        for values, name in (
            (known.born, "born"), (known.language, "language"), (known.deceased, "deceased"),
        ):  # fmt: skip
            values[number[there]] = rows[name].to_numpy()[there]
    return known


def _languages(workspace: Workspace) -> pl.Series:
    both = [workspace.scan(table).select("language") for table in ("leaked_std", "charts_std")]
    return pl.concat(both).unique().drop_nulls().sort("language").collect().to_series()


def _values(languages: pl.Series) -> tuple[pl.Expr, ...]:
    days = pl.col("date_of_birth").str.to_date("%Y-%m-%d", strict=False).to_physical()
    place = pl.col("language").cast(pl.Enum(languages)).to_physical().cast(pl.Int32)
    return (
        days.fill_null(_MISSING).alias("born"),
        place.fill_null(_MISSING).alias("language"),
        pl.col("deceased").fill_null(value=False),
    )
