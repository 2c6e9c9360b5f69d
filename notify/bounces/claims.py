"""Which piece a returned mail claims to be about: the token of its envelope, else our ids in what it returns.

A claim is only text: `piece_of` believes a token whose HMAC is ours. Without a token, Message-ID and envelope id
must both name the same piece; either alone could be written by anybody who ever saw one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from notify.bounces.delivery_status import envelope_ids, groups
from notify.bounces.mime import Part
from notify.bounces.notification import Notification, leaves

__all__ = ["Claims", "claimed", "claims_of", "piece_of"]

_TOKEN = re.compile(r"bounce(?:\+|=2B|%2B)([0-9A-Za-z]{20,30})(?![0-9A-Za-z])", re.IGNORECASE)
"""Also within what forwarders make of an envelope: `SRS0=..=bounce+TOKEN@`, `prvs=..=bounce+TOKEN@`."""
_PIECE = r"[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{16}"
_MESSAGE_ID = re.compile(rf"<({_PIECE})@[^<>\s@]{{1,253}}>")
_ENVELOPE_ID = re.compile(rf"<?({_PIECE})(?:@\S{{1,253}})?>?$")
_MACHINE = {"message/delivery-status", "message/global-delivery-status", "message/feedback-report"}
_PIECE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Claims:
    """Each in the order of appearance, without repeats."""

    tokens: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    envelope_ids: tuple[str, ...] = ()

    def joined(self, outer: Claims) -> Claims:
        """A report that somebody forwarded, and the mail that carried it: its own token speaks first."""
        return Claims(
            self.tokens or outer.tokens,
            self.message_ids or outer.message_ids,
            self.envelope_ids or outer.envelope_ids,
        )


def claims_of(mail: Part, note: Notification) -> Claims:
    """What the mail's head, its machine-readable parts and the returned heads name."""
    machine = [part.text() for part in leaves(mail) if part.type in _MACHINE]
    texts = [value for _, value in mail.headers]
    returned = note.returned
    texts += machine + [value for head in returned for _, value in head.headers]
    texts += [note.human, note.after]
    tokens = [found for text in texts for found in _TOKEN.findall(text)]
    ids = [v for head in returned for v in head.all("message-id", "x-original-message-id")]
    ids += mail.all("references", "in-reply-to", "x-original-message-id", "original-message-id")
    given = [value for text in machine for value in envelope_ids(groups(text))]
    return Claims(
        _once(tokens),
        _once(found for value in ids for found in _MESSAGE_ID.findall(value)),
        _once(found[1] for value in given if (found := _ENVELOPE_ID.match(value.strip()))),
    )


def piece_of(claims: Claims, mailpiece_of: Callable[[str], str | None]) -> tuple[str | None, str]:
    """The piece and an empty reason, or null and why nothing is believed."""
    named = {piece for token in claims.tokens if (piece := mailpiece_of(token))}
    if len(named) > 1:
        return None, "names_two_pieces"
    if named:
        return named.pop(), ""
    if claims.tokens:
        return None, "forged_token"
    by_message, by_envelope = set(claims.message_ids), set(claims.envelope_ids)
    both = by_message & by_envelope
    if len(both) == 1:
        return both.pop(), ""
    return None, "not_proved" if by_message or by_envelope else "no_token"


def claimed(claims: Claims) -> str | None:
    """What a mail names as its piece, believed or not, as a person who looks into it would search for it."""
    named = [token[:_PIECE_LENGTH] for token in claims.tokens]
    return next(iter([*named, *claims.message_ids, *claims.envelope_ids]), None)


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.upper() for text in found))
