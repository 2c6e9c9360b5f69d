"""The risk assessment presumes a breach; only a named person's recorded word on all factors says otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.store import Workspace
from notify.facts import Risk
from notify.filings.risk import assessment, assessment_document
from notify.filings.sources import read_sources
from tests import filing_tables as made

ALL = {
    "factor2": "A vendor's own auditor.", "factor2_evidence": "E-2",
    "factor3": "Logs show no reading.", "factor3_evidence": "E-3",
    "factor4": "Sworn destruction.", "factor4_evidence": "E-4",
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.workspace_of(tmp_path_factory.mktemp("risk")).root


@pytest.fixture
def ready(template: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(template.parent / "rules", tmp_path / "rules")
    return Workspace.open(Path(shutil.copytree(template, tmp_path / "ws")))


def decision(workspace: Workspace, **risk: str) -> dict[str, Any]:
    settings = made.settings(workspace, risk=Risk.model_validate(risk))
    return dict(assessment(read_sources(workspace, settings))["decision"])


def printed(workspace: Workspace, **risk: str) -> str:
    settings = made.settings(workspace, risk=Risk.model_validate(risk))
    sources = read_sources(workspace, settings)
    return repr(assessment_document(sources, assessment(sources)))


def test_the_first_factor_counts_people_by_set(ready: Workspace) -> None:
    found = assessment(read_sources(ready, made.settings(ready)))["factor1"]
    assert [(s["elements"], s["people"]) for s in found["sets"]] == [
        (["appointment", "name"], 6),
        (["appointment", "name", "ssn"], 1),
    ]
    assert found["reidentification"] == {"identified by the data itself": 7}
    assert found["sensitivity"] == {"high": 1, "moderate": 6}
    assert found["people"]["upper"] == 2520


@pytest.mark.parametrize(
    ("kinds", "how"),
    [
        (["ssn"], "identified by the data itself"),
        (["date_of_birth", "sex", "appointment"], "likely to be identified: two or more of the values together"),
        (["date_of_birth"], "possible with other sources: one such value"),
        (["appointment"], "not by these kinds alone"),
    ],
)  # fmt: skip
def test_likelihood_of_reidentification(ready: Workspace, kinds: list[str], how: str) -> None:
    rows = pl.DataFrame(
        [{"person_id": "P-X", "entity_id": "CE1", "element": kind} for kind in kinds]
    )
    ready.write("elements", rows)
    found = assessment(read_sources(ready, made.settings(ready)))["factor1"]
    assert found["reidentification"] == {how: 1}


def test_the_default_is_to_notify(ready: Workspace) -> None:
    assert decision(ready)["in_force"] == "notify"
    assert "Nothing is recorded. The presumption of a breach stands" in printed(ready)


def test_a_low_probability_typed_in_the_file_is_not_in_force(ready: Workspace) -> None:
    found = decision(ready, **ALL, decision="low_probability")
    assert (found["in_force"], found["typed"]) == ("notify", "low_probability")
    assert "it is not in force" in printed(ready, **ALL, decision="low_probability")


@pytest.mark.parametrize("missing", sorted(ALL))
def test_a_recorded_low_probability_needs_every_factor_and_its_evidence(
    ready: Workspace, missing: str
) -> None:
    given = {name: text for name, text in ALL.items() if name != missing}
    made.record(ready, "risk", json.dumps(given | {"decision": "low_probability"}))
    found = decision(ready)
    assert found["in_force"] == "notify"
    assert len(found["open_points"]) == 1


def test_a_persons_recorded_word_on_all_factors_is_that_persons(ready: Workspace) -> None:
    made.record(ready, "risk", json.dumps(ALL | {"decision": "low_probability"}))
    found = decision(ready)
    assert (found["in_force"], found["by"], found["on"]) == (
        "low_probability",
        "R. Vance",
        "2026-03-20",
    )
    assert "R. Vance recorded on 2026-03-20" in printed(ready)
    assert "not the program's" in printed(ready)


def test_a_nameless_record_is_not_in_force(ready: Workspace) -> None:
    made.record(ready, "risk", json.dumps(ALL | {"decision": "low_probability"}), by=None)
    assert decision(ready)["in_force"] == "notify"


def test_recorded_factors_supersede_the_file_one_by_one(ready: Workspace) -> None:
    made.record(ready, "risk", '{"factor2": "Offered on a forum."}')
    found = assessment(
        read_sources(ready, made.settings(ready, risk=Risk(factor2="old", factor3="kept")))
    )
    assert (found["factor2"]["text"], found["factor3"]["text"]) == ("Offered on a forum.", "kept")


def test_a_recorded_decision_can_be_taken_back(ready: Workspace) -> None:
    made.record(ready, "risk", json.dumps(ALL | {"decision": "low_probability"}))
    made.record(ready, "risk", '{"decision": "notify"}')
    assert decision(ready)["in_force"] == "notify"


def test_a_fact_with_an_unknown_key_is_refused(ready: Workspace) -> None:
    made.record(ready, "risk", '{"factor5": "x"}')
    with pytest.raises(OperatorError, match=r"F000 \(risk\): factor5"):
        decision(ready)
