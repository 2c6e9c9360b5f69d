"""Addresses as bounces write them: with types, brackets, comments, encodings, elisions."""

from __future__ import annotations

import re

__all__ = ["ADDRESS", "address_in", "is_whole", "typed_address"]

_ATOM = r"[^\s@<>()\[\]{},;:\"'\\|=/]"
_LOCAL = rf"(?:\"(?:[^\"\\\n]|\\.){{1,64}}\"|{_ATOM}[^\s@<>()\[\]{{}},;:\"\\|]{{0,127}})"
_DOMAIN = r"(?:\[[0-9A-Fa-f.:IPv]{3,45}\]|[^\W_][\w.-]{0,252})"
ADDRESS = re.compile(rf"(?<![^\s<>()\[\]{{}},;:\"'\\|=/*!]){_LOCAL}@{_DOMAIN}")
"""An address within a text. Every repetition is bounded, so that a long line of letters costs no more than its length."""
_TYPE = re.compile(r"\s*([A-Za-z0-9.-]{1,30})\s*;\s*(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<=\s)\([^()]*\)")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_ELIDED = re.compile(r"\.\.\.|\*\*|…")
_HIGHEST = 0x10FFFF


def typed_address(value: str) -> str | None:
    """The address of a recipient field (`rfc822; user@host`), in whatever shape; null where there is none.

    `utf-8` addresses have their RFC 6533 escapes undone.
    """
    typed = _TYPE.match(value)
    text = typed[2] if typed else value
    if typed and typed[1].lower() == "utf-8":
        text = _UNICODE.sub(_character, text)
    text = _COMMENT.sub("", text.strip()).strip()
    if text.startswith("<") and ">" in text:
        text = text[1 : text.index(">")]
    return address_in(text)


def address_in(text: str) -> str | None:
    """The first whole address of a text; null where there is none."""
    found = ADDRESS.search(text[:1000])
    address = found[0].rstrip(".-") if found else ""
    return address if is_whole(address) else None


def is_whole(address: str) -> bool:
    """It names one mailbox: archives and lists elide (`jan...@example.com`), and that names nobody."""
    local, _, domain = address.rpartition("@")
    return bool(local and domain) and not _ELIDED.search(local + "@") and ".." not in domain


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return chr(code) if code <= _HIGHEST and not 0xD800 <= code <= 0xDFFF else "\ufffd"
