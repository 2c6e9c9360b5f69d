"""From tokens to columns: the bytes of their values, escapes undone, in Arrow's layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from matching.compiling import compiled
from matching.intake.json_files.tokens import ESCAPED, ITEM, NUMBER, RAW, Tokens

__all__ = ["values"]


def values(data: Any, tokens: Tokens, chosen: Any, paths: Any) -> tuple[list[pl.Series], Any, Any]:
    """A column of text for each of `paths`; tokens of rows that had one already; rows with half a character.

    Items of one array are joined by `|`, JSON texts by a comma. Null where nothing but white space stands.
    """
    height, width = tokens.records, len(paths)
    numbers = np.full(int(tokens.used[0]), -1, np.int32)
    numbers[paths] = np.arange(width)
    base = _sizes(chosen, tokens.path, tokens.start, tokens.end, numbers, width)
    out = np.empty(int(base[-1]), np.uint8)
    offsets, valid = np.zeros((width, height + 1), np.int32), np.zeros((width, height), np.uint8)
    again, halves = np.empty(chosen.size, np.int32), np.zeros(height, np.uint8)
    more, blank = _fill(
        data, chosen, tokens.row, tokens.path, tokens.start, tokens.end, tokens.value, numbers,
        base, out, offsets, valid, again, halves,
    )  # fmt: skip
    bits = np.packbits(valid, axis=1, bitorder="little")
    columns = [
        _column(out[base[n] : base[n + 1]], offsets[n], bits[n], blank=bool(blank[n]))
        for n in range(width)
    ]
    return columns, again[:more], halves


def _column(out: Any, offsets: Any, bits: Any, *, blank: bool) -> pl.Series:
    buffers = [pa.py_buffer(array) for array in (offsets, out, bits)]
    text = pl.Series(pl.from_arrow(pa.StringArray.from_buffers(len(offsets) - 1, *buffers)))
    return text.set(text.str.strip_chars() == "", None) if blank else text


@compiled
def _sizes(chosen: Any, path: Any, starts: Any, ends: Any, numbers: Any, width: int) -> Any:
    """Where the bytes of each column begin, with room for what joins items."""
    base = np.zeros(width + 1, np.int64)
    for token in chosen:
        base[numbers[path[token]] + 1] += ends[token] - starts[token] + 1
    for number in range(width):
        base[number + 1] += base[number]
    return base


@compiled
def _fill(
    data: Any, chosen: Any, rows: Any, path: Any, starts: Any, ends: Any, kinds: Any, numbers: Any,
    base: Any, out: Any, offsets: Any, valid: Any, again: Any, halves: Any,
) -> tuple[int, Any]:  # fmt: skip
    """Tokens left for other columns, and columns some value of which may be white space only.

    Values are taken in the order in which they stand in the file: every column grows at its own end.
    """
    width, height = valid.shape
    used = base[:-1].copy()
    done, blank = np.zeros(width, np.int64), np.zeros(width, np.bool_)
    more = 0
    for token in chosen:
        number, row, at, end = numbers[path[token]], rows[token], starts[token], ends[token]
        is_item, kind = kinds[token] >= ITEM, kinds[token] & 7
        if kind == NUMBER and end - at > 2 and data[end - 1] == 48 and data[end - 2] == 46:
            end -= 2  # 20701.0 is 20701, as a person would have written it
        if end == at:
            continue
        if valid[number, row] and not is_item:
            again[more] = token
            more += 1
            continue
        place = used[number]
        while done[number] <= row:
            offsets[number, done[number]] = place - base[number]
            done[number] += 1
        if valid[number, row]:
            out[place] = 44 if kind == RAW else 124
            place += 1
        first = data[at]
        if first <= 32 or first >= 0xC2 or (kind == ESCAPED and first == 92):
            blank[number] = True
        valid[number, row] = 1
        if kind == ESCAPED:
            place, half = _unescape(data, at, end, out, place)
            if half:
                halves[row] = 1
        else:
            for source in range(at, end):
                out[place] = data[source]
                place += 1
        used[number] = place
    for number in range(width):
        for row in range(done[number], height + 1):
            offsets[number, row] = used[number] - base[number]
    return more, blank


@compiled
def _hex(data: Any, at: int) -> Any:
    number = np.int64(0)
    for place in range(at, at + 4):
        digit = np.int64(data[place])
        number = number * 16 + (digit - 48 if digit < 58 else (digit & 0xDF) - 55)
    return number


@compiled
def _unescape(data: Any, at: int, end: int, out: Any, used: int) -> tuple[int, bool]:
    """Bytes written, and whether half of a surrogate pair became the replacement character."""
    half = False
    while at < end:
        if data[at] != 92:
            out[used] = data[at]
            used += 1
            at += 1
            continue
        sign = data[at + 1]
        at += 2
        if sign != 117:
            if sign == 98:
                sign = 8
            elif sign == 102:
                sign = 12
            elif sign == 110:
                sign = 10
            elif sign == 114:
                sign = 13
            elif sign == 116:
                sign = 9
            out[used] = sign
            used += 1
            continue
        code = _hex(data, at)
        at += 4
        if 0xD800 <= code < 0xE000:
            low = 0
            if code < 0xDC00 and at + 6 <= end and data[at] == 92 and data[at + 1] == 117:
                low = _hex(data, at + 2)
            if 0xDC00 <= low < 0xE000:
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                at += 6
            else:
                code, half = 0xFFFD, True
        if code < 0x80:
            out[used] = code
            used += 1
        elif code < 0x800:
            out[used], out[used + 1] = 0xC0 | code >> 6, 0x80 | code & 63
            used += 2
        elif code < 0x10000:
            out[used], out[used + 1] = 0xE0 | code >> 12, 0x80 | (code >> 6) & 63
            out[used + 2] = 0x80 | code & 63
            used += 3
        else:
            out[used], out[used + 1] = 0xF0 | code >> 18, 0x80 | (code >> 12) & 63
            out[used + 2], out[used + 3] = 0x80 | (code >> 6) & 63, 0x80 | code & 63
            used += 4
    return used, half
