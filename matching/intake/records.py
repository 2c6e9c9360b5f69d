"""Where records begin and end in raw bytes, and why a record cannot be read.

One compiled pass over the bytes, because no CSV reader says at which byte a bad row begins, and
because an unclosed quote must cost its own line only. A record that spans lines and does not close
properly, or closes with the wrong number of fields, is its first line; reading goes on at the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.compiling import compiled

__all__ = [
    "REASONS",
    "Dialect",
    "Records",
    "blank_out",
    "find_lines",
    "find_records",
]

REASONS = (
    "",
    "short_row",
    "long_row",
    "unclosed_quote",
    "bad_quote",
    "nul_byte",
    "too_long",
    "truncated_last_row",
    "undecodable_bytes",
    "bad_json",
    "repeated_header",
)
"""Reason codes of rejected rows; a record's `reason` is an index into them, 0 for a good one."""
SHORT, LONG, UNCLOSED, BAD_QUOTE, NUL, TOO_LONG, TRUNCATED = range(1, 8)

RECORD_BYTES_MAX = 1 << 20
"""A longer record is an unclosed quote or no text: real rows with notes stay far below 1 MiB."""
COLUMNS_TELL = 4
"""From so many columns on, lines of a note that happen to have as many delimiters as a row are not seen."""
_LF, _CR = 10, 13
_AT_START, _PLAIN, _QUOTED, _CLOSED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Bytes that separate fields; -1 where the file has no such byte."""

    delimiter: int
    quote: int = -1
    escape: int = -1


@dataclass(frozen=True, slots=True)
class Records:
    """Records of one block, in order. `consumed`: bytes done with; `breaks`: line breaks between."""

    starts: np.ndarray[Any, np.dtype[np.int64]]
    ends: np.ndarray[Any, np.dtype[np.int64]]
    fields: np.ndarray[Any, np.dtype[np.int32]]
    reasons: np.ndarray[Any, np.dtype[np.uint8]]
    consumed: int
    breaks: int


def find_records(
    block: np.ndarray[Any, np.dtype[np.uint8]], dialect: Dialect, *, columns: int, final: bool
) -> Records:
    """Records of a block that begins at a record; `columns` 0 accepts any number of fields.

    Unless `final`, a record that the block cuts off is left for the next block.
    """
    room = block.size // 8 + 64  # denser blocks are done in several calls
    starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
    fields, reasons = np.empty(room, np.int32), np.empty(room, np.uint8)
    count, consumed, breaks = _scan(
        block, dialect.delimiter, dialect.quote, dialect.escape, columns, final,
        starts, ends, fields, reasons,
    )  # fmt: skip
    return Records(starts[:count], ends[:count], fields[:count], reasons[:count], consumed, breaks)


def find_lines(block: np.ndarray[Any, np.dtype[np.uint8]], *, final: bool) -> Records:
    """Physical lines as records."""
    return find_records(block, Dialect(delimiter=-1), columns=0, final=final)


@compiled
def blank_out(block: Any, starts: Any, ends: Any, reasons: Any) -> None:
    """Overwrite rejected records with line breaks, which readers of CSV skip."""
    for record in range(starts.size):
        if reasons[record] != 0:
            block[starts[record] : ends[record]] = _LF


@compiled
def _scan(  # noqa: PLR0917 - compiled code takes arguments by position
    block: Any, delimiter: int, quote: int, escape: int, columns: int, final: bool,
    starts: Any, ends: Any, fields: Any, reasons: Any,
) -> tuple[int, int, int]:  # fmt: skip
    at, count, breaks = 0, 0, 0
    while at < block.size and count < starts.size:
        if block[at] in (_LF, _CR):
            at += 1
            breaks += 1
            continue
        end, found, reason = _record(block, at, delimiter, quote, escape, columns, final)
        if end < 0:
            break
        starts[count], ends[count], fields[count], reasons[count] = at, end, found, reason
        count += 1
        at = end
    return count, at, breaks


@compiled
def _record(  # noqa: C901, PLR0911, PLR0912, PLR0917 - the states of one automaton
    block: Any, start: int, delimiter: int, quote: int, escape: int, columns: int, final: bool
) -> tuple[int, int, int]:  # fmt: skip
    """End, number of fields and reason of the record at `start`; end -1 where the block cuts it off.

    Longer than a function should be: the states of one automaton, which the compiler wants together.
    """
    state, found, nul, line_end = _AT_START, 1, False, -1
    at = start
    while at < block.size:
        byte = block[at]
        if at - start > RECORD_BYTES_MAX:
            return (
                (line_end, found, UNCLOSED)
                if line_end >= 0
                else _rest_of_line(block, at, found, TOO_LONG)
            )
        nul = nul or byte == 0
        if byte == escape and state != _CLOSED:
            at += 1  # whatever comes next is text
            state = _PLAIN if state == _AT_START else state
        elif state == _QUOTED:
            if byte == quote:
                if escape < 0 and at + 1 < block.size and block[at + 1] == quote:
                    at += 1
                else:
                    state = _CLOSED
            elif line_end < 0 and byte in (_LF, _CR):
                line_end = at
        elif byte in (_LF, _CR):
            break
        elif byte == delimiter:
            found += 1
            state = _AT_START
        elif state == _AT_START:
            state = _QUOTED if byte == quote else _PLAIN
        elif state == _CLOSED and byte != 32:
            if line_end >= 0:
                return line_end, found, UNCLOSED
            end = _rest_of_line(block, at, found, BAD_QUOTE)[0]
            cut_off = end == block.size and not final and end - start <= RECORD_BYTES_MAX
            return (-1 if cut_off else end), found, BAD_QUOTE
        at += 1
    at = min(at, block.size)
    cut = at == block.size
    if cut and not final:
        return -1, found, 0
    if state == _QUOTED:
        return (line_end if line_end >= 0 else at), found, UNCLOSED
    if (
        columns > 0
        and line_end >= 0
        and (found != columns or _each_line_whole(block, start, at, delimiter, columns))
    ):
        return line_end, found, UNCLOSED
    return at, found, _verdict(found, columns, nul, cut)


@compiled
def _each_line_whole(block: Any, start: int, end: int, delimiter: int, columns: int) -> bool:
    """Every line of a record of many would be a row of its own: a lost quote has met the next row's."""
    if columns < COLUMNS_TELL:
        return False
    found = 1
    for at in range(start, end):
        if block[at] == delimiter:
            found += 1
        elif block[at] == _LF or (block[at] == _CR and block[at + 1] != _LF):
            if found != columns:
                return False
            found = 1
    return found == columns


@compiled
def _verdict(found: int, columns: int, nul: bool, cut: bool) -> int:
    if nul:
        return NUL
    if columns > 0 and found < columns:
        return TRUNCATED if cut else SHORT
    if columns > 0 and found > columns:
        return LONG
    return 0


@compiled
def _rest_of_line(block: Any, at: int, found: int, reason: int) -> tuple[int, int, int]:
    while at < block.size and block[at] != _LF and block[at] != _CR:
        at += 1
    return at, found, reason
