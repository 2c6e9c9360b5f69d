"""From tokens to a column: the bytes of its values, escapes undone, in Arrow's layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numba import njit  # type: ignore[import-untyped,unused-ignore]

from matching.intake.json_tokens import ESCAPED, ITEM, NUMBER, RAW

__all__ = ["by_path", "column"]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def by_path(path: Any, paths: int) -> tuple[Any, Any]:
    """Token numbers sorted by path, in order within each, and where each path begins."""
    first = np.zeros(paths + 1, np.int64)
    for token in range(path.size):
        first[path[token] + 1] += 1
    for number in range(paths):
        first[number + 1] += first[number]
    free = first[:-1].copy()
    order = np.empty(path.size, np.int32)
    for token in range(path.size):
        order[free[path[token]]] = token
        free[path[token]] += 1
    return order, first


def column(
    data: Any, chosen: Any, rows: Any, starts: Any, ends: Any, kinds: Any, height: int
) -> tuple[pl.Series, Any, Any]:
    """Text of the chosen tokens, a row each; tokens of a row that had one already; rows with half a character.

    Items of one array are joined by `|`, JSON texts by a comma. Null where nothing but white space stands.
    """
    size = int((ends[chosen] - starts[chosen]).sum()) + chosen.size
    out = np.empty(size, np.uint8)
    offsets, valid = np.zeros(height + 1, np.int64), np.zeros(height, np.uint8)
    again, halves = np.empty(chosen.size, np.int32), np.zeros(height, np.uint8)
    more, blank = _fill(data, chosen, rows, starts, ends, kinds, out, offsets, valid, again, halves)
    bits = np.packbits(valid, bitorder="little")
    buffers = [pa.py_buffer(bits), pa.py_buffer(offsets), pa.py_buffer(out)]
    text = pl.Series(
        pl.from_arrow(pa.LargeStringArray.from_buffers(height, buffers[1], buffers[2], buffers[0]))
    )
    if blank:
        text = text.set(text.str.strip_chars() == "", None)
    return text, again[:more], halves


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _fill(
    data: Any, chosen: Any, rows: Any, starts: Any, ends: Any, kinds: Any,
    out: Any, offsets: Any, valid: Any, again: Any, halves: Any,
) -> tuple[int, bool]:  # fmt: skip
    """Tokens left for another column, and whether some value may be white space only."""
    used, done, more, blank = 0, 0, 0, False
    for number in range(chosen.size):
        token = chosen[number]
        row, at, end = rows[token], starts[token], ends[token]
        is_item, kind = kinds[token] >= ITEM, kinds[token] & 7
        while done <= row:
            offsets[done] = used
            done += 1
        if kind == NUMBER and end - at > 2 and data[end - 1] == 48 and data[end - 2] == 46:
            end -= 2  # 20701.0 is 20701, as a person would have written it
        if end == at:
            continue
        if valid[row]:
            if not is_item:
                again[more] = token
                more += 1
                continue
            out[used] = 44 if kind == RAW else 124
            used += 1
        first = data[at]
        if first <= 32 or first >= 0xC2 or (kind == ESCAPED and first == 92):
            blank = True
        valid[row] = 1
        if kind == ESCAPED:
            used, half = _unescape(data, at, end, out, used)
            if half:
                halves[row] = 1
        else:
            for place in range(at, end):
                out[used] = data[place]
                used += 1
    while done < offsets.size:
        offsets[done] = used
        done += 1
    return more, blank


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _hex(data: Any, at: int) -> Any:
    number = np.int64(0)
    for place in range(at, at + 4):
        digit = np.int64(data[place])
        number = number * 16 + (digit - 48 if digit < 58 else (digit & 0xDF) - 55)
    return number


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
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
