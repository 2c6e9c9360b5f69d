"""docs/tables.md from `matching.tables` and the steps that write and read each table."""

from __future__ import annotations

from flows.docs.markdown import code, grid
from flows.steps import REPORT, STEPS
from matching.schema import Table
from matching.tables import INBOX, KEEP, REFERENCE, STEP_TABLES

__all__ = ["tables_page"]

HEAD = """# Tables

Generated from `matching/tables.py` by `python -m flows.docs`; do not edit.

Every table is encrypted Parquet in the workspace. Rows are sorted by the key, which is unique. A column
without a note on null is never null. Privacy: `none` counts, dates of law and digests; `id` ids that mean
nothing outside the workspace; `entity` names a covered entity; `person` a person's data, which no log,
exception, file name or orchestrator ever sees. `affected table WS NAME --out FILE` writes one in the clear.
Kept: `evidence` tables say who was told what and stay six years; `working` tables hold delivered rows or
repeat their values, and go with `affected purge WS --leak` when counsel says so.
"""
GROUPS = (
    ("Tables of the steps", "Written whole by one step; can be recomputed.", STEP_TABLES),
    ("Inbox", "Append-only, written by commands, read by the next round.", INBOX),
    ("Frozen reference", "Made once per incident.", REFERENCE),
)


def tables_page() -> str:
    """The whole page."""
    lines = [HEAD]
    for title, what, tables in GROUPS:
        lines += [f"## {title}", "", what, ""]
        for table in tables:
            lines += _table(table)
    return "\n".join(lines).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    key = ", ".join(code(name) for name in table.key)
    lines = [
        f"### {table.name}",
        "",
        f"Each row is {table.grain}.",
        "",
        f"Key: {key}. Kept: {code(KEEP[table.name].value)}. {_used(table.name)}",
        "",
    ]
    rows = [
        (code(name), code(str(column.dtype)), column.doc, column.null, column.privacy.value)
        for name, column in table.columns.items()
    ]
    return [*lines, *grid(("column", "type", "meaning", "null means", "privacy"), rows), ""]


def _used(name: str) -> str:
    steps = (*STEPS, REPORT)
    writers = [step.name for step in steps if name in step.writes]
    readers = [step.name for step in steps if name in step.reads]
    parts = [
        f"{verb} {', '.join(names)}."
        for verb, names in (("Written by", writers), ("Read by", readers))
        if names
    ]
    return " ".join(parts)
