"""`affected demo`: the whole way on a made-up incident, packets and a batch released."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flows import gates
from flows.rehearse import rehearse
from flows.release import export_batches, release_packets, write_letters
from flows.rounds import open_round
from flows.run import run_round
from flows.settings import load_incident
from matching.errors import OperatorError

__all__ = ["run_demo"]

SEED = 1


def run_demo(folder: Path, *, people: int) -> dict[str, Any]:
    """Rehearse, run with Prefect, approve as synthetic incidents may, release.

    Gives the run's document plus `paths` and `demo_seconds`.

    A folder made by an earlier demo of the same size is used again: everything unchanged is skipped.
    """
    started = time.perf_counter()
    incident = folder / "incident.toml"
    marker = folder / f".made-for-{people}-people"
    if incident.exists() and not marker.exists():
        raise OperatorError(f"{folder}: holds another incident; name another --workspace")
    if not incident.exists():
        rehearse(folder, people=people, seed=SEED, profile="dental")
        marker.touch()
    approver = _approver(incident)
    document = run_round(incident, workspace=folder / "ws", approve_as=approver)
    workspace, current = open_round(folder / "ws")
    release_packets(folder / "ws")
    letters = write_letters(folder / "ws")["files"]
    for batch in workspace.read("batches")["batch_id"]:
        gates.approve(workspace, current, f"send:{batch}", by=approver, note="demo")
    exported = export_batches(folder / "ws")
    packet = _first(workspace.out / "packets", "*/v*/notice_letter.pdf")
    batch = _first(Path(exported["folder"]), "*/MAIL_v1.csv")
    document["paths"] = {
        "report": str(workspace.out / "report.html"),
        "letter": letters[0] if letters else "",
        "packet": packet,
        "batch": batch,
    }
    return document | {
        "schema": "affected.demo/1",
        "demo_seconds": round(time.perf_counter() - started, 2),
    }


def _approver(incident_file: Path) -> str:
    people = load_incident(incident_file).people
    return next(
        name for name, rights in sorted(people.items()) if {"approve", "send"} <= set(rights)
    )


def _first(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    return str(found[0]) if found else ""
