"""What the incident file says about delivered files: path, format, frozen dialect, mapping.

Nothing is guessed when a file is read: `affected init` proposes, the incident file decides.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matching.fields import CANONICAL_FIELDS

__all__ = ["ColumnMap", "LeakedSource", "MasterSource", "Source"]

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "xlsx", "sql", "fixed"]
READABLE: frozenset[str] = frozenset({"csv", "tsv", "jsonl", "parquet"})
"""Formats that intake reads so far."""
ColumnMap = dict[str, str | tuple[str, ...]]
"""Canonical field -> source column, or several joined by a blank."""


class Source(BaseModel):
    """One entry of delivered files; `path` may be a glob relative to the incident file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str = Field(description="File or glob, relative to the incident file.")
    format: Format = Field(description="csv, tsv, jsonl, json, parquet, xlsx, sql or fixed.")
    encoding: str = Field(default="utf-8", description="Text encoding.")
    delimiter: str = Field(default="", max_length=1, description="Default: , for csv, tab for tsv.")
    quote: str = Field(default='"', max_length=1, description="Quote character; empty: none.")
    escape: str = Field(
        default="", max_length=1, description="Escape character; empty: doubled quotes."
    )
    header: bool = Field(
        default=True, description="First row names the columns; else they are c0, c1 ..."
    )
    sheet: str = Field(default="", description="Sheet of a workbook.")
    table: str = Field(default="", description="Table of a dump.")
    date_order: Literal["mdy", "dmy", "ymd"] = Field(
        default="mdy", description="Order of dates that are ambiguous by themselves."
    )
    secured: Literal["no", "encrypted_key_safe", "encrypted_key_lost", "unknown"] = Field(
        default="no", description="Whether the file was unsecured PHI (164.402)."
    )
    secured_columns: dict[str, str] = Field(
        default_factory=dict, description="The same for single canonical fields."
    )
    received_from: str = Field(default="", description="Who delivered it.")
    received_on: date | None = Field(default=None, description="When.")
    evidence: str = Field(default="", description="Evidence number.")
    columns: ColumnMap = Field(default_factory=dict, description="Canonical field = source column.")

    @field_validator("columns")
    @classmethod
    def _known_fields(cls, columns: ColumnMap) -> ColumnMap:
        unknown = sorted(set(columns) - set(CANONICAL_FIELDS))
        if unknown:
            raise ValueError(f"no canonical field {', '.join(unknown)}; see docs/configuration.md")
        return columns

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.format not in READABLE:
            raise ValueError(
                f"format {self.format} cannot be read yet; convert {self.path} to CSV or Parquet"
            )
        return self


class LeakedSource(Source):
    """`[[leaked]]`."""

    role: str = Field(default="", description="Role of every row, where no column says it.")


class MasterSource(Source):
    """`[[masters]]`: `entity` beside path names the owner of the whole file."""

    entity: str = Field(default="", description="Owner of every row; else map entity_id.")
