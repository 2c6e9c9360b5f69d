"""Fixed width: fields at places that a layout names, in lines or in records of one length without breaks.

Places count characters from 1, as layouts do: of one byte in CP1252 and EBCDIC, of one to four in UTF-8.
What lies between the fields of the layout is a column, too, named `_` and its places. Blanks around a value are padding.
A record of another length is a reject, since its fields may be shifted. The length is `record_length`, else
the one that most lines of the first SAMPLE_BYTES have; where no length has half of them, ends of lines
were trimmed, and shorter lines are whole.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from matching.errors import OperatorError
from matching.intake.blocks import Block, texts
from matching.intake.content import Content
from matching.intake.pieces import ROW_NO, START, Batch, OneTable, Piece, Position
from matching.intake.records import LONG, SHORT, TRUNCATED, Records, find_lines
from matching.intake.text import EMPTY, byte_order_mark, char_widths, utf8_blocks, with_last
from matching.intake.undecodable import MIXED, recoded, with_undecodable
from matching.sources import Source

__all__ = ["FixedWidth", "layout_problems"]

SAMPLE_BYTES = 1 << 20
_PADDING = " \t\0\r\n\x1a"
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Fields with 0-based places. `length` of a record; `breaks`: lines; `trimmed`: shorter lines are whole."""

    fields: dict[str, tuple[int, int]]
    length: int
    breaks: bool
    trimmed: bool


class FixedWidth(OneTable):
    """Lines or records of one length."""

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Fields of the layout, and what lies between them."""
        return list(_layout(content, source).fields)

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
        layout = _layout(content, source)
        for block in _blocks(content, source, layout, start, size):
            yield Piece(block.end, partial(_batch, block, layout))


def layout_problems(where: str, source: Source) -> Iterator[str]:
    """What is wrong with the layout itself, one line each."""
    if source.format != "fixed":
        return
    if not source.fields:
        yield f"{where}: fields: no layout; give fields = {{ name = [start, length] }}, the first character is 1"
    end, before = 0, ""
    for name, (first, length) in sorted(source.fields.items(), key=lambda item: item[1]):
        if first < 1 or length < 1:
            yield f"{where}: fields.{name}: start and length count from 1; correct them"
        elif first <= end:
            yield f"{where}: fields.{name}: begins at {first}, where {before} ends at {end}; correct one of them"
        if first + length - 1 > end:
            end, before = first + length - 1, name
    if 0 < source.record_length < end:
        yield f"{where}: fields.{before}: ends at {end}, after record_length {source.record_length}; correct one of them"


def _layout(content: Content, source: Source) -> _Layout:
    """The layout with the length that records of this file have. Raises OperatorError where it cannot be."""
    text = _head(content, source)
    if not text.strip(_PADDING):
        raise OperatorError(EMPTY.format(content.name))
    end = max((first + length - 1 for first, length in source.fields.values()), default=0)
    wanted = source.record_length
    breaks = not wanted or text[wanted : wanted + 1] in {"", "\n", "\r"}
    if not breaks:
        return _Layout(_fields(source, wanted), wanted, breaks=False, trimmed=False)
    sizes = [len(line) for line in _lines_of(text)]
    common = max(sorted(set(sizes), reverse=True), key=sizes.count)
    trimmed = not wanted and 2 * sizes.count(common) < len(sizes)
    length = wanted or max(max(sizes) if trimmed else common, end if trimmed else 0)
    if length < end:
        raise OperatorError(
            f"{content.name}: most lines have {length} characters, the last field ends at {end};"
            " correct fields, or set record_length where no line breaks part the records"
        )
    return _Layout(_fields(source, length), length, breaks=True, trimmed=trimmed)


def _head(content: Content, source: Source) -> str:
    block = next(_decoded(content, source, 0, SAMPLE_BYTES), b"")
    return block[_above(block, source.skip_lines) :].decode("utf-8", "replace")


def _lines_of(text: str) -> list[str]:
    """Lines that are not blank, without the one that the sample cuts off, if others are there."""
    lines = [line for line in text.replace("\r", "\n").split("\n") if line]
    return lines[:-1] if len(lines) > 1 and not text.endswith(("\n", "\r")) else lines


def _fields(source: Source, length: int) -> dict[str, tuple[int, int]]:
    fields: dict[str, tuple[int, int]] = {}
    at = 0
    for name, (first, size) in sorted(source.fields.items(), key=lambda item: item[1]):
        if first - 1 > at:
            fields[f"_{at + 1}_{first - 1}"] = (at, first - 1 - at)
        fields[name] = (first - 1, size)
        at = max(at, first - 1 + size)
    if at < length:
        fields[f"_{at + 1}_{length}"] = (at, length - at)
    return fields


def _decoded(content: Content, source: Source, start: int, size: int | None) -> Iterator[bytes]:
    """Blocks of UTF-8. EBCDIC parts lines by its own sign, which decodes to U+0085."""
    blocks = utf8_blocks(content, source.encoding, start=start, size=size)
    if _is_ebcdic(source.encoding):
        return (block.replace(b"\xc2\x85", b"\n") for block in blocks)
    return blocks


def _is_ebcdic(encoding: str) -> bool:
    try:
        return codecs.decode(b"\xc1", encoding) == "A"
    except (UnicodeDecodeError, LookupError):
        return False


def _above(block: bytes, lines: int) -> int:
    at = 0
    for _ in range(lines):
        broken = block.find(b"\n", at)
        at = len(block) if broken < 0 else broken + 1
    return at


def _blocks(
    content: Content, source: Source, layout: _Layout, start: Position, size: int | None
) -> Iterator[Block]:
    widths = char_widths(source.encoding)
    mark = len(byte_order_mark(content, source.encoding))
    offset, row, carry = start.offset or mark, start.row, b""
    covered, skip = (0, 0) if start.offset else (mark, source.skip_lines)
    for text, final in with_last(_decoded(content, source, start.offset, size)):
        data = np.frombuffer(bytearray(carry + text), np.uint8)
        above = _above(data.tobytes(), skip) if skip else 0
        skip = 0
        while data.size:
            records = _found(data, above, layout, final=final)
            if not records.consumed:
                break
            sizes = widths[data] if widths is not None else np.ones(data.size, np.uint8)
            before = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
            step, offsets = int(before[records.consumed]), offset + before[records.starts]
            end = Position(offset + step, row + records.starts.size)
            rest = data[records.consumed :]
            last = final and not rest.size and records.ends.size and records.ends[-1] == data.size
            guessed = 0
            if source.encoding == MIXED:
                data, records, guessed = recoded(data, records)
            else:
                records = with_undecodable(data, records)
            _mark_lengths(data, records, layout, last=bool(last))
            yield Block(data, records, offsets, row, covered + step, end, guessed)
            data, offset, row, covered, above = rest, end.offset, end.row, 0, 0
        carry = data.tobytes()


def _found(data: _Bytes, above: int, layout: _Layout, *, final: bool) -> Records:
    """Records after the first `above` bytes."""
    rest = data[above:]
    if layout.breaks:
        found = find_lines(rest, final=final)
    else:
        found = _without_breaks(rest, layout.length, final=final)
    consumed = above + found.consumed if found.consumed or final else 0
    return Records(
        found.starts + above, found.ends + above, found.fields, found.reasons, consumed, 0
    )


def _mark_lengths(data: _Bytes, records: Records, layout: _Layout, *, last: bool) -> None:
    """Records of another length; the last one of the file if nothing comes after it."""
    reasons = records.reasons
    characters = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80, dtype=np.int64)))
    sizes = characters[records.ends] - characters[records.starts]
    good = reasons == 0
    reasons[good & (sizes > layout.length)] = LONG
    if not layout.trimmed:
        reasons[good & (sizes < layout.length)] = SHORT
        if last and reasons[-1] == SHORT:
            reasons[-1] = TRUNCATED


def _without_breaks(data: _Bytes, length: int, *, final: bool) -> Records:
    """Runs of `length` characters; what is left at the end of the file is one, too, unless it is blank."""
    begins = (data & 0xC0) != 0x80
    begins[0] = True  # half a character at the start is somebody's, too
    characters = np.flatnonzero(begins)
    if final:
        characters = np.append(characters, data.size)  # else its last character may go on
    edges = characters[::length]
    if final and edges[-1] < data.size:
        rest = data[edges[-1] :].tobytes().decode("utf-8", "replace").strip(_PADDING)
        edges = np.append(edges, data.size) if rest else edges
    starts, ends = edges[:-1].astype(np.int64), edges[1:].astype(np.int64)
    consumed = data.size if final else int(edges[-1])
    reasons = np.zeros(starts.size, np.uint8)
    return Records(starts, ends, np.zeros(starts.size, np.int32), reasons, consumed, 0)


def _batch(block: Block, layout: _Layout) -> Batch:
    text = texts(block)
    columns = [
        _value(text.str.slice(first, length)).alias(name)
        for name, (first, length) in layout.fields.items()
    ]
    frame = pl.DataFrame([*columns, block.row_numbers().alias(ROW_NO)])
    return Batch(frame, block.rejects(), block.covered, block.guessed)


def _value(text: pl.Series) -> pl.Series:
    stripped = text.str.strip_chars(_PADDING)
    return stripped.set(stripped == "", None)
