"""What the incident file says about notices."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from notify.facts import Closed, Counsel, Hold, Incident, Mailing

__all__ = ["NoticesSettings"]


class NoticesSettings(Closed):
    """Settings of the `notices` step."""

    incident: Incident = Field(description="What happened and when.")
    mailing: Mailing = Field(description="How letters go out.")
    as_of: date = Field(description="Today, for consents, holds and clocks.")
    holds: tuple[Hold, ...] = Field(default=(), description="Holds of the incident file.")
    counsel: Counsel = Field(default=Counsel(), description="Counsel's decisions.")
    majority: dict[str, int] = Field(
        default={"AL": 19, "NE": 19, "MS": 21, "PR": 21},
        description="Age of majority where it is not 18, by state of residence.",
    )

    @property
    def mail_on(self) -> date:
        """Day of mailing: ages are taken on it, and no deadline is set before it."""
        return self.mailing.planned_mail_on or self.as_of
