"""What a page is made of: sections with a lead sentence, charts, grids and notes; and how numbers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl

from matching.store import Workspace

__all__ = [
    "Card",
    "Cell",
    "Chart",
    "Grid",
    "Section",
    "first_missing",
    "grid_of",
    "in_words",
    "not_yet",
    "number",
    "shown",
    "words_of",
]

NOTHING = "\N{EN DASH}"
TENTHS_BELOW = 10
"""A share of a person matters only among a few."""
Cell = str | int | float | date | None

WORDS = {
    "ba": "business associate",
    "ce": "covered entity",
    "hhs": "HHS Secretary",
    "state_ag": "state attorney general",
    "cra": "credit reporting agencies",
    "entity": "covered entity",
    "individual": "individuals",
    "waiting_ce": "waiting for the covered entity",
    "ce_notifies": "the covered entity tells them",
    "waiting_receipt": "clock starts at receipt",
    "no_longer": "no longer affected",
    "emailed": "e-mailed",
    "e_mailed": "e-mailed",
    "unowned": "owner unknown",
    "UNOWNED": "owner unknown",
    "UNK": "unknown",
    "ZZ": "abroad",
    "npi": "NPI",
    "phi": "PHI",
}
"""Codes whose meaning their letters do not tell; every other code reads as its words."""


@dataclass(frozen=True, slots=True)
class Card:
    """One big number of the headline."""

    value: str
    label: str
    note: str = ""
    tone: str = "plain"  # plain, main or alarm


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture as SVG text and the sentence under it."""

    svg: str
    caption: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table to print; numbers are set right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading's worth. `pending` says that a needed table was not made yet."""

    anchor: str
    title: str
    lead: str = ""
    cards: tuple[Card, ...] = ()
    charts: tuple[Chart, ...] = ()
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    pending: bool = False


def first_missing(workspace: Workspace, names: Sequence[str]) -> str | None:
    """The first of these tables that was never written."""
    return next((name for name in names if not workspace.has(name)), None)


def not_yet(anchor: str, title: str, missing: str) -> Section:
    """The section's place, kept while the round has not come so far."""
    lead = f"Not yet: the round stopped before the table `{missing}` was made."
    return Section(anchor=anchor, title=title, lead=lead, pending=True)


def grid_of(frame: pl.DataFrame, heads: dict[str, str], *, caption: str = "") -> Grid:
    """These columns of a small frame, under headings people read."""
    rows = frame.select(list(heads)).rows()
    return Grid(tuple(heads.values()), tuple(rows), caption)


def number(value: float | Decimal) -> str:
    """`12,345`; people are whole."""
    return f"{round(value):,}"


def in_words(code: str | None) -> str:
    """A code of ours as words: `tenant_id` reads "tenant id"; none reads as a dash."""
    if code is None:
        return NOTHING
    return WORDS.get(code, code.replace("_", " "))


def words_of(column: str) -> pl.Expr:
    """`in_words` over a column; null stays null."""
    return pl.col(column).replace(WORDS).str.replace_all("_", " ", literal=True).alias(column)


def shown(cell: Cell) -> str:
    """A cell as text: thousands separated, dates ISO, none as a dash."""
    if cell is None:
        return NOTHING
    if isinstance(cell, str):
        return cell
    if isinstance(cell, date):
        return cell.isoformat()
    return number(cell) if float(cell).is_integer() or abs(cell) >= TENTHS_BELOW else f"{cell:.1f}"
