"""Relationship guards (DOMAIN E1, E3; LINKAGE 3): who must not be merged, and who must be all the same.

One row a case: what left and right have in common, what differs, and what `affected score` must say.
"""

from __future__ import annotations

import polars as pl
import pytest

from matching.link.guards import GUARDS, MISSING, guards_of
from matching.model.definition import definition
from matching.score import score

BASE = {
    "first_name": "Kenneth", "middle_name": "", "last_name": "Abernathy", "suffix": "",
    "date_of_birth": "1984-03-17", "birth_order": "", "sex": "M", "ssn": "", "mrn": "",
    "street": "48 Juniper Ln", "zip": "20740", "phone": "301-286-4410", "email": "", "role": "",
}  # fmt: skip
CASES: dict[str, tuple[dict[str, str], dict[str, str], str, str]] = {
    # name: (left, right, band at most or exactly, the guard that must have spoken; "" none at all)
    "twins with other names": ({}, {"first_name": "Oliver"}, "not match", "twin"),
    "twins with names alike and other middle names":
        ({"first_name": "Anna", "middle_name": "Ruth", "sex": "F"},
         {"first_name": "Anne", "middle_name": "Claire", "sex": "F"}, "no", "twin_middle"),
    "newborn twins without names, A and B":
        ({"first_name": "BABY BOY A"}, {"first_name": "BABY BOY B"}, "no", "birth_order"),
    "a newborn of several and a named child":
        ({"first_name": "BABY BOY A"}, {}, "not match", "newborn"),
    "father and son": ({}, {"date_of_birth": "1951-11-02"}, "no", "generation"),
    "father and son of one birthday":
        ({}, {"date_of_birth": "1951-03-17"}, "not match", "birthday"),
    "a guarantor and the child of that name":
        ({"role": "guarantor", "date_of_birth": ""}, {"date_of_birth": "2016-05-02"}, "no", "guarantor"),
    "a guarantor who is a patient too":
        ({"role": "guarantor", "date_of_birth": ""}, {}, "match", ""),
    "Jr and Sr, the birth date copied":
        ({"suffix": "Jr", "ssn": "219-44-1886"}, {"suffix": "Sr", "ssn": "219-44-1886"},
         "not match", "suffix"),
    "siblings": ({}, {"first_name": "Theodora", "date_of_birth": "1986-09-30", "sex": "F"},
                 "not match", "sibling"),
    "spouses": ({}, {"first_name": "Lucinda", "last_name": "Okafor", "date_of_birth": "1982-05-05",
                     "sex": "F"}, "not match", "spouse"),
    "strangers with a shelter's telephone":
        ({}, {"first_name": "Marek", "last_name": "Silva", "date_of_birth": "1990-12-12",
              "street": "9 Elm St", "zip": "60614"}, "not match", "shared_contact"),
    "a child under the parent's number":
        ({"ssn": "219-44-1886"},
         {"first_name": "Theodora", "date_of_birth": "2011-09-30", "sex": "F", "ssn": "219-44-1886"},
         "not match", "shared_ssn"),
    "numbers that differ by a digit":
        ({"ssn": "219-44-1886"}, {"ssn": "219-44-1889"}, "not match", "identifier_conflict"),
    "a birth date that cannot be": ({"date_of_birth": "2000-13-41"}, {"ssn": ""}, "not match", "placeholder"),
    "numbers that differ by a digit on one chart":
        ({"ssn": "219-44-1886", "mrn": "A-77120"}, {"ssn": "219-44-1889", "mrn": "A-77120"}, "match", ""),
    "the same": ({}, {}, "match", ""),
    "a nickname": ({}, {"first_name": "Ken"}, "match", ""),
    "a slip in the birth date": ({}, {"date_of_birth": "1984-03-11"}, "match", ""),
    "married, the rest agrees":
        ({"first_name": "Lucinda", "sex": "F"}, {"first_name": "Lucinda", "sex": "F", "last_name": "Okafor"},
         "match", ""),
    "first and last name swapped":
        ({}, {"first_name": "Abernathy", "last_name": "Kenneth"}, "match", ""),
    "without a birth date": ({}, {"date_of_birth": ""}, "match", ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("guards")
    rows = [
        {"case": name}
        | {f"left_{field}": value for field, value in (BASE | left).items()}
        | {f"right_{field}": value for field, value in (BASE | right).items()}
        for name, (left, right, _, _) in CASES.items()
    ]
    pl.DataFrame(rows).write_csv(folder / "pairs.csv")
    score(folder / "pairs.csv", folder / "scored.csv")
    found = pl.read_csv(folder / "scored.csv", infer_schema=False)
    return {row["case"]: row for row in found.iter_rows(named=True)}


@pytest.mark.parametrize("case", CASES)
def test_guard(scored: dict[str, dict[str, str]], case: str) -> None:
    _, _, band, guard = CASES[case]
    row = scored[case]
    spoken = (row["reasons"] or "").partition(";")[2]
    assert (row["band"] != "match") if band == "not match" else (row["band"] == band)
    assert (f"{guard}=" in f"{spoken}") if guard else not spoken


def test_every_guard_has_a_case() -> None:
    assert {guard.code for guard in GUARDS} == {guard for *_, guard in CASES.values()} - {""}


def test_guards_read_levels_that_the_built_in_models_have() -> None:
    # a level that is named anew would silence its guard
    labels = {
        c["output_column_name"]: {x["label_for_charts"] for x in c["comparison_levels"]}
        for c in definition("clinic")["comparisons"]
    }
    for guard in GUARDS:
        for pattern in guard.patterns:
            for comparison, levels in pattern.items():
                assert levels <= labels[comparison] | {MISSING}, guard.code


def test_a_model_without_social_security_numbers_keeps_its_guards() -> None:
    kept = {guard.code for guard, _ in guards_of(definition("dental"), {}).chosen}
    assert {guard.code for guard in GUARDS} - kept == {"shared_ssn", "identifier_conflict"}
    off = guards_of(definition("dental"), {"twin": "off"})
    assert "twin" not in {guard.code for guard, _ in off.chosen}
