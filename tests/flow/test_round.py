"""A round: it ends, every figure holds, nothing is done twice, and a gate stops it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows import gates
from flows.journal import Journal
from flows.rounds import latest, open_round
from flows.run import run_round
from flows.show import status_text
from flows.status import status
from flows.steps import STEPS
from flows.verify import exit_code, verify
from matching.errors import ApprovalMissing, OperatorError, TryAgainLater
from matching.store import Workspace, locked
from matching.tables import REFERENCE
from tests.flow.conftest import Ran


def test_the_whole_way_ends_with_every_figure_at_zero(ran: Ran) -> None:
    assert ran.document["stopped_at"] is None
    assert [step["name"] for step in ran.document["steps"]] == [s.name for s in STEPS] + ["report"]
    figures = verify(ran.workspace)
    assert exit_code(figures) == 0, figures
    assert ran.document["persons"]["confirmed"] > 0
    assert (ran.workspace / "out" / "report.html").stat().st_size > 1000


def test_steps_read_and_write_what_they_declare(ran: Ran) -> None:
    """An undeclared read would let a stale output pass as unchanged."""
    reference = {table.name for table in REFERENCE}
    undeclared = {
        step.name: ran.reads[step.name] - reference - {*step.reads, *step.writes} for step in STEPS
    }
    assert {name: tables for name, tables in undeclared.items() if tables} == {}
    for step in STEPS:
        assert ran.writes[step.name] - reference == set(step.writes), step.name


def test_a_second_round_skips_what_did_not_change(own: Ran, approver: str) -> None:
    again = run_round(own.incident, workspace=own.workspace, engine="local", approve_as=approver)
    steps = {step["name"]: step["skipped"] for step in again["steps"]}
    assert steps.pop("report") is False
    # the copied incident lies elsewhere, which is no reason to do anything again
    assert all(steps.values()), steps
    assert again["round"] == 2


def test_only_what_depends_on_a_change_runs_again(own: Ran, approver: str) -> None:
    text = own.incident.read_text()
    own.incident.write_text(text.replace("toll_free =", 'toll_free = "1-888-555-0199" #', 1))
    again = run_round(own.incident, workspace=own.workspace, engine="local", approve_as=approver)
    ran_again = {step["name"] for step in again["steps"] if not step["skipped"]}
    assert "link" not in ran_again
    assert "batches" in ran_again


def test_a_round_stops_at_a_closed_gate_and_goes_on_after_approval(
    rehearsal: Path, approver: str, tmp_path: Path
) -> None:
    incident = rehearsal / "incident.toml"
    root = tmp_path / "ws"
    first = run_round(incident, workspace=root, engine="local", as_of=date(2026, 4, 1))
    assert first["stopped_at"] == "thresholds"
    assert (root / "out" / "report.html").exists(), "the report is written also when a gate stops"
    for gate in ("thresholds", "owners", "letters"):
        workspace, current = open_round(root)
        if gate == "letters":
            assert run_round(incident, workspace=root, engine="local")["stopped_at"] == "letters"
        gates.approve(workspace, current, gate, by=approver)
    last = run_round(incident, workspace=root, engine="local")
    assert last["stopped_at"] is None
    assert last["round"] == 1, "a resumed round is the same round"
    assert latest(root).incident.as_of == date(2026, 4, 1), "and keeps its day"


def test_a_changed_subject_closes_its_gate(own: Ran) -> None:
    workspace, current = open_round(own.workspace)
    gates.require(workspace, current, "owners")
    workspace.write("ownership", workspace.read("ownership")[1:])
    with pytest.raises(ApprovalMissing, match="changed since"):
        gates.require(workspace, current, "owners")


def test_only_people_with_the_right_approve(own: Ran) -> None:
    workspace, current = open_round(own.workspace)
    with pytest.raises(OperatorError, match="may not approve"):
        gates.approve(workspace, current, "owners", by="somebody else")


def test_a_second_run_while_one_is_running_is_told_so(own: Ran) -> None:
    with locked(own.workspace / "run.lock"), pytest.raises(TryAgainLater) as caught:
        run_round(own.incident, workspace=own.workspace, engine="local")
    assert caught.value.exit_code == 75


def test_until_runs_no_further(rehearsal: Path, tmp_path: Path) -> None:
    document = run_round(
        rehearsal / "incident.toml", workspace=tmp_path / "ws", until="standardise", engine="local"
    )
    assert [s["name"] for s in document["steps"]] == ["intake", "standardise", "report"]
    assert not Workspace.open(tmp_path / "ws").has("pairs")


def test_approve_all_is_refused_for_a_real_incident(rehearsal: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(rehearsal, tmp_path / "real")
    incident = tmp_path / "real" / "incident.toml"
    text = incident.read_text()
    incident.write_text(text.replace("synthetic = true", "synthetic = false", 1))
    with pytest.raises(OperatorError, match="only where"):
        run_round(incident, workspace=tmp_path / "ws", approve_as="demo")
    assert not (tmp_path / "ws").exists()


def test_a_damaged_table_is_found_before_use(own: Ran) -> None:
    part = next((own.workspace / "tables" / "leaked_std").glob("part-*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 4
    part.write_bytes(data)
    figures = verify(own.workspace)
    assert exit_code(figures) == 7
    assert figures["I"] == 1


def test_status_tells_steps_gates_and_clocks(ran: Ran) -> None:
    document = status(ran.workspace)
    assert {step["state"] for step in document["steps"]} == {"done"}
    assert {g["gate"] for g in document["gates"] if g["open"]} >= {
        "thresholds",
        "owners",
        "letters",
    }
    assert document["clocks"]
    assert all({"days_left", "first_due_on"} <= set(clock) for clock in document["clocks"])
    nearest = document["entity_clocks"][0]
    as_of = date.fromisoformat(document["as_of"])
    assert (date.fromisoformat(nearest["first_due_on"]) - as_of).days == nearest["days_left"]
    each = [(clock["entity_id"], clock["jurisdiction"]) for clock in document["entity_clocks"]]
    assert len(set(each)) == len(each)
    assert {jurisdiction for _, jurisdiction in each} > {"US"}
    listed = pl.read_csv(ran.workspace / "out" / "duties" / "duties.csv", infer_schema=False)
    assert listed.height == sum(clock["duties"] for clock in document["entity_clocks"])
    assert (ran.workspace / "out" / "duties" / "duties.ics").is_file()
    text = status_text(document)
    assert nearest["entity_id"] in text
    assert "--json" in text  # the rest is not shown


def test_the_journal_forgets_nothing_and_counts_an_approval_once(own: Ran, approver: str) -> None:
    workspace, current = open_round(own.workspace)
    before = Journal(Workspace.open(own.workspace)).approvals("owners")
    gates.approve(workspace, current, "owners", by=approver)
    assert Journal(Workspace.open(own.workspace)).approvals("owners") == before


def test_scratch_is_empty_afterwards(ran: Ran) -> None:
    assert list((ran.workspace / "scratch").iterdir()) == []


def test_another_model_is_refused_once_one_is_frozen(own: Ran) -> None:
    text = own.incident.read_text()
    own.incident.write_text(text + '\n[matching]\nmodel = "clinic"\n')
    with pytest.raises(OperatorError, match="frozen with 'dental'"):
        run_round(own.incident, workspace=own.workspace, engine="local")
