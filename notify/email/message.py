"""One e-mail as bytes: text and HTML of the same words, one recipient, nothing that calls home.

The standard library's `email` package makes the frame of a message once for each text (practice, kinds
of PHI, language): headers that are the same, both parts, quoted-printable. Name and number are put in
their own lines of it, encoded by themselves, which takes microseconds instead of a millisecond.
"""

from __future__ import annotations

import base64
import html
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

from matching.store import CheckFailed
from notify.email.texts import Said

__all__ = ["Frame", "Letterhead", "Refused", "frame", "mailbox", "message", "unsafe"]

_BOUNDARY = "=_affected-notice"
"""No line of a quoted-printable body can hold it: there `=` is always followed by hex digits."""
_GREETING_TEXT, _GREETING_HTML, _NUMBER = "ZGREETINGTEXTZ", "ZGREETINGHTMLZ", "ZNUMBERZ"
_PLACES = re.compile(f"({_GREETING_TEXT}|{_GREETING_HTML}|{_NUMBER})".encode())
_ORDER = [_GREETING_TEXT, _NUMBER, _GREETING_HTML, _NUMBER]
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SIMPLE_NAME = re.compile(r"[A-Za-z0-9 ]{1,64}")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL_UTF8 = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a0-\U0010ffff-]+)*"
)
_DOMAIN = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_LINE_BYTES = 70
"""Longer lines are folded by the encoder (RFC 2045: 76 characters)."""
_WORD_BYTES = 45
"""Of text in one encoded word: 60 characters of base64, and 12 around them."""
_QUOTED = re.compile(r'["\\]')
_STYLE = "font-family:sans-serif;font-size:16px;line-height:1.5;max-width:40em"


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Headers that all messages of a wave share."""

    sender: str
    sender_name: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class Frame:
    """All of a message but its own headers, name and number, cut where these go."""

    parts: tuple[bytes, bytes, bytes, bytes, bytes]
    greeting: str


class Refused(Exception):
    """This person's name or address cannot stand in an e-mail; `code` says why, never what."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def unsafe(text: str) -> bool:
    """A line break or another control character: it could begin a header of its own."""
    return _UNSAFE.search(text) is not None


def mailbox(address: str) -> tuple[str, str, bool]:
    """Address as it travels, its domain, and whether it needs SMTPUTF8 (RFC 6531).

    A domain beyond ASCII travels as IDNA. Raises Refused for what is no plain address.
    """
    if unsafe(address):
        raise Refused("local:control_character")
    local, at, domain = address.strip().rpartition("@")
    beyond = not local.isascii()
    try:
        wire = domain.lower() if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        raise Refused("local:bad_address") from None
    sound = (_LOCAL_UTF8 if beyond else _LOCAL).fullmatch(local) and _DOMAIN.fullmatch(wire)
    if not at or not sound or len(local.encode()) > 64:
        raise Refused("local:bad_address")
    return f"{local}@{wire}", wire, beyond


def frame(said: Said, head: Letterhead) -> Frame:
    """The frame of every message that says this. Raises CheckFailed where the words break it."""
    note = EmailMessage(policy=SMTP)
    note["From"] = Address(head.sender_name, addr_spec=head.sender)
    note["Reply-To"] = Address(addr_spec=head.reply_to)
    note["Subject"] = said.subject
    note["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    note.set_content(_plain(said), cte="quoted-printable")
    note.add_alternative(_html(said), subtype="html", cte="quoted-printable")
    for part in note.iter_parts():
        del part["MIME-Version"]  # of the whole message alone
    note["Content-Language"] = said.tag
    note.set_boundary(_BOUNDARY)
    pieces = _PLACES.split(note.as_bytes())
    if pieces[1::2] != [place.encode() for place in _ORDER]:
        raise CheckFailed("e-mail texts: greeting or reference does not stand on its own line")
    parts = [_stuffed(piece) for piece in pieces[0::2]]
    return Frame((parts[0], parts[1], parts[2], parts[3], parts[4]), said.greeting)


def message(
    made: Frame, *, message_id: str, address: str, name: str, number: str, date: bytes
) -> bytes:
    """The whole message, lines ended by CRLF and dots doubled as RFC 5321 wants, without the final dot.

    Raises Refused for a name or number that holds a control character.
    """
    if unsafe(name) or unsafe(number):
        raise Refused("local:control_character")
    text, inside = _greeting(made.greeting, name)
    own = b"Message-ID: <%s>\r\nDate: %s\r\n%s" % (message_id.encode(), date, _to(name, address))
    first, second, third, fourth, fifth = made.parts
    digits = number.encode()
    return b"".join((own, first, text, second, digits, third, inside, fourth, digits, fifth))


def _to(name: str, address: str) -> bytes:
    if _SIMPLE_NAME.fullmatch(name):
        shown = name
    elif name.isascii():
        shown = '"' + _QUOTED.sub(r"\\\g<0>", name) + '"'
    else:
        shown = "\r\n ".join(_encoded_words(name))
    fold = " " if len(shown) + len(address) < _LINE_BYTES else "\r\n "
    return f"To: {shown}{fold}<{address}>\r\n".encode()


def _encoded_words(text: str) -> list[str]:
    """RFC 2047: words of at most 75 characters, none of which cuts a character in two."""
    words, held = [], b""
    for letter in text:
        data = letter.encode()
        if len(held) + len(data) > _WORD_BYTES:
            words.append(held)
            held = b""
        held += data
    return [f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in (*words, held)]


def _greeting(pattern: str, name: str) -> tuple[bytes, bytes]:
    """The line in the text part, and in the HTML part."""
    line = pattern.replace("{recipient_name}", name)
    return _encoded(line), _encoded(html.escape(line))


def _encoded(line: str) -> bytes:
    data = line.encode()
    if line.isascii() and len(data) <= _LINE_BYTES and "=" not in line:
        return data
    return _stuffed(quopri.encodestring(data).replace(b"\n", b"\r\n"))


def _stuffed(part: bytes) -> bytes:
    """A line that begins with a dot gets another (RFC 5321, 4.5.2)."""
    return part.replace(b"\n.", b"\n..")


def _plain(said: Said) -> str:
    lines = [said.preheader, "", _GREETING_TEXT, "", *_spaced(said.opening)]
    number = said.reference.replace("{reference_no}", _NUMBER)
    for place, (heading, paragraphs, bullets, after) in enumerate(said.blocks):
        lines += [heading.upper(), "", *_spaced(paragraphs)]
        lines += [*(f"- {each}" for each in bullets), *([""] if bullets else []), *_spaced(after)]
        lines += [number, ""] if place == len(said.blocks) - 1 else []
    return "\n".join([*lines, *_spaced(said.ending)])


def _spaced(paragraphs: Sequence[str]) -> list[str]:
    return [line for text in paragraphs for line in (text, "")]


def _html(said: Said) -> str:
    """Plain paragraphs: no link to click, no image to load, nothing hidden."""
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="{html.escape(said.tag)}">',
        f'<head><meta charset="utf-8"><title>{html.escape(said.subject)}</title></head>',
        f'<body style="{_STYLE}">',
        f"<p>{html.escape(said.preheader)}</p>",
        "<p>",
        _GREETING_HTML,
        "</p>",
        *_paragraphs(said.opening),
    ]
    number = html.escape(said.reference).replace("{reference_no}", _NUMBER)
    for place, (heading, paragraphs, bullets, after) in enumerate(said.blocks):
        lines += [f"<h2>{html.escape(heading)}</h2>", *_paragraphs(paragraphs)]
        items = [f"<li>{html.escape(each)}</li>" for each in bullets]
        lines += ["<ul>", *items, "</ul>"] if items else []
        lines += _paragraphs(after)
        lines += ["<p>", number, "</p>"] if place == len(said.blocks) - 1 else []
    return "\n".join([*lines, *_paragraphs(said.ending), "</body>", "</html>"])


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [f"<p>{html.escape(text)}</p>" for text in texts]
