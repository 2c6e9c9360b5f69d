"""One message as a row: who, when, what about, the text, and what was attached.

Real mail breaks every rule of MIME, and the parser then raises nearly anything: what cannot be read of a
message is left out of its row, which stands all the same.
"""

from __future__ import annotations

import email
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parsedate_to_datetime
from functools import partial
from html.parser import HTMLParser
from typing import TypeVar

_T = TypeVar("_T")

__all__ = ["COLUMNS", "attached", "html_text", "row_of"]

COLUMNS = (
    "message_id", "date", "from", "from_name", "from_email", "reply_to", "to", "to_email", "cc", "cc_email", "bcc",
    "subject", "body", "attachments", "attachment_count", "headers",
)  # fmt: skip
"""`..._email`: the addresses alone, `attachments`: names, both parted by `|`; `headers`: all others."""
_OWN = frozenset({"message-id", "date", "from", "reply-to", "to", "cc", "bcc", "subject"})
_STRUCTURE = frozenset({"content-type", "content-transfer-encoding", "mime-version", "content-disposition"})  # fmt: skip
DEPTH_MAX = 20
"""Messages and multiparts within each other; a chain of forwards stays below ten."""
PARTS_MAX = 1000
TEXT_MAX = 4 << 20
"""Characters of a body; what lies beyond is counted as cut off at its end."""
CUT = "[... {} characters more]"
_MIME = re.compile(r"multi-?part|MIME", re.IGNORECASE)
"""What programs write there."""
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol", "blockquote", "hr", "pre"})  # fmt: skip
_UNSEEN = frozenset({"script", "style", "head", "title"})


def row_of(raw: bytes, encoding: str) -> dict[str, str | None] | None:
    """The columns of a message; None where the bytes have neither headers nor text."""
    message = _parsed(raw)
    if message is None or (not message.keys() and not raw.strip()):
        return None
    texts, names = _contents(message, encoding)
    body = "\n".join(text for text in texts if text.strip())
    found = {name: _header(message, name.replace("_", "-"), encoding) for name in COLUMNS[:12]}
    return {
        **found,
        "date": _moment(found["date"]),
        "from_name": "|".join(name for name, _ in _addresses(found["from"]) if name),
        "from_email": _emails(found["from"]),
        "to_email": _emails(found["to"]),
        "cc_email": _emails(found["cc"]),
        "body": _capped(body),
        "attachments": "|".join(names),
        "attachment_count": str(len(names)),
        "headers": _others(message, encoding),
    }


def attached(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of a message's attachments, in the order of the row's names."""
    message = _parsed(raw)
    for part, name in _leaves(message) if message is not None else ():
        if name:
            yield name, _bytes(part)


def _parsed(raw: bytes) -> EmailMessage | None:
    return _tried(lambda: email.message_from_bytes(raw, policy=default))


def _tried(read: Callable[[], _T]) -> _T | None:
    """What could be read; None where the parser gave up on broken mail."""
    try:
        return read()
    except Exception:  # noqa: BLE001 - broken MIME raises whatever; texts of its errors quote the message
        return None


def _header(message: EmailMessage, name: str, encoding: str) -> str | None:
    """All headers of a name as text, read leniently where they break the rules."""
    whole = _tried(lambda: [str(value) for value in message.get_all(name, [])])
    if whole is None:
        whole = [
            _undone(value, encoding) for key, value in message.raw_items() if key.lower() == name
        ]
    return _repaired(", ".join(whole), encoding) or None


def _undone(value: object, encoding: str) -> str:
    text = _repaired(str(value), encoding)
    decoded = _tried(lambda: str(email.header.make_header(email.header.decode_header(text))))
    return " ".join((decoded or text).split())


def _repaired(text: str, encoding: str) -> str:
    """Bytes that no header may have, in the encoding of the incident file."""
    if text.isascii():
        return text
    raw = text.encode("utf-8", "surrogateescape")
    return _text_of(raw, encoding)


def _text_of(raw: bytes, encoding: str) -> str:
    for codec in ("utf-8", encoding):
        text = _tried(lambda codec=codec: raw.decode(codec))  # type: ignore[misc]
        if text is not None:
            return str(text)
    return raw.decode("cp1252", "replace")


def _addresses(text: str | None) -> list[tuple[str, str]]:
    return _tried(lambda: getaddresses([text or ""])) or []


def _emails(text: str | None) -> str:
    return "|".join(address for _, address in _addresses(text) if "@" in address)


def _moment(text: str | None) -> str | None:
    """ISO 8601 where it can be read, else as delivered."""
    found = _tried(lambda: parsedate_to_datetime(text or ""))
    return found.isoformat(sep=" ") if found else text


def _others(message: EmailMessage, encoding: str) -> str:
    names = dict.fromkeys(key.lower() for key in message.keys())  # noqa: SIM118 - a message is no dict
    left = [name for name in names if name not in _OWN | _STRUCTURE]
    return "\n".join(f"{name}: {_header(message, name, encoding) or ''}" for name in left)


def _leaves(message: EmailMessage, depth: int = 0) -> Iterator[tuple[EmailMessage, str]]:
    """Parts that hold no others, with the name under which each is attached; empty for text of the body."""
    stack: list[tuple[EmailMessage, int]] = [(message, depth)]
    seen = 0
    while stack and seen < PARTS_MAX:
        part, level = stack.pop()
        seen += 1
        inside = _inside(part)
        if inside and level < DEPTH_MAX:
            stack.extend((one, level + 1) for one in reversed(inside))
        else:
            yield part, _name(part, seen, held=bool(inside))
    if stack:
        yield EmailMessage(policy=default), f"{len(stack)} parts beyond {PARTS_MAX}"


def _inside(part: EmailMessage) -> list[EmailMessage]:
    payload = _payload(part)
    if not isinstance(payload, list):
        return []
    return [one for one in payload if isinstance(one, EmailMessage)]


def _name(part: EmailMessage, number: int, *, held: bool) -> str:
    kind = _tried(part.get_content_type) or "application/octet-stream"
    name = _tried(part.get_filename) or ""
    attached_ = _tried(part.get_content_disposition) == "attachment"
    if (
        not held
        and not name
        and not attached_
        and kind in {"text/plain", "text/html", "text/calendar"}
    ):
        return ""
    clean = re.sub(r"[\x00-\x1f|/\\]+", "_", name).strip()
    return clean or f"part-{number}.{kind.partition('/')[2] or 'bin'}"


def _contents(message: EmailMessage, encoding: str) -> tuple[list[str], list[str]]:
    """Texts of the body, headers of forwarded messages among them, and names of attachments."""
    texts: list[str] = []
    names: list[str] = []
    plain = False
    for part, name in _leaves(message):
        if name:
            names.append(name)
            continue
        kind = _tried(part.get_content_type) or "text/plain"
        text = _decoded(part, encoding)
        if kind == "text/html":
            if not plain:  # else it says the same again
                texts.append(html_text(text))
            plain = False
        else:
            texts.append(text)
            plain = kind == "text/plain" and bool(text.strip())
    return [*_forwarded(message, encoding), *texts, *_around(message, encoding)], names


def _around(message: EmailMessage, encoding: str) -> list[str]:
    """Text before the first part and behind the last, where mail readers show nothing."""
    found = [message.preamble or "", message.epilogue or ""] if message.is_multipart() else []
    return [_repaired(text, encoding) for text in found if text.strip() and not _MIME.search(text)]


def _forwarded(message: EmailMessage, encoding: str) -> list[str]:
    """Who and what of messages within this one."""
    stack, found, seen = [(message, 0)], [], 0
    while stack and seen < PARTS_MAX:
        part, level = stack.pop()
        seen += 1
        inside = _inside(part) if level < DEPTH_MAX else []
        if (_tried(part.get_content_type) or "") == "message/rfc822":
            for one in inside:
                lines = [f"{name}: {_header(one, name, encoding)}" for name in ("from", "to", "cc", "date", "subject") if name in one]  # fmt: skip
                found.append("\n".join(lines))
        stack.extend((one, level + 1) for one in reversed(inside))
    return found


def _decoded(part: EmailMessage, encoding: str) -> str:
    raw = _bytes(part)
    charset = _tried(lambda: str(part.get_content_charset() or ""))
    if charset and charset not in {"us-ascii", "ascii", "unknown-8bit"}:
        text = _tried(lambda: raw.decode(charset))
        if text is not None:
            return text
    return _text_of(raw, encoding)


def _bytes(part: EmailMessage) -> bytes:
    """The bytes of a part, as far as its transfer encoding can be undone."""
    found = _tried(lambda: part.get_payload(decode=True))
    if isinstance(found, bytes):
        return found
    if part.is_multipart():
        return _tried(part.as_bytes) or b""
    return str(_payload(part)).encode("utf-8", "surrogateescape")


def _payload(part: EmailMessage) -> object:
    """What a part holds, undecoded; a header that the parser cannot bear hides nothing."""
    for repair in (_without_charset, _without_encoding):
        found = _tried(lambda: [part.get_payload()])
        if found is not None:
            return found[0]
        repair(part)
    return part.get_payload()


def _without_charset(part: EmailMessage) -> None:
    """Codecs that are none of text (`idna`), or take no `replace`: the parser hands over their errors."""
    if _tried(lambda: b"a".decode(str(part.get_param("charset", "ascii")), "replace")) is None:
        kind = _tried(part.get_content_type) or "text/plain"
        del part["content-type"]
        part["content-type"] = "text/plain" if kind.startswith("multipart/") else kind


def _without_encoding(part: EmailMessage) -> None:
    del part["content-transfer-encoding"]


def _capped(text: str) -> str:
    if len(text) <= TEXT_MAX:
        return text
    return text[:TEXT_MAX] + CUT.format(len(text) - TEXT_MAX)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.found.append("\n")
        elif tag in {"td", "th"}:
            self.found.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.unseen = max(0, self.unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.found.append(data)


def html_text(html: str) -> str:
    """What a reader sees of HTML: lines of text without signs, scripts and styles."""
    parser = _Text()
    _tried(partial(parser.feed, html[:TEXT_MAX]))
    _tried(parser.close)
    text = "".join(parser.found)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)
