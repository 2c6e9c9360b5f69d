"""The named cases of people.yaml, one by one."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from matching import people

CASES = yaml.safe_load(Path(__file__).with_name("people.yaml").read_text())


def given(made, case):
    leaked = {}
    for record in case["leaked"]:
        name, exclusion = next(iter(record.items())) if isinstance(record, dict) else (record, None)
        leaked[name] = {"exclusion": exclusion and "test_patient"}
    charts = {name: {"entity_id": entity} for name, entity in case.get("charts", {}).items()}
    made.records(leaked, charts, case.get("alike", ()))
    pairs = [(*names.split("-"), bits) for names, bits in case.get("pairs", {}).items()]
    made.pairs(pairs, guarded=case.get("guarded"))
    decisions = [(*names.split("-"), value) for names, value in case.get("decisions", {}).items()]
    if decisions:
        made.decide(*decisions)


def merged(made):
    groups = {}
    for row in made.table("members"):
        person = next(p for p in made.table("persons") if p["person_id"] == row["person_id"])
        groups.setdefault(person["merged_group"], []).extend(made.names([row["mention_id"]]))
    return sorted(sorted(names) for names in groups.values())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_people(by_hand, case):
    made = by_hand()
    given(made, case)
    people.run(
        made.workspace,
        people.PeopleSettings(
            merge_at_bits=10,
            include_at_bits=0,
            as_of=date(2026, 3, 20),
            presumed_entities=tuple(case.get("presumed", ())),
        ),
    )
    assert made.persons() == sorted(sorted(group) for group in case["persons"])
    if "merged_groups" in case:
        assert len(merged(made)) == case["merged_groups"]
    else:
        want = case.get("merged", case["persons"])
        assert merged(made) == sorted(sorted(group) for group in want)
    found = {row["person_id"]: row["maybe_same_as"] for row in made.table("affected")}
    if "possible" in case:
        want = {made.person_of(c): made.person_of(m) for c, m in case["possible"].items()}
        assert found == want
    orphans = {row["person_id"] for row in made.table("persons") if row["orphan"]}
    if "orphans" in case:
        assert orphans == {made.person_of(name) for name in case["orphans"]}
    flagged = [row["mention_id"] for row in made.table("members") if row["flag"]]
    assert made.names(flagged) == case.get("duplicates", [])
