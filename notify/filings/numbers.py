"""Numbers as a filing gives them: the one that counsel chose, the others beside it.

Every number stands in `counts`; expected is printed to the whole person. Where the table has no row there
is no number, never a zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

__all__ = ["Numbers", "numbers_of"]

_IN_FRONT = {"confirmed": "at least", "expected": "about", "upper": "up to"}


class Numbers(NamedTuple):
    """Counts of one entity, in all or in one state. `chosen`: which of them is filed."""

    chosen: str
    confirmed: int
    expected: float
    expected_low: float
    expected_high: float
    upper: int

    @property
    def filed(self) -> int:
        """Confirmed + reasonably believed, as counsel chose it (`[counsel] filed_number`)."""
        number: float = getattr(self, self.chosen)
        return round(number)

    @property
    def words(self) -> str:
        """`up to 1,234`: what the filed number is, in front of it."""
        exact = self.confirmed == self.upper
        return f"{self.filed:,}" if exact else f"{_IN_FRONT[self.chosen]} {self.filed:,}"

    def document(self) -> dict[str, Any]:
        """All of them, for JSON and tables: whole people."""
        return {
            "filed": self.filed,
            "chosen": self.chosen,
            "confirmed": self.confirmed,
            "expected": round(self.expected),
            "expected_low": round(self.expected_low),
            "expected_high": round(self.expected_high),
            "upper": self.upper,
        }

    def rows(self) -> list[list[str]]:
        """The same as rows of a table in a letter."""
        between = f"{round(self.expected_low):,} to {round(self.expected_high):,}"
        return [
            [f"Reported here ({self.chosen})", f"{self.filed:,}"],
            ["Confirmed: the fewest the evidence allows", f"{self.confirmed:,}"],
            [f"Expected; 95 % interval {between}", f"{round(self.expected):,}"],
            ["Upper: everyone reasonably believed affected", f"{self.upper:,}"],
        ]


def numbers_of(counts: pl.DataFrame, chosen: str) -> dict[tuple[str | None, str | None], Numbers]:
    """By (entity_id, state); state None: all states, entity None: everyone."""
    columns = ("confirmed", "expected", "expected_low", "expected_high", "upper")
    rows = counts.select("entity_id", "state", *columns).iter_rows()
    return {(entity, state): Numbers(chosen, *found) for entity, state, *found in rows}
