"""One way to commit a measurement: what, on which machine, with which versions."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from flows.measure import PeakMemory

FOLDER = Path(__file__).parent / "results"
LIBRARIES = ("duckdb", "numpy", "polars", "prefect", "pyarrow", "splink")


def surroundings() -> dict[str, Any]:
    """Machine and versions, without names of hosts or users."""
    return {
        "machine": {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in LIBRARIES},
    }


def measured(stage: Callable[[], int]) -> dict[str, Any]:
    """Rows, seconds, seconds of processors, rows a second, peak memory of work that gives its rows."""
    began, busy = time.perf_counter(), time.process_time()
    with PeakMemory() as memory:
        rows = stage()
    seconds = time.perf_counter() - began
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - busy, 1),
        "rows_per_s": round(rows / seconds),
        "peak_rss_gib": round(memory.gib, 2),
    }


def record(name: str, result: dict[str, Any], *, show: bool = False) -> None:
    """Write `results/<name>.json`; print it where asked."""
    document = {**result, **surroundings()}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1, default=str) + "\n")
    if show:
        print(json.dumps(document, indent=1, default=str))
