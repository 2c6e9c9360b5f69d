"""A whole synthetic incident through the program: seconds and memory of every step.

python -m benchmarks.pipeline [--people 1000000] [--until counts] [--engine local] [--json]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.results import record


def main() -> None:
    """Generate, run in a fresh process, record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--profile", default="dental")
    parser.add_argument("--until", default="counts")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default="")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(options.folder or name)
        if not (folder / "incident.toml").exists():
            from flows.rehearse import rehearse

            rehearse(folder, people=options.people, seed=options.seed, profile=options.profile)
        command = [sys.executable, "-m", "flows", "run", str(folder / "incident.toml"), "--json",
                   "--engine", options.engine, "--workspace", str(folder / "bench-ws")]  # fmt: skip
        command += ["--until", options.until] if options.until else ["--approve-all", "demo"]
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    document = json.loads(finished.stdout)
    document["workspace"] = ""
    name = f"pipeline-{options.profile}-{options.people}"
    record(name, {"people": options.people, "until": options.until, **document}, show=options.json)


if __name__ == "__main__":
    main()
