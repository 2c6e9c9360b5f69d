"""What a returned mail can say of one recipient, and which of two sayings is the graver."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["FINAL", "Finding", "Kind"]


class Kind(StrEnum):
    """What became of the mail, or what the recipient says of it."""

    HARD = "hard"  # will never be delivered to this address
    SOFT = "soft"  # given up for a reason that passes: 4.x.x, a full mailbox, a host that was down
    POLICY = "policy"  # the receiver refuses the sender, 5.7.x: pause the domain, not the person
    DELAYED = "delayed"  # still being tried: no failure
    COMPLAINT = "complaint"  # reported as unwanted (RFC 5965)
    AUTO_REPLY = "auto_reply"  # out of office, challenge, held for a moderator: it arrived
    SUCCESS = "success"  # delivered, says a delivery status notification
    RELAYED = "relayed"  # handed on to a system that will not tell more
    REPORT = "report"  # asks for nothing: not-spam, authentication failure, read receipt
    UNRECOGNISED = "unrecognised"


FINAL = (Kind.HARD, Kind.POLICY, Kind.SOFT)
"""The mail was not delivered and nobody tries any more; gravest first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One recipient of one returned mail.

    `recipient` is null where the mail names none that is whole; `status` is an enhanced status code
    (RFC 3463) or null; `action` as the mail gives it, null outside delivery status notifications.
    """

    recipient: str | None = field(repr=False)
    kind: Kind
    status: str | None = None
    action: str | None = None
