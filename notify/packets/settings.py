"""What packets depend on beside the tables."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import Field, computed_field, model_validator

from notify.facts import BusinessAssociate, Closed, Hold, Incident

__all__ = ["Packets", "PacketsSettings"]


class Packets(Closed):
    """`[packets]`: how long covered entities are given to answer."""

    reply_days: int = Field(default=14, ge=1, description="Days the entity is given to answer.")
    unreachable_days: int = Field(
        default=30, ge=1, description="Days without any reply, then the entity is unreachable."
    )

    @model_validator(mode="after")
    def _reply_comes_first(self) -> Self:
        if self.unreachable_days < self.reply_days:
            raise ValueError(
                f"unreachable_days ({self.unreachable_days}) must not be below reply_days"
                f" ({self.reply_days})"
            )
        return self


class PacketsSettings(Packets):
    """Settings of the step `packets` and of the command that releases them."""

    incident: Incident = Field(description="`[incident]`.")
    business_associate: BusinessAssociate = Field(description="`[business_associate]`.")
    as_of: date = Field(description="The round's today: date of the letter.")
    holds: tuple[Hold, ...] = Field(default=(), description="`[[holds]]`.")
    letters: Path = Field(exclude=True, description="Folder of letters: configs/letters.")

    @computed_field(description="SHA-256 of the template, in place of where it lies.")  # type: ignore[prop-decorator]  # pydantic's documented order
    @property
    def template_sha256(self) -> str:
        """What the letters say; a changed template alone makes no new version."""
        both = self.template.read_bytes() + self.passphrase_template.read_bytes()
        return hashlib.sha256(both).hexdigest()

    @property
    def template(self) -> Path:
        """The letter to a covered entity."""
        return self.letters / "packet" / "letter.typ"

    @property
    def passphrase_template(self) -> Path:
        """The letter with the passphrase, for a recipient without a key."""
        return self.letters / "packet" / "passphrase.typ"
