"""Feedback reports (RFC 5965) and read receipts (RFC 8098): what a recipient or its provider says of a mail."""

from __future__ import annotations

import re

from notify.bounces.addresses import address_in, typed_address
from notify.bounces.delivery_status import Fields, groups
from notify.bounces.kinds import Finding, Kind
from notify.bounces.mime import Part
from notify.bounces.notification import Notification, leaves
from notify.bounces.status import failure_kind, status_in

__all__ = ["complaint", "receipt"]

_REPORT = "message/feedback-report"
_FLAT = re.compile(r"^Feedback-Type[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ASKS_NOTHING = ("not-spam", "auth-failure", "dkim", "dmarc", "sent")
"""RFC 6430 and RFC 6591: the mail was wanted, or its signature failed. Any other type is a complaint."""
_RECIPIENT = ("original-rcpt-to", "removal-recipient", "original-recipient", "final-recipient")
_OLD_STYLE = ("x-hmxmroriginalrecipient", "x-aol-complaint-recipient")
"""Header that a provider's older complaints add to the mail they return, with whom they speak for."""
_DISPOSITION = {"message/disposition-notification", "message/global-disposition-notification"}
_REJECTED = re.compile(
    r"automatically rejected|was rejected|rejected your|refused|denied|quota", re.IGNORECASE
)


def complaint(mail: Part, note: Notification) -> list[Finding]:
    """Findings of a feedback report; empty where the mail is none."""
    for part in leaves(mail):
        flat = part.type.startswith("text/") and _FLAT.search(part.text()[:4_000])
        if part.type == _REPORT or flat:
            text = part.text()
            fields = _joined(groups(text[flat.start() :] if flat else text))
            if "feedback-type" in fields or part.type == _REPORT:
                return _of_fields(fields, note)
    for head in note.returned:
        for name in _OLD_STYLE:
            if head.get(name):
                return [Finding(address_in(head.get(name)), Kind.COMPLAINT)]
    return []


def receipt(mail: Part, note: Notification) -> list[Finding]:
    """A read receipt; some mail stores reject by one, in words."""
    for part in leaves(mail):
        if part.type in _DISPOSITION:
            fields = _joined(groups(part.text()))
            given = fields.get("original-recipient") or fields.get("final-recipient", "")
            recipient, disposition = typed_address(given), fields.get("disposition", "").lower()
            if "displayed" not in disposition and _REJECTED.search(note.human):
                status = status_in(note.human)
                return [Finding(recipient, failure_kind(status, note.human), status)]
            return [Finding(recipient, Kind.REPORT)]
    return []


def _joined(found: list[Fields]) -> Fields:
    return {name: value for group in reversed(found) for name, value in group.items()}


def _of_fields(fields: Fields, note: Notification) -> list[Finding]:
    of_type = fields.get("feedback-type", "abuse").strip().lower()
    kind = Kind.REPORT if of_type.startswith(_ASKS_NOTHING) else Kind.COMPLAINT
    recipient = next(
        (found for n in _RECIPIENT if (found := typed_address(fields.get(n, "")))), None
    )
    return [Finding(recipient or note.original_recipient(), kind)]
