"""One late leaked file of 1 %: seconds of the link step, process start included, and equality with a full run.

    python -m benchmarks.late [--rows 15000000] [--model dental] [--whole] [--json]

One record in a hundred of a standardised incident is held back, linked round by round as a file of its
own. `--whole` links all files at once on the same reference, too, and compares the digests.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.data import copied, folder_of, standardised
from benchmarks.results import record
from matching.store import Workspace
from matching.tables import FILE_STEP, REFERENCE, TABLES

EARLY, LATE = 900, 901
"""Numbers of the last early file and of the late one, above those of the incident."""
ONE_IN = 100
WHEN = datetime(2026, 3, 21, tzinfo=UTC)


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="dental")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--workspace", type=Path, help="one link of it, and exit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.workspace:
        _link(options.workspace, options.model)
        return
    source = standardised(options.rows, seed=options.seed)
    home = folder_of(options.rows, "dental", options.seed).parent
    with tempfile.TemporaryDirectory(dir=home) as name:
        result = _measured(source, Path(name), options)
    name = f"late-{options.model}-{options.rows}"
    record(name, {"rows": options.rows, "model": options.model, **result}, show=options.json)


def _measured(source: Workspace, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    workspace = copied(source, folder / "late")
    late = _without_late(source, workspace)
    _deliver(workspace, EARLY)
    before = _timed(workspace, options.model)
    early_pairs = workspace.rows("pairs")
    _with_late(workspace, late)
    _deliver(workspace, LATE)
    after = _timed(workspace, options.model)
    found = {
        "late_rows": late.height, "early_seconds": before, "seconds": after,
        "late_pairs": workspace.rows("pairs") - early_pairs,
    }  # fmt: skip
    if options.whole:
        whole = copied(workspace, folder / "whole")
        for table in REFERENCE:
            whole.write(table.name, workspace.read(table.name))
        found["whole_seconds"] = _timed(whole, options.model)
        found["equal"] = whole.digest("pairs") == workspace.digest("pairs")
    return found


def _without_late(source: Workspace, target: Workspace) -> pl.DataFrame:
    """Write leaked_std without the records that are held back; gives those under ids of a late file."""
    late = []
    with target.writer("leaked_std") as writer:
        for number, part in enumerate(source.parts("leaked_std")):
            held = part["mention_id"].hash(3) % ONE_IN == 0
            writer.put(number, part.filter(~held))
            late.append(part.filter(held))
    rows = pl.concat(late)
    ids = LATE * FILE_STEP + pl.int_range(pl.len(), dtype=pl.Int64) * 8
    return rows.with_columns(mention_id=ids)


def _with_late(workspace: Workspace, late: pl.DataFrame) -> None:
    """The same parts, and one more."""
    early = list(workspace.parts("leaked_std"))
    with workspace.writer("leaked_std") as writer:
        for number, part in enumerate([*early, late]):
            writer.put(number, part)


def _deliver(workspace: Workspace, file_no: int) -> None:
    row = {"file_no": [file_no], "file_sha256": [str(file_no)], "bytes": [0], "recorded_at": [WHEN]}
    workspace.append("files", TABLES["files"].complete(pl.DataFrame(row)))


def _timed(workspace: Workspace, model: str) -> float:
    """Seconds of the link step in a process of its own, its start included."""
    command = [sys.executable, "-m", "benchmarks.late", "--workspace", str(workspace.root),
               "--model", model]  # fmt: skip
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return round(time.perf_counter() - begun, 2)


def _link(root: Path, model: str) -> None:
    from matching.link import LinkSettings, run

    if model == "plain":
        from benchmarks.plain import plain_model

        model = str(root / "scratch" / "plain.json")
        Path(model).write_text(json.dumps(plain_model()))
    run(Workspace.open(root), LinkSettings(model=model, train="never"))


if __name__ == "__main__":
    main()
