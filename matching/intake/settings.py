"""What intake needs from the incident file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from matching.sources import LeakedSource, MasterSource

__all__ = ["IntakeSettings", "SuppressionSource"]


class SuppressionSource(BaseModel):
    """One `[[suppressions]]`: a CSV of records or people that get no notice."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: str = Field(
        description="CSV with a column record_id or person_id, and perhaps entity_id (only that"
        " entity's notice; the record is its own), relative to the incident file."
    )
    reason: str = Field(description="Reason code, e.g. litigation, prior_notice, ce_disputed.")
    authority: str = Field(description="Who decided it.")


class IntakeSettings(BaseModel):
    """Delivered files, the roster, and counsel's word on who counts as an affected person."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    root: Path = Field(description="Folder of the incident file: paths are relative to it.")
    leaked: tuple[LeakedSource, ...] = Field(default=(), description="`[[leaked]]`.")
    masters: tuple[MasterSource, ...] = Field(default=(), description="`[[masters]]`.")
    entities: str | None = Field(default=None, description="The roster, entities.csv.")
    delegation: str | None = Field(default=None, description="delegation.csv.")
    suppressions: tuple[SuppressionSource, ...] = Field(
        default=(), description="`[[suppressions]]`."
    )
    lead_is_phi: bool = Field(default=True, description="Leads are owed a notice.")
    employees_notified: bool = Field(default=False, description="Staff and providers are, too.")
    emergency_contacts_notified: bool = Field(
        default=False, description="Emergency contacts are, too."
    )
    guarantors_notified: bool = Field(default=True, description="Parents and guarantors are, too.")
    text_names: Literal["auto", "lists", "model"] = Field(
        default="auto",
        description="How names in free text are found; auto: with the model where installed.",
    )
