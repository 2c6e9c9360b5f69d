"""What leaves the house leaves once, whole, and renames nobody afterwards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import gates
from flows.cli import app
from flows.release import export_batches, release_packets, write_letters
from flows.rounds import open_round
from flows.run import run_round
from flows.verify import exit_code, verify
from matching.errors import ApprovalMissing, OperatorError
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


def test_answers_and_facts_from_files_are_heard_by_the_next_round(
    own: Ran, approver: str, tmp_path: Path
) -> None:
    release_packets(own.workspace)
    workspace, _ = open_round(own.workspace)
    workspace.inbox_parts = None
    entity = str(workspace.read("packets").filter(state="ready")["entity_id"][0])
    form = workspace.out / "packets" / entity / "v1" / "response_form.csv"
    filled = tmp_path / "filled.csv"
    filled.write_text(form.read_text().replace(",accept,,,", ",accept,,yes,"))
    ran = CliRunner().invoke(app, ["responses", str(own.workspace), str(filled), "--json"])
    assert (ran.exit_code, json.loads(ran.stdout)["answers"]) == (0, 1)
    again = CliRunner().invoke(app, ["responses", str(own.workspace), str(filled), "--json"])
    assert json.loads(again.stdout)["taken_before"]
    facts = tmp_path / "facts.toml"
    facts.write_text('[[risk]]\ndecision = "notify"\ndated_on = 2026-01-05\n')
    ran = CliRunner().invoke(app, ["record", str(own.workspace), str(facts), "--json"])
    assert (ran.exit_code, len(json.loads(ran.stdout)["facts"])) == (0, 1)
    filled.write_text(filled.read_text().replace(entity, "NOBODY"))
    ran = CliRunner().invoke(app, ["responses", str(own.workspace), str(filled)])
    assert isinstance(ran.exception, OperatorError)
    run_round(own.incident, workspace=own.workspace, engine="local", approve_as=approver)
    assert workspace.read("packets").filter(entity_id=entity)["state"].to_list() == ["accepted"]
    assert exit_code(verify(own.workspace)) == 0


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


def test_a_batch_is_recalled_once_by_who_may_send_and_its_files_stay(
    own: Ran, approver: str
) -> None:
    approve_batches(own.workspace, approver)
    exported = export_batches(own.workspace)
    workspace, _ = open_round(own.workspace)
    batch = str(workspace.read("batches")["batch_id"][0])
    written = files_below(workspace.out)
    call = ["recall", str(own.workspace), batch, "--note", "wrong return address", "--json", "--by"]
    refused = CliRunner().invoke(app, [*call, "COUNSEL"])
    assert isinstance(refused.exception, OperatorError)
    assert files_below(workspace.out) == written
    ran = CliRunner().invoke(app, [*call, approver])
    assert (ran.exit_code, json.loads(ran.stdout)["past"]) == (0, 0)
    assert 0 < json.loads(ran.stdout)["recalled"] <= exported["pieces"]
    assert isinstance(CliRunner().invoke(app, [*call, approver]).exception, OperatorError)
    assert {**files_below(workspace.out), **written} == files_below(workspace.out)
    assert exit_code(verify(own.workspace)) == 0
