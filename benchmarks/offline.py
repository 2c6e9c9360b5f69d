"""`affected demo` with only loopback: in a network namespace of its own, where nothing else exists.

    python -m benchmarks.offline [--people 20000] [--json]

Also the figure of the demo's run: seconds with Prefect, and which states of figure L its ledger reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.results import record

ROOT = Path(__file__).parents[1]
KEPT = ("seconds", "demo_seconds", "peak_rss_gib", "leaked_rows", "charts", "persons", "notices")


def demo(folder: Path, people: int, *, offline: bool) -> dict[str, Any]:
    """Run the demo in a fresh folder and give its document."""
    command = [sys.executable, "-m", "flows", "demo", "--json", "--people", str(people)]
    command += ["--workspace", str(folder)]
    if offline:
        inside = f"ip link set lo up && exec {shlex.join(command)}"
        command = ["unshare", "-rn", "sh", "-c", inside]
    environment = dict(os.environ, AFFECTED_KEYS=str(folder.parent / "keys"))
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def ledger_states(folder: Path) -> dict[str, int]:
    """People and entities by state, of the demo's ledger."""
    from matching.store import Workspace

    states = Workspace.open(folder / "ws").read("ledger")["state"].value_counts().sort("state")
    return dict(zip(states["state"], states["count"], strict=True))


def main() -> None:
    """Once with the network as it is, once with loopback only."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        with_network = demo(Path(name) / "one", options.people, offline=False)
        alone = demo(Path(name) / "two", options.people, offline=True)
        os.environ["AFFECTED_KEYS"] = str(Path(name) / "keys")
        states = ledger_states(Path(name) / "two")
    result = {
        "people": options.people,
        "demo": {key: with_network[key] for key in KEPT},
        "loopback_only": {key: alone[key] for key in KEPT},
        "ledger_states": states,
    }
    record("demo", result, show=options.json)


if __name__ == "__main__":
    main()
