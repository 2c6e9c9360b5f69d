"""Mutated inputs at every parser for as long as one likes: cases, seconds, crashes, hangs, peak memory of each.

`python -m benchmarks.fuzz [--parser NAME]... [--cases N] [--seed S] [--first N] [--json]`: each target of
`tests/fuzz/targets` in a process of its own; results are added to `benchmarks/results/fuzz.json` by target. A
crash or a hang ends its process alone, and the file says in which batch of cases.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.results import FOLDER, record
from tests.fuzz.campaign import SEED
from tests.fuzz.targets import GROUPS, TARGETS

QUICK = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
NICE = 19
CASES = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parser", action="append", choices=list(TARGETS), metavar="NAME")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    made = {}
    for name in given.parser or TARGETS:
        made[name] = one(name, given.cases, given.seed, given.first)
        print(name, json.dumps(made[name]), file=sys.stderr, flush=True)
        kept = known() | made
        ordered = {target: kept[target] for target in TARGETS if target in kept}
        total = sum(each.get("cases", 0) for each in ordered.values())
        failed = sum(len(each["failures"]) + ("died_at" in each) for each in ordered.values())
        groups = {
            group: sum(
                ordered.get(each, {}).get("cases", 0)
                for names in parsers.values()
                for each in names
            )
            for group, parsers in GROUPS.items()
        }
        record("fuzz", {"cases": total, "failures": failed, "groups": groups, "targets": ordered})
    if given.json:
        print(json.dumps({"schema": "affected.fuzz/1", "targets": made}))


def known() -> dict[str, Any]:
    """Targets measured before."""
    path = FOLDER / "fuzz.json"
    found: dict[str, Any] = json.loads(path.read_text())["targets"] if path.exists() else {}
    return found


def one(name: str, cases: int, seed: int, first: int) -> dict[str, Any]:
    """What a target's cases came to; `died_at`: the first case of the batch that ended its process."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "case"
        numbers = ["--cases", str(cases), "--seed", str(seed), "--first", str(first)]
        done = subprocess.run(
            ["nice", "-n", str(NICE), sys.executable, "-m", "tests.fuzz.campaign", name, *numbers, "--progress", str(progress)],
            env={**os.environ, **QUICK},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a panic may quote its input
            check=False,
        )  # fmt: skip
        if done.returncode or not done.stdout:
            return {
                "died_at": int(progress.read_text()) if progress.exists() else first,
                "seed": seed,
                "failures": [],
            }
    found: dict[str, Any] = json.loads(done.stdout)
    del found["target"]
    return found


if __name__ == "__main__":
    main()
