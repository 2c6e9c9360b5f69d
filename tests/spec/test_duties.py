"""Every named case of duties.yaml on a workspace with one practice."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from matching.store import Workspace
from matching.tables import TABLES
from notify.duties import DutiesSettings, run
from notify.facts import Counsel, Hold, Incident

CASES = yaml.safe_load((Path(__file__).parent / "duties.yaml").read_text())
CONFIGS = Path(__file__).parents[2] / "configs"
PRACTICE = {
    "entity_id": "E1",
    "kind": "covered_entity",
    "legal_name": "One PC",
    "print_name": "One",
    "status": "open",
    "agency": "undetermined",
    "state": "MD",
}
AS_EXPECTED = {
    "anchor": "anchor_on",
    "due": "due_on",
    "count": "count_used",
    "rule": "rule_id",
    "waits": "waits_for",
    "credit": "credit_months",
}
USUAL = "appointment|contact|name"
RECORDED = datetime(2026, 3, 18, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    duties = duties_of(case, tmp_path)
    for wanted in case.get("expect", []):
        named = {AS_EXPECTED.get(key, key): value for key, value in wanted.items()}
        key = {k: named[k] for k in ("rule_id", "hypothesis", "jurisdiction") if k in named}
        found = only(duties, key).to_dicts()
        assert len(found) == 1, f"{key}: {len(found)} rows"
        words = named.pop("says", "")
        assert words in found[0]["explanation"]
        assert {k: found[0][k] for k in named} == named
    for unwanted in case.get("absent", []):
        key = {AS_EXPECTED.get(k, k): value for k, value in unwanted.items()}
        assert only(duties, key).is_empty()


def only(duties: pl.DataFrame, key: dict[str, Any]) -> pl.DataFrame:
    return duties.filter(*(pl.col(column) == value for column, value in key.items()))


def duties_of(case: dict[str, Any], tmp_path: Path) -> pl.DataFrame:
    workspace = Workspace.create(
        tmp_path / "ws", incident_id="t", synthetic=True, key_file=tmp_path / "key.json"
    )[0]
    put(workspace, "entities", [PRACTICE | case.get("entity", {})])
    people = case.get("people", {"MD": 10})
    put(workspace, "counts", counts_of(people))
    put(workspace, "element_counts", element_counts_of(people, case.get("elements", {})))
    given = case.get("delegation", {})
    put(
        workspace,
        "delegation",
        [{"entity_id": "E1", "duty": d, "by": by} for d, by in given.items()],
    )
    if "receipt" in case:
        answer = {
            "response_id": "r",
            "entity_id": "E1",
            "answer": "receipt",
            "dated_on": case["receipt"],
            "recorded_at": datetime(2026, 3, 18, tzinfo=UTC),
        }
        workspace.append("responses", TABLES["responses"].complete(pl.DataFrame([answer])))
    recorded(workspace, case)
    run(workspace, settings_of(case))
    return workspace.read("duties")


def recorded(workspace: Workspace, case: dict[str, Any]) -> None:
    """The case's letters and typed facts, as commands append them."""
    for number, piece in enumerate(case.get("letters", [])):
        event = {
            "event_id": f"e{number:04}", "channel": "mail", "entity_id": "E1", "person_id": "P1",
            "piece_id": f"p{piece.get('wave', 1)}", "batch_id": "b", "notice_version": 1, "wave": 1,
            "recorded_at": RECORDED, **piece,
        }  # fmt: skip
        workspace.append("events", TABLES["events"].complete(pl.DataFrame([event])))
    for number, fact in enumerate(case.get("facts", [])):
        row = {"fact_id": f"f{number}", "entity_id": "E1", "recorded_at": RECORDED}
        row |= fact | {"value": json.dumps(fact.get("value", {}))}
        workspace.append("facts", TABLES["facts"].complete(pl.DataFrame([row])))


def put(workspace: Workspace, name: str, rows: list[dict[str, Any]]) -> None:
    table = TABLES[name]
    workspace.write(name, table.complete(pl.DataFrame(rows)) if rows else table.empty())


def counts_of(people: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for state, number in people.items():
        confirmed, expected, upper = number if isinstance(number, list) else [number] * 3
        rows.append(
            {
                "entity_id": "E1",
                "state": state,
                "confirmed": confirmed,
                "expected": float(expected),
                "upper": upper,
            }
        )
    total = {k: sum(row[k] for row in rows) for k in ("confirmed", "expected", "upper")}
    rows += [{"entity_id": entity, "state": None, **total} for entity in ("E1", "UNOWNED", None)]
    return [
        row | {"expected_low": row["expected"], "expected_high": row["expected"]} for row in rows
    ]


def element_counts_of(
    people: dict[str, Any], elements: dict[str, dict[str, int]]
) -> list[dict[str, Any]]:
    """Everyone has the usual kinds of data, unless the case says who has which."""
    rows = []
    for state, number in people.items():
        upper = number[2] if isinstance(number, list) else number
        for kinds, n in elements.get(state, {USUAL: upper}).items():
            same = {"confirmed": n, "expected": float(n), "upper": n}
            rows.append({"entity_id": "E1", "state": state, "elements": kinds, **same})
    return rows


def settings_of(case: dict[str, Any]) -> DutiesSettings:
    known_on = case.get("known_on", date(2026, 3, 5))
    return DutiesSettings(
        incident=Incident(
            id="spec", title="Spec", synthetic=True, known_on=known_on,
            breach_start=case.get("breach_start", "unknown"), breach_end="unknown",
            should_have_known_on=case.get("should_have_known_on"), what_happened="Something.",
        ),
        as_of=case.get("as_of", date(2026, 3, 20)),
        holds=tuple(Hold(official="A. Official", agency="FBI", **hold) for hold in case.get("holds", [])),
        counsel=Counsel(**case.get("counsel", {})),
        jurisdictions=CONFIGS / "jurisdictions",
    )  # fmt: skip
