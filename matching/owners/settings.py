"""What an operator may set about owners."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OwnersSettings"]


class OwnersSettings(BaseModel):
    """The third threshold, and the entities whose people are presumed affected."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    attribute_at_bits: float = Field(
        description="At or above this match weight a chart may give its entity to the leaked row."
    )
    owner_on: date | None = Field(
        default=None,
        description="People of a practice sold by this day are its buyer's; null: of the practice.",
    )
    presumed_entities: tuple[str, ...] = Field(
        default=(), description="Entities all of whose charts count as possibly affected."
    )
