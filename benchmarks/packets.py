"""Seconds and memory of planning and releasing every covered entity's packet of a finished workspace.

    python -m benchmarks.packets --workspace COPY [--sealed] [--json]

COPY is a copy of a finished workspace: `out/packets` and the inbox are written to. Two stages are measured,
the step `packets` (`plan`) and the command (`release`); with `--sealed` files are encrypted as in a real
incident. Rows are people at an entity. Goes to `benchmarks/results/packets.json`.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import notify.packets
from benchmarks.mail import measured
from benchmarks.results import record
from flows import step_settings
from flows.rounds import open_round

RECORDED_AT = datetime(2026, 3, 21, 12, tzinfo=UTC)
"""Fixed, so that two runs write equal events."""


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--sealed", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workspace, current = open_round(options.workspace)
    workspace.inbox_parts = None
    if options.sealed:
        workspace.identity = {**workspace.identity, "synthetic": False}
    settings = step_settings.packets(current.incident)

    def plan() -> int:
        notify.packets.run(workspace, settings)
        return people()

    def people() -> int:
        planned = workspace.read("packets")
        return int(
            planned.select("confirmed", "possible", "possible_unlisted").sum().sum_horizontal()[0]
        )

    def release() -> int:
        notify.packets.release(workspace, settings, entity=None, recorded_at=RECORDED_AT)
        return people()

    result = {name: measured(stage) for name, stage in (("plan", plan), ("release", release))}
    files = [path for path in workspace.out.glob("packets/*/*/*") if path.is_file()]
    record(
        "packets",
        {
            "entities": workspace.rows("packets"),
            "sealed": options.sealed,
            "rows": {
                name: workspace.rows(name) for name in ("leaked", "charts", "persons", "ownership")
            },
            "files": len(files),
            "gib_written": round(sum(path.stat().st_size for path in files) / (1 << 30), 2),
            "stages": result,
        },
        show=options.json,
    )


if __name__ == "__main__":
    main()
