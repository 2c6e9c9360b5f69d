"""DuckDB's SQL as it stands: sqlglot keeps every function under its own name with all its arguments.

Its usual parser translates functions into its own forms and writes some back differently: a third
argument of `jaro_winkler_similarity` is lost.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import sqlglot
from sqlglot import expressions as sql
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError

from matching.errors import OperatorError

__all__ = ["parsed", "written"]


class _AsItStands(DuckDB):
    class Parser(DuckDB.Parser):  # type: ignore[valid-type,misc]  # made by a metaclass
        FUNCTIONS: ClassVar[dict[str, Any]] = {}


def parsed(text: str, *, what: str) -> sql.Expr:
    """The expression, to be read only. Raises OperatorError naming `what` it is of where it is no SQL."""
    try:
        return _parsed(text)
    except SqlglotError:
        raise OperatorError(f"model: {what}: no SQL that can be read: {text!r}") from None


@cache
def _parsed(text: str) -> sql.Expr:
    return sqlglot.parse_one(text, dialect=_AsItStands)


def written(tree: sql.Expr) -> str:
    """SQL text for DuckDB."""
    return tree.sql(dialect=_AsItStands)
