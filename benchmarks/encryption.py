"""What encryption and checks cost the link step: as it is, against plain tables that nobody checks.

python -m benchmarks.encryption [--rows 15000000] [--model plain|dental] [--repeats 4] [--json]

Both sides link the same cleaned tables, in processes of their own, now one first, now the other; the best of each counts.
`plain`: parts are not encrypted, no part's digest is computed or looked at. What tables hold is the same, and both wait
for the disk. Processor seconds stand beside those of the clock: on a shared machine they vary less.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data import copied, folder_of, standardised
from benchmarks.link import model_file, ours
from benchmarks.results import record

WAYS = ("as it is", "plain")


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--model", choices=("plain", "dental"), default="plain")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--way", choices=WAYS, help="one link of --workspace in this way, and exit")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    home = folder_of(options.rows, "dental", 1).parent
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as name:
        folder = Path(name)
        if options.way:
            print(
                json.dumps(
                    _linked(options.workspace, model_file(options.model, folder), options.way)
                )
            )
            return
        result = _measured(folder, options)
    record(f"encryption-{options.rows}", {"rows": options.rows, "model": options.model, **result}, show=options.json)  # fmt: skip


def _measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    source = standardised(options.rows, seed=1)
    roots = {
        "as it is": copied(source, folder / "as-it-is").root,
        "plain": copied(source, folder / "plain", encryption="none").root,
    }
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for turn in range(options.repeats):
        for way, made in list(roots.items())[:: -1 if turn % 2 else 1]:
            root = made.with_name(f"{made.name}-{turn}")
            # each in a copy of its own: a step that was done is not done again
            shutil.copytree(made, root, copy_function=_linked_file)
            command = [sys.executable, "-m", "benchmarks.encryption", "--workspace", str(root), "--way", way,
                       "--rows", str(options.rows), "--model", options.model]  # fmt: skip
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))
            shutil.rmtree(root)
    best, least = (
        {way: min(found[kind] for found in runs[way]) for way in WAYS}
        for kind in ("seconds", "processor_seconds")
    )
    assert len({found["pairs"] for way in WAYS for found in runs[way]}) == 1
    return {
        "seconds": best["as it is"],
        "plain_seconds": best["plain"],
        "cost_percent": round(100 * (best["as it is"] / best["plain"] - 1), 1),
        "processor_seconds": least["as it is"],
        "plain_processor_seconds": least["plain"],
        "processor_cost_percent": round(100 * (least["as it is"] / least["plain"] - 1), 1),
        "pairs": runs["plain"][0]["pairs"],
        "runs": {way: [found["seconds"] for found in runs[way]] for way in WAYS},
        "processor_runs": {
            way: [found["processor_seconds"] for found in runs[way]] for way in WAYS
        },
        "peak_rss_gib": max(found["peak_rss_gib"] for found in runs["as it is"]),
    }


def _linked_file(source: str, target: str) -> None:
    """Parts are never changed in place."""
    if source.endswith(".parquet"):
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)


def _linked(root: Path, model: Path, way: str) -> dict[str, Any]:
    if way == "plain":
        _unchecked()
    begun = time.process_time()
    found = ours(root, model)
    return {**found, "processor_seconds": round(time.process_time() - begun, 2)}


def _unchecked() -> None:
    """Take away, in this process, every digest of a part's bytes."""
    import matching.store
    from matching.store import Workspace

    Workspace.check_part = lambda *_: None  # type: ignore[method-assign]
    matching.store.sha256_file = lambda _: "0" * 64


if __name__ == "__main__":
    main()
