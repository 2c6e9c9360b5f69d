"""A whole synthetic incident through the program: seconds and memory of every step.

python -m benchmarks.pipeline [--rows 15000000] [--until counts] [--engine local] [--json]

`--rows` leaked rows against as many charts, tables encrypted, the model given (nothing is trained).
The peak of the disk is sampled while it runs: tables, reference and scratch of the workspace.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.data import incident
from benchmarks.results import record
from flows.measure import disk_gib

EVERY_S = 2.0
"""Often enough for a scratch file that lives for seconds; a walk over some thousand files takes 0.05 s."""


def main() -> None:
    """Generate where it is not there yet, run in a fresh process, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--charts", type=int, help="as many as rows where not given")
    parser.add_argument("--profile", default="dental")
    parser.add_argument("--until", default="counts")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workspace", type=Path, help="keep the workspace there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    file = incident(options.rows, charts=options.charts, profile=options.profile, seed=options.seed)
    root = options.workspace or file.parent / "pipeline"
    shutil.rmtree(root, ignore_errors=True)
    result = _measured(_untrained(file), root, options)
    if not options.workspace:
        shutil.rmtree(root)
    name = f"pipeline-{options.profile}-{options.rows}"
    record(name, {"rows": options.rows, "until": options.until, **result}, show=options.json)


def _untrained(file: Path) -> Path:
    """The same incident with its model taken as it is."""
    given = file.with_name("model-given.toml")
    given.write_text(file.read_text() + '\n[matching]\ntrain = "never"\n')
    return given


def _measured(file: Path, root: Path, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows", "run", str(file), "--json",
               "--engine", options.engine, "--workspace", str(root)]  # fmt: skip
    command += ["--until", options.until] if options.until else ["--approve-all", "LEAD"]
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(EVERY_S):
            most[0] = max(most[0], disk_gib(root))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun, worked = time.perf_counter(), _processors_s()
    try:
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - begun
    document = json.loads(finished.stdout)
    return {
        **document,
        "workspace": "",
        "seconds": round(seconds, 1),
        "minutes": round(seconds / 60, 2),
        "cpu_seconds": round(_processors_s() - worked, 1),
        "peak_disk_gib": round(max(most[0], document["peak_disk_gib"]), 2),
    }


def _processors_s() -> float:
    """Seconds of processors that ended children and theirs took: what others on the machine do not stretch."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
