"""The roster, the delegations and the suppressions: small tables typed by people."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from matching.errors import OperatorError
from matching.intake.settings import IntakeSettings
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
    """A CSV as text, blanks null, values stripped. Raises OperatorError where it cannot be read."""
    try:
        frame = pl.read_csv(path.read_bytes(), infer_schema=False)
    except FileNotFoundError:
        raise OperatorError(
            f"{path.name}: no such file; correct the path in the incident file"
        ) from None
    except pl.exceptions.NoDataError:
        raise OperatorError(f"{path.name}: empty file; give it a header row and rows") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError):
        raise OperatorError(
            f"{path.name}: cannot be read; save it as UTF-8 CSV with a header row"
        ) from None
    stripped = pl.col(pl.String).str.strip_chars()
    names = {name: name.strip().lower().removeprefix("\ufeff") for name in frame.columns}
    return frame.with_columns(pl.when(stripped != "").then(stripped)).rename(names)


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
    """Records whose people must not be sent a notice, with reason and authority."""
    table = TABLES["suppressions"]
    frames = [
        read_small(settings.root / entry.path)
        .select("record_id", reason=pl.lit(entry.reason), authority=pl.lit(entry.authority))
        .drop_nulls("record_id")
        for entry in settings.suppressions
    ]
    if not frames:
        return table.empty()
    return pl.concat(frames).unique(table.key, keep="first", maintain_order=True).sort(table.key)
