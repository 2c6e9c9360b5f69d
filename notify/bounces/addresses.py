"""Addresses as bounces write them: with types, brackets, comments, encodings, elisions."""

from __future__ import annotations

import re

__all__ = ["ADDRESS", "address_in", "is_whole", "typed_address"]

_WIDE = "（）：，。；、“”‘’「」『』＜＞〈〉《》【】"  # noqa: RUF001  meant as they are
"""Punctuation of Chinese and Japanese texts, which leave no blank around an address."""
_ATOM = rf"[^\s@<>()\[\]{{}},;:\"'\\|=/{_WIDE}]"
_LOCAL = rf"(?:\"(?:[^\"\\\n]|\\.){{1,64}}\"|{_ATOM}[^\s@<>()\[\]{{}},;:\"\\|{_WIDE}]{{0,127}})"
_LETTER = r"A-Za-z0-9\u00c0-\u024f\u0370-\u052f"
_DOMAIN = rf"(?:\[[0-9A-Fa-f.:IPv]{{3,45}}\]|[{_LETTER}][{_LETTER}._-]{{0,252}})"
ADDRESS = re.compile(rf"(?<![^\s<>()\[\]{{}},;:\"'\\|=/*!{_WIDE}]){_LOCAL}@{_DOMAIN}")
"""An address within a text. Every repetition is bounded, so that a long line of letters costs no more than its length."""
_TYPE = re.compile(r"\s*([A-Za-z0-9.-]{1,30})\s*;\s*(.*)", re.DOTALL)
_COMMENT = re.compile(r"(?<=\s)\([^()]*\)")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_ELIDED = re.compile(r"\.\.\.|\*\*|…")
_PLAIN = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,253}")
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
    if typed and typed[1].lower() == "utf-8" and _PLAIN.fullmatch(text) and is_whole(text):
        return text
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
