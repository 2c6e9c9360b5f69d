"""What the incident file says about delivered files: path, format, frozen dialect, mapping.

Nothing is guessed when a file is read: `affected init` proposes, the incident file decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from matching.fields import CANONICAL_FIELDS

__all__ = [
    "SEALED",
    "TEXT_FORMATS",
    "Also",
    "ColumnMap",
    "Custody",
    "Join",
    "LeakedSource",
    "MasterSource",
    "Source",
    "listed",
]

Format = Literal[
    "csv",
    "tsv",
    "jsonl",
    "json",
    "parquet",
    "xlsx",
    "xls",
    "ods",
    "sql",
    "fixed",
    "dbf",
    "mbox",
    "eml",
    "sealed",
]
TEXT_FORMATS = frozenset({"csv", "tsv", "jsonl", "json", "sql", "fixed", "mbox", "eml"})
"""Formats of which every byte is accounted for."""
SEALED = "sealed"
"""The format of what cannot be read because it is encrypted."""
ColumnMap = dict[str, str | tuple[str, ...]]
"""Canonical field -> source column, or several joined by a blank."""


def listed(columns: str | Iterable[str]) -> tuple[str, ...]:
    """The source columns of a field: one, or several."""
    return (columns,) if isinstance(columns, str) else tuple(columns)


def known_fields(columns: ColumnMap) -> ColumnMap:
    """The same; raises ValueError naming every field that is none."""
    unknown = sorted(set(columns) - set(CANONICAL_FIELDS))
    if unknown:
        raise ValueError(f"no canonical field {', '.join(unknown)}; see docs/configuration.md")
    return columns


Secured = Literal["no", "encrypted_key_safe", "encrypted_key_lost", "unknown"]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Join(_Closed):
    """One `[[leaked.joins]]`: a table of the same dump whose columns a row takes by its key."""

    table: str = Field(description="Table or sheet; its columns are then `<table>.<column>`.")
    path: str = Field(default="", description="Its file, where it is not the same one.")
    on: dict[str, str] = Field(
        min_length=1, description="This table's column = the other's, which is a key there."
    )


class Also(_Closed):
    """One `[[leaked.also]]`: another person on the same row."""

    role: Literal["patient", "guarantor", "lead", "employee", "provider", "emergency_contact"] = (
        Field(description="What this person is to the entity.")
    )
    columns: ColumnMap = Field(description="Canonical field = source column, of this person.")

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: ColumnMap) -> ColumnMap:
        return known_fields(columns)


class Custody(_Closed):
    """One `[[leaked.custody]]`: who had the file when, and what was done with it."""

    on: date = Field(description="Day.")
    by: str = Field(min_length=1, description="Who.")
    action: str = Field(min_length=1, description="received, copied, hashed, unpacked, sealed ...")
    note: str = Field(default="", description="Place, medium, seal number.")


class Source(BaseModel):
    """One entry of delivered files; `path` may be a glob relative to the incident file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str = Field(description="File or glob, relative to the incident file.")
    format: Format = Field(
        description="csv tsv jsonl json parquet xlsx xls ods sql fixed dbf mbox eml; sealed: encrypted, cannot be read."
    )
    member: str = Field(
        default="", description="Members of an archive, a glob; of one in another: outer!inner."
    )
    encoding: str = Field(
        default="utf-8",
        description="Text encoding; mixed: UTF-8, and CP1252 where bytes are not UTF-8.",
    )
    delimiter: str = Field(default="", max_length=1, description="Default: , for csv, tab for tsv.")
    quote: str = Field(default='"', max_length=1, description="Quote character; empty: none.")
    escape: str = Field(
        default="", max_length=1, description="Escape character; empty: doubled quotes."
    )
    header: bool = Field(
        default=True, description="First row names the columns; else they are c0, c1 ..."
    )
    skip_lines: int = Field(
        default=0, ge=0, le=1000, description="Lines above the header: titles of a report."
    )
    fields: dict[str, tuple[int, int]] = Field(
        default_factory=dict,
        description="Fixed width: name = [start, length] in characters; the first is 1.",
    )
    record_length: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Fixed width: characters a record; needed where no line breaks part them.",
    )
    sheet: str = Field(default="", description="Sheets of a workbook, a glob; empty: all.")
    table: str = Field(
        default="",
        description="Tables of a dump or of a JSON document, a glob; empty: all. JSON: $ makes each object a row.",
    )
    ignored: str = Field(
        default="", description="Why nothing in these tables is about a person: counted, not read."
    )
    date_order: Literal["mdy", "dmy", "ymd"] = Field(
        default="mdy", description="Order of dates that are ambiguous by themselves."
    )
    secured: Secured = Field(
        default="no", description="Whether the file was unsecured PHI (164.402)."
    )
    secured_columns: dict[str, Secured] = Field(
        default_factory=dict, description="The same for single canonical fields or columns."
    )
    received_from: str = Field(default="", description="Who delivered it.")
    received_on: date | None = Field(default=None, description="When.")
    evidence: str = Field(
        default="", description="Evidence number; needed where a key is said to be safe."
    )
    custody: tuple[Custody, ...] = Field(default=(), description="Chain of custody.")
    undecided: tuple[str, ...] = Field(
        default=(), description="Columns that affected init could not place; empty this list."
    )
    columns: ColumnMap = Field(default_factory=dict, description="Canonical field = source column.")

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: ColumnMap) -> ColumnMap:
        return known_fields(columns)


class LeakedSource(Source):
    """`[[leaked]]`."""

    role: str = Field(default="", description="Role of every row, where no column says it.")
    also: tuple[Also, ...] = Field(default=(), description="Other people on the same row.")
    joins: tuple[Join, ...] = Field(default=(), description="Tables whose columns a row takes.")
    kinds: dict[str, str] = Field(
        default_factory=dict,
        description="Kind of data of an unmapped column, several with `|`, or none; else its name tells.",
    )
    text: tuple[str, ...] = Field(
        default=(), description="Columns of free text that are searched for people."
    )


class MasterSource(Source):
    """`[[masters]]`: `entity` beside path names the owner of the whole file."""

    entity: str = Field(default="", description="Owner of every row; else map entity_id.")
