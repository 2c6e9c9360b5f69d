"""The step: every part of both sides cleaned, then what too many people share.

A part's key is a digest of all that its cleaned rows depend on: a killed run goes on where it was,
and a late file costs its own rows only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from matching.fields import OF_AGE_YEARS
from matching.log import log_counts
from matching.model.definition import CLEANED_COLUMNS
from matching.standardise.distinct import Known
from matching.standardise.nonidentifying import shared_values
from matching.standardise.part import CAME, OF_AGE, ORDER, clean_part
from matching.standardise.settings import StandardiseSettings
from matching.store import Part, Workspace, Writer, digest_of
from matching.tables import TABLES

__all__ = ["run"]

PARTS_VERSION = 4
"""Raised when cleaned rows come out otherwise: parts made before are then made again."""
IN_HAND = 2
"""Parts cleaned at once: one core is left idle by a single part; about 1 GiB each."""
_SIDES = (("leaked", "leaked", "mention_id"), ("master", "charts", "chart_id"))


def run(workspace: Workspace, settings: StandardiseSettings) -> None:
    """Clean every row that is not excluded; part in, part out, so memory is that of a few parts."""
    known = Known()
    noted = [
        (side, part)
        for side, table, key in _SIDES
        for part in _clean_side(workspace, settings, _Side(side, table, key), known)
    ]
    for table, at in (("changes", ("side", "field", "rule")), ("completeness", ("side", "field"))):
        rows = [(side, *row) for side, part in noted for row in part[table]]
        frame = pl.DataFrame(rows, schema=dict(TABLES[table].polars), orient="row")
        workspace.write(table, frame.group_by(at).agg(pl.all().sum()))
    workspace.write("nonidentifying", shared_values(workspace, over=settings.nonidentifying_over))
    log_counts(
        "standardise",
        mentions=workspace.rows("leaked_std"),
        charts=workspace.rows("charts_std"),
        nonidentifying=workspace.rows("nonidentifying"),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """Its name in `changes`, the table as delivered, and that table's key."""

    name: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class _Files:
    """By file_no: the order of ambiguous dates, and the day on which the file came where that is known."""

    orders: dict[int, str]
    came_on: dict[int, date]


def _clean_side(
    workspace: Workspace, settings: StandardiseSettings, side: _Side, known: Known
) -> list[Mapping[str, Any]]:
    """Clean one side's parts that no run before cleaned, IN_HAND at a time; gives what was noted of each."""
    files = _Files(_date_orders(workspace), _came_on(workspace))
    waiting: deque[Future[None]] = deque()
    parts = workspace.lazy_parts(side.table)
    with workspace.writer(f"{side.table}_std") as writer, ThreadPoolExecutor(IN_HAND) as pool:

        def clean(index: int, key: str, rows: pl.LazyFrame) -> None:
            number = pl.col("file_no")
            came = number.replace_strict(files.came_on, default=None, return_dtype=pl.Date)
            kept = rows.filter(pl.col("exclusion").is_null()).with_columns(
                number.replace_strict(files.orders, default="mdy", return_dtype=pl.String).alias(
                    ORDER
                ),
                came.dt.to_string().alias(CAME),
                came.dt.offset_by(f"-{OF_AGE_YEARS}y").dt.to_string().alias(OF_AGE),
            )
            part = kept.collect()
            cleaned, work = clean_part(part, pivot=settings.two_digit_year_pivot, known=known)
            frame = pl.concat([part.select(side.key), cleaned], how="horizontal")
            changes = [[*what, rows] for what, rows in sorted(work.changes.items())]
            table = TABLES[f"{side.table}_std"]
            noted = {"changes": changes, "completeness": _completeness(cleaned)}
            writer.put(index, table.complete(frame), key=key, noted=noted)

        for index, (part, rows) in enumerate(parts):
            key = _key(part, rows, files, settings, writer)
            if not writer.has(index, key=key):
                waiting.append(pool.submit(clean, index, key, rows))
            if len(waiting) > IN_HAND:
                waiting.popleft().result()
        for future in waiting:
            future.result()
        return [writer.noted(index) for index in range(len(parts))]


def _completeness(cleaned: pl.DataFrame) -> list[tuple[str, int, int]]:
    """(field, rows, rows that have it) of the fields that take part in matching."""
    return [(field, cleaned.height, cleaned[field].count()) for field in CLEANED_COLUMNS]


def _key(
    part: Part,
    rows: pl.LazyFrame,
    files: _Files,
    settings: StandardiseSettings,
    writer: Writer,
) -> str:
    """Digest of all that the cleaned rows depend on."""
    numbers = rows.select(pl.col("file_no").unique().sort()).collect()["file_no"].to_list()
    own = [(number, files.orders.get(number), str(files.came_on.get(number))) for number in numbers]
    pivot = settings.two_digit_year_pivot
    return digest_of(PARTS_VERSION, writer.table.polars, part.rows, part.rows_hash, own, pivot)


def _date_orders(workspace: Workspace) -> dict[int, str]:
    """Order by file_no."""
    files = workspace.read("inventory", ["file_no", "date_order", "repeats"])
    return dict(
        files.filter(pl.col("repeats").is_null()).select("file_no", "date_order").iter_rows()
    )


def _came_on(workspace: Workspace) -> dict[int, date]:
    """Day by file_no on which a file came; files without one are left out."""
    files = workspace.read("inventory", ["file_no", "received_on", "repeats"])
    dated = files.filter(pl.col("repeats").is_null()).drop_nulls("received_on")
    return dict(dated.select("file_no", "received_on").iter_rows())
