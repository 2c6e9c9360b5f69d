"""Rows a second from a delivered CSV into encrypted tables, every byte accounted for, and peak memory.

    python -m benchmarks.intake [--rows 15000000] [--seed 1] [--repeats 1] [--json]

The file is the rehearsal's appointments, made once for a seed and set one after the other with new row
ids until there are enough rows. Measured is `intake.run` on that file alone in a process of its own: find
records, take them apart, map, classify, encrypt, write, digest. R is checked afterwards. Peer of the same
run: DuckDB reading the same file with its dialect given, all text, into nothing.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from benchmarks.data import incident
from benchmarks.results import measured, record
from flows.verify import conservation
from matching.intake import IntakeSettings, register_files, run
from matching.sources import LeakedSource
from matching.store import Workspace

COLUMNS: dict[str, Any] = {
    "record_id": "appt_id", "tenant_id": "account", "location_id": "office", "mrn": "chart_no",
    "first_name": "fname", "last_name": "lname", "date_of_birth": "birthdate", "sex": "gender",
    "phone": "cell", "street": "addr", "city": "town", "zip": "zip_code", "last_visit_on": "appt_date",
    "provider": "provider", "elements": "data_kinds",
}  # fmt: skip


def grown(source: Path, target: Path, rows: int) -> None:
    """The file's rows over and over, the copy's number at the front of each id."""
    header, _, body = source.read_bytes().partition(b"\n")
    lines = body.count(b"\n")
    with target.open("wb") as out:
        out.write(header + b"\n")
        for copy in range(rows // lines):
            out.write(body.replace(b"\nA", b"\nA%d-" % copy))
        out.write(b"\n".join(body.split(b"\n", rows % lines)[: rows % lines]) + b"\n")


def taken_in(path: Path, folder: Path) -> dict[str, Any]:
    """One run of the step; in a process of its own, so that its memory is all there is."""
    settings = IntakeSettings(
        root=path.parent, leaked=(LeakedSource(path=path.name, format="csv", columns=COLUMNS),)
    )
    workspace, _ = Workspace.create(folder, incident_id="benchmark", synthetic=True)
    register_files(workspace, settings, recorded_at=datetime(2026, 3, 20, tzinfo=UTC))

    def stage() -> int:
        run(workspace, settings)
        return workspace.rows("leaked")

    result = measured(stage)
    return result | {"R": conservation(workspace), "disk_bytes": _disk(folder)}


def _disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def peer_seconds(path: Path) -> float:
    """DuckDB over the same file, strict, all text."""
    began = time.perf_counter()
    with duckdb.connect() as connection:
        connection.sql(
            "select count(columns(*)) from read_csv($path, all_varchar=true, header=true, "
            "delim=',', quote='\"', escape='\"', auto_detect=false, ignore_errors=true, "
            f"columns={dict.fromkeys(_header(path), 'VARCHAR')})",
            params={"path": str(path)},
        ).fetchall()
    return time.perf_counter() - began


def _header(path: Path) -> list[str]:
    with path.open() as handle:
        return handle.readline().strip().split(",")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rehearsal = incident(2_000_000, seed=options.seed)
    context = get_context("spawn")
    with TemporaryDirectory(dir=Path.home()) as name:
        path = Path(name) / "appointments.csv"
        grown(rehearsal.parent / "leak" / "appointments.csv", path, options.rows)
        runs = []
        for number in range(options.repeats):
            with context.Pool(1) as pool:
                runs.append(pool.apply(taken_in, (path, Path(name) / f"ws{number}")))
        peer = peer_seconds(path)
        size = path.stat().st_size
    best = min(runs, key=lambda found: found["seconds"])
    result = {
        **best,
        "bytes": size,
        "repeats": options.repeats,
        "peer": "DuckDB read_csv, count only",
        "peer_seconds": round(peer, 1),
    }
    record("intake", result, show=options.json)


if __name__ == "__main__":
    main()
