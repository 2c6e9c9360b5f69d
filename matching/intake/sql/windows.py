"""A dump read once, window by window, for its layout; kept for the next call about the same bytes."""

from __future__ import annotations

import codecs
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from matching.intake.content import Content
from matching.intake.sql.dialect import HEAD_BYTES, dialect_of
from matching.intake.sql.layout import Layout, finished
from matching.intake.sql.walk import Walk
from matching.intake.text import byte_order_mark, char_widths, utf8_blocks, with_last
from matching.sources import Source

__all__ = ["Bytes", "is_raw", "layout_of", "text_of"]

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
WINDOW_BYTES = 16 << 20
"""Read at once; a window grows by as much until the longest row fits: 80 MiB at most."""
KEPT_MAX = 4
"""Layouts: `parts`, `columns` and `pieces` of the files in hand."""
_ASCII: Final = bytes(range(128))
_kept: OrderedDict[tuple[object, ...], Layout] = OrderedDict()


def is_raw(encoding: str) -> bool:
    """Signs of SQL are single bytes in it, so that it is read as it is and only values are decoded."""
    if encoding == "mixed":
        return True
    name = codecs.lookup(encoding).name
    if name.startswith(("utf-16", "utf-32")):
        return False
    return name.startswith("utf-8") or _ASCII.decode(name, "replace") == _ASCII.decode("ascii")


def layout_of(content: Content, source: Source) -> Layout:
    """The layout of a dump. Raises OperatorError where it is none, or too damaged."""
    stat = content.path.stat()
    key = (
        content.path, content.members, stat.st_size, stat.st_mtime_ns, source.encoding, source.escape,
    )  # fmt: skip
    if key not in _kept:
        _kept[key] = _layout(content, source)
    _kept.move_to_end(key)
    while len(_kept) > KEPT_MAX:
        _kept.popitem(last=False)
    return _kept[key]


def _layout(content: Content, source: Source) -> Layout:
    raw = is_raw(source.encoding)
    widths = None if raw else char_widths(source.encoding)
    mark = _mark(content, source.encoding)
    head = b"" if raw else next(utf8_blocks(content, source.encoding, size=HEAD_BYTES), b"")
    dialect = dialect_of(head or content.head(HEAD_BYTES), source)
    walk = Walk(dialect, content.name, widths)
    walk.begin(len(mark))
    blocks = _raw_blocks(content, len(mark)) if raw else utf8_blocks(content, source.encoding)
    buf, n = np.empty(2 * WINDOW_BYTES, np.uint8), 0
    for block, final in with_last(blocks):
        kept = walk.at
        rest = n - kept
        if rest + len(block) + 1 > buf.size:
            buf = _moved(buf, kept, n, np.empty(rest + len(block) + WINDOW_BYTES, np.uint8))
        else:
            buf[:rest] = buf[kept:n].copy()
        buf[rest : rest + len(block)] = np.frombuffer(block, np.uint8)
        n = rest + len(block)
        walk.window(buf, n, kept=kept, final=final)
    return finished(walk.found, content.name)


def _moved(old: Bytes, kept: int, n: int, new: Bytes) -> Bytes:
    new[: n - kept] = old[kept:n]
    return new


def _mark(content: Content, encoding: str) -> bytes:
    return byte_order_mark(content, "utf-8" if encoding == "mixed" else encoding)


def _raw_blocks(content: Content, start: int) -> Iterator[bytes]:
    with content.open() as stream:
        stream.seek(start)
        while block := stream.read(WINDOW_BYTES):
            yield block


def text_of(data: bytes, encoding: str, mark: bytes) -> bytes:
    """Bytes of a run as they are lexed: UTF-8 where the encoding is wide."""
    if is_raw(encoding):
        return data
    name = codecs.lookup(encoding).name
    if name in {"utf-16", "utf-32"}:
        big = mark[:1] in {codecs.BOM_UTF16_BE[:1], codecs.BOM_UTF32_BE[:1]}
        name = f"{name}-be" if big else f"{name}-le"
    return data.decode(name, "surrogatepass").encode("utf-8", "surrogatepass")
