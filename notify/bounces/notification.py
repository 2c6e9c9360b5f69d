"""What a returned mail says itself, apart from the mail that it returns.

A `Part` comes in. `notices` finds the reports in it: itself, or those that a digest or a forwarder wraps.
`Notification` has the human text, cut where the returned mail begins, and the returned headers.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from notify.bounces.addresses import address_in
from notify.bounces.mime import Part, decoded_header, parse

__all__ = ["Notification", "is_status", "leaves", "notices", "notification"]

TEXT_CHARS = 64 << 10
"""Of the human text: the longest transcripts are a tenth of it."""
LINE_CHARS = 2_000
_STATUS = {"message/delivery-status", "message/global-delivery-status", "text/delivery-status"}
_REPORTS = {*_STATUS, "message/feedback-report", "message/disposition-notification",
            "message/global-disposition-notification"}  # fmt: skip
_RETURNED_HEADERS = {"text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
_UNSEEN = re.compile(r"<(/?)(style|script|head)\b[^<>]*>", re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/td|/li|/h\d|/table|p|div|tr|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[!/?A-Za-z][^<>]*>")
_RETURNED = re.compile(
    r"^[\W_]*(?:"
    r"(?:start of )?(?:the )?(?:returned|unsent|undelivered|original|forwarded) (?:mail|message|e-?mail)(?: (?:follows|attached|headers?|is as follows|text|details))?"
    r"|this is (?:a|the) copy of (?:the|your) |(?:below|above)? ?(?:this line|the next line) is a copy of |(?:included|attached|below) is (?:a|the) copy"
    r"|the (?:headers?|body) of the (?:original|returned) |message (?:headers?|text|body|contents?) follows?|headers? of the original"
    r"|a copy of the (?:original )?message|original message as received|original message attached|here is your returned mail"
    r"|mensaje original|mensagem original|messaggio originale|message (?:d'|original)|urspr[üu]ngliche nachricht|kopie (?:der|ihrer) (?:nachricht|mail)"
    r"|original (?:mail|message) header|-- the header)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,40}):(?:[ \t]|$)")
_QUOTE = re.compile(r"(?:> ?){1,5}")
_OF_MAIL = {
    "received",
    "message-id",
    "return-path",
    "mime-version",
    "dkim-signature",
    "content-type",
    "x-mailer",
}


@dataclass(frozen=True, slots=True, repr=False)
class Notification:
    """`human`: the text; `returned`: heads of the mails that came back; `after`: text past the cut."""

    human: str
    returned: tuple[Part, ...]
    after: str

    def original_recipient(self) -> str | None:
        """The one address in To of the one returned mail; null for mail to a list or to several."""
        heads = [head for head in self.returned if head.get("to")]
        if len(heads) != 1 or heads[0].get("cc") or heads[0].get("list-id"):
            return None
        to = heads[0].get("to")
        return address_in(to) if to.count("@") == 1 else None


def leaves(mail: Part) -> Iterator[Part]:
    """The parts of the mail itself: through multiparts, not into mails that it carries."""
    if mail.type.startswith("multipart/"):
        for part in mail.parts:
            yield from leaves(part)
    else:
        yield mail


def is_status(part: Part) -> bool:
    """The part is a machine-readable delivery status."""
    return part.type in _STATUS


def notices(mail: Part) -> list[Part]:
    """The reports in a mail: itself where it is one, else those it carries, else itself."""
    return _carried(mail) or [mail]


def _carried(mail: Part) -> list[Part]:
    parts = list(leaves(mail))
    if any(part.type in _REPORTS for part in parts):
        return [mail]
    return [found for part in parts for child in part.parts for found in _carried(child)]


def notification(mail: Part) -> Notification:
    """The mail's own words and the heads of what it returns."""
    plain: list[str] = []
    marked: list[str] = []
    returned: list[Part] = []
    for part in leaves(mail):
        if part.parts:
            returned += part.parts
        elif part.type in _RETURNED_HEADERS:
            returned.append(parse(part.text().encode("utf-8", "replace")))
        elif part.type == "text/html":
            marked.append(_without_tags(part.text()[: 2 * TEXT_CHARS]))
        elif part.type.startswith("text/") or part is mail:
            plain.append(part.text()[:TEXT_CHARS])
    chosen = plain if "@" in "".join(plain) or not marked else plain + marked
    text = "\n".join(line[:LINE_CHARS] for line in "\n\n".join(chosen)[:TEXT_CHARS].split("\n"))
    human, after = _cut(text)
    if after and not returned:
        returned = _heads_in(after)
    return Notification(human, tuple(returned), after)


def subject(mail: Part) -> str:
    """The subject, readable, at most 500 characters."""
    return decoded_header(mail.get("subject"))[:500]


def _cut(text: str) -> tuple[str, str]:
    """Before and after the line where the returned mail begins."""
    lines = text.split("\n")
    begun, of_mail, fields = 0, False, 0
    for number, line in enumerate(lines):
        found = _HEADER.match(_QUOTE.sub("", line) if line.startswith(">") else line)
        if found:
            begun = number if not fields else begun
            fields += 1
            of_mail |= found[1].lower() in _OF_MAIL
            if fields >= 3 and of_mail:
                return "\n".join(lines[:begun]), "\n".join(lines[begun:])
        elif not (fields and line[:1] in {" ", "\t"}):
            fields, of_mail = 0, False
            if len(line) < 200 and _RETURNED.match(line) and "@" in "".join(lines[:number]):
                return "\n".join(lines[:number]), "\n".join(lines[number + 1 :])
    return text, ""


def _heads_in(after: str) -> list[Part]:
    lines = [_QUOTE.sub("", line) if line.startswith(">") else line for line in after.split("\n")]
    first = next((n for n, line in enumerate(lines) if _HEADER.match(line)), None)
    return [] if first is None else [parse("\n".join(lines[first:]).encode("utf-8", "replace"))]


def _without_tags(text: str) -> str:
    """Readable lines of HTML; each pattern stops at the next `<`, so that no text makes it slow."""
    seen = _BREAK.sub("\n", _seen(text).replace("\n", " "))
    lines = html.unescape(_TAG.sub("", seen)).replace("\xa0", " ").split("\n")
    return "\n".join(line.strip() for line in lines)


def _seen(text: str) -> str:
    """Without what a reader is not shown; an element that is not closed is shown."""
    kept, at, inside, begun = [], 0, "", 0
    for found in _UNSEEN.finditer(text):
        name = found[2].lower()
        if not found[1] and not inside:
            inside, begun = name, found.start()
        elif found[1] and name == inside:
            kept.append(text[at:begun])
            inside, at = "", found.end()
    return " ".join([*kept, text[at:]])
