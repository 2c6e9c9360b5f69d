"""Rows as the matcher sees them: numbered, with non-identifying values taken out, loaded in DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from matching.in_memory import in_memory
from matching.model.definition import CLEANED_COLUMNS, MATCH_COLUMNS
from matching.model.frequencies import tf_columns, with_frequencies
from matching.standardise import is_shared_street

__all__ = ["connect", "load_rows", "matching_columns", "numbered", "without_nonidentifying"]

_TAKEN_OUT = {
    "phone": ("phone", "phone2"),
    "email": ("email",),
    "ssn": ("ssn",),
    "member_id": ("member_id",),
}
"""Field of `nonidentifying` -> columns that are nulled where they hold such a value."""
_STREET_PARTS = ("street_number", "street_name")


@contextmanager
def connect(
    *, threads: int, memory_gib: float, spill: Path | None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory DuckDB; spill goes to the given scratch folder and nowhere else."""
    con = in_memory(threads=threads, spill=spill)
    try:
        con.execute(f"set memory_limit = '{memory_gib:.3f}GiB'")
        con.execute("set preserve_insertion_order = false")
        yield con
    finally:
        con.close()


def without_nonidentifying(rows: pl.LazyFrame, nonidentifying: pl.DataFrame) -> pl.LazyFrame:
    """Null for matching what too many people share: a practice's own telephone, a shelter.

    Columns that `rows` does not have are passed over; street parts need `street` and `zip5` beside them.
    """
    there = set(rows.collect_schema().names())
    listed = {field: rows["value"] for (field,), rows in nonidentifying.group_by("field")}
    for field, columns in _TAKEN_OUT.items():
        if field in listed:
            values = listed[field].implode()
            rows = rows.with_columns(
                pl.when(~pl.col(c).is_in(values)).then(c).alias(c) for c in columns if c in there
            )
    parts = [c for c in _STREET_PARTS if c in there]
    if "street" in listed and parts:
        rows = rows.with_columns(is_shared_street(listed["street"]).alias("_shared"))
        rows = rows.with_columns(pl.when(~pl.col("_shared")).then(c).alias(c) for c in parts)
        rows = rows.drop("_shared")
    return rows


def numbered(rows: pl.LazyFrame, nonidentifying: pl.DataFrame) -> pl.LazyFrame:
    """Row numbers `rid` 0, 1, ... in the present order and the matching columns."""
    number = pl.int_range(pl.len(), dtype=pl.Int32).alias("rid")
    return matching_columns(rows, MATCH_COLUMNS, nonidentifying).select(number, *MATCH_COLUMNS)


def matching_columns(
    rows: pl.LazyFrame, columns: Sequence[str], nonidentifying: pl.DataFrame
) -> pl.LazyFrame:
    """Some of MATCH_COLUMNS from those of a cleaned table; `place` is made here."""
    wanted = dict.fromkeys(c for c in columns if c in CLEANED_COLUMNS)
    if "place" in columns:
        wanted |= dict.fromkeys(("street_number", "street_name"))
    if set(_STREET_PARTS) & set(wanted):  # a shared street is known by itself and its ZIP
        wanted |= dict.fromkeys(("street", "zip5"))
    cleaned = without_nonidentifying(rows.select(list(wanted)), nonidentifying)
    place = (pl.col("street_number") + " " + pl.col("street_name")).alias("place")
    return cleaned.select(place if c == "place" else c for c in columns)


def load_rows(
    con: duckdb.DuckDBPyConnection,
    side: str,
    rows: pl.DataFrame,
    *,
    settings: dict[str, Any],
    frequencies: pl.DataFrame,
) -> None:
    """Make `rows_<side>` with `rid`, the matching columns and their term frequencies."""
    loaded = with_frequencies(rows, frequencies, tf_columns(settings))
    con.register("loading", loaded.to_arrow())
    con.execute(f"create table rows_{side} as select * from loading")
    con.unregister("loading")
