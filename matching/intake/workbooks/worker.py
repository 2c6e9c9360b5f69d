"""A process of its own that takes a workbook apart: whatever is in it cannot take more than this process.

Run as a script: `worker.py WORKBOOK_FD OUT_FD MEMORY_BYTES CPU_SECONDS COLUMNS_MAX`. Out goes, to OUT_FD,
every sheet as an Arrow stream of text columns named by their number from 0, one row a row of the sheet from its
first on; to standard output one JSON document: the sheets with their place in OUT_FD, or `error`. It imports nothing of this
project, so that it starts in a moment, and says nothing of what it reads.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import resource
import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import python_calamine as calamine

BATCH_CELLS = 1_000_000
"""Cells as Python objects at a time: about 0.1 GiB."""
BATCH_ROWS = 20_000
EXACT = 1e15
"""Whole numbers up to here are shown with all their digits; Excel keeps fifteen."""
_SECOND = dt.timedelta(seconds=1)


def main() -> None:
    """Read the workbook of the first argument."""
    book, out, memory, seconds, columns_max = (int(word) for word in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer: dict[str, Any] = {"sheets": list(_sheets(book, out, columns_max))}
    except MemoryError:
        answer = {"error": "memory"}
    except calamine.PasswordError:
        answer = {"error": "password"}
    except _TooWide:
        answer = {"error": "columns"}
    except Exception as error:  # noqa: BLE001 - any failure of a hostile file is one word
        answer = {"error": "unreadable", "kind": type(error).__name__}
    print(json.dumps(answer))  # noqa: T201 - the answer


class _TooWide(Exception):
    pass


def _sheets(book: int, out: int, columns_max: int) -> Iterator[dict[str, Any]]:
    with (
        calamine.CalamineWorkbook.from_path(f"/proc/self/fd/{book}") as workbook,
        os.fdopen(os.dup(out), "wb") as file,
    ):
        for place, known in enumerate(workbook.sheets_metadata):
            if known.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(place)
            begin = file.tell()
            rows = 0
            if sheet.end is not None and sheet.start is not None:
                if sheet.end[1] >= columns_max:
                    raise _TooWide
                rows = _write(sheet, sheet.start[1], sheet.end[1] + 1, file)
            merges = [
                (top, bottom, left)
                for (top, left), (bottom, _) in sheet.merged_cell_ranges or ()
                if bottom > top
            ]
            yield {
                "name": known.name,
                "begin": begin,
                "bytes": file.tell() - begin,
                "rows": rows,
                "merges": merges,
            }


def _write(sheet: calamine.CalamineSheet, first: int, end: int, file: Any) -> int:
    """Rows written; none above the first used one is left out."""
    schema = pa.schema([(str(number), pa.string()) for number in range(first, end)])
    rows = iter(sheet.iter_rows())
    step = max(1, min(BATCH_ROWS, BATCH_CELLS // (end - first)))
    written = 0
    with pa.ipc.new_stream(pa.PythonFile(file, mode="w"), schema) as stream:
        while batch := list(islice(rows, step)):
            columns = [_column(list(column)) for column in zip(*batch, strict=True)]
            stream.write_batch(pa.record_batch(columns, schema=schema))
            written += len(batch)
    return written


def _column(values: list[Any]) -> pa.Array:
    """Values of one column as text, null where the cell is empty."""
    kinds = set(map(type, values))
    if kinds == {str}:
        return pa.array(values, pa.string())
    if str in kinds and len(kinds) == 2:  # numbers or dates with empty cells between
        emptied = [None if value == "" else value for value in values]
        found = set(map(type, emptied)) - {type(None)}
        kinds, values = (found, emptied) if str not in found else (kinds, values)
    if kinds == {float}:
        return _numbers(pa.array(values, pa.float64()))
    if kinds == {dt.date}:
        return pa.array(values, pa.date32()).cast(pa.string())
    return pa.array(
        [None if value is None or value == "" else _text(value) for value in values], pa.string()
    )


def _numbers(values: pa.Array) -> pa.Array:
    """Whole ones without a point, others with the fifteen digits that Excel keeps."""
    whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), EXACT))
    if pc.all(whole).as_py():
        return values.cast(pa.int64()).cast(pa.string())
    return pa.array([None if value is None else _text(value) for value in values.to_pylist()])


def _text(value: object) -> str:
    """As a person would have written it: a day without its midnight, whole seconds."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e21
        return str(int(value)) if whole else format(value, ".15g")
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
        return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, dt.datetime):
        value = value + _SECOND / 2 if value.microsecond else value
        return value.replace(microsecond=0).isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, dt.time):
        return value.replace(microsecond=0).isoformat()
    return str(value)


if __name__ == "__main__":
    main()
