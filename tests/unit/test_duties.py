"""Duties over many entities, recorded holds, the earliest letter day, and rule rows that are wrong."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.store import Workspace
from matching.tables import TABLES
from notify.duties import DutiesSettings, earliest_by, run
from notify.duties.clocks import due_on, hold_ends_on, stops
from notify.facts import Hold, Incident
from notify.rules import load_rules

CONFIGS = Path(__file__).parents[2] / "configs"
AS_OF = date(2026, 3, 20)
SETTINGS = DutiesSettings(
    incident=Incident(
        id="unit", title="Unit", known_on=date(2026, 3, 5), breach_start="unknown",
        breach_end="unknown", what_happened="Something.",
    ),
    as_of=AS_OF,
    jurisdictions=CONFIGS / "jurisdictions",
)  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(
        tmp_path / "ws", incident_id="t", synthetic=True, key_file=tmp_path / "key.json"
    )[0]


def roster(workspace: Workspace, entities: int, states: tuple[str, ...] = ("MD",)) -> None:
    ids = pl.DataFrame({"entity_id": [f"CE{i:05d}" for i in range(entities)]})
    text = {"kind": "covered_entity", "legal_name": "One PC", "print_name": "One", "status": "open"}
    practices = ids.with_columns(pl.lit(v).alias(k) for k, v in text.items()).with_columns(
        agency=pl.lit("undetermined"), state=pl.lit("MD")
    )
    workspace.write("entities", TABLES["entities"].complete(practices))
    residents = ids.join(pl.DataFrame({"state": [*states, None]}), how="cross").with_columns(
        confirmed=600, expected=600.0, expected_low=600.0, expected_high=600.0, upper=600
    )
    workspace.write("counts", TABLES["counts"].complete(residents))


def fact(workspace: Workspace, fact_id: str, value: dict[str, str], **more: str | None) -> None:
    row = {"fact_id": fact_id, "value": json.dumps(value), "dated_on": date(2026, 3, 10),
           "recorded_at": datetime(2026, 3, 11, tzinfo=UTC)} | more  # fmt: skip
    workspace.append("facts", TABLES["facts"].complete(pl.DataFrame([row])))


def individual(workspace: Workspace, entity: str, hypothesis: str) -> dict[str, object]:
    rows = workspace.read("duties").filter(
        (pl.col("rule_id") == "us-164.404-individual")
        & (pl.col("entity_id") == entity)
        & (pl.col("hypothesis") == hypothesis)
    )
    return rows.row(0, named=True)


def test_every_entity_state_rule_and_hypothesis_is_one_row(workspace: Workspace) -> None:
    roster(workspace, 300, ("MD", "VA", "UNK"))
    run(workspace, SETTINGS)
    duties = workspace.read("duties")
    # 164.404, .408 twice, .410: 4 rules; .406 in two states; both hypotheses
    assert duties.height == 300 * (4 + 2) * 2
    assert duties["duty_id"].n_unique() == duties.height
    assert duties["explanation"].str.contains("45 CFR 164.4").all()
    digest = workspace.digest("duties")
    run(workspace, SETTINGS)
    assert workspace.digest("duties") == digest


def test_the_earliest_letter_day_is_that_of_the_earlier_hypothesis(workspace: Workspace) -> None:
    roster(workspace, 2)
    run(workspace, SETTINGS)
    assert earliest_by(workspace).rows() == [
        ("CE00000", date(2026, 5, 4)),
        ("CE00001", date(2026, 5, 4)),
    ]


def test_a_recorded_hold_counts_until_a_later_fact_undoes_it(workspace: Workspace) -> None:
    roster(workspace, 2)
    hold = {"kind": "law_enforcement_oral", "official": "A. Official", "agency": "FBI"}
    fact(workspace, "f1", hold, kind="hold", entity_id="CE00001")
    run(workspace, SETTINGS)
    assert individual(workspace, "CE00001", "agent")["status"] == "held"
    assert individual(workspace, "CE00000", "agent")["status"] == "due"
    fact(workspace, "f2", hold, kind="hold", entity_id="CE00000", supersedes="f1")
    run(workspace, SETTINGS)
    assert individual(workspace, "CE00001", "agent")["status"] == "due"
    assert individual(workspace, "CE00000", "agent")["status"] == "held"


def test_an_acknowledged_packet_starts_the_independent_clock(workspace: Workspace) -> None:
    roster(workspace, 1)
    fact(workspace, "f1", {"of": "packet"}, kind="acknowledgement", entity_id="CE00000")
    fact(workspace, "f2", {"of": "filing"}, kind="acknowledgement", entity_id="CE00000")
    run(workspace, SETTINGS)
    row = individual(workspace, "CE00000", "independent")
    assert (row["anchor_on"], row["status"]) == (date(2026, 3, 10), "due")


def test_a_corrected_receipt_counts_and_a_later_packet_does_not(workspace: Workspace) -> None:
    roster(workspace, 1)
    answers = pl.DataFrame(
        {
            "response_id": ["a", "b", "c"],
            "entity_id": "CE00000",
            "answer": "receipt",
            "packet_version": [1, 1, 2],
            "dated_on": [date(2026, 3, 8), date(2026, 3, 9), date(2026, 3, 19)],
            "recorded_at": [datetime(2026, 3, d, tzinfo=UTC) for d in (10, 12, 19)],
        }
    )
    workspace.append("responses", TABLES["responses"].complete(answers))
    run(workspace, SETTINGS)
    assert individual(workspace, "CE00000", "independent")["anchor_on"] == date(2026, 3, 9)


def test_business_days_skip_weekends() -> None:
    friday = date(2026, 3, 20)
    assert due_on(friday, 1, day_type="business") == date(2026, 3, 23)
    assert due_on(friday, 10, day_type="business") == date(2026, 4, 3)


def test_a_written_hold_that_names_no_time_lasts_no_longer_than_an_oral_one() -> None:
    hold = Hold(
        kind="law_enforcement_written", official="A", agency="B", stated_on=date(2026, 3, 1)
    )
    assert hold_ends_on(hold) == date(2026, 3, 31)
    assert stops([hold, hold]) == stops([hold])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schema = 'affected.rules/1'\nstrange = 1", "strange"),
        ("schema = 'affected.rules/2'", "schema"),
        ("schema = ", "no valid TOML"),
        ("schema = 'affected.rules/1'\n[[rule]]\nrule_id = 'us-x'", "rule.0.citation"),
    ],
)
def test_a_wrong_rule_file_names_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "xx.toml").write_text(text)
    with pytest.raises(OperatorError, match=r"xx\.toml") as raised:
        load_rules(tmp_path)
    assert told in str(raised.value)


def test_a_rule_that_stands_twice_is_refused(tmp_path: Path) -> None:
    source = (CONFIGS / "jurisdictions" / "us.toml").read_text()
    (tmp_path / "a.toml").write_text(source)
    (tmp_path / "b.toml").write_text(source)
    with pytest.raises(OperatorError, match="stands twice"):
        load_rules(tmp_path)


def test_every_hipaa_row_is_cited_dated_and_reviewed() -> None:
    rules = load_rules(CONFIGS / "jurisdictions")
    federal = [rule for rule in rules.rule if rule.jurisdiction == "US"]
    assert len(federal) == 6
    assert all(rule.reviewed and "CFR" in rule.citation for rule in federal)
    assert len(rules.jurisdictions) == 56
