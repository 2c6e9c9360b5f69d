"""Seconds and memory from finished earlier steps to sealed batch folders on disk, everyone by letter.

    python -m benchmarks.mail --workspace COPY [--stages notices,batches,export] [--json]

COPY is a copy of a finished workspace: it is written to. Every entity delegates individual notice to
the business associate first, so that every pair that can be mailed is. Rows, seconds, rows a second
and peak memory of each stage go to `benchmarks/results/mail.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

import notify.batches
import notify.notices
from benchmarks.results import measured, record
from flows import step_settings
from flows.rounds import open_round
from flows.settings import IncidentFile
from matching.store import Workspace
from matching.tables import TABLES

RECORDED_AT = datetime(2026, 3, 21, 12, tzinfo=UTC)
"""Fixed, so that two runs write equal events."""


def delegate_all(workspace: Workspace) -> None:
    """Every entity of the roster has the business associate tell its patients."""
    others = workspace.read("delegation").filter(pl.col("duty") != "individual")
    individual = workspace.read("entities", ["entity_id"]).with_columns(
        duty=pl.lit("individual"), by=pl.lit("ba"), document=pl.lit("benchmark"),
        signed_on=pl.lit(RECORDED_AT.date()),
    )  # fmt: skip
    workspace.write("delegation", pl.concat([others, TABLES["delegation"].complete(individual)]))


def stages(workspace: Workspace, incident: IncidentFile) -> dict[str, Callable[[], int]]:
    """What is measured, in order; each gives the rows it made."""

    def notices() -> int:
        notify.notices.run(workspace, step_settings.notices(incident))
        return workspace.rows("ledger")

    def batches() -> int:
        notify.batches.run(workspace, step_settings.batches(incident))
        return workspace.rows("pieces")

    def export() -> int:
        planned = workspace.read("batches", ["batch_id"])["batch_id"]
        settings = step_settings.batches(incident)
        notify.batches.export(workspace, settings, batches=planned, recorded_at=RECORDED_AT)
        return workspace.rows("events")

    return {"notices": notices, "batches": batches, "export": export}


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--stages", default="notices,batches,export")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workspace, current = open_round(options.workspace)
    workspace.inbox_parts = None
    delegate_all(workspace)
    wanted = options.stages.split(",")
    found = stages(workspace, current.incident)
    result = {name: measured(stage) for name, stage in found.items() if name in wanted}
    sizes = ("leaked", "charts", "members", "persons", "ownership", "batches", "registry")
    rows = {name: workspace.rows(name) for name in sizes}
    record("mail", {"rows": rows, "stages": result}, show=options.json)


if __name__ == "__main__":
    main()
