"""Problems of the roster, the delegations and the suppressions: one line for all rows with the same fault."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from matching.intake import roster
from matching.intake.settings import IntakeSettings
from matching.succession import circles

__all__ = ["roster_problems"]

_SMALL_DATES = ("client_from", "client_to", "known_on", "received_on", "successor_on", "signed_on")


def roster_problems(settings: IntakeSettings) -> Iterator[str]:
    """Each names file, column and rows, with the fix."""
    known: frozenset[str] | None = None
    if settings.entities is not None:
        frame = roster.read_small(settings.root / settings.entities)
        yield from _entity_rows(settings.entities, frame)
        known = frozenset(frame["entity_id"].drop_nulls()) if "entity_id" in frame.columns else None
    if settings.delegation is not None:
        yield from _delegation_rows(settings, known)
    for entry in settings.suppressions:
        columns = roster.read_small(settings.root / entry.path).columns
        if not {"record_id", "person_id"} & set(columns):
            yield (
                f'[[suppressions]] {entry.path}: no column "record_id" or "person_id";'
                f" its first row must name them, and has {len(columns)}"
            )


def _entity_rows(name: str, frame: pl.DataFrame) -> Iterator[str]:
    missing = [column for column in ("entity_id", "legal_name") if column not in frame.columns]
    for column in missing:
        yield f'{name}: no column "{column}"; add it'
    if missing:
        return
    for column in ("entity_id", "legal_name"):
        yield from _rows(name, frame, pl.col(column).is_null(), f"{column} is empty; fill it in")
    yield from _rows(
        name,
        frame,
        pl.col("entity_id").is_duplicated() & pl.col("entity_id").is_not_null(),
        "entity_id occurs twice; keep one",
    )
    yield from _rows(
        name, frame, pl.col("entity_id") == "UNOWNED", "entity_id UNOWNED is reserved; rename it"
    )
    known = frame["entity_id"].drop_nulls().implode()
    for column in ("parent_id", "successor_id"):
        if column in frame.columns:
            unknown = pl.col(column).is_not_null() & ~pl.col(column).is_in(known)
            yield from _rows(
                name,
                frame,
                unknown,
                f"{column} is not in the roster; add that entity or correct it",
            )
            yield from _circle_problems(name, frame, column)
    if {"client_from", "client_to"} <= set(frame.columns):
        yield from _rows(
            name,
            frame,
            _small_date("client_to") < _small_date("client_from"),
            "client_to is before client_from; correct one of them",
        )
    yield from _cell_problems(name, frame)


def _circle_problems(name: str, frame: pl.DataFrame, column: str) -> Iterator[str]:
    """One line for all circles: nobody would be the last owner."""
    ways = frame.select("entity_id", column).drop_nulls().unique("entity_id", keep="first")
    found = circles(dict(ways.iter_rows()))
    if found:
        shown = "; ".join(" > ".join([*circle, circle[0]]) for circle in found)
        yield f"{name}: {column} goes in circles: {shown}; correct one row of each"


def _delegation_rows(settings: IntakeSettings, known: frozenset[str] | None) -> Iterator[str]:
    name = settings.delegation or ""
    frame = roster.read_small(settings.root / name)
    missing = [column for column in ("entity_id", "duty", "by") if column not in frame.columns]
    for column in missing:
        yield f'{name}: no column "{column}"; add it'
    if missing:
        return
    for column in ("entity_id", "duty"):
        yield from _rows(name, frame, pl.col(column).is_null(), f"{column} is empty; fill it in")
    if known is not None:
        stranger = ~pl.col("entity_id").is_in(list(known))
        yield from _rows(
            name, frame, stranger, "entity_id is not in the roster; add it there or correct it"
        )
    yield from _rows(
        name,
        frame,
        pl.struct("entity_id", "duty").is_duplicated(),
        "entity_id and duty occur twice; keep one",
    )
    yield from _cell_problems(name, frame)


def _cell_problems(name: str, frame: pl.DataFrame) -> Iterator[str]:
    for column, words in roster.WORDS.items():
        if column in frame.columns:
            bad = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(words))
            yield from _rows(
                name, frame, bad, f"{column} must be {', '.join(words[:-1])} or {words[-1]}"
            )
    for column in _SMALL_DATES:
        if column in frame.columns:
            bad = pl.col(column).is_not_null() & _small_date(column).is_null()
            yield from _rows(name, frame, bad, f"{column} is no date; write yyyy-mm-dd")
    if "baa_days" in frame.columns:
        bad = pl.col("baa_days").is_not_null() & ~pl.col("baa_days").str.contains(r"^\d{1,4}$")
        yield from _rows(name, frame, bad, "baa_days is no whole number of days; correct it")


def _small_date(column: str) -> pl.Expr:
    return pl.col(column).str.to_date("%Y-%m-%d", strict=False)


def _rows(name: str, frame: pl.DataFrame, bad: pl.Expr, says: str) -> Iterator[str]:
    """One line for all rows with the same fault; rows as an editor counts them, header 1."""
    numbers = (
        frame.with_row_index("row", offset=2).filter(bad.fill_null(value=False))["row"].to_list()
    )
    if numbers:
        listed = ", ".join(str(number) for number in numbers[:5]) + (
            " ..." if len(numbers) > 5 else ""
        )
        yield f"{name}: row {listed}: {says}"
