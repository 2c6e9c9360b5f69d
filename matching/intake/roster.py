"""The roster, the delegations and the suppressions: small tables typed by people."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.readers import column_names, read
from matching.intake.settings import IntakeSettings
from matching.sources import MasterSource
from matching.tables import TABLES

__all__ = [
    "DEFAULTS",
    "WORDS",
    "delegation",
    "entities",
    "entity_ids",
    "read_small",
    "suppressions",
]

DEFAULTS = {"kind": "covered_entity", "status": "open", "agency": "undetermined"}
WORDS = {
    "kind": ("covered_entity", "business_associate"),
    "status": ("open", "closed", "sold"),
    "agency": ("agent", "independent", "undetermined"),
    "duty": ("individual", "substitute", "media", "hhs", "state_ag", "cra", "callcentre"),
    "by": ("ba", "ce", "undecided"),
}
"""Columns that take one of a few words."""


def read_small(path: Path) -> pl.DataFrame:
    """A CSV as text, blanks null, values stripped; fields missing at a row's end are null.

    Raises OperatorError where it cannot be read, naming the row where it is a row's fault.
    """
    data = _bytes(path)
    source = MasterSource(path=path.name, format="csv")
    names = _names(path, source)
    _refuse_bad_rows(path, source)
    try:
        frame = pl.read_csv(data, infer_schema=False, new_columns=names)
    except pl.exceptions.PolarsError:
        raise OperatorError(
            f"{path.name}: cannot be read; save it as UTF-8 CSV with a header row"
        ) from None
    stripped = pl.col(pl.String).str.strip_chars()
    return frame.with_columns(pl.when(stripped != "").then(stripped))


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OperatorError(
            f"{path.name}: no such file; correct the path in the incident file"
        ) from None
    except IsADirectoryError:
        raise OperatorError(f"{path.name}: a folder; name the CSV file in it") from None
    except PermissionError:
        raise OperatorError(f"{path.name}: may not be read; give this user the right to") from None
    if not data.strip():
        raise OperatorError(f"{path.name}: empty file; give it a header row and rows")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise OperatorError(
            f"{path.name}: byte {error.start} is not UTF-8; save it as UTF-8 CSV"
        ) from None
    return data


def _names(path: Path, source: MasterSource) -> list[str]:
    """Columns, lower case. The reader marks repeated ones by `#2`, but for their case."""
    names = [name.strip().lower() for name in column_names(Content(path), source)]
    for name in names:
        if name.endswith("#2") or names.count(name) > 1:
            raise OperatorError(
                f'{path.name}: column "{name.removesuffix("#2")}" occurs twice; keep one'
            )
    return names


def _refuse_bad_rows(path: Path, source: MasterSource) -> None:
    """Rows as an editor counts them, header 1. Editors leave out commas at a row's end: no fault."""
    for batch in read(Content(path), source):
        rejects = batch.rejects.filter(~pl.col("reason").is_in(["short_row", "truncated_last_row"]))
        if rejects.height:
            row, reason = rejects["row_no"][0] + 2, rejects["reason"][0]
            raise OperatorError(f"{path.name}: row {row}: {reason}; correct it")


def entities(settings: IntakeSettings) -> pl.DataFrame:
    """The roster with its defaults; no rows where the incident has none yet."""
    table = TABLES["entities"]
    if settings.entities is None:
        return table.empty()
    full = _typed("entities", read_small(settings.root / settings.entities))
    return full.with_columns(
        pl.col("print_name").fill_null(pl.col("legal_name")),
        *(pl.col(name).fill_null(value) for name, value in DEFAULTS.items()),
    ).sort("entity_id")


def entity_ids(settings: IntakeSettings) -> frozenset[str]:
    """Ids of the roster, whatever else is wrong with it."""
    if settings.entities is None:
        return frozenset()
    frame = read_small(settings.root / settings.entities)
    return (
        frozenset(frame["entity_id"].drop_nulls()) if "entity_id" in frame.columns else frozenset()
    )


def _typed(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The table's columns; `check` has named what is no date or number."""
    table = TABLES[name]
    dates = [n for n, t in table.polars.items() if t == pl.Date and n in frame.columns]
    numbers = [n for n, t in table.polars.items() if t == pl.Int64 and n in frame.columns]
    return table.complete(
        frame.with_columns(
            pl.col(dates).str.to_date("%Y-%m-%d", strict=False),
            pl.col(numbers).str.to_integer(strict=False),
        )
    )


def delegation(settings: IntakeSettings) -> pl.DataFrame:
    """Who performs which duty; missing means undecided."""
    table = TABLES["delegation"]
    if settings.delegation is None:
        return table.empty()
    frame = _typed("delegation", read_small(settings.root / settings.delegation))
    return frame.with_columns(pl.col("by").fill_null("undecided")).sort(table.key)


def suppressions(settings: IntakeSettings) -> pl.DataFrame:
    """Whom nothing must be sent, by record or person, with reason and authority."""
    table = TABLES["suppressions"]
    frames = [
        table.complete(
            read_small(settings.root / entry.path)
            .drop("reason", "authority", strict=False)
            .with_columns(reason=pl.lit(entry.reason), authority=pl.lit(entry.authority))
        ).filter(pl.any_horizontal(pl.col("record_id", "person_id").is_not_null()))
        for entry in settings.suppressions
    ]
    if not frames:
        return table.empty()
    return pl.concat(frames).unique(table.key, keep="first", maintain_order=True).sort(table.key)
