"""The link step against plain Splink: from cleaned tables to all pairs above one floor on disk.

python -m benchmarks.link [--rows 15000000] [--charts N] [--model plain|dental] [--peer splink] [--repeats 3] [--json]

Both sides get the same model with m and u given, and count term frequencies themselves. Runs of both
alternate; the best of each counts. Splink runs as a table and as Parquet, whole and in four chunks, with
all cores, 16 GB and integer ids: its fastest way counts. `parity` feeds our pairs to Splink's scorer.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data import copied, standardised
from benchmarks.parity import parity
from benchmarks.plain import plain_model
from benchmarks.results import record

__all__ = ["model_file", "ours"]

FLOOR_BITS = -3.0
PEER_WAYS = (("table", 1), ("table", 4), ("parquet", 1), ("parquet", 4))


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--charts", type=int, help="as many as leaked rows, if not given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", choices=("plain", "dental"), default="plain")
    parser.add_argument("--peer", choices=("splink",))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parity-pairs", type=int, default=10_000_000)
    parser.add_argument("--workspace", type=Path, help="one link of these cleaned tables, and exit")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=_beside(options)) as name:
        folder = Path(name)
        model = model_file(options.model, folder)
        if options.workspace:
            print(json.dumps(ours(options.workspace, model)))
            return
        source = standardised(options.rows, charts=options.charts, seed=options.seed).root
        result = _measured(source, model, folder, options)
    name = f"link-{options.model}-{options.rows}"
    sizes = {"rows": options.rows, "charts": options.charts or options.rows}
    record(name, {**sizes, "model": options.model, **result}, show=options.json)


def _beside(options: argparse.Namespace) -> Path | None:
    """A folder on the disk of the data: links to its files must be possible."""
    from benchmarks.data import folder_of

    home = folder_of(options.rows, "dental", options.seed).parent
    home.mkdir(parents=True, exist_ok=True)
    return home


def model_file(name: str, folder: Path) -> Path:
    """The model as a file of settings."""
    from matching.model.files import load_model

    path = folder / f"{name}.json"
    path.write_text(json.dumps(plain_model() if name == "plain" else load_model(name)))
    return path


def _measured(
    source: Path, model: Path, folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    ours, peers = [], []
    ways = list(PEER_WAYS) if options.peer else []
    for turn in range(max(options.repeats, len(ways))):
        if turn < options.repeats:
            ours.append(_fresh(source, folder, f"ours-{turn}", model))
        if turn < len(ways):
            peers.append(_peer(source, folder, f"peer-{turn}", model, *ways[turn]))
    best = min(ours, key=lambda run: run["seconds"])
    found = {**best, "runs": [run["seconds"] for run in ours]}
    if peers:
        fastest = min(peers, key=lambda run: run["seconds"])
        found |= {
            "peer": fastest,
            "peer_ways": [{k: p[k] for k in ("mode", "chunks", "seconds")} for p in peers],
            "peer_seconds": fastest["seconds"],
            "peer_peak_rss_gib": fastest["peak_rss_gib"],
            "ratio": round(fastest["seconds"] / best["seconds"], 2),
        }
    if options.parity_pairs:
        found |= parity(folder / "ours-0", model, pairs=options.parity_pairs)
    return found


def _fresh(source: Path, folder: Path, name: str, model: Path) -> dict[str, Any]:
    from matching.store import Workspace

    root = folder / name
    copied(Workspace.open(source), root)
    command = [sys.executable, "-m", "benchmarks.link", "--workspace", str(root),
               "--model", model.stem]  # fmt: skip
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(finished.stdout))


def ours(root: Path, model: Path) -> dict[str, Any]:
    """One link step in this process: seconds, pairs, peak memory."""
    from flows.measure import PeakMemory
    from matching.link import LinkSettings, run
    from matching.store import Workspace

    workspace = Workspace.open(root)
    settings = LinkSettings(model=str(model), train="never", floor_bits=FLOOR_BITS)
    begun = time.perf_counter()
    with PeakMemory() as peak:
        run(workspace, settings, kinds=("leaked_master",))
    seconds = time.perf_counter() - begun
    pairs = workspace.rows("pairs")
    return {
        "seconds": round(seconds, 2),
        "pairs": pairs,
        "pairs_per_s_and_core": round(pairs / seconds / settings.threads),
        "peak_rss_gib": round(peak.gib, 3),
        "disk_gib": round(sum(p.stat().st_size for p in root.rglob("*.parquet")) / (1 << 30), 2),
    }


def _peer(
    source: Path, folder: Path, name: str, model: Path, mode: str, chunks: int
) -> dict[str, Any]:
    from matching.store import Workspace

    root = folder / name
    copied(Workspace.open(source), root)
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [sys.executable, "-m", "benchmarks.peer", str(root), str(model),
                   "--floor", str(FLOOR_BITS), "--mode", mode, "--chunks", str(chunks),
                   "--out", out]  # fmt: skip
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(finished.stdout))


if __name__ == "__main__":
    main()
