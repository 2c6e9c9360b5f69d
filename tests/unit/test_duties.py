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
from notify.duties import (
    DutiesSettings,
    earliest_by,
    may_be_stated,
    open_duties,
    run,
    stated_date,
    stated_dates,
)
from notify.duties.clocks import Clock, due_on, hold_ends_on, stops
from notify.duties.holidays import federal_holidays
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
    held = residents.drop_nulls("state").with_columns(elements=pl.lit("name|ssn"))
    workspace.write("element_counts", TABLES["element_counts"].complete(held))


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
    # 164.404 and its two substitutes, .408 twice, .410; .406 in two states; both hypotheses
    federal = duties.filter(pl.col("rule_id").str.starts_with("us-"))
    assert federal.height == 300 * (6 + 2) * 2
    assert federal["explanation"].str.contains("45 CFR 164.4").all()
    states = duties.filter(~pl.col("rule_id").str.starts_with("us-"))
    # everyone there has data that the statutes of both name; 600 are half of their credit bureaus' line
    assert sorted(states["rule_id"].unique()) == [
        "md-cra", "md-individual", "md-owner", "md-regulator", "va-cra", "va-individual", "va-regulator",
    ]  # fmt: skip
    assert states.height == 300 * 7 * 2
    assert duties["duty_id"].n_unique() == duties.height
    digest = workspace.digest("duties")
    run(workspace, SETTINGS)
    assert workspace.digest("duties") == digest


def test_the_earliest_letter_day_is_that_of_the_earlier_hypothesis(workspace: Workspace) -> None:
    roster(workspace, 2)
    run(workspace, SETTINGS)
    assert earliest_by(workspace).rows() == [
        ("CE00000", None, date(2026, 5, 4)),
        ("CE00000", "MD", date(2026, 4, 19)),  # 45 days
        ("CE00001", None, date(2026, 5, 4)),
        ("CE00001", "MD", date(2026, 4, 19)),
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
    assert due_on(friday, Clock(1, "business")) == date(2026, 3, 23)
    assert due_on(friday, Clock(10, "business")) == date(2026, 4, 3)


def test_holidays_are_no_business_days_where_a_reviewed_rule_counts() -> None:
    thursday = date(2026, 5, 21)  # Memorial Day is on Monday the 25th
    assert due_on(thursday, Clock(2, "business")) == date(2026, 5, 25)
    assert due_on(thursday, Clock(2, "business", holidays=True)) == date(2026, 5, 26)
    assert due_on(thursday, Clock(4, holidays=True)) == date(2026, 5, 25)


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2026, "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25"),
        (
            2022,
            "01-17 02-21 05-30 06-20 07-04 09-05 10-10 11-11 11-24 12-26",
        ),  # New Year: Friday before
        (2021, "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31"),
        (2020, "01-01 01-20 02-17 05-25 07-03 09-07 10-12 11-11 11-26 12-25"),  # before Juneteenth
    ],
)
def test_federal_holidays_as_observed(year: int, days: str) -> None:
    assert [f"{day:%m-%d}" for day in sorted(federal_holidays(year))] == days.split()


def test_a_written_hold_that_names_no_time_lasts_no_longer_than_an_oral_one() -> None:
    hold = Hold(
        kind="law_enforcement_written", official="A", agency="B", stated_on=date(2026, 3, 1)
    )
    assert hold_ends_on(hold) == date(2026, 3, 31)
    assert stops([hold, hold]) == stops([hold])


BASE = {
    "rule_id": "md-x", "jurisdiction": "MD", "duty": "state_ag", "recipient": "state_ag", "owed_by": "ce",
    "min_op": "ge", "min_n": 1, "count_basis": "state_residents", "clock_anchor": "ce_discovery", "days": 45,
    "citation": "Md. Code", "provenance": "made up for this test",
}  # fmt: skip


def rule_file(folder: Path, *rows: dict[str, object], name: str = "xx.toml") -> Path:
    """A folder with one file of rows; None takes a key out."""
    lines = ['schema = "affected.rules/1"', 'jurisdictions = ["MD"]']
    for row in rows:
        lines.append("[[rule]]")
        given = {key: value for key, value in (BASE | row).items() if value is not None}
        lines += [f"{key} = {_toml(value)}" for key, value in given.items()]
    (folder / name).write_text("\n".join(lines))
    return folder


def _toml(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schema = 'affected.rules/1'\nstrange = 1", "strange"),
        ("schema = 'affected.rules/2'", "schema"),
        ("schema = ", "no valid TOML"),
        ("schema = 'affected.rules/1'\nrule = 1", "write each row under"),
        ("schema = 'affected.rules/1'\n[[rule]]\nrule_id = 'us-x'", "rule.0.citation"),
    ],
)
def test_a_wrong_rule_file_names_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "xx.toml").write_text(text)
    with pytest.raises(OperatorError, match=r"xx\.toml") as raised:
        load_rules(tmp_path)
    assert told in str(raised.value)


def test_everything_that_is_wrong_with_the_rows_is_said_at_once(tmp_path: Path) -> None:
    rule_file(
        tmp_path,
        {"rule_id": "md-uncited", "citation": None},
        {
            "rule_id": "md-dates",
            "effective_from": date(2026, 2, 1),
            "effective_to": date(2026, 1, 1),
        },
        {"rule_id": "md-lost", "relation": "with", "relation_to": "md-nowhere"},
        {"rule_id": "md-a", "relation": "with", "relation_to": "md-b"},
        {"rule_id": "md-b", "relation": "before", "relation_to": "md-a"},
        {"rule_id": "md-kind", "trigger_elements": ["ssn", "shoe_size"]},
        {"rule_id": "md-half", "reviewed_by": "A. Reviewer", "relation": "with"},
        {"rule_id": "md-clock", "clock_anchor": "unknown"},
        {"rule_id": "md-timeless", "clock_anchor": "none"},
        {"rule_id": "md-word", "clock_anchor": "learning"},
        {"rule_id": "va-away", "jurisdiction": "VA"},
    )
    (tmp_path / "yy.toml").write_text("schema = ")
    with pytest.raises(OperatorError) as raised:
        load_rules(tmp_path)
    lines = str(raised.value).splitlines()
    expected = [
        "rule.0.citation (md-uncited)",
        "(md-dates): effective_to (2026-01-01) is before effective_from (2026-02-01)",
        "md-lost: relation_to: no row 'md-nowhere'",
        "relations go in a circle: md-a, md-b;",
        "trigger_elements: shoe_size: no kind of data",
        "(md-half): reviewed_by and reviewed_on belong together",
        "(md-half): relation and relation_to belong together",
        "(md-clock): clock_anchor = 'unknown': say in needs_counsel",
        "(md-timeless): days without anything to count from",
        "rule.9.clock_anchor (md-word)",
        "va-away: jurisdiction 'VA' is not listed",
        "yy.toml: no valid TOML",
    ]
    assert [words for words in expected if not any(words in line for line in lines)] == []
    assert len(lines) == len(expected)


def test_a_rule_that_stands_twice_is_refused(tmp_path: Path) -> None:
    source = (CONFIGS / "jurisdictions" / "us.toml").read_text()
    (tmp_path / "a.toml").write_text(source)
    (tmp_path / "b.toml").write_text(source)
    with pytest.raises(OperatorError, match="stands twice"):
        load_rules(tmp_path)


def test_every_hipaa_row_is_cited_dated_and_reviewed() -> None:
    rules = load_rules(CONFIGS / "jurisdictions")
    federal = [rule for rule in rules.rule if rule.jurisdiction == "US"]
    assert len(federal) == 8
    assert all(rule.reviewed and "CFR" in rule.citation for rule in federal)
    assert len(rules.jurisdictions) == 56


def test_every_state_has_rows_and_none_of_them_is_reviewed() -> None:
    rules = load_rules(CONFIGS / "jurisdictions")
    states = [rule for rule in rules.rule if rule.jurisdiction != "US"]
    individual = {rule.jurisdiction for rule in states if rule.recipient == "individual"}
    assert individual == set(rules.jurisdictions)
    assert not any(rule.reviewed for rule in states)
    owners = {rule.jurisdiction: rule.days for rule in states if rule.recipient == "owner"}
    assert owners == {"AL": 10, "FL": 10, "MD": 10, "OR": 10, "GA": 1}


REVIEWED = {"reviewed_by": "A. Reviewer", "reviewed_on": date(2026, 3, 1), "effective_from": date(2020, 1, 1)}  # fmt: skip


def duties_by(workspace: Workspace, folder: Path, *rows: dict[str, object]) -> pl.DataFrame:
    roster(workspace, 1)
    run(workspace, SETTINGS.model_copy(update={"jurisdictions": rule_file(folder, *rows)}))
    return workspace.read("duties").filter(hypothesis="agent").sort("rule_id")


def test_an_exemption_spares_only_once_it_is_reviewed(workspace: Workspace, tmp_path: Path) -> None:
    people = {"duty": "individual", "recipient": "individual"}
    duties = duties_by(
        workspace, tmp_path,
        {"rule_id": "md-1-unreviewed", "hipaa_mode": "exempt"},
        {"rule_id": "md-2-reviewed", "hipaa_mode": "exempt"} | REVIEWED,
        {"rule_id": "md-3-ag-still", "hipaa_mode": "deemed_ag_still"} | REVIEWED,
        {"rule_id": "md-4-people", "hipaa_mode": "deemed_ag_still"} | REVIEWED | people,
        {"rule_id": "md-5-content", "hipaa_mode": "content_only"} | REVIEWED | people,
    )  # fmt: skip
    assert duties["status"].to_list() == ["due", "not_required", "due", "not_required", "due"]


def test_only_a_reviewed_row_whose_clock_runs_may_be_stated(
    workspace: Workspace, tmp_path: Path
) -> None:
    duties = duties_by(
        workspace, tmp_path,
        {"rule_id": "md-1-unreviewed"},
        {"rule_id": "md-2-reviewed"} | REVIEWED,
        {"rule_id": "md-3-waits", "clock_anchor": "determination"} | REVIEWED,
        {"rule_id": "md-4-counsel", "needs_counsel": "The line is open"},
        {"rule_id": "md-5-no-days", "clock_anchor": "none", "days": None} | REVIEWED,
        {"rule_id": "md-6-below-line", "min_n": 601} | REVIEWED,
    )  # fmt: skip
    due = date(2026, 4, 19)
    assert [stated_date(duty) for duty in duties.to_dicts()] == [None, due, None, None, None, None]
    assert duties.filter(may_be_stated())["rule_id"].to_list() == ["md-2-reviewed"]
    assert stated_dates(workspace)["rule_id"].unique().to_list() == ["md-2-reviewed"]
    # a plan may use every day there is
    assert duties["due_on"].to_list() == [due, due, due, due, None, due]


def test_an_unreviewed_rule_makes_the_letter_day_earlier_and_never_later(
    workspace: Workspace, tmp_path: Path
) -> None:
    people = {"duty": "individual", "recipient": "individual"}
    federal = (
        {"jurisdiction": "US", "count_basis": "all", "rule_id": "us-individual"} | people | REVIEWED
    )
    for days, last in ((45, date(2026, 4, 19)), (90, date(2026, 5, 4))):
        duties_by(
            workspace,
            tmp_path,
            federal | {"days": 60},
            people | {"rule_id": "md-individual", "days": days},
        )
        planned = earliest_by(workspace)
        assert planned["state"].to_list() == [None, "MD"]
        assert planned["due_on"].min() == last


def test_open_duties_go_out_as_a_list_and_a_calendar(workspace: Workspace) -> None:
    roster(workspace, 30)
    run(workspace, SETTINGS)
    left = open_duties(workspace, as_of=AS_OF).drop_nulls("due_on")
    assert left["days_left"].to_list() == [(day - AS_OF).days for day in left["due_on"]]
    listed = pl.read_csv(workspace.out / "duties" / "duties.csv", infer_schema=False)
    assert listed.height == open_duties(workspace, as_of=AS_OF).height
    assert set(listed["status"]) & {"met", "not_required"} == set()
    text = (workspace.out / "duties" / "duties.ics").read_bytes().decode()
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    events = text.replace("\r\n ", "").split("BEGIN:VEVENT")[1:]
    # one event for all entities of a day and rule
    assert len(events) == left.n_unique(["due_on", "rule_id", "jurisdiction"])
    individual = [e for e in events if "us-164.404-individual" in e and "20260504" in e]
    assert len(individual) == 1
    assert "DTSTART;VALUE=DATE:20260504\r\nDTEND;VALUE=DATE:20260505" in individual[0]
    assert "SUMMARY:US notice to individual: 30 entities\r\n" in individual[0]
    assert "CE00019 and 10 more" in individual[0]
    assert len({line for line in text.split("\r\n") if line.startswith("UID:")}) == len(events)
