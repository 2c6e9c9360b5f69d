"""Workbooks (xlsx, xls, ods) as text: every sheet a table, hidden ones too, typed cells as a person wrote them.

Dates are yyyy-mm-dd, 20701.0 is 20701, formulas are their last values, cells of an error are blank. Leading
zeros stay where the workbook holds text; where only a number format shows them (ZIP codes as 00000), the
workbook holds a number and so does the column. A cell merged downwards stands in each of its rows. Rows are
numbered from the one after the header as the sheet has them; blank ones are no rows. Memory: a process of its
own reads the workbook, with MEMORY_BYTES at most, into a file without a name; here only pieces of it are held.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
import pyarrow as pa

from matching.errors import OperatorError
from matching.intake.blocks import blanks_null
from matching.intake.content import Content
from matching.intake.packed import archives, streams
from matching.intake.packed.limits import COLUMNS_MAX
from matching.intake.packed.signs import workbook_kind
from matching.intake.pieces import NO_REJECTS, ROW_NO, START, Batch, Piece, Position, distinct_names
from matching.intake.workbooks.parts import refuse_costly
from matching.sources import Source

__all__ = ["Workbook"]

MEMORY_BYTES = 3 << 30
"""Of the process that reads: 2 GiB of cells, their strings, and the batch in hand."""
CPU_SECONDS = 900
"""A full sheet of 60 columns takes about two minutes."""
ROUND_S, STILL_ROUNDS = 5.0, 12
"""A minute without any work done."""
PIECE_ROWS = 100_000
KEPT = 4
"""Workbooks that stay taken apart, in files without a name."""
_WORKER = Path(__file__).with_name("worker.py")
_FIX = "export its sheets as CSV and name those files in path"
_REFUSED = {
    "password": 'encrypted by a password; deliver it decrypted, or say secured = "encrypted_key_safe",'
    ' "encrypted_key_lost" or "unknown"',
    "memory": f"needs more than {MEMORY_BYTES >> 30} GiB of memory to read; {_FIX}",
    "time": f"takes more than {CPU_SECONDS // 60} minutes to read; {_FIX}",
    "columns": f"has cells beyond column {COLUMNS_MAX:,}, where sheets end; {_FIX}",
    "unreadable": "no workbook that can be read; open and save it again in a spreadsheet program, or"
    f" {_FIX}",
}


class Workbook:
    """Sheets of xlsx, xls and ods files."""

    def parts(self, content: Content, source: Source) -> tuple[str, ...]:
        """Sheets that hold anything, in the order of the workbook."""
        return tuple(_opened(content, source).sheets)

    def columns(self, content: Content, source: Source, part: str) -> list[str]:
        """Names of the header row; nameless columns that hold nothing are none."""
        return list(_opened(content, source).grid(part, source).names.values())

    def pieces(
        self,
        content: Content,
        source: Source,
        part: str,
        start: Position = START,
        *,
        size: int | None = None,
    ) -> Iterator[Piece]:
        """Runs of rows; with `size` of fewer."""
        grid = _opened(content, source).grid(part, source)
        step = PIECE_ROWS if size is None else min(PIECE_ROWS, max(1, size // _ROW_BYTES))
        for first in range(start.row, grid.rows, step):
            end = min(first + step, grid.rows)
            yield Piece(Position(0, end), partial(grid.batch, first, end))


_ROW_BYTES = 200
"""Of a row as text: `size` of a sample in rows."""


@dataclass(frozen=True, slots=True)
class _Grid:
    """A sheet below its header. `names`: source column by number of the sheet's column."""

    table: pa.Table
    names: dict[str, str]
    first: int
    merged: dict[str, Any]

    @property
    def rows(self) -> int:
        """Rows below the header, blank ones too."""
        return max(int(self.table.num_rows) - self.first, 0)

    def batch(self, first: int, end: int) -> Batch:
        """Rows `first` to `end` without blank ones."""
        frame = self.frame(self.first + first, self.first + end)
        filled = frame.rename(self.names).with_columns(
            pl.int_range(first, end, dtype=pl.Int64).alias(ROW_NO)
        )
        used = pl.any_horizontal(pl.col(pl.String).is_not_null())
        return Batch(filled.filter(used) if self.names else filled.clear(), NO_REJECTS, 0)

    def frame(self, first: int, end: int) -> pl.DataFrame:
        """Named columns of rows of the sheet, merged cells filled in."""
        columns = {}
        for number in self.names:
            column = self.table.column(number)
            rows = self.merged.get(number)
            taken = (
                column.slice(first, end - first) if rows is None else column.take(rows[first:end])
            )
            columns[number] = pl.Series(number, pl.from_arrow(taken), pl.String)
        return pl.DataFrame(columns).with_columns(blanks_null())


class _Opened:
    """A workbook taken apart: sheets in a file without a name, mapped into memory."""

    def __init__(self, descriptor: int, found: Sequence[dict[str, Any]]) -> None:
        self._buffer = pa.memory_map(f"/proc/self/fd/{descriptor}").read_buffer()
        self.sheets = {sheet["name"]: sheet for sheet in found if sheet["rows"]}
        self._grids: dict[tuple[str, int, bool], _Grid] = {}

    def grid(self, part: str, source: Source) -> _Grid:
        """A sheet as the entry reads it."""
        key = (part, source.skip_lines, source.header)
        if key not in self._grids:
            self._grids[key] = self._read(self.sheets[part], source)
        return self._grids[key]

    def _read(self, sheet: dict[str, Any], source: Source) -> _Grid:
        stretch = self._buffer.slice(sheet["begin"], sheet["bytes"])
        table = pa.ipc.open_stream(pa.BufferReader(stretch)).read_all()
        merged = _merged(sheet["merges"], table)
        whole = _Grid(table, {name: name for name in table.column_names}, 0, merged)
        header = _header_row(whole, source.skip_lines)
        first = header + 1 if source.header else header
        names = {}
        if source.header and header < table.num_rows:
            row = whole.frame(header, header + 1).row(0)
            names = dict(zip(table.column_names, (str(v or "").strip() for v in row), strict=True))
        kept = {
            number: f"c{number}" if not source.header else names.get(number, "")
            for number in table.column_names
            if names.get(number) or _holds(table.column(number), first)
        }
        return _Grid(table, _distinct(kept), first, merged)


def _distinct(names: dict[str, str]) -> dict[str, str]:
    """As in a CSV file: the second of a name is `name#2`, one without is `c` and its number."""
    full = [name or f"c{number}" for number, name in names.items()]
    return dict(zip(names, distinct_names(full), strict=True))


def _header_row(whole: _Grid, skip: int) -> int:
    """The first row with anything in it, below the lines to be skipped; looked for in stretches."""
    total = whole.table.num_rows
    for begin in range(skip, total, PIECE_ROWS):
        frame = whole.frame(begin, min(begin + PIECE_ROWS, total))
        used = frame.select(pl.any_horizontal(pl.all().is_not_null()).alias("used"))["used"]
        if used.any():
            return begin + int(used.arg_max() or 0)
    return int(total)


def _holds(column: Any, first: int) -> bool:
    """Anything but blanks below the header."""
    for chunk in column.slice(first).chunks:
        text = pl.Series("", pl.from_arrow(chunk), pl.String)
        if text.str.strip_chars().str.len_bytes().max():
            return True
    return False


def _merged(merges: list[tuple[int, int, int]], table: Any) -> dict[str, Any]:
    """For columns with cells merged downwards: the row from which each row takes its value."""
    found: dict[str, Any] = {}
    for top, bottom, left in merges:
        name = str(left)
        if name in table.column_names and top < table.num_rows:
            rows = found.setdefault(name, np.arange(table.num_rows))
            rows[top : bottom + 1] = top
    return found


_KEPT: OrderedDict[Any, _Opened] = OrderedDict()
_LOCK = threading.Lock()


def _opened(content: Content, source: Source) -> _Opened:
    key = (content, archives.stamp(content.path), source.format)
    with _LOCK:
        if key not in _KEPT:
            _KEPT[key] = _taken_apart(content, source)
            while len(_KEPT) > KEPT:
                _KEPT.popitem(last=False)
        _KEPT.move_to_end(key)
        return _KEPT[key]


def _taken_apart(content: Content, source: Source) -> _Opened:
    entries = archives.inside(content.path, content.members)
    kind = workbook_kind(content.head(archives.HEAD_BYTES), lambda: {one.name for one in entries})
    if kind != source.format:
        says = f"it is {kind}; correct format" if kind else _REFUSED["unreadable"]
        raise OperatorError(f"{content.name}: no {source.format}: {says}")
    with (
        content.open_random() as book,
        tempfile.TemporaryFile(dir=streams.FOLDER) as out,
    ):
        with _started(book.fileno(), out.fileno()) as worker:
            try:  # both at once: the worker cannot do harm
                refuse_costly(content, entries)
                answer = _answer(worker)
            finally:
                worker.kill()
        if "error" in answer:
            raise OperatorError(f"{content.name}: {_REFUSED[answer['error']]}")
        sheets = [sheet for sheet in answer["sheets"] if sheet["rows"]]
        if not sheets:
            raise OperatorError(
                f"{content.name}: no sheet holds anything; remove it from the incident file or deliver it again"
            )
        return _Opened(out.fileno(), sheets)


def _started(book: int, out: int) -> subprocess.Popen[bytes]:
    numbers = (book, out, MEMORY_BYTES, CPU_SECONDS, COLUMNS_MAX)
    return subprocess.Popen(  # noqa: S603 - our own script, numbers only
        [sys.executable, "-I", str(_WORKER), *map(str, numbers)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a panic may quote a cell
        pass_fds=(book, out),
        env={"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "PATH": os.defpath},
    )


def _answer(worker: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it says; a reader that stands still has met its memory and cannot even say so."""
    spent, still = -1.0, 0
    while still < STILL_ROUNDS:
        try:
            text, _ = worker.communicate(timeout=ROUND_S)
        except subprocess.TimeoutExpired:
            now = sum(psutil.Process(worker.pid).cpu_times()[:2])
            still, spent = (still + 1 if now == spent else 0), now
            continue
        if worker.returncode == 0 and text:
            answer: dict[str, Any] = json.loads(text)
            return answer
        ended = {-signal.SIGXCPU: "time", -signal.SIGABRT: "memory", -signal.SIGKILL: "memory"}
        return {"error": ended.get(worker.returncode, "unreadable")}
    return {"error": "memory"}
