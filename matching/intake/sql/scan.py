"""Runs of rows: tuples of INSERT statements with one head, lines of one COPY block.

The layout counts with them, the reader takes rows apart with them: both see the same rows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from matching.compiling import compiled
from matching.intake.sql.lexer import (
    BACKSLASH,
    BROKEN,
    MORE,
    NULL,
    TEXT,
    TEXT_ESCAPED,
    blank_end,
    copy_line_end,
    same_bytes,
    tuple_end,
)
from matching.intake.sql.values import Views, view_row

__all__ = [
    "AFTER", "CUT", "DAMAGED", "ENDED", "FULL", "HEAD", "NEEDS_MORE", "NOTHING", "STATEMENT", "TAIL",
    "TOO_LONG", "TUPLE", "Kept", "copy_rows", "insert_rows", "scan_copy",
]  # fmt: skip

HEAD, TUPLE, AFTER = 0, 1, 2
"""What comes next: a statement, a tuple, what stands behind one."""
NEEDS_MORE, FULL, STATEMENT, DAMAGED, TAIL, ENDED, CUT, TOO_LONG = range(8)
"""Why a scan stopped: bytes end; run long enough; another statement; a broken tuple; a clause behind the
tuples; the block's end mark; another statement within a COPY block; a line that is too long."""


class Kept:
    """Arrays that a scan fills: places and counts of `rows` rows, values of as many as `room` takes."""

    def __init__(self, rows: int, room: int, views: Views | None = None) -> None:
        self.starts, self.counts = np.empty(rows, np.int64), np.empty(rows, np.int32)
        self.first, self.last = np.empty(room, np.int32), np.empty(room, np.int32)
        self.kind = np.empty(room, np.int8)
        self.views = views

    def arrays(self) -> tuple[Any, ...]:
        """As compiled code takes them."""
        views = self.views or Views(0, 0, 0, [])
        return (
            self.starts, self.counts, self.first, self.last, self.kind,
            views.binary, views.views, views.valid, views.called, views.wrong, views.made,
        )  # fmt: skip


NOTHING: Final = Kept(0, 0).arrays()
"""For scans that only count."""


@compiled(error_model="numpy")
def insert_rows(
    buf: Any, at: int, n: int, flags: int, state: int, head: Any, limit: int, columns: int,
    starts: Any, counts: Any, first: Any, last: Any, kind: Any,
    binary: Any, views: Any, valid: Any, called: Any, wrong: Any, made: Any,
) -> tuple[int, int, int, int, int, int]:  # fmt: skip
    """Tuples from `at` on: why it stopped, where, in which state, rows, values of most rows, a code.

    Stops before the first tuple beyond `limit`. With room in `starts` the place and number of values of
    each row are kept; with room in `first` so are the values of rows with `columns` of them, one after
    the other; with room in `views`, `first` is of one row only. The code of a broken tuple is the lexer's.
    """
    rows, kept, fields, votes, done, good, used = 0, 0, 0, 0, at, 0, 0
    viewed = views.shape[0] > 0
    while True:
        at = blank_end(buf, done, n, flags, state == HEAD)
        if at < 0 or at >= n:
            return NEEDS_MORE, done, state, rows, fields, 0
        byte = buf[at]
        if state == TUPLE:
            if byte != 40:
                return DAMAGED, at, state, rows, fields, BROKEN
            if at >= limit:
                return FULL, at, state, rows, fields, 0
            room = columns if kept + columns <= first.size else 0
            end, found, _ = tuple_end(buf, at, n, flags, room, kept, first, last, kind)
            if end == MORE:
                return NEEDS_MORE, at, state, rows, fields, 0
            if end < 0:
                return DAMAGED, at, state, rows, fields, end
            if rows < starts.size:
                starts[rows], counts[rows] = at, found
            if found == columns and viewed:
                used = view_row(
                    buf, first, last, kind, False, flags & BACKSLASH != 0, binary,
                    views, valid, called, wrong, good, made, used,
                )  # fmt: skip
                good += 1
            elif found == columns:
                kept += room
            rows += 1
            done, state = end, AFTER
            if votes == 0:
                fields = found
            votes += 1 if found == fields else -1
        elif state == AFTER:
            if byte == 44:
                done, state = at + 1, TUPLE
            elif byte == 59:
                done, state = at + 1, HEAD
            elif _crossed_line(buf, done, at):
                state = HEAD
            else:
                return TAIL, at, state, rows, fields, 0
        else:
            if at + head.size > n:
                return STATEMENT, at, state, rows, fields, 0
            if at >= limit or not same_bytes(buf, at, n, head):
                return STATEMENT, at, state, rows, fields, 0
            done, state = at + head.size, TUPLE


@compiled(error_model="numpy")
def _crossed_line(buf: Any, at: int, end: int) -> bool:
    for place in range(at, end):
        if buf[place] == 10:
            return True
    return False


@compiled(error_model="numpy")
def scan_copy(
    buf: Any, at: int, n: int, columns: int, limit: int
) -> tuple[int, int, int]:  # fmt: skip
    """Lines of a COPY block from `at` on: why it stopped, where, rows."""
    rows = 0
    while True:
        if at >= limit and rows > 0:
            return FULL, at, rows
        end = copy_line_end(buf, at, n)
        if end == MORE:
            return NEEDS_MORE, at, rows
        if end < 0:
            return TOO_LONG, at, rows
        if (
            buf[at] == 92
            and buf[at + 1] == 46
            and (end - at == 3 or (end - at == 4 and buf[at + 2] == 13))
        ):
            return ENDED, at, rows
        if columns != 1 and _other_statement(buf, at, end):
            return CUT, at, rows
        rows += 1
        at = end


_COPY: Final = np.frombuffer(b"COPY ", np.uint8)
_STDIN: Final = np.frombuffer(b"FROM stdin", np.uint8)
_NOTE: Final = np.frombuffer(b"-- Data for Name: ", np.uint8)
_NOTE_NAME: Final = np.frombuffer(b"-- Name: ", np.uint8)


@compiled(error_model="numpy")
def _other_statement(buf: Any, at: int, end: int) -> bool:
    """A line of one value that begins what stands between COPY blocks: the block before was cut."""
    if buf[at] == 45:
        found = same_bytes(buf, at, end, _NOTE) or same_bytes(buf, at, end, _NOTE_NAME)
    elif buf[at] == 67 and same_bytes(buf, at, end, _COPY):
        found = False
        for place in range(at + 5, end - _STDIN.size):
            if buf[place] == 70 and same_bytes(buf, place, end, _STDIN):
                found = True
    else:
        return False
    if found:
        for place in range(at, end):
            if buf[place] == 9:
                return False
    return bool(found)


@compiled(error_model="numpy")
def copy_rows(
    buf: Any, n: int, columns: int, starts: Any, counts: Any, first: Any, last: Any, kind: Any,
    binary: Any, views: Any, valid: Any, called: Any, wrong: Any, made: Any,
) -> int:  # fmt: skip
    """Lines of a run, split at tabs: as `insert_rows` keeps tuples. Gives the number of rows."""
    rows, kept, at, good, used = 0, 0, 0, 0, 0
    viewed = views.shape[0] > 0
    while at < n and rows < starts.size:
        starts[rows] = at
        fields, begin, escaped = 0, at, False
        while True:
            byte = buf[at] if at < n else 10
            if byte == 92:
                escaped = True
                at += 1 if buf[at + 1] == 10 else 2  # a line feed ends a row, as the layout has it
                continue
            if byte != 9 and byte != 10:
                at += 1
                continue
            stop = at
            if byte == 10 and stop > begin and buf[stop - 1] == 13:
                stop -= 1
            if fields < columns and kept + fields < first.size:
                first[kept + fields], last[kept + fields] = begin, stop
                null = escaped and stop - begin == 2 and buf[begin] == 92 and buf[begin + 1] == 78
                kind[kept + fields] = NULL if null else TEXT_ESCAPED if escaped else TEXT
            fields += 1
            at += 1
            begin, escaped = at, False
            if byte == 10:
                break
        counts[rows] = fields
        if fields == columns and viewed:
            used = view_row(
                buf,
                first,
                last,
                kind,
                True,
                False,
                binary,
                views,
                valid,
                called,
                wrong,
                good,
                made,
                used,
            )
            good += 1
        elif fields == columns:
            kept += columns
        rows += 1
    return rows
