"""Bounces without a machine-readable part: who failed, found in words.

`flufl.bounce` knows many formats by name and goes first; it is given a bounded copy of the mail without what
was returned. Where it is silent, addresses of the human text count by what stands around them: named as a
recipient, alone on a line, next to an SMTP reply. Our own addresses and those for help never do.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from email.message import Message

from flufl.bounce import all_failures

from notify.bounces.addresses import ADDRESS, address_in, is_whole
from notify.bounces.kinds import Finding, Kind
from notify.bounces.mime import Part
from notify.bounces.notification import Notification, subject
from notify.bounces.senders import has_bounce_subject, is_null_sender
from notify.bounces.status import failure_kind, says_delayed, says_delivered, says_failed, status_in

__all__ = ["findings_in_words", "lone_candidate"]

logging.getLogger("flufl.bounce").disabled = True
"""It logs the exceptions of its detectors, and with them what stands in a mail."""
_FLUFL_LINE_CHARS = 400
"""Its patterns are quadratic in the length of a line without blanks: longer lines are cut for it."""
_FLUFL_LINES = 600
_NO_SENDER = "nobody@invalid"
"""One of its detectors fails, and with it all, where From holds no address."""
_NOBODY = re.compile(
    r"(?:postmaster|mailer-?daemon|abuse|no-?reply|do-?not-?reply|support|helpdesk|help|hostmaster|webmaster|mail-?admin\w*|bounces?|bounce\+.*)@",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"contact|assistance|questions?|please (?:send|write|e-?mail|call|forward|report)|help(?:desk)?\b|support|mailto:|further information|wenden sie sich"
    r"|message-?id|sender|from[:=<]|from:? |mail from|envelope-from|return-path|absender|remitente|expéditeur|reply-to|by \S+ with|\bid\b",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:rcpt[ _]?to|recipient(?:s|'s)?(?: address)?|(?:failed|undeliverable|invalid|bad|unknown|rejected)[ -]?(?:address|recipient|user|to)?(?:es|s)?|user|mailbox|addressee|to"
    r"|addressed to|delivered to|deliver to|not listed|destinatario|destinataire|empfänger|address(?:es)?(?: \w+)?|account|for|error-for|intended recipient"
    r"|deliver (?:your |the )?(?:message|mail) to|sent to|宛先|収件者|получател\w+|адрес\w*)\W{0,6}$",
    re.IGNORECASE,
)
_ALONE = re.compile(r"[\s<>\[\]()*•·.:;,\"'=-]*$")
_REPLY_AFTER = re.compile(
    r"^[\s>\])\"':;,.(-]*(?:\.\.\. ?)?(?:\(?#?[45]\d\d\b|[45]\.\d+\.\d+|host |smtp|delivery )",
    re.IGNORECASE,
)
_NEAR_LINES = 3
_FAILING = 3
"""Score of an address that is named or alone and stands by words of failure."""


def findings_in_words(mail: Part, note: Notification, *, system: bool) -> list[Finding]:
    """One finding an address that failed; of a mail system's mail without any, one without recipient.

    `system`: a mail system wrote the mail. Of others counts what `flufl.bounce` knows and, under a subject
    that says undeliverable, an address that stands by words of failure.
    """
    found = _by_flufl(mail, note)
    if not found and system:
        found = _candidates(mail, note)
    elif not found and has_bounce_subject(mail):
        found = _candidates(mail, note, at_least=_FAILING)
    if not system and not found:
        return []
    title = subject(mail)
    whole = f"{title}\n{note.human}"
    waits = says_delayed(whole)
    arrived = says_delivered(whole) and not says_failed(whole) and status_in(whole) is None
    if system and arrived and not waits:
        return [Finding(lone_candidate(mail, note), Kind.SUCCESS)]
    if not found:
        if not waits and not says_failed(whole) and not is_null_sender(mail):
            return []
        return [_finding(note.original_recipient(), whole, waits=waits)]
    return [
        _finding(address, _passage(note.human, address, alone=len(found) == 1), waits=waits)
        for address in sorted(found)
    ]


def lone_candidate(mail: Part, note: Notification) -> str | None:
    """The one address that the words, else the returned head, can mean; null where there are several."""
    failed = address_in(mail.get("x-failed-recipients"))
    found = {failed} if failed else _candidates(mail, note)
    return (
        next(iter(found)) if len(found) == 1 else note.original_recipient() if not found else None
    )


def _finding(address: str | None, said: str, *, waits: bool) -> Finding:
    status = status_in(said)
    return Finding(address, Kind.DELAYED if waits else failure_kind(status, said), status)


def _by_flufl(mail: Part, note: Notification) -> set[str]:
    """Addresses that `flufl.bounce` finds; none where it fails.

    Whether they wait is read from the words: it takes any "Your message to:" for a warning, a refusal too.
    """
    try:
        late, failed = all_failures(_message(mail))
    except Exception:  # noqa: BLE001  whatever a hostile mail does to its patterns is not our end
        return set()
    return _kept(late | failed, _ours(mail, note))


def _kept(found: frozenset[bytes], ours: set[str]) -> set[str]:
    texts = {address.decode("ascii", "ignore").strip("<> ") for address in found}
    return {a for a in texts if is_whole(a) and address_in(a) and a.lower() not in ours}


def _message(mail: Part) -> Message:
    """The mail as `flufl.bounce` wants it, without delivery status and without the bodies that were returned."""
    made = Message()
    for name, value in mail.headers:
        if name not in {"content-transfer-encoding", "mime-version"}:
            made[name] = value[:1000]
    if "@" not in (made["from"] or ""):
        del made["from"]
        made["from"] = _NO_SENDER
    if mail.type.startswith("multipart/"):
        made.set_payload([_message(part) for part in mail.parts])
    elif mail.parts or mail.type.startswith("message/"):
        made.set_payload([Message()] if mail.parts else "")
    else:
        lines = mail.text().split("\n")[:_FLUFL_LINES]
        made.set_payload("\n".join(line[:_FLUFL_LINE_CHARS] for line in lines))
    return made


def _ours(mail: Part, note: Notification) -> set[str]:
    """Addresses that are the sender's or the reporter's own, lower case: never whom the mail failed to reach."""
    heads = mail.all("from", "to", "cc", "reply-to", "return-path", "delivered-to", "sender")
    for head in note.returned:
        heads += head.all("from", "sender", "reply-to", "return-path", "errors-to")
    return {found.lower() for value in heads for found in ADDRESS.findall(value)}


def _candidates(mail: Part, note: Notification, *, at_least: int = 1) -> set[str]:
    """Addresses of the human text that count most, if any does; X-Failed-Recipients before all."""
    named = {
        a
        for value in mail.all("x-failed-recipients")
        for a in ADDRESS.findall(value)
        if is_whole(a)
    }
    if named:
        return named
    ours = _ours(mail, note)
    scores: Counter[str] = Counter()
    written: dict[str, str] = {}
    lines = note.human.split("\n")
    for number, line in enumerate(lines):
        for found in ADDRESS.finditer(line) if "@" in line else ():
            address = found[0].rstrip(".-")
            key = address.lower()
            if key in ours or _NOBODY.match(address) or not is_whole(address):
                continue
            written.setdefault(key, address)
            near = "\n".join(lines[max(0, number - 1) : number + _NEAR_LINES])
            scores[key] = max(scores[key], _score(line, found.start(), found.end(), near))
    best = max(scores.values(), default=0)
    chosen = {written[key] for key, score in scores.items() if score == best}
    return chosen if best >= at_least and (best > 1 or len(chosen) == 1) else set()


def _score(line: str, start: int, end: int, near: str) -> int:
    """4 named as who failed with its reply, 3 named or alone with words of failure, 2 one of them, 1 only there."""
    before, after = line[:start], line[end:]
    if _CONTACT.search(before[-60:]) and not _NAMED.search(before):
        return 0
    named = bool(_NAMED.search(before)) or bool(_REPLY_AFTER.match(after))
    alone = bool(
        _ALONE.fullmatch(before)
        and (_ALONE.fullmatch(after) or after.lstrip(" >\"'")[:1] in {":", "("})
    )
    failing = status_in(near) is not None or says_failed(near)
    return (
        1
        + (named or alone)
        + (failing and (named or alone))
        + (named and failing and bool(status_in(near)))
    )


def _passage(text: str, address: str, *, alone: bool) -> str:
    """What the text says of this address: from its line on, up to the next address's; all of it where it is alone."""
    if alone:
        return text
    lines = text.split("\n")
    mine = address.lower()
    at = next((n for n, line in enumerate(lines) if mine in line.lower()), None)
    if at is None:
        return ""
    stop = at + 1
    while stop < len(lines) and stop < at + 12:
        others = [a for a in ADDRESS.findall(lines[stop]) if a.lower() != mine]
        if others and _ALONE.fullmatch(lines[stop][: lines[stop].find(others[0])]):
            break
        stop += 1
    return "\n".join(lines[at:stop])
