"""What a threshold costs: people untold, letters sent twice, and the minutes of reviewers.

False merges and missed ones do not weigh alike: who is merged with another is never told, who is split gets
two letters. A sweep over merge thresholds weighs the curve's expected errors by what each costs.
"""

from __future__ import annotations

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Costs", "cheapest", "swept"]


class Costs(BaseModel):
    """`[costs]`: in one currency. Proportions of the first four move a threshold; the rest prices the report."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    untold_person: float = Field(
        default=1000.0, ge=0, description="Someone merged with another, and never told."
    )
    wrong_letter: float = Field(
        default=100.0, ge=0, description="A letter about one person that another opens."
    )
    duplicate_letter: float = Field(default=1.0, ge=0, description="A second letter to one person.")
    reviewed_pair: float = Field(
        default=0.75, ge=0, description="A reviewer's minute for one pair."
    )
    letter: float = Field(
        default=1.25, ge=0, description="Print, envelope and postage of one letter."
    )
    call: float = Field(default=8.0, ge=0, description="One call answered.")
    callers: float = Field(
        default=0.02, ge=0, le=1, description="Share of the people told who call."
    )


def swept(rows: pl.DataFrame, costs: Costs, *, include_at_bits: float) -> pl.DataFrame:
    """`at_bits`, and the cost of merging there with the review band left alone, or all reviewed.

    `rows` have `at_bits`, `links`, `expected_false` and `expected_missed`, ascending. A false merge leaves one untold
    and sends the letter of one to the other. Reviewed links below the threshold cost their minutes and no error; those below
    `include_at_bits` are never reviewed.
    """
    merged = pl.col("expected_false") * (costs.untold_person + costs.wrong_letter)
    inside = rows.filter(pl.col("at_bits") >= include_at_bits - 1e-9)
    band = inside["links"].first() - pl.col("links")
    never = float(inside["expected_missed"].first() or 0.0)  # type: ignore[arg-type]  # a Float64 column's value
    return inside.select(
        "at_bits",
        unreviewed=(merged + pl.col("expected_missed") * costs.duplicate_letter).round(0),
        reviewed=(merged + band * costs.reviewed_pair + never * costs.duplicate_letter).round(0),
    )


def cheapest(sweep: pl.DataFrame, column: str) -> dict[str, float]:
    """The lowest threshold of the least cost, and that cost."""
    row = sweep.sort(column, "at_bits", maintain_order=True).row(0, named=True)
    return {"at_bits": row["at_bits"], "cost": row[column]}
