"""What the incident file and the operators' folder say about letters."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from pydantic import Field, computed_field

from notify.facts import BusinessAssociate, Closed, Counsel, Incident, Mailing

__all__ = ["CONFIGS", "LettersSettings", "folder_sha256"]

CONFIGS = Path(__file__).parents[2] / "configs"
"""The operators' folder of a checkout."""


class LettersSettings(Closed):
    """Settings of letters; a changed text is a changed setting."""

    incident: Incident = Field(description="What happened and when.")
    business_associate: BusinessAssociate = Field(description="Who writes.")
    mailing: Mailing = Field(description="How letters go out.")
    counsel: Counsel = Field(default=Counsel(), description="Wording that counsel decides.")
    as_of: date = Field(description="Today.")
    letters: Path = Field(
        default=CONFIGS / "letters", exclude=True, description="Folder of templates and texts."
    )

    @computed_field(description="Digest of templates and texts.")  # type: ignore[prop-decorator]  # pydantic's own pattern
    @property
    def letters_sha256(self) -> str:
        """Digest of every file in the letters folder."""
        return folder_sha256(self.letters)

    @property
    def mail_on(self) -> date:
        """The date on the letters."""
        return self.mailing.planned_mail_on or self.as_of


def folder_sha256(folder: Path) -> str:
    """Digest over names and bytes of a folder's files, at any depth; empty where there is none."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
