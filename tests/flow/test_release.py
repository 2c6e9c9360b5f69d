"""What leaves the house leaves once, whole, and renames nobody afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import gates
from flows.release import export_batches, release_packets, write_letters
from flows.rounds import open_round
from flows.run import run_round
from flows.verify import exit_code, verify
from matching.errors import ApprovalMissing
from tests.flow.conftest import Ran


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def approve_batches(root: Path, by: str) -> None:
    workspace, current = open_round(root)
    for batch in workspace.read("batches")["batch_id"]:
        gates.approve(workspace, current, f"send:{batch}", by=by)


def test_nothing_leaves_without_approval(own: Ran) -> None:
    document = export_batches(own.workspace)
    assert document["batches"] == 0
    assert document["waiting"]
    assert not list((own.workspace / "out" / "batches").glob("*/*"))


def test_packets_wait_for_their_gates(own: Ran) -> None:
    workspace, _ = open_round(own.workspace)
    workspace.write("ownership", workspace.read("ownership")[1:])
    with pytest.raises(ApprovalMissing):
        release_packets(own.workspace)


def test_release_twice_is_release_once_and_the_next_round_renames_nobody(
    own: Ran, approver: str
) -> None:
    first = release_packets(own.workspace)
    assert first["released"] > 0
    approve_batches(own.workspace, approver)
    exported = export_batches(own.workspace)
    assert exported["pieces"] > 0
    written = files_below(own.workspace / "out")
    workspace, _ = open_round(own.workspace)
    workspace.inbox_parts = None
    events = workspace.rows("events")
    assert release_packets(own.workspace)["released"] == 0
    export_batches(own.workspace)
    assert files_below(own.workspace / "out") == written
    assert workspace.rows("events") == events
    names = set(workspace.read("persons")["person_id"])
    again = run_round(own.incident, workspace=own.workspace, engine="local", approve_as=approver)
    assert again["round"] == 2
    assert set(workspace.read("persons")["person_id"]) == names
    assert again["notices"]["mail"] == 0 or workspace.rows("batches") == 0, "nobody is mailed twice"
    figures = verify(own.workspace)
    assert exit_code(figures) == 0, figures


def test_letters_come_as_proofs_and_one_by_one(own: Ran) -> None:
    proofs = write_letters(own.workspace)["files"]
    assert proofs
    assert all(Path(path).read_bytes().startswith(b"%PDF") for path in proofs)
    workspace, _ = open_round(own.workspace)
    notice = workspace.read("notices").filter(channel="mail").row(0, named=True)
    one = write_letters(own.workspace, person=notice["person_id"], entity=notice["entity_id"])[
        "files"
    ]
    assert Path(one[0]).read_bytes().startswith(b"%PDF")
