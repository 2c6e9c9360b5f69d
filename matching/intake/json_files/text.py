"""JSON and JSON lines as tables of text.

Objects become columns whose names have dots, arrays of scalars one value parted by `|`, arrays of objects
numbered columns (`names` says how they are written). Numbers, true and false stay as they are written, a
trailing `.0` goes. Columns of one block may differ from those of the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

import numpy as np

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.json_files.document import found_in
from matching.intake.json_files.frame import Found, columns_found, parsed
from matching.intake.json_files.scan import RECORD_BYTES_MAX, lines
from matching.intake.json_files.shape import shape_of
from matching.intake.json_files.tokens import JSON_REASONS
from matching.intake.mapping import mapped_columns
from matching.intake.pieces import ROW_NO, START, OneTable, Piece, Position
from matching.intake.text import byte_order_mark, char_widths, utf8_blocks, with_last
from matching.sources import Source

__all__ = ["JsonLines", "JsonText"]

SAMPLE_BYTES = 2 << 20
"""The first of a file: enough to see its keys."""
_LONG = JSON_REASONS.index("too_long")


class JsonLines(OneTable):
    """One object, or array, a line; a broken line costs nothing but itself."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Keys of the first lines; of the whole file where a mapped one is not among them."""
        sample = _lines(content, source, START, SAMPLE_BYTES)
        return _columns(content, source, sample, _lines(content, source, START, None))

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Blocks of whole lines."""
        wanted = frozenset(mapped_columns(source))
        for found, end in _lines(content, source, start, size):
            yield Piece(end, partial(parsed, found, wanted))


class JsonText:
    """A document, or a sequence of them: `document` says what its parts are."""

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """Paths of its tables; `""` where every object is a record."""
        return shape_of(content, source).parts

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Keys of the part's first records; of the whole file where a mapped one is not among them."""
        shape = shape_of(content, source)
        sample = found_in(content, source, shape, part, START, size=SAMPLE_BYTES)
        whole = found_in(content, source, shape, part, START)
        return _columns(content, source, sample, whole)

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Blocks of whole records."""
        wanted, shape = frozenset(mapped_columns(source)), shape_of(content, source)
        for found, end in found_in(content, source, shape, part, start, size=size):
            yield Piece(end, partial(parsed, found, wanted))


def _columns(
    content: Content,
    source: Source,
    sample: Iterator[tuple[Found, Position]],
    whole: Iterator[tuple[Found, Position]],
) -> list[str]:
    wanted = frozenset(mapped_columns(source))
    first = next(((found, end) for found, end in sample if found.starts.size), None)
    names = _names([first] if first else [], wanted)
    if names and wanted <= set(names):
        return names
    names = _names(whole, wanted)
    if not names and first:
        rejects = parsed(first[0], wanted).rejects
        if rejects.height:
            _, offset, reason = rejects.row(0)
            raise OperatorError(
                f"{content.name}: no record can be read, the first is {reason} at byte {offset};"
                " correct format, or take the file out of the incident file"
            )
    return names


def _names(
    found: Iterator[tuple[Found, Position]] | list[tuple[Found, Position]], wanted: Collection[str]
) -> list[str]:
    names: dict[str, None] = {}
    for one, _ in found:
        names |= dict.fromkeys(columns_found(one, wanted))
        if wanted and set(wanted) <= names.keys():
            break
    return [name for name in names if name != ROW_NO]


def _lines(
    content: Content, source: Source, start: Position, size: int | None
) -> Iterator[tuple[Found, Position]]:
    """Blocks of lines. The rest of a line longer than RECORD_BYTES_MAX is passed by, not held."""
    widths = char_widths(source.encoding)
    mark = len(byte_order_mark(content, source.encoding))
    offset, row, carry = start.offset or mark, start.row, b""
    covered, long = (0 if start.offset else mark), -1
    blocks = utf8_blocks(content, source.encoding, start=start.offset, size=size)
    for text, final in with_last(blocks):
        data = np.frombuffer(carry + text, np.uint8)
        while data.size:
            before = None if widths is None else np.concatenate(([0], np.cumsum(widths[data], dtype=np.int64)))  # fmt: skip
            if long < 0:
                room = data.size // 4 + 64
                starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
                count, done = lines(data, final, starts, ends)
                starts, ends = starts[:count], ends[:count]
                reasons = np.where(ends - starts > RECORD_BYTES_MAX, _LONG, 0).astype(np.uint8)
                if not done and data.size <= RECORD_BYTES_MAX:
                    break
                if not done:
                    long, done = offset, int(data.size)
            else:
                broken = data.tobytes().find(b"\n")
                done = int(data.size) if broken < 0 else broken + 1
                starts = ends = np.zeros(int(broken >= 0 or final), np.int64)
                reasons = np.full(starts.size, _LONG, np.uint8)
            size_done = done if before is None else int(before[done])
            offsets = offset + (starts if before is None else before[starts])
            if starts.size and long >= 0:
                offsets, long = np.array([long]), -1
            covered += size_done
            offset += size_done
            row += starts.size
            if long < 0:
                cut = final and done == data.size and data[-1] not in {10, 13}
                yield (
                    Found(
                        data,
                        starts,
                        ends,
                        offsets,
                        reasons,
                        row - starts.size,
                        covered,
                        cut=cut,
                        encoding=source.encoding,
                    ),
                    Position(offset, row),
                )
                covered = 0
            data = data[done:]
        carry = data.tobytes()
