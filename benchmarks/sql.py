"""Megabytes a second of SQL dumps: the layout, rows as frames of text, and the whole of intake.

    python -m benchmarks.sql [--gigabytes 2] [--intake-gigabytes 1] [--seed 1] [--repeats 3] [--json]

Two dumps of made-up patients, as mysqldump (extended inserts) and pg_dump (COPY) write them. Measured are the
layout (one thread) and reading (two threads, as intake does), with the conservation of bytes asserted; and
`intake.run` into encrypted tables. Peer of the same run: a regular expression that finds the values of rows
in 64 MB of the same file, and does nothing with them. Processor seconds stand beside the clock's, because other
work on the machine slows only the clock.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.results import measured, record
from flows.measure import PeakMemory
from flows.verify import conservation
from matching.intake import IntakeSettings, register_files, run
from matching.intake.content import Content
from matching.intake.pieces import Batch
from matching.intake.readers import FORMATS, parts
from matching.sources import LeakedSource
from matching.store import Workspace

FIELDS: dict[str, Any] = {
    "record_id": "id", "first_name": "first", "last_name": "last", "date_of_birth": "dob", "ssn": "ssn",
    "street": "street", "city": "city", "state": "st", "zip": "zip", "phone": "phone", "email": "email",
}  # fmt: skip
COLUMNS = (
    "id", "first", "last", "dob", "ssn", "middle", "street", "city", "st", "zip", "phone", "email",
    "balance", "changed", "active",
)  # fmt: skip
FIRST = ("Ann", "Bob", "María", "Zoë", "D'Arcy", "Jean", "Luis", "Wei")
LAST = ("Smith", "Nguyen", "García", "O'Brien", "Jones-Lee", "Brown", "Müller")
BLOCK_ROWS = 5_000
BLOCKS = 40
PEER_BYTES = 64 << 20
REGEX = {
    "mysqldump": re.compile(rb"'(?:[^'\\]|\\.|'')*'|[^,()]+"),
    "pg_dump": re.compile(rb"(?:[^\t\n\\]|\\.)+"),
}


def people(seed: int) -> Iterator[list[str | None]]:
    """Rows of a block many times over; values as typed."""
    rng = random.Random(seed)
    for number in range(BLOCK_ROWS * BLOCKS):
        yield [
            str(number), rng.choice(FIRST), rng.choice(LAST),
            f"{rng.randint(1920, 2020)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
            f"{rng.randint(900, 999)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}", None,
            f"{rng.randint(1, 9999)} Main St\nApt {number % 99}", "Springfield", rng.choice(("CA", "TX")),
            f"{rng.randint(10000, 99999)}", f"({rng.randint(200, 999)}) 555-0{rng.randint(100, 199)}",
            f"user{number}@example.com", f"{rng.random() * 100:.2f}", "2024-01-01 10:00:00", "1",
        ]  # fmt: skip


def _mysql(value: str | None) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _copy(value: str | None) -> str:
    return "\\N" if value is None else value.replace("\\", "\\\\").replace("\n", "\\n")


def write(target: Path, kind: str, size: int, seed: int) -> None:
    """A dump of about that many bytes."""
    rows = list(people(seed))
    if kind == "mysqldump":
        lines = ["(" + ",".join(map(_mysql, row)) + ")" for row in rows]
        head = (
            "-- MySQL dump 10.13\nCREATE TABLE `patients` ("
            + ",".join(f"`{c}` text" for c in COLUMNS)
            + ");\n"
        )
        starts = range(0, len(lines), BLOCK_ROWS)
        blocks = [
            "INSERT INTO `patients` VALUES " + ",".join(lines[n : n + BLOCK_ROWS]) + ";\n"
            for n in starts
        ]
        tail = "-- Dump completed\n"
    else:
        columns = ", ".join(f'"{column}"' for column in COLUMNS)
        head = f"-- PostgreSQL database dump\nCOPY public.patients ({columns}) FROM stdin;\n"
        blocks = ["".join("\t".join(map(_copy, row)) + "\n" for row in rows)]
        tail = "\\.\n-- PostgreSQL database dump complete\n"
    with target.open("wb") as out:
        out.write(head.encode())
        while out.tell() < size:
            for block in blocks:
                out.write(block.encode())
        out.write(tail.encode())


def read_once(path: Path) -> dict[str, float]:
    """Layout and reading of one dump in this process, compiled before."""
    source = LeakedSource(path=path.name, format="sql")
    small = path.with_name("small.sql")
    small.write_bytes(
        path.read_bytes()[: 1 << 20] if path.stat().st_size < 1 << 24 else _head(path)
    )
    _read(small, source)
    with PeakMemory() as memory:
        began, busy = time.perf_counter(), time.process_time()
        names = parts(Content(path), source)
        layout, layout_busy = time.perf_counter() - began, time.process_time() - busy
        began, busy = time.perf_counter(), time.process_time()
        rows = _read(path, source)
        seconds, read_busy = time.perf_counter() - began, time.process_time() - busy
    mb = path.stat().st_size / 1e6
    return {
        "tables": len(names),
        "rows": rows,
        "layout_mb_per_s": round(mb / layout, 1),
        "layout_mb_per_processor_s": round(mb / layout_busy, 1),
        "read_mb_per_s": round(mb / seconds, 1),
        "read_mb_per_processor_s": round(mb / read_busy, 1),
        "both_mb_per_s": round(mb / (layout + seconds), 1),
        "both_mb_per_s_on_two_free_cores": round(mb / (layout_busy + read_busy / 2), 1),
        "peak_rss_gib": round(memory.gib, 2),
    }


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(1 << 20)


def _read(path: Path, source: LeakedSource) -> int:
    """Rows of all tables by two threads; asserts that every byte is accounted for."""
    content, rows, covered = Content(path), 0, 0
    waiting: deque[Future[Batch]] = deque()
    with ThreadPoolExecutor(2) as pool:
        for part in parts(content, source):
            for piece in FORMATS["sql"].pieces(content, source, part):
                waiting.append(pool.submit(piece.parse))
                while len(waiting) > 4:
                    batch = waiting.popleft().result()
                    rows, covered = rows + batch.rows.height, covered + batch.covered
        for future in waiting:
            rows, covered = rows + future.result().rows.height, covered + future.result().covered
    if covered != path.stat().st_size:
        raise AssertionError(f"{path.stat().st_size - covered} bytes are not accounted for")
    return rows


def taken_in(path: Path, folder: Path) -> dict[str, Any]:
    """One run of the step into encrypted tables."""
    leaked = LeakedSource(path=path.name, format="sql", columns=FIELDS)
    settings = IntakeSettings(root=path.parent, leaked=(leaked,))
    workspace, _ = Workspace.create(folder, incident_id="benchmark", synthetic=True)
    register_files(workspace, settings, recorded_at=datetime(2026, 3, 20, tzinfo=UTC))

    def stage() -> int:
        run(workspace, settings)
        return workspace.rows("leaked")

    result = measured(stage) | {"R": conservation(workspace)}
    return result | {"mb_per_s": round(path.stat().st_size / 1e6 / result["seconds"], 1)}


def peer_mb_per_s(path: Path, kind: str) -> float:
    """The regular expression over the first 64 MB."""
    with path.open("rb") as stream:
        data = stream.read(PEER_BYTES)
    began = time.process_time()
    for _ in REGEX[kind].finditer(data):
        pass
    return len(data) / 1e6 / (time.process_time() - began)


def measure(folder: Path, kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one kind of dump."""
    context, path = get_context("spawn"), folder / f"{kind}.sql"
    write(path, kind, int(options.gigabytes * 1e9), options.seed)
    runs = []
    for _ in range(options.repeats):
        with context.Pool(1) as pool:
            runs.append(pool.apply(read_once, (path,)))
    result: dict[str, Any] = {
        "bytes": path.stat().st_size,
        "best": {name: max(found[name] for found in runs) for name in runs[0]},
        "median": {name: round(statistics.median(f[name] for f in runs), 1) for name in runs[0]},
        "peer_mb_per_processor_s": round(peer_mb_per_s(path, kind), 1),
    }
    write(path, kind, int(options.intake_gigabytes * 1e9), options.seed)
    with context.Pool(1) as pool:
        result["intake"] = pool.apply(taken_in, (path, folder / f"ws-{kind}"))
    path.unlink()
    return result


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--intake-gigabytes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with TemporaryDirectory(dir=Path.home()) as name:
        found = {kind: measure(Path(name), kind, options) for kind in ("mysqldump", "pg_dump")}
    load = round(os.getloadavg()[0], 1)
    record("sql", {**found, "repeats": options.repeats, "load_at_the_end": load}, show=options.json)


if __name__ == "__main__":
    main()
