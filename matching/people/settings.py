"""What an operator may set about people."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["PeopleSettings"]


class PeopleSettings(BaseModel):
    """Two of the three thresholds, and who is presumed affected. All change the result."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    merge_at_bits: float = Field(
        description="At or above this match weight two records are one person."
    )
    include_at_bits: float = Field(
        description="From here up to merge_at_bits a chart's person is told, too, and nothing merged."
    )
    as_of: date = Field(description="Day of the round; new persons are first identified on it.")
    owner_on: date | None = Field(
        default=None,
        description="Charts of a practice sold by this day are its buyer's; null: of the practice.",
    )
    presumed_entities: tuple[str, ...] = Field(
        default=(), description="Entities all of whose charts count as possibly affected."
    )
    identities_max: int = Field(
        default=200,
        ge=1,
        description="A person with more different names and birth dates is cut at higher thresholds.",
    )

    @model_validator(mode="after")
    def _include_below_merge(self) -> Self:
        if self.include_at_bits > self.merge_at_bits:
            raise ValueError(
                f"include_at_bits ({self.include_at_bits}) is above merge_at_bits "
                f"({self.merge_at_bits}); lower it"
            )
        return self
