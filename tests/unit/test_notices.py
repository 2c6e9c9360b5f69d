"""The notices step on people built by hand: each named case of tests/spec/notices.yaml and the sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import notify.notices.plan
from matching.store import Workspace
from matching.tables import TABLES
from notify import notices
from notify.ledger import STATES, figure_l
from notify.notices import NoticesSettings
from notify.notices.references import reference_numbers
from tests.notice_tables import AS_OF, HOLDS, INCIDENT, MAIL_ON, MAILING, NOW, build

CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent.parent / "spec" / "notices.yaml").read_text()
)
SETTINGS = NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF, holds=HOLDS)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every case in one workspace: person_id -> its ledger row and notice in one."""
    folder = tmp_path_factory.mktemp("notices")
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="test", synthetic=True, key_file=folder / "key.json"
    )
    build(workspace, CASES)
    notices.run(workspace, SETTINGS)
    assert figure_l(workspace) == {"gaps": 0, "overlaps": 0}
    rows = workspace.read("notices").rename({"state": "state_of_address"}).drop("reason")
    joined = workspace.read("ledger").join(rows, on=["person_id", "entity_id"], how="left")
    return {row["person_id"]: row for row in joined.iter_rows(named=True)}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["case"] for case in CASES])
def test_case(decided: dict[str, dict[str, Any]], number: int) -> None:
    row = decided[f"P{number:05d}"]
    assert {key: row[key] for key in CASES[number]["expect"]} == CASES[number]["expect"]


def test_the_cases_reach_all_states_but_one(decided: dict[str, dict[str, Any]]) -> None:
    reached = {row["state"] for row in decided.values()}
    assert set(STATES) - reached == {"uncertain"}


def test_mail_by_is_the_duty_and_never_before_mailing(decided: dict[str, dict[str, Any]]) -> None:
    assert decided["P00000"]["mail_by"].isoformat() == "2026-05-04"
    overdue = next(row for row in decided.values() if row["entity_id"] == "CE2")
    assert overdue["mail_by"] == MAIL_ON


def test_slices_change_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    build(workspace, CASES)
    notices.run(workspace, SETTINGS)
    whole = workspace.digest("notices"), workspace.digest("ledger")
    monkeypatch.setattr(notify.notices.plan, "PAIRS_AT_ONCE", 2)
    notices.run(workspace, SETTINGS)
    assert (workspace.digest("notices"), workspace.digest("ledger")) == whole
    assert workspace.read("ledger")["person_id"].is_sorted()


def test_a_possible_owner_and_a_second_entity_keep_their_own_addresses(
    workspace: Workspace,
) -> None:
    build(workspace, [{"chart": {"street": "1 FIRST ST"}}])
    more = {"person_id": "P00000", "entity_id": "CE4", "status": "possible", "basis": "chart"}
    owned = TABLES["ownership"].complete(pl.DataFrame([{**more, "probability": 0.5, "kinds": 0}]))
    workspace.write("ownership", pl.concat([workspace.read("ownership"), owned]))
    notices.run(workspace, SETTINGS.model_copy(update={"holds": ()}))
    found = workspace.read("notices").rows_by_key("entity_id", named=True, unique=True)
    assert found["CE1"]["channel"] == "mail"
    assert (found["CE4"]["channel"], found["CE4"]["variant"]) == ("substitute", "POSSIBLE_ADULT")
    crossing = MAILING.model_copy(update={"cross_entity_addresses": True})
    notices.run(workspace, SETTINGS.model_copy(update={"holds": (), "mailing": crossing}))
    assert workspace.read("notices")["channel"].to_list() == ["mail", "mail"]


def test_a_later_delegation_answer_supersedes_the_file(workspace: Workspace) -> None:
    build(workspace, [{"entity": "CE2"}])
    answer = {"response_id": "r1", "entity_id": "CE2", "answer": "delegate", "field": "individual",
              "value": "ba", "dated_on": AS_OF, "recorded_at": NOW}  # fmt: skip
    workspace.append("responses", TABLES["responses"].complete(pl.DataFrame([answer])))
    notices.run(workspace, SETTINGS)
    assert workspace.read("ledger")["state"].to_list() == ["queued"]


def test_a_recorded_hold_stops_everyone(workspace: Workspace) -> None:
    build(workspace, [{}])
    value = '{"kind": "regulator", "official": "A", "agency": "B", "stated_on": "2026-03-01"}'
    fact = {"fact_id": "f1", "kind": "hold", "value": value, "dated_on": AS_OF, "recorded_at": NOW}
    workspace.append("facts", TABLES["facts"].complete(pl.DataFrame([fact])))
    notices.run(workspace, SETTINGS)
    assert workspace.read("ledger")["reason"].to_list() == ["hold:regulator"]


@pytest.mark.parametrize(
    ("answer", "field", "value", "state", "reason"),
    [
        ("dispute", None, None, "on_hold", "entity_disputes_patient"),
        ("accept", None, "yes", "queued", "last_known_address"),
        ("flag", "deceased", "Y", "deceased_without_representative", "no_representative_address"),
        ("flag", "deceased", "N", "queued", "last_known_address"),
        ("flag", "confidential", "Y", "on_hold", "confidential_communication"),
        ("correct", "street", "9 New St", "queued", "last_known_address"),
        ("correct", "street", "=9 New St", "on_hold", "exception:formula:delivery_line"),
        ("correct", "zip", "2120", "on_hold", "exception:not_readable:zip5"),
        ("correct", "date_of_birth", "1981-01-01", "queued", "last_known_address"),
    ],
)
def test_what_an_entity_said_of_a_person_decides_its_notice(
    workspace: Workspace, answer: str, field: str | None, value: str | None, state: str, reason: str
) -> None:
    build(workspace, [{}, {}])
    said = {"response_id": "r1", "entity_id": "CE1", "person_id": "P00000", "answer": answer, "field": field,
            "value": value, "packet_version": 1, "dated_on": AS_OF, "recorded_at": NOW}  # fmt: skip
    workspace.append("responses", TABLES["responses"].complete(pl.DataFrame([said])))
    notices.run(workspace, SETTINGS)
    found = workspace.read("ledger").select("state", "reason").rows()
    assert found == [(state, reason), ("queued", "last_known_address")]


def test_a_number_that_was_named_before_stays_where_a_newcomer_collides(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = pl.DataFrame({"person_id": ["A", "B"], "entity_id": ["1", "1"]})
    nobody = pl.DataFrame(schema={"person_id": pl.String, "entity_id": pl.String})
    monkeypatch.setattr(
        "notify.notices.references._mint",
        lambda _, names: pl.Series(["SAME" if n.count("|") == 1 else n for n in names]),
    )
    assert reference_numbers(workspace, pairs, nobody).to_list() == ["SAME", "B|1|1"]
    for row, (person, at) in enumerate([("B", NOW), ("A", NOW.replace(year=NOW.year + 1))]):
        named = {"person_id": person, "file_sha256": "f", "row_no": row, "role": "patient", "minted_by": True,
                 "first_identified_on": AS_OF, "recorded_at": at}  # fmt: skip
        workspace.append("registry", TABLES["registry"].complete(pl.DataFrame([named])))
        assert reference_numbers(workspace, pairs, nobody).to_list() == ["A|1|1", "SAME"]


def test_reference_numbers_that_collide_take_the_next_counter(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = pl.DataFrame({"person_id": ["A", "B", "C"], "entity_id": ["1", "1", "1"]})
    told = pl.DataFrame({"person_id": ["B"], "entity_id": ["1"]})

    def mint(_: Workspace, names: pl.Series) -> pl.Series:
        return pl.Series(["SAME" if n in {"A|1", "B|1", "A|1|1"} else n for n in names])

    monkeypatch.setattr("notify.notices.references._mint", mint)
    numbers = reference_numbers(workspace, pairs, told)
    assert numbers.to_list() == ["A|1|2", "SAME", "C|1"]
