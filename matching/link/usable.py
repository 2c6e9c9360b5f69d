"""A model that cannot be run is refused by name before anything is read."""

from __future__ import annotations

from typing import Any

import duckdb

from matching.errors import OperatorError
from matching.in_memory import in_memory
from matching.link.conditions import columns_of
from matching.link.keys import slots
from matching.link.program import compile_model
from matching.link.rules import rules_of
from matching.model.definition import MATCH_COLUMNS
from matching.model.frequencies import tf_columns

__all__ = ["check_model"]


def check_model(settings: dict[str, Any]) -> None:
    """Raise OperatorError naming the comparison, level, rule or column that cannot be used."""
    conditions = {
        comparison.get("output_column_name", "unnamed"): [
            level["sql_condition"] for level in comparison["comparison_levels"]
        ]
        for comparison in settings["comparisons"]
    }
    _check_columns(settings, conditions)
    rules = rules_of(settings)
    with in_memory() as con:
        for end in ("", "_l", "_r"):
            columns = ", ".join(f"{name}{end} varchar" for name in MATCH_COLUMNS)
            con.execute(f"create table records{end} ({columns})")
        for name, levels in conditions.items():
            for level in levels:
                if level.strip().upper() != "ELSE":
                    _try(con, f"({level})", "records_l, records_r", f"comparison '{name}'")
        for part in slots(rules).parts:
            _try(con, f"({part})", "records", f"blocking rule with '{part}'")
    try:
        compile_model(settings)
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        raise OperatorError(f"model: Splink refuses it: {_first_line(error)}") from None


def _check_columns(settings: dict[str, Any], conditions: dict[str, list[str]]) -> None:
    read = {
        column
        for name, levels in conditions.items()
        for level in levels
        for column in columns_of(level, what=f"comparison '{name}'")
    }
    unknown = (read | set(tf_columns(settings))) - set(MATCH_COLUMNS)
    if unknown:
        raise OperatorError(
            f"model: unknown column '{min(unknown)}'; levels may read {', '.join(MATCH_COLUMNS)}"
        )


def _try(con: duckdb.DuckDBPyConnection, expression: str, tables: str, what: str) -> None:
    """Run it on no records."""
    try:
        con.sql(f"select {expression} as found from {tables}").fetchall()
    except duckdb.Error as error:
        raise OperatorError(f"model: {what}: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """What Splink and DuckDB say of a model: its own SQL, no data."""
    return str(error).strip().split("\n", maxsplit=1)[0]
