"""What a row of the outbox can be and what it may become: the one declaration of sending.

`sending` is on disk before the first byte of a message leaves. A process that dies leaves such a row
behind, and nobody knows whether the relay took it: it becomes `uncertain` and is never sent again.
`docs/ledger.md` draws the states of the piece (`notify.ledger.states`); these lie before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["EVENT_OF", "MAY_BECOME", "OPEN", "SendState"]


class SendState(StrEnum):
    """Where one e-mail is."""

    PENDING = "pending"  # planned and approved, nothing happened yet
    SKIPPED = "skipped"  # no longer to be sent, for a reason; looked at again by the next run
    CLAIMED = "claimed"  # in the hands of one run of the sender
    SENDING = "sending"  # may be with the relay at any moment from now
    ACCEPTED = "accepted"  # the relay said 250 after the final dot
    TEMPORARY = "temporary"  # refused for now, tried again later
    PERMANENT = "permanent"  # refused for good, or could never be sent: a letter goes out
    UNCERTAIN = "uncertain"  # the answer after the final dot was lost
    REPLACED = "uncertain_replaced"  # uncertain too long: a letter goes out


MAY_BECOME: Mapping[SendState, frozenset[SendState]] = {
    SendState.PENDING: frozenset({SendState.CLAIMED, SendState.SKIPPED}),
    SendState.SKIPPED: frozenset({SendState.PENDING}),
    SendState.CLAIMED: frozenset(
        {SendState.SENDING, SendState.PENDING, SendState.TEMPORARY, SendState.SKIPPED,
         SendState.PERMANENT}
    ),
    SendState.SENDING: frozenset(
        {SendState.ACCEPTED, SendState.TEMPORARY, SendState.PERMANENT, SendState.UNCERTAIN,
         SendState.CLAIMED}
    ),
    SendState.ACCEPTED: frozenset(),
    SendState.TEMPORARY: frozenset({SendState.CLAIMED, SendState.SKIPPED, SendState.PERMANENT}),
    SendState.PERMANENT: frozenset(),
    SendState.UNCERTAIN: frozenset({SendState.REPLACED, SendState.PERMANENT}),
    SendState.REPLACED: frozenset(),
}  # fmt: skip
"""From `sending` back to `claimed` only where the relay never had the message: the connection broke, or
the relay said 421, before it asked for the text. From `uncertain` to `permanent` where it bounced."""

OPEN = frozenset({SendState.PENDING, SendState.CLAIMED, SendState.SENDING, SendState.TEMPORARY})
"""Still to be settled by a run of the sender."""

EVENT_OF: Mapping[SendState, str] = {
    SendState.ACCEPTED: "accepted",
    SendState.PERMANENT: "refused",
    SendState.UNCERTAIN: "uncertain",
    SendState.REPLACED: "uncertain_replaced",
}
"""State -> kind of the event that tells the ledger. Other states are nobody's business yet."""
