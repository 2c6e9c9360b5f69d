"""What a mail piece or an e-mail can be, and what it may become: the one declaration.

A state is the strongest news of its piece, whatever order the news came in: a return that arrives before its
drop is a return, and a letter that was dropped after its recall was mailed. `docs/ledger.md` draws this.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["EMAIL_STATES", "MAIL_STATES", "MAY_BECOME", "UNTOLD", "PieceState", "impossible_with"]


class PieceState(StrEnum):
    """Where one piece is."""

    EXPORTED = "exported"  # handed to the vendor
    REJECTED = "rejected"  # the vendor could not use the row
    SUPPRESSED = "suppressed"  # the vendor was told not to mail it
    HELD = "held"  # the vendor waits: moved, no usable address
    RECALLED = "recalled"  # called back before it was mailed
    MAILED = "mailed"  # dropped with the post
    RETURNED = "returned"  # came back
    ACCEPTED = "accepted"  # the relay took the e-mail
    REFUSED = "refused"  # it will never take it
    UNCERTAIN = "uncertain"  # lost its answer after the final dot
    REPLACED = "replaced"  # uncertain too long: a letter takes its place
    BOUNCED = "bounced"  # came back
    COMPLAINED = "complained"  # reported as unwanted


MAIL_STATES: Mapping[str, PieceState] = {
    "exported": PieceState.EXPORTED,
    "rejected": PieceState.REJECTED,
    "suppressed": PieceState.SUPPRESSED,
    "held": PieceState.HELD,
    "recalled": PieceState.RECALLED,
    "dropped": PieceState.MAILED,
    "returned": PieceState.RETURNED,
}
"""Kind of a letter's event -> the state it brings, weakest first. Others (`moved`) change no state."""
EMAIL_STATES: Mapping[str, PieceState] = {
    "uncertain": PieceState.UNCERTAIN,
    "accepted": PieceState.ACCEPTED,
    "uncertain_replaced": PieceState.REPLACED,
    "refused": PieceState.REFUSED,
    "complained": PieceState.COMPLAINED,
    "bounced": PieceState.BOUNCED,
}
"""The same of an e-mail's."""

MAY_BECOME: Mapping[PieceState, frozenset[PieceState]] = {
    PieceState.EXPORTED: frozenset(
        {PieceState.REJECTED, PieceState.SUPPRESSED, PieceState.HELD, PieceState.RECALLED,
         PieceState.MAILED, PieceState.RETURNED}
    ),
    PieceState.REJECTED: frozenset(),
    PieceState.SUPPRESSED: frozenset(),
    PieceState.HELD: frozenset({PieceState.RECALLED, PieceState.MAILED, PieceState.RETURNED}),
    PieceState.RECALLED: frozenset({PieceState.MAILED, PieceState.RETURNED}),
    PieceState.MAILED: frozenset({PieceState.RETURNED}),
    PieceState.RETURNED: frozenset(),
    PieceState.UNCERTAIN: frozenset(
        {PieceState.ACCEPTED, PieceState.REPLACED, PieceState.BOUNCED, PieceState.COMPLAINED}
    ),
    PieceState.ACCEPTED: frozenset({PieceState.BOUNCED, PieceState.COMPLAINED}),
    PieceState.REPLACED: frozenset({PieceState.BOUNCED, PieceState.COMPLAINED}),
    PieceState.REFUSED: frozenset(),
    PieceState.BOUNCED: frozenset(),
    PieceState.COMPLAINED: frozenset({PieceState.BOUNCED}),
}  # fmt: skip
"""What may follow; news that does not fit is quarantined, never applied."""

UNTOLD = frozenset(
    {PieceState.REJECTED, PieceState.SUPPRESSED, PieceState.HELD, PieceState.RECALLED, PieceState.RETURNED,
     PieceState.REFUSED, PieceState.REPLACED, PieceState.BOUNCED, PieceState.COMPLAINED}
)  # fmt: skip
"""Whoever was owed this piece has not been told by it."""


def impossible_with(kind: str, states: Mapping[str, PieceState] = MAIL_STATES) -> frozenset[str]:
    """Kinds of events that cannot be true of the same piece, whichever came first.

    News that is late is possible: what it brings may have become what the piece is by now.
    """
    state = states[kind]
    return frozenset(
        other
        for other, brought in states.items()
        if brought != state
        and state not in MAY_BECOME[brought]
        and brought not in MAY_BECOME[state]
    )
