"""The step: every part of both sides cleaned, then what too many people share."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatch

import polars as pl

from matching.log import log_counts
from matching.standardise.nonidentifying import shared_values
from matching.standardise.part import ORDER, clean_part
from matching.standardise.settings import StandardiseSettings
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["run"]

IN_HAND = 2
"""Parts cleaned at once: one core is left idle by a single part; memory is that of two parts."""
_SIDES = (("leaked", "leaked", "mention_id"), ("master", "charts", "chart_id"))


def run(workspace: Workspace, settings: StandardiseSettings) -> None:
    """Clean every row that is not excluded; part in, part out, so memory is that of a few parts."""
    changes = [
        frame
        for side, table, key in _SIDES
        for frame in _clean_side(workspace, settings, side, table, key)
    ]
    total = (
        pl.concat([TABLES["changes"].empty(), *changes])
        .group_by("side", "field", "rule")
        .agg(pl.col("rows").sum())
    )
    workspace.write("changes", total)
    workspace.write("nonidentifying", shared_values(workspace, over=settings.nonidentifying_over))
    log_counts(
        "standardise",
        mentions=workspace.rows("leaked_std"),
        charts=workspace.rows("charts_std"),
        nonidentifying=workspace.rows("nonidentifying"),
    )


def _clean_side(
    workspace: Workspace, settings: StandardiseSettings, side: str, table: str, key: str
) -> list[pl.DataFrame]:
    """Clean one side's parts, IN_HAND at a time; gives the changes of each part."""
    orders = _date_orders(workspace, settings)
    changes: list[pl.DataFrame] = []
    waiting: deque[Future[pl.DataFrame]] = deque()
    with workspace.writer(f"{table}_std") as writer, ThreadPoolExecutor(IN_HAND) as pool:

        def clean(index: int, part: pl.DataFrame) -> pl.DataFrame:
            rows = part.filter(pl.col("exclusion").is_null())
            order = pl.col("file_no").replace_strict(orders, default="mdy", return_dtype=pl.String)
            cleaned, work = clean_part(
                rows.with_columns(order.alias(ORDER)), pivot=settings.two_digit_year_pivot
            )
            frame = pl.concat([rows.select(key), cleaned], how="horizontal")
            writer.put(index, TABLES[f"{table}_std"].complete(frame))
            return _change_rows(side, work.changes)

        for index, part in enumerate(workspace.parts(table)):
            waiting.append(pool.submit(clean, index, part))
            if len(waiting) == IN_HAND:
                changes.append(waiting.popleft().result())
        changes += [future.result() for future in waiting]
    return changes


def _date_orders(workspace: Workspace, settings: StandardiseSettings) -> dict[int, str]:
    """Order by file_no; a key of the settings may be a glob, as in the incident file."""
    files = workspace.read("inventory", ["file_no", "path", "repeats"])
    seen = files.filter(pl.col("repeats").is_null()).select("file_no", "path")
    by_path = settings.date_order_by_path
    return {
        number: next(
            (order for key, order in by_path.items() if key == path or fnmatch(path, key)), "mdy"
        )
        for number, path in seen.iter_rows()
    }


def _change_rows(side: str, changes: dict[tuple[str, str], int]) -> pl.DataFrame:
    rows = [(side, field, rule, count) for (field, rule), count in changes.items()]
    return pl.DataFrame(rows, schema=dict(TABLES["changes"].polars), orient="row")
