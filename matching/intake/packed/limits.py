"""What no delivered table passes, whatever its format."""

from __future__ import annotations

from matching.errors import OperatorError

__all__ = ["COLUMNS_MAX", "refuse_wide"]

COLUMNS_MAX = 16_384
"""As many as a sheet of Excel has; MySQL stops at 4,096, and exports of study forms stay below."""


def refuse_wide(name: str, columns: int) -> None:
    """Raise OperatorError where a table has more columns than any that somebody made."""
    if columns > COLUMNS_MAX:
        raise OperatorError(
            f"{name}: {columns:,} columns, more than {COLUMNS_MAX:,}; correct delimiter or format, or"
            " deliver it in parts of fewer columns"
        )
