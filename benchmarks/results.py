"""One way to commit a measurement: what, on which machine, with which versions."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

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


def record(name: str, result: dict[str, Any], *, show: bool = False) -> None:
    """Write `results/<name>.json`; print it where asked."""
    document = {**result, **surroundings()}
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1, default=str) + "\n")
    if show:
        print(json.dumps(document, indent=1, default=str))
