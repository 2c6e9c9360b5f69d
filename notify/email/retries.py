"""What an answer of the relay makes of a row: pure rules of state and time.

An answer and how often a message was tried come in; the row's next state goes out. Refused for now: five
minutes, doubling up to six hours, until the incident's patience is over; then a letter takes its place.
"""

from __future__ import annotations

from notify.email.outbox import Change, Due
from notify.email.relay import Answer, Fate
from notify.email.states import SendState

__all__ = ["LOST_MOST", "after", "later", "postponed"]

FIRST_RETRY_S = 300.0
RETRY_MOST_S = 6 * 3600.0
"""Five minutes, doubling up to six hours: greylisting ends in minutes, full mailboxes in days."""
POLICY_RETRY_S = 3600.0
"""A domain that refuses us for what we are is left alone for an hour."""
LOST_MOST = 3
"""Connections that may break before one message's text; then it waits like a refusal for now."""
_STATE_OF = {
    Fate.ACCEPTED: SendState.ACCEPTED,
    Fate.PERMANENT: SendState.PERMANENT,
    Fate.UNCERTAIN: SendState.UNCERTAIN,
}


def after(due: Due, answer: Answer, *, lost: int, now: float, retry_s: float) -> Change:
    """The row's next state. `lost`: connections that broke under this message, this one included.

    Back to `claimed` where nothing was sent and another connection may take it.
    """
    if answer.fate is Fate.NOT_SENT and lost < LOST_MOST:
        return Change(due.place, SendState.CLAIMED, answer.code)
    if answer.fate in _STATE_OF:
        return Change(due.place, _STATE_OF[answer.fate], answer.code)
    wait_s = POLICY_RETRY_S if answer.fate is Fate.POLICY else _back_off(due.tries)
    return later(due, answer.code, wait_s=wait_s, now=now, retry_s=retry_s)


def postponed(due: Due, *, now: float, retry_s: float) -> Change:
    """A message of a paused domain: it was claimed and goes back without having been tried."""
    return later(due, "5.7 domain paused", wait_s=POLICY_RETRY_S, now=now, retry_s=retry_s)


def later(due: Due, code: str, *, wait_s: float, now: float, retry_s: float) -> Change:
    """Refused for now, tried once more when patience ends; after that refused for good."""
    last = (due.first_try_at or now) + retry_s
    if now >= last:
        return Change(due.place, SendState.PERMANENT, f"{code} gave_up")
    return Change(due.place, SendState.TEMPORARY, code, min(now + wait_s, last))


def _back_off(tries: int) -> float:
    """`tries` before this one."""
    return min(FIRST_RETRY_S * 2.0 ** min(tries, 12), RETRY_MOST_S)
