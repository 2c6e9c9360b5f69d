"""What packets depend on beside the tables."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from pydantic import Field, computed_field

from notify.facts import BusinessAssociate, Closed, Hold, Incident

__all__ = ["PacketsSettings"]


class PacketsSettings(Closed):
    """Settings of the step `packets` and of the command that releases them."""

    incident: Incident = Field(description="`[incident]`.")
    business_associate: BusinessAssociate = Field(description="`[business_associate]`.")
    as_of: date = Field(description="The round's today: date of the letter.")
    holds: tuple[Hold, ...] = Field(default=(), description="`[[holds]]`.")
    reply_days: int = Field(default=14, ge=1, description="Days the entity is given to answer.")
    letters: Path = Field(exclude=True, description="Folder of letters: configs/letters.")

    @computed_field(description="SHA-256 of the template, in place of where it lies.")  # type: ignore[prop-decorator]  # pydantic's documented order
    @property
    def template_sha256(self) -> str:
        """What the letter says; a changed template alone makes no new version."""
        return hashlib.sha256(self.template.read_bytes()).hexdigest()

    @property
    def template(self) -> Path:
        """The letter to a covered entity."""
        return self.letters / "packet" / "letter.typ"
