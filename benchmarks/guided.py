"""Coverage-guided inputs at the parsers that are Python of ours: how far they reach, and what they break.

`python -m benchmarks.guided [--parser NAME]... [--seconds S]`, with the extra `fuzz` installed: each target in a
process of its own, from the same sound samples as `benchmarks.fuzz`. Results are added to
`benchmarks/results/fuzz_guided.json` by target; an input that breaks one is left in `--kept`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.fuzz import NICE, QUICK
from benchmarks.results import FOLDER, record
from tests.fuzz.campaign import SEED
from tests.fuzz.targets import TARGETS

PARSERS = (
    "messages", "bounces", "sql files", "json files", "jsonl files", "dbf with memos", "archives", "passages", "incident file",
    "facts", "facts as JSON", "rules", "translation", "packet answers files", "return files", "audit log", "key file",
)  # fmt: skip
"""Parsers that follow their input in Python; what polars, pyarrow and numba do is not seen from here."""
LONGEST = 8_192
SECONDS = 120
_REACHED = re.compile(rb"#(\d+)\t(INITED|DONE) +cov: (\d+) ft: (\d+) corp: (\d+)/")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parser", action="append", choices=list(TARGETS), metavar="NAME")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--kept", type=Path, default=Path("fuzz-kept"))
    given = parser.parse_args()
    path = FOLDER / "fuzz_guided.json"
    found: dict[str, Any] = json.loads(path.read_text())["targets"] if path.exists() else {}
    for name in given.parser or PARSERS:
        found[name] = one(name, given.seconds, given.kept)
        print(name, json.dumps(found[name]), file=sys.stderr, flush=True)
        record("fuzz_guided", {"targets": {each: found[each] for each in TARGETS if each in found}})


def one(name: str, seconds: int, kept: Path) -> dict[str, Any]:
    """Executions, and edges and features of our code that samples and that all inputs reach."""
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        flags = [f"-max_total_time={seconds}", f"-seed={SEED}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=6000"]  # fmt: skip
        command = [sys.executable, "-m", "tests.fuzz.guided", name, *flags, f"-artifact_prefix={kept}/{name.replace(' ', '-')}-", str(corpus)]  # fmt: skip
        done = subprocess.run(
            ["nice", "-n", str(NICE), *command],
            env={**os.environ, **QUICK},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    reached = {what.decode(): tuple(map(int, numbers)) for *numbers, what in _told(done.stderr)}
    ended = reached.get("DONE", (0, 0, 0, 0))
    started = reached.get("INITED", (0, 0, 0, 0))
    return {
        "seconds": seconds, "executions": ended[0], "edges": [started[1], ended[1]], "features": [started[2], ended[2]],
        "inputs_kept": ended[3], "seed": SEED, "failed": done.returncode != 0,
    }  # fmt: skip


def _told(said: bytes) -> list[tuple[bytes, ...]]:
    return [(m[1], m[3], m[4], m[5], m[2]) for m in _REACHED.finditer(said)]


if __name__ == "__main__":
    main()
