"""Mailboxes and single messages: one row a message.

A message of an mbox begins at a line `From ` with two of these: a blank line before it, a time in it, a header
behind it. A sentence that begins so parts nothing. Offsets are of the file's bytes. Text without a declared
encoding is `encoding` of the incident file. Messages forwarded as attachments are part of the body; other
attachments are named and counted in the row, and `attachments` gives them out to be read as files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import polars as pl

from matching.errors import OperatorError
from matching.intake.blocks import blanks_null
from matching.intake.content import Content
from matching.intake.message import COLUMNS, attached, row_of
from matching.intake.pieces import ROW_NO, START, Batch, OneTable, Piece, Position
from matching.intake.text import EMPTY
from matching.sources import Source

__all__ = ["Attachment", "MailBox", "SingleMessage", "attachments"]

BLOCK_BYTES = 8 << 20
MESSAGE_BYTES_MAX = 64 << 20
"""Longer than mail servers take; with its parts it is what is held in memory."""
_LINE = re.compile(rb"^From [^\r\n]*\r?\n", re.MULTILINE)
_HEADER = re.compile(rb"[!-9;-~]+:|>From ")
_TIME = re.compile(rb"\d\d:\d\d")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Raw:
    """Bytes of a message and where they begin; a reason where they are none."""

    offset: int
    text: bytes
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within a message: `row_no` of the message in its mailbox."""

    row_no: int
    name: str
    data: bytes


class MailBox(OneTable):
    """Messages one after the other."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """The same for every message. Raises OperatorError where the file is no mailbox."""
        head = content.head(BLOCK_BYTES)
        if not head.strip():
            raise OperatorError(EMPTY.format(content.name))
        if not _edges(head):
            raise OperatorError(
                f'{content.name}: no mailbox: no line "From " with a header behind it; correct format, perhaps to "eml"'
            )
        return list(COLUMNS)

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Blocks of whole messages."""
        row = start.row
        for raws, covered, end in _split(content, start.offset, size or BLOCK_BYTES):
            first, row = row, row + len(raws)
            yield Piece(Position(end, row), partial(_batch, raws, first, covered, source.encoding))


class SingleMessage(OneTable):
    """A file that is one message."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """The same for every message."""
        return list(COLUMNS)

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """One row."""
        if start.row:
            return
        whole = content.size()
        text = content.head(min(whole, MESSAGE_BYTES_MAX + 1))
        raw = _Raw(0, text) if whole <= MESSAGE_BYTES_MAX else _Raw(0, b"", "too_long")
        yield Piece(Position(whole, 1), partial(_batch, [raw], 0, whole, source.encoding))


def attachments(content: Content, source: Source) -> Iterator[Attachment]:
    """Every attached file of every message, in order, nested ones too: bytes as they were before they were attached."""
    format_ = MailBox() if source.format == "mbox" else SingleMessage()
    for piece in format_.pieces(content, source, ""):
        raws, first, _, _ = piece.parse.args  # type: ignore[attr-defined]
        for row, raw in enumerate(raws, first):
            for name, data in attached(_unquoted(raw.text)) if not raw.reason else ():
                yield Attachment(row, name, data)


def _split(content: Content, start: int, size: int) -> Iterator[tuple[list[_Raw], int, int]]:
    """Messages of a block, the bytes they and what is between them take, and where the next begins."""
    held, offset, long = b"", start, -1
    with content.open() as stream:
        stream.seek(start)
        final = False
        while not final:
            block = stream.read(size)
            final = not block
            text = held + block
            edges = _edges(text)
            if long >= 0:  # what is left of a message that was too long
                known = [edge for edge in edges if edge > 0]
                if not known and not final:
                    keep = min(len(text), 1024)
                    offset, held = offset + len(text) - keep, text[len(text) - keep :]
                    continue
                until = known[0] if known else len(text)
                yield [_Raw(long, b"", "too_long")], offset + until - long, offset + until
                text, offset, long = text[until:], offset + until, -1
                edges = [edge - until for edge in known]
            last = len(text) if final else (edges[-1] if edges else 0)
            if not final and last == 0 and len(text) > MESSAGE_BYTES_MAX:
                long, keep = offset, 1024
                offset, held = offset + len(text) - keep, text[len(text) - keep :]
                continue
            cuts = [0, *(edge for edge in edges if 0 < edge < last), last]
            raws = [_raw(offset + a, text[a:b]) for a, b in pairwise(cuts) if text[a:b].strip()]
            if last:
                yield raws, last, offset + last
            offset, held = offset + last, text[last:]


def _edges(text: bytes) -> list[int]:
    """Where messages begin."""
    return [found.start() for found in _LINE.finditer(text) if _begins(text, found)]


def _begins(text: bytes, line: re.Match[bytes]) -> bool:
    at = line.start()
    blank = at == 0 or text[max(0, at - 3) : at].endswith((b"\n\n", b"\n\r\n"))
    timed = _TIME.search(line.group()) is not None
    return blank + timed + (_HEADER.match(text, line.end()) is not None) >= 2


def _raw(offset: int, text: bytes) -> _Raw:
    if len(text) > MESSAGE_BYTES_MAX:
        return _Raw(offset, b"", "too_long")
    begins = _LINE.match(text)
    return (
        _Raw(offset, text) if begins and _begins(text, begins) else _Raw(offset, b"", "stray_text")
    )


def _unquoted(text: bytes) -> bytes:
    """The message without its `From ` line, and lines that were quoted for its sake as they were."""
    begins = _LINE.match(text)
    if not begins:
        return text
    return _QUOTED.sub(rb"\1", text[begins.end() :])


def _batch(raws: list[_Raw], first: int, covered: int, encoding: str) -> Batch:
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    rejects: list[tuple[int, int, str]] = []
    for number, raw in enumerate(raws, first):
        row = None if raw.reason else row_of(_unquoted(raw.text), encoding)
        if row is None:
            rejects.append((number, raw.offset, raw.reason or "no_message"))
        else:
            rows.append(row)
            numbers.append(number)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))
    schema = {"row_no": pl.Int64, "offset": pl.Int64, "reason": pl.String}
    return Batch(
        frame.with_columns(blanks_null()).with_columns(pl.Series(ROW_NO, numbers, pl.Int64)),
        pl.DataFrame(rejects, schema=schema, orient="row"),
        covered,
    )
