"""Files made to fill memory, disk or time, at full size: what each ends in, how long it takes, how much memory.

`python -m benchmarks.hostile [CASE...]`: every case is checked, and read if nothing was said, in a process of
its own. Made once a run in a folder that is removed; nothing takes more than 0.2 GB of disk.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, record
from matching.errors import OperatorError
from matching.intake import IntakeSettings, readers
from matching.intake.checks import check
from matching.intake.delivered import resolve
from matching.sources import LeakedSource
from tests.workbooks import MAIN, cell, ods, row, xlsx

TEN_GB = 10 * 1000**3
TIMEOUT_S = 900


def main() -> None:
    wanted = sys.argv[1:] or list(CASES)
    if wanted[0] == "--one":
        print(json.dumps(one(Path(wanted[1]), wanted[2])))
        return
    with tempfile.TemporaryDirectory() as folder:
        results = known()
        for name in wanted:
            path = Path(folder) / "hostile"
            form, make = CASES[name]
            make(path)
            results[name] = {"format": form, "bytes": path.stat().st_size, **run(path, form)}
            path.unlink()
            print(name, json.dumps(results[name]), file=sys.stderr)
            record("hostile", {"cases": {one: results[one] for one in CASES if one in results}})


def known() -> dict[str, Any]:
    """Cases measured before: single ones can be measured again."""
    path = FOLDER / "hostile.json"
    return json.loads(path.read_text())["cases"] if path.exists() else {}


def run(path: Path, form: str) -> dict[str, Any]:
    """Seconds, peak memory and what was said, of a process of its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile", "--one", str(path), form],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    seconds = round(time.perf_counter() - began, 1)
    if done.returncode:
        return {"seconds": seconds, "failed": done.stderr.splitlines()[-1:]}
    return {"seconds": seconds, **json.loads(done.stdout)}


def one(path: Path, form: str) -> dict[str, Any]:
    """Check it; where nothing is said, read it."""
    import resource

    rows = rejects = 0
    said: list[str] = []
    if form not in readers.FORMATS:
        said = [f"format {form} is not read yet"]
    else:
        source = LeakedSource(path=path.name, format=form, columns={"record_id": "a"})
        settings = IntakeSettings(root=path.parent, leaked=(source,))
        said = check(settings)
        try:
            for delivered in resolve(settings) if not said else ():
                for batch in readers.read(delivered.content, source, delivered.part):
                    rows, rejects = rows + batch.rows.height, rejects + batch.rejects.height
        except OperatorError as error:
            said = [str(error)]
    peak = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "said": said,
        "rows": rows,
        "rejects": rejects,
        "peak_rss_gib": round(peak / (1 << 20), 2),
    }


# --- the files ---------------------------------------------------------------------------------


def sparse_line(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(TEN_GB)


def sparse_line_behind_rows(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"a,b\n" + b"1,2\n" * 2_000_000)
        file.truncate(TEN_GB)


def packed_line(path: Path, head: bytes = b"") -> None:
    """Letters at 200:1, so that no cap on ratio meets them."""
    import random

    rest = random.Random(7).randbytes(4_000).hex().encode()
    block = gzip.compress(rest + b"x" * (1_000_000 - len(rest)))
    with path.open("wb") as file:
        file.write(gzip.compress(head))
        for _ in range(TEN_GB // 1_000_000):
            file.write(block)


def packed_line_behind_rows(path: Path) -> None:
    packed_line(path, b"a,b\n" + b"1,2\n" * 1000)


def many_columns(path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(1_000_000))
    path.write_text(f"{names}\n{',' * 999_999}\n")


def one_quote(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b'a,b\n1,"2\n')
        for _ in range(1000):
            file.write(b"1,%s\n" % (b"2" * 97) * 10_000)


def many_quotes(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(50):
            file.write(b'1,"2\n' * 200_000)


def one_row(path: Path) -> None:
    block = gzip.compress(b"1,2\n" * (1 << 22), 9)
    with path.open("wb") as file:
        file.write(gzip.compress(b"a,b\n1,2\n"))
        for _ in range(600):
            file.write(block)


def zip_of_zips(path: Path) -> None:
    """As 42.zip: sixteen zips in each of sixteen ..., at the bottom a file of zeros."""
    packed = _zip({"0.dll": bytes(64 << 20)})
    for _ in range(5):
        packed = _zip({f"lib {i}.zip": packed for i in range(16)})
    path.write_bytes(packed)


def overlapping(path: Path) -> None:
    """One kernel, 60,000 entries that all mean it (Fifield's bomb without its quoting)."""
    data = _zip({"0": bytes(1 << 20)})
    at, end = data.find(b"PK\x01\x02"), data.find(b"PK\x05\x06")
    entry = data[at:end]
    table = entry * 60_000
    tail = bytearray(data[end:])
    tail[8:12] = (60_000).to_bytes(2, "little") * 2
    tail[12:16] = len(table).to_bytes(4, "little")
    path.write_bytes(data[:at] + table + bytes(tail))


def many_members(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for i in range(150_000):
            archive.writestr(f"{i}", b"a\n")


def xml_bomb(path: Path) -> None:
    """A billion laughs as shared strings."""
    entities = "".join(
        f'<!ENTITY lol{i} "{("&lol" + str(i - 1) + ";") * 10 if i else "lol"}">' for i in range(10)
    )
    shared = f'<!DOCTYPE sst [{entities}]><sst xmlns="{MAIN}"><si><t>&lol9;</t></si></sst>'
    path.write_bytes(xlsx({"S": row("a") + '<row><c t="s"><v>0</v></c></row>'}, shared=shared))


def wide_sheet(path: Path) -> None:
    path.write_bytes(xlsx({"S": row("a") + "<row>" + "<c><v>1</v></c>" * 1_000_000 + "</row>"}))


def far_cells(path: Path) -> None:
    ends = f'<row r="1">{cell("a", "A1")}</row><row r="1048576">{cell("x", "XFD1048576")}</row>'
    path.write_bytes(xlsx({"S": ends}))


def repeated_cells(path: Path) -> None:
    path.write_bytes(
        ods(
            "<table:table-row table:number-rows-repeated='1048576'><table:table-cell"
            " table:number-columns-repeated='16384' office:value-type='string'><text:p>a</text:p>"
            "</table:table-cell></table:table-row>"
        )
    )


def blank_sheet(path: Path) -> None:
    """4 GB of blanks between two cells."""
    small = BytesIO(xlsx({"S": row("a")}))
    with (
        zipfile.ZipFile(small) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            with target.open(name, "w", force_zip64=True) as part:
                before, mark, after = source.read(name).partition(b"</sheetData>")
                part.write(before)
                for _ in range(250 if mark else 0):
                    part.write(b" " * (16 << 20))
                part.write(mark + after)


def deep_json(path: Path) -> None:
    path.write_text('[{"a":' + "[" * 100_000 + "]" * 100_000 + "}]")


def deep_json_line(path: Path) -> None:
    path.write_text('{"a":' + "[" * 100_000 + "]" * 100_000 + '}\n{"a":1}\n')


def _zip(files: dict[str, bytes]) -> bytes:
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return sink.getvalue()


CASES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "10 GB line, sparse": ("csv", sparse_line),
    "10 GB line of NUL behind 2 million rows": ("csv", sparse_line_behind_rows),
    "10 GB line in gzip": ("csv", packed_line),
    "10 GB line in gzip behind 1,000 rows": ("csv", packed_line_behind_rows),
    "10 GB line in gzip as JSON lines": ("jsonl", packed_line),
    "1,000,000 columns": ("csv", many_columns),
    "one quote before 1 GB of rows": ("csv", one_quote),
    "an open quote in each of 10 million rows": ("csv", many_quotes),
    "10 GB of one row in gzip": ("csv", one_row),
    "zips in zips, five deep": ("csv", zip_of_zips),
    "60,000 members in the same bytes": ("csv", overlapping),
    "150,000 members": ("csv", many_members),
    "XML bomb in XLSX": ("xlsx", xml_bomb),
    "1,000,000 columns in XLSX": ("xlsx", wide_sheet),
    "cells at the ends of a sheet": ("xlsx", far_cells),
    "repeated cells in ODS": ("ods", repeated_cells),
    "4 GB of blanks in XLSX": ("xlsx", blank_sheet),
    "JSON nested 100,000 deep": ("json", deep_json),
    "JSON lines nested 100,000 deep": ("jsonl", deep_json_line),
}

if __name__ == "__main__":
    main()
