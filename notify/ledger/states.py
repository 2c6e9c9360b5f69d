"""What a mail piece or an e-mail can be, and what it may become: the one declaration.

A state is the strongest news of its piece, whatever order the news came in: a return that arrives before its
drop is a return, and a letter that was dropped after its recall was mailed. `docs/ledger.md` draws this.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

__all__ = [
    "AFTERWARDS",
    "EMAIL_STATES",
    "LEDGER_MAY_BECOME",
    "MAIL_STATES",
    "MAY_BECOME",
    "NOT_TAKEN",
    "UNTOLD",
    "PieceState",
    "impossible_with",
]


NOT_TAKEN = ("REF", "UNC")
"""Refused and unclaimed: whether these returns reached the person is counsel's decision (DOMAIN 5.1)."""


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

AFTERWARDS: Mapping[PieceState, str] = {
    PieceState.EXPORTED: "counts as mailed; a week without a drop is asked about",
    PieceState.REJECTED: "the notice is planned anew or held, with the reason",
    PieceState.SUPPRESSED: "the notice is held until the reason ends",
    PieceState.HELD: "written again where a new address came, else asked about",
    PieceState.RECALLED: "planned anew",
    PieceState.MAILED: "told",
    PieceState.RETURNED: "written again to a better address, else substitute notice; DEC asks for a representative",
    PieceState.ACCEPTED: "told by e-mail",
    PieceState.REFUSED: "a letter inside the same clock",
    PieceState.UNCERTAIN: "never sent again by itself; waits, then a letter",
    PieceState.REPLACED: "a letter inside the same clock",
    PieceState.BOUNCED: "a letter inside the same clock",
    PieceState.COMPLAINED: "no more e-mail; a letter",
}
"""What the next round does with whoever was owed the piece."""

LEDGER_MAY_BECOME: Mapping[str, tuple[str, ...]] = {
    "unowned": ("queued", "waiting_ce", "ce_notifies", "no_longer"),
    "waiting_ce": ("queued", "ce_notifies", "on_hold", "excluded", "no_longer"),
    "ce_notifies": ("queued", "no_longer"),
    "queued": ("mailed", "e-mailed", "uncertain", "on_hold", "waiting_ce", "excluded", "no_longer"),
    "mailed": ("queued", "substitute", "deceased_without_representative", "on_hold"),
    "e-mailed": ("queued", "on_hold"),
    "uncertain": ("e-mailed", "queued"),
    "substitute": ("queued", "no_longer"),
    "deceased_without_representative": ("queued", "no_longer"),
    "excluded": ("queued",),
    "on_hold": ("queued", "substitute", "waiting_ce", "excluded", "no_longer"),
    "no_longer": ("queued",),
}
"""Figure L: where a (person, entity) goes from round to round. Nobody ever told becomes untold: `mailed` becomes
`queued` only because the letter came back."""


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
