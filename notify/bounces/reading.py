"""From the bytes of one returned mail to what it says, and to what it claims to be about.

The order of trust: feedback report, delivery status, read receipt, auto-reply, words. Never raises, whatever
the bytes are, and takes a bounded time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from notify.bounces import delivery_status, feedback
from notify.bounces.claims import Claims, claims_of
from notify.bounces.kinds import FINAL, Finding, Kind
from notify.bounces.mime import Part, parse
from notify.bounces.notification import Notification, is_status, leaves, notices, notification
from notify.bounces.senders import from_mail_system, is_auto_reply, seems_auto_reply
from notify.bounces.words import findings_in_words, lone_candidate

__all__ = ["Notice", "failures", "findings", "read"]

_FLAT_CHARS = 64 << 10


@dataclass(frozen=True, slots=True)
class Notice:
    """One report in a mail: what it says, at least one finding, what it claims to be about, its Date field."""

    findings: tuple[Finding, ...]
    claims: Claims
    date: str


def read(data: bytes) -> tuple[Notice, ...]:
    """The reports in one mail, at least one; a digest has several."""
    mail = parse(data)
    found = notices(mail)
    outer = claims_of(mail, notification(mail)) if len(found) == 1 else None
    made = []
    for inner in found:
        note = notification(inner)
        claims = claims_of(inner, note)
        if outer is not None and inner is not mail:
            claims = claims.joined(outer)
        made.append(
            Notice(tuple(_said(inner, note)), claims, inner.get("date") or mail.get("date"))
        )
    return tuple(made)


def findings(data: bytes) -> list[Finding]:
    """What the mail says, of all its reports."""
    return [finding for notice in read(data) for finding in notice.findings]


def failures(data: bytes) -> tuple[set[str], set[str]]:
    """Recipients (still being tried, given up), as `flufl.bounce.all_failures` gives them."""
    found = [f for f in findings(data) if f.recipient]
    late = {f.recipient for f in found if f.recipient and f.kind is Kind.DELAYED}
    return late, {f.recipient for f in found if f.recipient and f.kind in FINAL}


def _said(mail: Part, note: Notification) -> list[Finding]:
    found = feedback.complaint(mail, note) or _by_status(mail, note) or feedback.receipt(mail, note)
    if found:
        return found
    answer = [Finding(None, Kind.AUTO_REPLY)]
    if is_auto_reply(mail):
        return answer
    found = findings_in_words(mail, note, system=from_mail_system(mail))
    if all(finding.recipient is None for finding in found) and seems_auto_reply(mail, note):
        return answer
    return found or [Finding(None, Kind.UNRECOGNISED)]


def _by_status(mail: Part, note: Notification) -> list[Finding]:
    """Findings of the delivery status, as its own part or flattened into a text."""
    texts = [part.text() for part in leaves(mail) if is_status(part)]
    if not texts:
        read = (part for part in leaves(mail) if not part.parts and not _is_picture(part))
        flat = (delivery_status.status_text(part.text()[:_FLAT_CHARS]) for part in read)
        texts = [text for text in flat if text][:1]
    found = [
        finding
        for text in texts
        for finding in delivery_status.findings(delivery_status.groups(text), note.human)
    ]
    if len(found) == 1 and found[0].recipient is None:
        found = [replace(found[0], recipient=lone_candidate(mail, note))]
    return _each_once(found)


def _is_picture(part: Part) -> bool:
    return part.type.startswith(("image/", "audio/", "video/", "font/"))


def _each_once(found: list[Finding]) -> list[Finding]:
    return list(dict.fromkeys(found))
