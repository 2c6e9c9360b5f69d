"""What the incident file and the operators' folders say about e-mail."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field

from matching.store import OperatorError
from notify.facts import BusinessAssociate, Closed, Counsel, Email, Hold, Incident
from notify.letters.settings import CONFIGS, folder_sha256

__all__ = ["PACE", "EmailSettings", "domain_of"]

PACE = frozenset(
    {"clocks_to", "connections", "domain_connections", "rate", "rates", "warm_up_first_day", "reply_timeout_s",
     "retry_hours", "uncertain_wait_hours", "policy_lifted_on"}
)  # fmt: skip
"""Keys of `[email]` that say how fast, or whom of ours to alarm: not what, to whom or through whom a wave goes, so no
approval depends on them."""


class EmailSettings(Closed):
    """Settings of sending."""

    incident: Incident = Field(description="What happened and when.")
    business_associate: BusinessAssociate = Field(description="Who writes.")
    email: Email = Field(description="The relay.")
    holds: tuple[Hold, ...] = Field(default=(), description="Holds of the incident file.")
    counsel: Counsel = Field(default=Counsel(), description="Counsel's decisions.")
    as_of: date = Field(description="Today.")
    root: Path = Field(default=Path(), exclude=True, description="Folder of the incident file.")
    texts: Path = Field(
        default=CONFIGS / "email", exclude=True, description="Folder of e-mail texts."
    )
    letters: Path = Field(
        default=CONFIGS / "letters", exclude=True, description="Folder with elements.toml."
    )

    @property
    def texts_sha256(self) -> str:
        """Digest of everything that is put into words: texts, and names of the kinds of PHI."""
        return folder_sha256(self.texts) + folder_sha256(self.letters)

    @property
    def sender(self) -> str:
        """The From address. Raises OperatorError where there is none."""
        if not self.email.from_address:
            raise OperatorError("email.from: empty; name the address that notices come from")
        return self.email.from_address

    @property
    def reply_to(self) -> str:
        """Somebody reads it."""
        return self.email.reply_to or self.business_associate.email

    @property
    def bounce_domain(self) -> str:
        """Where bounces come back to."""
        return self.email.bounce_domain or domain_of(self.sender)


def domain_of(address: str) -> str:
    """The part after the last @, in small letters."""
    return address.rpartition("@")[2].lower()
