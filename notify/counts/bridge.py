"""`bridge`: line by line from raw rows to people; the lines add up."""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["bridge_lines"]

_HIPAA_ONLY = ("employee", "provider", "lead", "guarantor", "emergency_contact")
"""Exclusions under HIPAA: a state law may still owe these people a notice."""


def bridge_lines(workspace: Workspace) -> pl.DataFrame:
    """One row a line: position, line, reason, regime, rows (negative where taken off)."""
    files = workspace.read("inventory").filter(pl.col("side") == "leaked")
    once = files.filter(pl.col("repeats").is_null())
    spoken = int(once.filter(pl.col("format") == "text")["rows"].sum())
    inventory = files.filter(pl.col("format") != "text")
    repeated = inventory.filter(pl.col("repeats").is_not_null())
    ignored = inventory.filter(pl.col("ignored").is_not_null(), pl.col("repeats").is_null())
    beside = int(ignored["parsed"].sum())
    leaked = workspace.scan("leaked").select("mention_id", "exclusion")
    mentions = leaked.select(pl.len()).collect().item()
    rejected = _rejected(workspace, inventory)
    excluded = _excluded(leaked)
    delivered, again = int(inventory["rows"].sum()), int(repeated["rows"].sum())
    read = delivered - again - sum(rejected.values()) - beside
    included = mentions - sum(excluded.values())
    identities = workspace.scan("identities").select(pl.col("identity_id").n_unique())
    different = identities.collect().item()
    lines: list[tuple[str, str | None, str | None, int]] = [
        ("rows delivered", None, None, delivered),
        ("rows of files delivered again", None, None, -again),
        *(("rows that could not be read", reason, None, -n) for reason, n in rejected.items()),
        ("rows of tables that are not about people", None, None, -beside),
        ("further people on a row", None, None, mentions - read - spoken),
        ("people named in free text", None, None, spoken),
        ("mentions", None, None, mentions),
        *(("mentions excluded", reason, _regime(reason), -n) for reason, n in excluded.items()),
        ("mentions included", None, None, included),
        ("mentions equal to an earlier one", None, None, different - included),
        *_people(workspace, different),
    ]
    columns = ("line", "reason", "regime", "rows")
    frame = pl.DataFrame(lines, schema=columns, orient="row").with_row_index("position")
    return TABLES["bridge"].complete(frame)


def _people(workspace: Workspace, different: int) -> list[tuple[str, None, None, int]]:
    persons = workspace.read("persons", ["affected", "orphan"])
    confirmed = int((persons["affected"] == "confirmed").sum())
    return [
        ("different identities", None, None, different),
        ("identities of one person", None, None, confirmed - different),
        ("people confirmed", None, None, confirmed),
        ("people possible, known by charts only", None, None, persons.height - confirmed),
        ("people confirmed or possible", None, None, persons.height),
        ("of these without any chart", None, None, int(persons["orphan"].sum())),
    ]


def _rejected(workspace: Workspace, inventory: pl.DataFrame) -> dict[str, int]:
    """Reason -> rows of leaked files."""
    files = inventory["file_no"].unique().to_list()
    rejects = workspace.scan("rejects").filter(pl.col("file_no").is_in(files))
    return _tally(rejects, "reason")


def _excluded(leaked: pl.LazyFrame) -> dict[str, int]:
    return _tally(leaked.drop_nulls("exclusion"), "exclusion")


def _tally(frame: pl.LazyFrame, column: str) -> dict[str, int]:
    counted = frame.group_by(column).len().sort(column).collect()
    return dict(zip(counted[column].to_list(), counted["len"].to_list(), strict=True))


def _regime(reason: str) -> str | None:
    return "HIPAA" if reason in _HIPAA_ONLY else None
