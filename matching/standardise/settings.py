"""What standardise needs to know beside the data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["StandardiseSettings"]


class StandardiseSettings(BaseModel):
    """How ambiguous values are read, and when a value is no longer one person's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    two_digit_year_pivot: int = Field(
        default=26, ge=0, le=99, description="Two-digit years up to it are of this century."
    )
    nonidentifying_over: int = Field(
        default=12,
        ge=1,
        description="A phone, e-mail, street, SSN or member number borne by more people identifies nobody.",
    )
