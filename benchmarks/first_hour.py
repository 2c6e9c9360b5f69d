"""The first hour in a fresh clone: `make demo`, then every command of docs/first-hour.md, each with its seconds.

    python -m benchmarks.first_hour [--json]

Clones the committed state of this checkout into a new folder without a virtual environment, as somebody would who sees the
project for the first time. Ends at the first command that fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.results import record

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outer = {
        k: v
        for k, v in os.environ.items()
        if k not in {"VIRTUAL_ENV", "PYTHONPATH", "AFFECTED_KEYS"}
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        subprocess.run(["git", "clone", "-q", str(ROOT), str(home / "affected")], check=True)
        outer |= {"AFFECTED_KEYS": str(home / "keys")}
        seconds = {"make demo": timed("make demo", home / "affected", outer)}
        inner = {**outer, "PATH": f"{home / 'affected' / '.venv' / 'bin'}:{outer['PATH']}"}
        work = home / "work"
        work.mkdir()
        for title, script in sections((ROOT / "docs" / "first-hour.md").read_text()):
            if (work / "northwind" / "incident.toml").exists():
                work = work / "northwind"
            seconds[title] = timed(script, work, inner)
    found = {
        "commands": sum(script_lines()),
        "seconds": seconds,
        "all_s": round(sum(seconds.values()), 1),
    }
    if options.json:
        print(json.dumps(found, indent=1))
    record("first-hour", found)


def sections(page: str) -> list[tuple[str, str]]:
    """Heading and its shell lines, in order."""
    parts = HEADING.split(page)[1:]
    texts = zip(parts[::2], parts[1::2], strict=True)
    return [(title, "".join(BLOCK.findall(text))) for title, text in texts if BLOCK.search(text)]


def script_lines() -> list[int]:
    """Commands of each part of the page."""
    page = (ROOT / "docs" / "first-hour.md").read_text()
    return [len(script.strip().splitlines()) for _, script in sections(page)]


def timed(script: str, folder: Path, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"failed with {done.returncode}:\n{script}\n{done.stderr[-2000:]}")
    return round(time.perf_counter() - began, 1)


if __name__ == "__main__":
    main()
