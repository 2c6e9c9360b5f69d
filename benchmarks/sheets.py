"""A large workbook read row by row: rows a second and peak memory, process of its own included.

`python -m benchmarks.sheets [ROWS]`: 20 columns, of which a quarter each are shared strings, numbers, dates and
texts of their own. Made once a run, in a folder that is removed.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import zipfile
from pathlib import Path
from string import ascii_uppercase

from benchmarks.results import measured, record
from matching.intake import readers
from matching.intake.content import Content
from matching.sources import LeakedSource
from tests.workbooks import DATE, MAIN, row, xlsx

ROWS, COLUMNS, WORDS = 500_000, 20, 50_000
SOURCE = LeakedSource(path="large.xlsx", format="xlsx")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.xlsx"
        write(path, rows)
        result = measured(lambda: read(path, rows))
        worker = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = worker.ru_utime + worker.ru_stime
        result |= {
            "columns": COLUMNS,
            "bytes": path.stat().st_size,
            "worker_processor_seconds": round(seconds, 1),
            "rows_per_worker_processor_s": round(rows / seconds),
            "load_average": round(os.getloadavg()[0], 1),
        }
        record("sheets", result, show=True)


def read(path: Path, rows: int) -> int:
    content = Content(path)
    found = 0
    for part in readers.parts(content, SOURCE):
        for batch in readers.read(content, SOURCE, part):
            assert batch.rows.width == COLUMNS + 1
            found += batch.rows.height
    assert found == rows
    return found


def write(path: Path, rows: int) -> None:
    """A workbook of one sheet, written in a stream."""
    words = "".join(f"<si><t>Word {i}</t></si>" for i in range(WORDS))
    head = row(*(f"column {i}" for i in range(COLUMNS)))
    small = Path(path.parent) / "small.xlsx"
    small.write_bytes(xlsx({"S": head}, shared=f'<sst xmlns="{MAIN}">{words}</sst>'))
    with (
        zipfile.ZipFile(small) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            if not name.endswith("sheet1.xml"):
                target.writestr(name, data)
                continue
            before, after = data.split(b"</sheetData>")
            with target.open(name, "w", force_zip64=True) as sheet:
                sheet.write(before)
                for number in range(2, rows + 2):
                    sheet.write(_row(number))
                sheet.write(b"</sheetData>" + after)


def _row(number: int) -> bytes:
    cells = [_cell(f"{ascii_uppercase[i]}{number}", number, i) for i in range(COLUMNS)]
    return f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _cell(ref: str, number: int, column: int) -> str:
    kind = column % 4
    if kind == 0:
        return f'<c r="{ref}" t="s"><v>{(number * 31 + column) % WORDS}</v></c>'
    if kind == 1:
        return f'<c r="{ref}"><v>{(number * 7919 + column) % 10_000_000}</v></c>'
    if kind == 2:
        return f'<c r="{ref}" s="{DATE}"><v>{20_000 + (number * 13 + column) % 20_000}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t>Note {number} {column}</t></is></c>'


if __name__ == "__main__":
    main()
