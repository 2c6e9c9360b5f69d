"""The bytes of one mail taken apart, whatever they are: bounded in size, depth, parts and time; never raises.

Bytes come in, a tree of `Part`s goes out. Python's own parser follows nesting as deep as it goes, and tests
each line against every open boundary: a hostile mail of one megabyte holds it for minutes. Here each level is
searched once for its boundary, at most DEPTH levels. What is broken is read as far as it can be: no blank line
after the headers, no closing or no matching boundary, unknown charsets, text that is labelled base64.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from types import MappingProxyType

__all__ = ["MAIL_BYTES", "Part", "decoded_header", "parse"]

MAIL_BYTES = 32 << 20
"""Of one mail that are looked at: longer ones are a returned attachment, whose status stands before it."""
HEADER_BYTES = 64 << 10
LEAF_BYTES = 256 << 10
"""Kept of one part: 2,000 recipients of a delivery status."""
PREAMBLE_BYTES = 300
"""Before the first boundary of a mail that does not say that it has parts; further on it is quoted mail."""
DEPTH = 10
PARTS = 200
MARKS = 50_000
"""Lines tried that begin like a boundary: a part of base64 has none, a hostile one may be nothing else."""
_FIELDS = 500
_VALUE_CHARS = 4_000
_LINE_END = re.compile(rb"\r+\n?")
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:")
_PARAMETER = re.compile(r';\s*([\w.*-]{1,60})\s*=\s*("(?:[^"\\]|\\.)*"|[^;"]*)')
_GUESSED = re.compile(
    rb"^--([^\n]{1,100})\n(?=Content-[A-Za-z-]{1,40}:)", re.IGNORECASE | re.MULTILINE
)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_NO_CHARSET = {"ascii", "idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}
"""Not believed: Python's codecs that no mail is written in, some of them quadratic; and ASCII, see below."""
_MESSAGE = {"message/rfc822", "message/global", "message/news"}


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One part: header fields in order (names lower case, values unfolded), type, body as transferred."""

    headers: tuple[tuple[str, str], ...]
    type: str
    params: Mapping[str, str]
    body: bytes
    parts: tuple[Part, ...] = ()

    def get(self, name: str) -> str:
        """First value of a header field; empty where there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, *names: str) -> list[str]:
        """Every value of these header fields."""
        return [value for key, value in self.headers if key in names]

    def text(self) -> str:
        """The body as text: transfer encoding and charset undone, line ends as one character."""
        data = _transferred(self.body, self.get("content-transfer-encoding"))
        return _readable(_charset_undone(data, self.params.get("charset", "")))


def parse(data: bytes) -> Part:
    """The mail as a tree. An empty or senseless one is a part of text without headers."""
    text = _LINE_END.sub(b"\n", data[:MAIL_BYTES]).removeprefix(b"\xef\xbb\xbf").lstrip(b"\n")
    return _Parser(text).part(0, len(text), depth=0)


def decoded_header(value: str) -> str:
    """A header's words with RFC 2047 undone; as given where that cannot be."""
    if "=?" not in value:
        return value
    try:
        words = decode_header(value[:1000])
    except (HeaderParseError, ValueError, binascii.Error):
        return value
    return "".join(
        word if isinstance(word, str) else _charset_undone(word, charset or "")
        for word, charset in words
    )


class _Parser:
    """One pass over one mail: `left` parts may still be made, so that no nesting multiplies work."""

    def __init__(self, data: bytes, left: int = PARTS) -> None:
        self.data = data
        self.left = left

    def part(self, start: int, end: int, *, depth: int, inner_type: str = "text/plain") -> Part:
        self.left -= 1
        headers, body = self._headers(start, end)
        given = next((value for key, value in headers if key == "content-type"), "")
        kind, params = _content_type(given, inner_type)
        leaf = self.data[body : min(end, body + LEAF_BYTES)]
        children: tuple[Part, ...] = ()
        if depth < DEPTH and self.left > 0:
            if kind.startswith("multipart/") or (not given and kind == "text/plain"):
                children = self._multipart(kind, params, body, end, depth)
            elif kind in _MESSAGE:
                children = self._message(headers, body, end, depth)
        if kind.startswith("multipart/") and not children:
            kind = "text/plain"
        elif children and not kind.startswith(("multipart/", "message/")):
            kind = "multipart/mixed"
        return Part(tuple(headers), kind, params, leaf, children)

    def _headers(self, start: int, end: int) -> tuple[list[tuple[str, str]], int]:
        """Header fields, and where the body begins; a line that is none ends them."""
        fields: list[tuple[str, list[bytes]]] = []
        at, limit = start, min(end, start + HEADER_BYTES)
        while at < limit:
            stop = self.data.find(b"\n", at, limit)
            stop = limit if stop < 0 else stop
            line = self.data[at:stop]
            if not line.strip():
                at = stop + 1
                break
            if line[:1] in b" \t" and fields:
                fields[-1][1].append(line.strip())
            elif found := _FIELD.match(line):
                name = found[1].decode("ascii").lower()
                fields.append((name, [line[found.end() :].strip()]))
            elif not line.startswith((b"From ", b">From ")):
                break
            at = stop + 1
        values = [(name, _header_text(b" ".join(lines))) for name, lines in fields[:_FIELDS]]
        return values, min(at, end)

    def _multipart(
        self, kind: str, params: Mapping[str, str], start: int, end: int, depth: int
    ) -> tuple[Part, ...]:
        declared = params.get("boundary", "").encode("utf-8", "surrogateescape")
        found = self._between(declared, start, end) if declared else []
        if not found:
            near = HEADER_BYTES if declared or kind.startswith("multipart/") else PREAMBLE_BYTES
            guessed = _GUESSED.search(self.data, start, min(end, start + near))
            found = self._between(guessed[1].rstrip(), start, end) if guessed else []
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        made: list[Part] = []
        for low, high in found:
            if self.left <= 0:
                break
            made.append(self.part(low, high, depth=depth + 1, inner_type=inner))
        return tuple(made)

    def _between(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """Where the parts between the boundary lines lie; the last may lack its end."""
        mark, at, begun = b"--" + boundary, start, -1
        spans: list[tuple[int, int]] = []
        for _ in range(MARKS):
            found = self.data.find(mark, at, end)
            if found < 0 or len(spans) > PARTS:
                break
            at = found + len(mark)
            if found > start and self.data[found - 1 : found] != b"\n":
                continue
            stop = self.data.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            rest = self.data[at:stop].strip()
            if rest not in {b"", b"--"}:
                continue
            if begun >= 0:
                spans.append((begun, max(begun, found - 1)))
            begun = -1 if rest else min(stop + 1, end)
            if rest:
                break
        if begun >= 0:
            spans.append((begun, end))
        return spans

    def _message(
        self, headers: list[tuple[str, str]], start: int, end: int, depth: int
    ) -> tuple[Part, ...]:
        encoding = next((v for k, v in headers if k == "content-transfer-encoding"), "")
        if encoding.strip().lower() not in {"base64", "quoted-printable"}:
            while start < end and self.data[start : start + 1] == b"\n":
                start += 1
            return (self.part(start, end, depth=depth + 1),)
        decoded = _transferred(self.data[start : min(end, start + 4 * LEAF_BYTES)], encoding)
        inner = _Parser(_LINE_END.sub(b"\n", decoded), self.left)
        child = inner.part(0, len(inner.data), depth=depth + 1)
        self.left = inner.left
        return (child,)


def _header_text(value: bytes) -> str:
    value = value[:_VALUE_CHARS]
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _content_type(value: str, default: str) -> tuple[str, Mapping[str, str]]:
    kind = value.partition(";")[0].strip().lower()
    params: dict[str, str] = {}
    for name, given in _PARAMETER.findall(value):
        text = given.strip()
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text.strip('"'))
        params.setdefault(name.lower().partition("*")[0], text.strip())
    known = kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else default
    return known, MappingProxyType(params)


def _transferred(body: bytes, encoding: str) -> bytes:
    """The transfer encoding undone; a body that is plainly not in it stays as it is."""
    name = encoding.strip().lower().strip('"')
    if name == "quoted-printable":
        return binascii.a2b_qp(body)
    if name != "base64" or b"@" in body or b": " in body:
        return body
    packed = _NOT_BASE64.sub(b"", body)
    packed = packed[:-1] if len(packed) % 4 == 1 else packed
    return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))


def _charset_undone(data: bytes, charset: str) -> str:
    """What is said to be ASCII may be UTF-8; what can be neither is read as Latin-1."""
    try:
        name = codecs.lookup(charset.strip().strip("\"'")).name
        if name not in _NO_CHARSET:
            return data.decode(name, "replace")
    except (LookupError, ValueError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _readable(text: str) -> str:
    """Line ends as one character; blanks that are not seen as blanks or gone."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.replace("\xa0", " ").replace("\u200b", "").replace("\u3000", " ")
