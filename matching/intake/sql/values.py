"""Values of one column as Arrow text: unquoted, escapes undone, blanks null, bytes that are no text as 0x.

Longer than most modules: the compiled builder and each way in which a dump writes a value.
"""

from __future__ import annotations

import codecs
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from matching.compiling import compiled
from matching.intake.sql.lexer import (
    EXPRESSION,
    HEX,
    NULL,
    PLAIN,
    TEXT,
    TEXT_BINARY,
    TEXT_ESCAPED,
)
from matching.intake.sql.words import HIGH_BITS, eight_bytes
from matching.intake.undecodable import character

__all__ = [
    "ANY",
    "BYTES",
    "PADDING",
    "UNKNOWN",
    "Column",
    "Views",
    "column_text",
    "decoding_table",
    "is_ascii",
    "is_sound",
    "view_row",
]

PADDING = 16
"""Bytes behind what is looked at, so that eight can be loaded at once."""

ANY, BYTES, UNKNOWN = 0, 1, 2
"""What a column is declared to hold: no bytes; bytes; not declared: what is no UTF-8 and has control
characters is a picture, say, and no reason to lose the row."""
SOUND, FOREIGN, WRONG = 0, 1, 2
"""Of a value's bytes: of the file's encoding, read as CP1252 in a mixed file, of no encoding."""
_HEX_SIGNS: Final = np.frombuffer(b"0123456789ABCDEF", np.uint8)


class Column:
    """Text of one column; `bad` rows hold bytes of no encoding, `foreign` ones CP1252."""

    __slots__ = ("bad", "foreign", "text")

    def __init__(self, text: pl.Series, bad: Any, foreign: Any) -> None:
        self.text, self.bad, self.foreign = text, bad, foreign


def decoding_table(encoding: str) -> Any:
    """UTF-8 of every byte, four places each, its length last; None where the file is UTF-8 as lexed.

    In mixed files the five bytes that CP1252 leaves free are controls, as everywhere.
    """
    mixed = encoding == "mixed"
    if mixed:
        encoding = "cp1252"
    elif codecs.lookup(encoding).name.startswith("utf"):
        return None
    table = np.zeros((256, 4), np.uint8)
    for byte in range(256):
        sign = bytes([byte]).decode(encoding, "ignore") or (chr(byte) if mixed else "")
        text = sign.encode()
        table[byte, : len(text)] = np.frombuffer(text, np.uint8)
        table[byte, 3] = len(text)
    return table


class Views:
    """Room for the columns of some rows as views of `buf`, which must be sound; compiled code fills it."""

    def __init__(self, columns: int, rows: int, size: int, holds: list[int]) -> None:
        self.views = np.empty((columns, rows, 2), np.uint64)
        self.valid = np.empty((columns, rows), np.bool_)
        self.wrong = np.zeros(rows, np.bool_)
        self.called = np.empty((columns, rows), np.bool_)
        self.made = np.empty(
            2 * size + PADDING, np.uint8
        )  # touched only where something is unescaped
        self.binary = np.array([held == BYTES for held in holds], np.bool_)

    def column(self, buf: Any, place: int, rows: int) -> pl.Series:
        """One column of the first rows."""
        bits = np.packbits(self.valid[place, :rows], bitorder="little")
        buffers = [pa.py_buffer(part) for part in (bits, self.views[place, :rows], buf, self.made)]
        return pl.Series(pl.from_arrow(pa.Array.from_buffers(pa.string_view(), rows, buffers)))


def column_text(
    buf: Any, first: Any, last: Any, kind: Any, *, copy: bool, backslash: bool, holds: int,
    table: Any, mixed: bool,
) -> Column:  # fmt: skip
    """One column of some rows, whose values lie in `buf` at first:last.

    For bytes of another encoding, or of none: every value is copied and looked at.
    """
    rows = first.size
    holds = ANY if holds == UNKNOWN and table is not None else holds
    room = int(_room(first, last, kind, holds))
    out, ends = np.empty(room, np.uint8), np.empty(rows + 1, np.int64)
    valid, plain = np.empty(rows, np.bool_), np.empty(rows, np.bool_)
    foreign_bytes = _build(buf, first, last, kind, copy, backslash, holds, out, ends, valid, plain)
    state = np.zeros(rows, np.uint8)
    if foreign_bytes and table is None:
        _check(out, ends, valid, plain, state)
    elif foreign_bytes:
        new = np.empty(3 * int(ends[-1]) + 1, np.uint8)
        out, ends = new, _transcode(out, ends, plain, table, mixed, new, state)
    if foreign_bytes:
        _null_wide_blanks(out, ends, valid)
        valid &= state != WRONG
    bits = np.packbits(valid, bitorder="little")
    array = pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(ends), pa.py_buffer(out), pa.py_buffer(bits)
    )
    return Column(pl.Series(pl.from_arrow(array)), state == WRONG, state == FOREIGN)


@compiled(error_model="numpy")
def is_sound(buf: Any, n: int) -> bool:
    """`buf[:n]` is UTF-8."""
    at = 0
    while at < n:
        if at + 8 <= n and eight_bytes(buf, at) & HIGH_BITS == 0:
            at += 8
            continue
        width = character(buf, at, n)
        if width == 0:
            return False
        at += width
    return True


@compiled(error_model="numpy")
def is_ascii(buf: Any, n: int) -> bool:
    """No byte of `buf[:n]` is beyond ASCII."""
    found = np.uint64(0)
    at = 0
    while at + 8 <= n:
        found |= eight_bytes(buf, at)
        at += 8
    while at < n:
        found |= np.uint64(buf[at]) << np.uint64(56)
        at += 1
    return bool(found & HIGH_BITS == 0)


@compiled(error_model="numpy")
def view_row(
    buf: Any, first: Any, last: Any, kind: Any, copy: bool, backslash: bool, binary: Any,
    views: Any, valid: Any, called: Any, wrong: Any, row: int, made: Any, used: int,
) -> int:  # fmt: skip
    """Views of one row's values as they stand; of what had escapes in `made`, which is `used` so far."""
    for place in range(binary.size):
        begin, end, what = first[place], last[place], kind[place]
        views[place, row, 0], views[place, row, 1], valid[place, row] = 0, 0, False
        called[place, row] = what == EXPRESSION
        if what == NULL or begin == end:
            continue
        is_bytes = what == TEXT_BINARY or (binary[place] and what in (TEXT, TEXT_ESCAPED))
        if what in (TEXT, PLAIN, EXPRESSION) and not is_bytes:
            byte = buf[begin]
            if (byte > 32 and byte < 128) or not _blank(buf, begin, end):
                valid[place, row] = True
                _put_view(buf, begin, end, 0, views[place, row])
            continue
        start = used
        if what == HEX:
            used = _unhex(buf, begin, end, made, used)
            is_bytes = True
        else:
            used = _unescaped(buf, begin, end, copy, backslash, buf[begin - 1], made, used)
        if is_bytes and not _is_text(made, start, used):
            used = _as_digits(made, start, used)
        elif not is_bytes and not _sound(made, start, used):
            wrong[row] = True
            continue
        if not _blank(made, start, used):
            valid[place, row] = True
            _put_view(made, start, used, 1, views[place, row])
    return used


@compiled(error_model="numpy")
def _put_view(buf: Any, begin: int, end: int, number: int, view: Any) -> None:
    """Arrow's view of `buf[begin:end]`: up to 12 bytes in itself, else the first four and the place."""
    size = end - begin
    word = eight_bytes(buf, begin)
    if size > 12:
        low, high = (
            word & np.uint64(0xFFFFFFFF),
            np.uint64(number) | (np.uint64(begin) << np.uint64(32)),
        )
    else:
        more = np.uint64(0)
        if size < 8:
            word &= (np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)
        elif size > 8:
            more = eight_bytes(buf, begin + 8)
            more &= (np.uint64(1) << np.uint64(8 * (size - 8))) - np.uint64(1)
        low, high = word & np.uint64(0xFFFFFFFF), (word >> np.uint64(32)) | (more << np.uint64(32))
    view[0], view[1] = np.uint64(size) | (low << np.uint64(32)), high


@compiled(error_model="numpy")
def _blank(out: Any, place: int, end: int) -> bool:
    """Nothing but white space, the wide kinds too."""
    while place < end:
        byte = out[place]
        if byte == 32 or 9 <= byte <= 13:
            place += 1
        elif byte == 0xC2 and place + 1 < end and out[place + 1] in (0x85, 0xA0):
            place += 2
        elif (
            0xE1 <= byte <= 0xE3
            and place + 2 < end
            and _is_wide_blank(byte, out[place + 1], out[place + 2])
        ):
            place += 3
        else:
            return False
    return True


@compiled(error_model="numpy")
def _room(first: Any, last: Any, kind: Any, holds: int) -> int:
    """Bytes that the values can take at most: bytes as digits take two each."""
    room = 0
    for row in range(first.size):
        size = last[row] - first[row]
        doubled = kind[row] == TEXT_BINARY or (holds > 0 and kind[row] in (TEXT, TEXT_ESCAPED))
        room += 2 * size + 2 if doubled else size + 3
    return room


@compiled(error_model="numpy")
def _build(
    buf: Any, first: Any, last: Any, kind: Any, copy: bool, backslash: bool, holds: int,
    out: Any, ends: Any, valid: Any, plain: Any,
) -> bool:  # fmt: skip
    """Write the values one after the other; says whether any byte is beyond ASCII."""
    at, foreign = 0, False
    ends[0] = 0
    for row in range(first.size):
        begin, end, what = first[row], last[row], kind[row]
        start = at
        is_bytes = what == TEXT_BINARY or (holds == BYTES and what in (TEXT, TEXT_ESCAPED))
        plain[row] = False
        blank, beyond = True, 0
        if what == NULL:
            pass
        elif what == HEX:
            at = _unhex(buf, begin, end, out, at)
            is_bytes = True
        elif what in (TEXT, PLAIN, EXPRESSION):
            for place in range(begin, end):
                byte = buf[place]
                out[at] = byte
                at += 1
                blank &= byte == 32 or (9 <= byte <= 13)
                beyond |= byte
        else:
            at = _unescaped(buf, begin, end, copy, backslash, buf[begin - 1], out, at)
            for place in range(start, at):
                blank &= out[place] == 32 or (9 <= out[place] <= 13)
                beyond |= out[place]
        if holds == UNKNOWN and beyond >= 128 and what in (TEXT, TEXT_ESCAPED):
            is_bytes = _has_controls(out, start, at) and not _sound(out, start, at)
        if is_bytes:
            if not _is_text(out, start, at):
                at = _as_digits(out, start, at)
            blank, beyond = _blank(out, start, at), 0
            for place in range(start, at):
                beyond |= out[place]
            plain[row] = True  # UTF-8 by now, whatever the file's encoding
        if what == NULL or blank:
            valid[row] = False
            at = start
        else:
            valid[row] = True
            foreign |= beyond >= 128
        ends[row + 1] = at
    return foreign


@compiled(error_model="numpy")
def _unescaped(
    buf: Any, begin: int, end: int, copy: bool, backslash: bool, quote: int, out: Any, at: int
) -> int:  # fmt: skip
    """The text between quotes, or of a field of COPY, without its escapes."""
    place = begin
    while place < end:
        byte = buf[place]
        if byte == 92 and (backslash or copy) and place + 1 < end:
            sign = buf[place + 1]
            place += 2
            if copy and 48 <= sign <= 55:
                value, digits = sign - 48, 1
                while place < end and digits < 3 and 48 <= buf[place] <= 55:
                    value = value * 8 + buf[place] - 48
                    place += 1
                    digits += 1
                byte = value & 255
            elif copy and sign == 120 and place < end and _digit(buf[place]) >= 0:
                value = _digit(buf[place])
                place += 1
                if place < end and _digit(buf[place]) >= 0:
                    value = value * 16 + _digit(buf[place])
                    place += 1
                byte = value
            else:
                if not copy and (sign == 37 or sign == 95):  # a backslash stays before % and _
                    out[at] = 92
                    at += 1
                byte = _escape(sign, copy)
        else:
            if not copy and byte == quote and place + 1 < end and buf[place + 1] == quote:
                place += 1
            place += 1
        out[at] = byte
        at += 1
    return at


@compiled(error_model="numpy")
def _escape(sign: int, copy: bool) -> int:
    if sign == 110:
        return 10
    if sign == 114:
        return 13
    if sign == 116:
        return 9
    if sign == 98:
        return 8
    if copy:
        return 12 if sign == 102 else 11 if sign == 118 else sign
    return 0 if sign == 48 else 26 if sign == 90 else sign


@compiled(error_model="numpy")
def _digit(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    if 65 <= byte <= 70:
        return byte - 55
    return byte - 87 if 97 <= byte <= 102 else -1


@compiled(error_model="numpy")
def _unhex(buf: Any, begin: int, end: int, out: Any, at: int) -> int:
    """Digits as bytes; what is no whole number of bytes has a zero before it."""
    if (end - begin) % 2:
        out[at] = _digit(buf[begin])
        at += 1
        begin += 1
    for place in range(begin, end, 2):
        out[at] = (_digit(buf[place]) << 4) | (_digit(buf[place + 1]) & 15)
        at += 1
    return at


@compiled(error_model="numpy")
def _is_text(out: Any, begin: int, end: int) -> bool:
    """UTF-8 without control characters but tab and line breaks."""
    place = begin
    while place < end:
        byte = out[place]
        if byte < 32 and byte not in (9, 10, 13):
            return False
        width = character(out, place, end)
        if width == 0 or byte == 127:
            return False
        place += width
    return True


@compiled(error_model="numpy")
def _as_digits(out: Any, begin: int, end: int) -> int:
    """Overwrite bytes by 0x and their digits, from the last on."""
    size = end - begin
    for number in range(size - 1, -1, -1):
        byte = out[begin + number]
        out[begin + 2 + 2 * number + 1] = _HEX_SIGNS[byte & 15]
        out[begin + 2 + 2 * number] = _HEX_SIGNS[byte >> 4]
    out[begin] = 48
    out[begin + 1] = 120
    return begin + 2 + 2 * size


@compiled(error_model="numpy")
def _has_controls(out: Any, begin: int, end: int) -> bool:
    for place in range(begin, end):
        if out[place] < 32 and out[place] not in (9, 10, 13):
            return True
    return False


@compiled(error_model="numpy")
def _sound(out: Any, begin: int, end: int) -> bool:
    place = begin
    while place < end:
        width = character(out, place, end)
        if width == 0:
            return False
        place += width
    return True


@compiled(error_model="numpy")
def _check(out: Any, ends: Any, valid: Any, plain: Any, state: Any) -> None:
    """Mark values that are no UTF-8."""
    for row in range(valid.size):
        if valid[row] and not plain[row] and not _sound(out, ends[row], ends[row + 1]):
            state[row] = WRONG


@compiled(error_model="numpy")
def _transcode(
    out: Any, ends: Any, plain: Any, table: Any, mixed: bool, new: Any, state: Any
) -> Any:  # fmt: skip
    """Values of one byte a character as UTF-8; in a mixed file those that are not."""
    new_ends, at = np.empty(ends.size, np.int64), 0
    new_ends[0] = 0
    for row in range(state.size):
        keep = plain[row] or (mixed and _sound(out, ends[row], ends[row + 1]))
        for place in range(ends[row], ends[row + 1]):
            byte = out[place]
            if keep or byte < 128:
                new[at] = byte
                at += 1
                continue
            if mixed:
                state[row] = max(state[row], FOREIGN)
            if table[byte, 3] == 0:
                state[row] = WRONG
            for sign in range(table[byte, 3]):
                new[at] = table[byte, sign]
                at += 1
        new_ends[row + 1] = at
    return new_ends


@compiled(error_model="numpy")
def _null_wide_blanks(out: Any, ends: Any, valid: Any) -> None:
    for row in range(valid.size):
        if _blank(out, ends[row], ends[row + 1]):
            valid[row] = False


@compiled(error_model="numpy")
def _is_wide_blank(first: int, second: int, third: int) -> bool:
    """U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000."""
    if first == 0xE1:
        return second == 0x9A and third == 0x80
    if first == 0xE3:
        return second == 0x80 and third == 0x80
    if second == 0x80:
        return 0x80 <= third <= 0x8A or third in (0xA8, 0xA9, 0xAF)
    return second == 0x81 and third == 0x9F
