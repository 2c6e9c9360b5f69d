"""What came back from the post, the vendor, a relay or an entity, and the notice that follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from matching.store import Workspace
from matching.tables import TABLES
from notify import notices
from notify.batches.window import window
from notify.facts import Counsel
from notify.ledger import figure_l
from notify.notices import NoticesSettings
from tests.notice_tables import AS_OF, INCIDENT, MAILING, build

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "told.yaml").read_text())
SETTINGS = NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF)


def _named(value: Any, number: int) -> Any:
    """Pieces are M and N in the cases, and told apart by person."""
    return f"{value}{number}" if value in ("M", "N") else value


def _case(number: int, case: dict[str, Any]) -> dict[str, Any]:
    events = [
        {name: _named(value, number) for name, value in event.items()}
        for event in case.get("events", [])
    ]
    return {**case, "events": events}


def _decide(workspace: Workspace, cases: list[dict[str, Any]], settings: NoticesSettings) -> None:
    build(workspace, [_case(number, case) for number, case in enumerate(cases)])
    notices.run(workspace, settings)
    assert figure_l(workspace) == {"gaps": 0, "overlaps": 0}


def _rows(workspace: Workspace) -> dict[str, dict[str, Any]]:
    rows = workspace.read("notices").rename({"state": "state_of_address"}).drop("reason")
    joined = workspace.read("ledger").join(rows, on=["person_id", "entity_id"], how="left")
    return {row["person_id"]: row for row in joined.iter_rows(named=True)}


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("told")
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="test", synthetic=True, key_file=folder / "key.json"
    )
    _decide(workspace, CASES, SETTINGS)
    return _rows(workspace)


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["case"] for case in CASES])
def test_case(decided: dict[str, dict[str, Any]], workspace: Workspace, number: int) -> None:
    case, row = CASES[number], decided[f"P{number:05d}"]
    expect = {name: _named(value, number) for name, value in case["expect"].items()}
    if "counsel" in case or "mailing" in case:
        counsel = Counsel.model_validate(case.get("counsel", {}))
        mailing = MAILING.model_copy(update=case.get("mailing", {}))
        _decide(
            workspace, [case], SETTINGS.model_copy(update={"counsel": counsel, "mailing": mailing})
        )
        row = _rows(workspace)["P00000"]
    assert {name: row[name] for name in expect} == expect


def test_what_was_told_stands_in_the_window(workspace: Workspace) -> None:
    new = json.dumps(
        {"delivery_line": "5 ELM ST", "city": "ODENTON", "state": "MD", "zip5": "21113"}
    )
    cases: list[dict[str, Any]] = [
        {"raw": {"first_name": "Jane", "last_name": "Doe"}},
        {"events": [{"kind": "exported"}, {"kind": "returned", "detail": "UTF", "address": new}]},
        {"raw": {"first_name": "Jane", "last_name": "Doe"}, "chart": {"zip4": "1234"}, "responses": [
            {"answer": "correct", "field": "last_name", "value": "Roe-Núñez"},
            {"answer": "correct", "field": "zip", "value": "21202"}]},
        {"responses": [{"answer": "correct", "field": "street", "value": "9 New St"}]},
        {"person": {"deceased": True}, "responses": [
            {"answer": "flag", "field": "representative", "value": "Mary Doe | 9 Oak Ave | Bowie, MD 20715-0001"}]},
    ]  # fmt: skip
    _decide(workspace, cases, SETTINGS)
    mail = workspace.read("notices").filter(channel="mail")
    lines = window(workspace, mail)
    shown = lines.select(
        "recipient_name", "care_of", "delivery_line", "delivery_line2", "city", "zip5", "zip4"
    )
    assert shown.rows() == [
        ("JANE DOE", None, "12 MAIN ST APT 3", None, "BALTIMORE", "21201", None),
        ("JANE DOE", None, "5 ELM ST", None, "ODENTON", "21113", None),
        ("JANE ROE-NÚÑEZ", None, "12 MAIN ST APT 3", None, "BALTIMORE", "21202", None),
        ("JANE DOE", None, "9 NEW ST", None, "BALTIMORE", "21201", None),
        ("JANE DOE", "C/O MARY DOE", "9 OAK AVE", None, "BOWIE", "20715", "0001"),
    ]


def test_who_was_told_under_an_older_name_is_not_told_again(workspace: Workspace) -> None:
    build(workspace, [{}, {"event": {"kind": "exported", "person_id": "P99999"}}])
    gone = {"released_id": "P99999", "person_id": "P00000", "became": "merged", "records": 1}
    workspace.write("histories", TABLES["histories"].complete(pl.DataFrame([gone])))
    notices.run(workspace, SETTINGS)
    assert workspace.read("ledger")["state"].to_list() == ["mailed", "queued"]


def test_a_bad_address_is_bad_at_every_entity(workspace: Workspace) -> None:
    build(workspace, [{"events": [{"kind": "exported"}, {"kind": "returned", "detail": "VAC"}]}])
    owned = workspace.read("ownership")
    workspace.write("ownership", pl.concat([owned, owned.with_columns(entity_id=pl.lit("CE4"))]))
    members = workspace.read("members").filter(side="master")
    again = members.with_columns(pl.col("mention_id") + 8, entity_id=pl.lit("CE4"))
    workspace.write("members", pl.concat([workspace.read("members"), again]))
    for name in ("charts", "charts_std"):
        rows = workspace.read(name)
        workspace.write(name, pl.concat([rows, rows.with_columns(pl.col("chart_id") + 8)]))
    notices.run(workspace, SETTINGS)
    found = dict(workspace.read("ledger").select("entity_id", "reason").iter_rows())
    assert found == {"CE1": "returned_mail", "CE4": "address_known_bad"}


@pytest.mark.parametrize(
    ("order", "states"),
    [
        ({"record_id": "C0"}, ["excluded", "queued", "queued"]),
        ({"record_id": "C0", "entity_id": "CE1"}, ["excluded", "queued", "queued"]),
        ({"record_id": "C0", "entity_id": "CE4"}, ["queued", "queued", "queued"]),
        ({"person_id": "P00001"}, ["queued", "excluded", "queued"]),
        ({"person_id": "P00001", "entity_id": "CE4"}, ["queued", "queued", "queued"]),
        ({"record_id": "SAME"}, ["queued", "on_hold", "on_hold"]),
    ],
)
def test_an_order_means_one_person_or_waits(
    workspace: Workspace, order: dict[str, str], states: list[str]
) -> None:
    build(workspace, [{}, {}, {}])
    members = workspace.read("members")
    same = pl.col("record_id").is_in(["C1", "C2"])
    record = pl.when(same).then(pl.lit("SAME")).otherwise("record_id").alias("record_id")
    workspace.write("members", members.with_columns(record))
    row = {"reason": "litigation", "authority": "Counsel", **order}
    workspace.write("suppressions", TABLES["suppressions"].complete(pl.DataFrame([row])))
    notices.run(workspace, SETTINGS)
    assert workspace.read("ledger")["state"].to_list() == states
    excluded = workspace.read("notices").filter(pl.col("authority").is_not_null())
    assert excluded.height == states.count("excluded")


def test_counsel_may_let_us_tell_the_patients_of_who_cannot_be_reached(
    workspace: Workspace,
) -> None:
    build(workspace, [{"entity": "CE2"}, {"entity": "CE3"}])
    lost = {"state": "unreachable", "version": 1, "content": "x", "confirmed": 1, "possible": 0,
            "possible_unlisted": 0}  # fmt: skip
    packets = [{**lost, "entity_id": e, "recipient_id": e} for e in ("CE2", "CE3")]
    workspace.write("packets", TABLES["packets"].complete(pl.DataFrame(packets)))
    notices.run(workspace, SETTINGS)
    assert workspace.read("ledger")["state"].to_list() == ["waiting_ce", "ce_notifies"]
    counsel = Counsel(unreachable_entity="ba_notifies")
    notices.run(workspace, SETTINGS.model_copy(update={"counsel": counsel}))
    assert workspace.read("ledger")["state"].to_list() == ["queued", "ce_notifies"]
