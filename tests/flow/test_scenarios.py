"""Scenarios: put aside they change nothing; an approved one is what the next round runs with."""

from datetime import UTC, datetime, timedelta

import pytest

import flows.scenarios
from flows.rounds import open_round, open_workspace
from flows.run import run_round
from flows.status import status
from matching.errors import OperatorError
from matching.scenarios import Scenario

AT = datetime(2026, 3, 21, 9, tzinfo=UTC)


def scenario(workspace, **changes):
    _, current = open_round(workspace.root)
    matching = current.incident.matching
    said = {
        "name": "cautious", "include_at_bits": 3.5, "merge_at_bits": 7.0,
        "attribute_at_bits": matching.attribute_at_bits, "edits": (("sex", 1, -6.5),),
        "model": workspace.digest("model"), "author": "LEAD", "note": "fewer merges", "exact": True,
    }  # fmt: skip
    return Scenario(**{**said, **changes})


def put_aside(own, at=AT, **changes):
    workspace = open_workspace(own.workspace)
    incident = open_round(own.workspace)[1].incident
    one = scenario(workspace, **changes)
    return workspace, incident, flows.scenarios.put_aside(workspace, incident, one, recorded_at=at)


def approve(workspace, incident, fact, by="LEAD"):
    return flows.scenarios.approve(workspace, incident, fact, by=by, recorded_at=AT)


def test_an_approved_scenario_is_a_run_configured_so(own, tmp_path, approver):
    workspace, incident, fact = put_aside(own)
    assert flows.scenarios.in_force(workspace, incident) == incident
    approve(workspace, incident, fact)
    assert (
        open_round(own.workspace)[1].incident.matching == incident.matching
    )  # until the next round
    assert status(own.workspace)["thresholds"]["next"] == "cautious"

    run_round(own.incident, workspace=own.workspace, engine="local", until="counts")
    now = open_round(own.workspace)[1].incident.matching
    assert (now.include_at_bits, now.merge_at_bits, now.edits) == (3.5, 7.0, (("sex", 1, -6.5),))
    told = status(own.workspace)["thresholds"]
    assert told["scenario"] == "cautious"
    assert "next" not in told

    text = own.incident.read_text(encoding="utf-8")
    given = '[matching]\ninclude_at_bits = 3.5\nmerge_at_bits = 7.0\nweights = [{comparison = "sex", level = 1, bits = -6.5}]\n'
    assert "[matching]" not in text
    other = own.incident.with_name("configured.toml")
    other.write_text(text + given, encoding="utf-8")
    run_round(other, workspace=tmp_path / "configured", engine="local", until="counts")
    one, two = open_workspace(own.workspace), open_workspace(tmp_path / "configured")
    for table in ("model", "pairs", "persons", "members", "ownership", "counts"):
        assert one.digest(table) == two.digest(table), table


def test_the_last_approved_stands_and_withdrawn_none(own):
    workspace, incident, first = put_aside(own)
    _, _, second = put_aside(own, at=AT + timedelta(seconds=1), name="bold", merge_at_bits=5.5)
    approve(workspace, incident, first)
    approved = approve(workspace, incident, second)
    assert flows.scenarios.in_force(workspace, incident).matching.merge_at_bits == 5.5
    flows.scenarios.withdraw(workspace, incident, approved, by="LEAD", recorded_at=AT)
    assert flows.scenarios.in_force(workspace, incident) == incident
    assert [one.scenario.name for one in flows.scenarios.saved(workspace)] == ["cautious", "bold"]


def test_one_of_the_same_name_replaces_the_one_before(own):
    workspace, _, first = put_aside(own)
    _, _, second = put_aside(own, merge_at_bits=8.0)
    assert first != second
    (kept,) = flows.scenarios.saved(workspace)
    assert kept.scenario.merge_at_bits == 8.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exact": False}, "kept pairs only"),
        ({"model": "another"}, "another model"),
    ],
)
def test_what_may_not_be_approved(own, changes, why):
    workspace, incident, fact = put_aside(own, **changes)
    with pytest.raises(OperatorError, match=why):
        approve(workspace, incident, fact)
    assert flows.scenarios.approved(workspace) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"include_at_bits": 7.5}, "must be below merge_at_bits"),
        ({"include_at_bits": 1.0}, "floor_bits"),
        ({"attribute_at_bits": 6.0}, "attribute_at_bits"),
        ({"name": " "}, "give a name"),
    ],
)
def test_what_does_not_go_together_is_not_put_aside(own, changes, why):
    with pytest.raises(OperatorError, match=why):
        put_aside(own, **changes)


def test_a_digest_is_of_what_counts_not_of_the_name():
    one = Scenario("a", 3.0, 5.0, 14.0, (("sex", 1, -6.5),), "m", "LEAD", "", exact=True)
    two = Scenario("b", 3.0, 5.0, 14.0, (("sex", 1, -6.5),), "m", "OTHER", "why", exact=True)
    assert one.digest == two.digest
    assert (
        one.digest != Scenario("a", 3.0, 5.5, 14.0, one.edits, "m", "LEAD", "", exact=True).digest
    )
    assert Scenario.from_json(one.to_json(), author="LEAD") == one
