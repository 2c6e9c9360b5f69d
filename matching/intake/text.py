"""Delivered text as blocks of UTF-8 bytes, with the way back to offsets in the file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import numpy as np

from matching.intake.content import Content
from matching.intake.undecodable import MIXED

__all__ = [
    "BLOCK_BYTES",
    "EMPTY",
    "byte_order_mark",
    "char_widths",
    "ends_with_newline",
    "is_supported",
    "utf8_blocks",
    "with_last",
]

BLOCK_BYTES = 16 << 20
"""About 80,000 rows a block: large enough for bulk work, 15 million rows in bounded memory."""
EMPTY = "{}: empty file; remove it from the incident file or deliver it again"
_UTF8 = frozenset({"utf-8", "utf-8-sig", "ascii"})
_WIDE = {"utf-16": 2, "utf-16-le": 2, "utf-16-be": 2, "utf-32": 4, "utf-32-le": 4, "utf-32-be": 4}
_MARKS = {
    "utf-8": (codecs.BOM_UTF8,),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
_HALF_CHARACTER = 0xFF
"""Never part of UTF-8: stands for one delivered byte that is no whole character."""


def _name(encoding: str) -> str:
    """Python's name of it; a file of mixed encodings is UTF-8 until a record shows that it is not."""
    return "utf-8" if encoding == MIXED else codecs.lookup(encoding).name


def is_supported(encoding: str) -> bool:
    """UTF-8, UTF-16, UTF-32 and every encoding of one byte a character."""
    try:
        name = _name(encoding)
        if name in _UTF8 or name in _WIDE:
            return True
        return len(bytes(range(256)).decode(name, "replace")) == 256
    except (LookupError, ValueError):
        return False


def char_widths(encoding: str) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """Delivered bytes for each first byte of a UTF-8 character; None where the file is UTF-8."""
    name = _name(encoding)
    if name in _UTF8:
        return None
    widths = np.full(256, _WIDE.get(name, 1), np.uint8)
    widths[0x80:0xC0] = 0
    if name.startswith("utf-16"):
        widths[0xF0:] = 4
    widths[_HALF_CHARACTER] = 1
    return widths


def byte_order_mark(content: Content, encoding: str) -> bytes:
    """The mark with which the file begins, where its encoding has one."""
    head = content.head(4)
    name = _name(encoding)
    family = next((marks for start, marks in _MARKS.items() if name.startswith(start)), ())
    return next((mark for mark in family if head.startswith(mark)), b"")


def utf8_blocks(
    content: Content, encoding: str, *, start: int = 0, size: int | None = None
) -> Iterator[bytes]:
    """Blocks of the file after its byte order mark, or from byte `start`, as UTF-8.

    Bytes that do not decode stay in as bytes that are no UTF-8, so that only their row is rejected.
    """
    name = _name(encoding)
    mark, size = byte_order_mark(content, encoding), size or BLOCK_BYTES
    with content.open() as handle:
        handle.seek(start or len(mark))
        if name in _UTF8:
            while block := handle.read(size):
                yield block
            return
        decoder = codecs.getincrementaldecoder(_with_byte_order(name, mark))(
            "surrogatepass" if name in _WIDE else "surrogateescape"
        )
        while block := handle.read(size):
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        left = decoder.getstate()[0]
        if left:
            yield bytes([_HALF_CHARACTER]) * len(left)


def with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block and whether it is the last one."""
    held = next(blocks, b"")
    for block in blocks:
        yield held, False
        held = block
    yield held, True


def _with_byte_order(name: str, mark: bytes) -> str:
    if name not in {"utf-16", "utf-32"}:
        return name
    big = mark[:1] in {codecs.BOM_UTF16_BE[:1], codecs.BOM_UTF32_BE[:1]}
    return f"{name}-be" if big else f"{name}-le"


def ends_with_newline(content: Content, encoding: str) -> bool:
    """The last character of the file is a line break."""
    width = _WIDE.get(_name(encoding), 1)
    size = content.size()
    with content.open() as handle:
        handle.seek(max(size - width, 0))
        last = handle.read()
    return last.strip(b"\x00") in {b"\n", b"\r"}
