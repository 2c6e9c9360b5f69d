"""The named cases of owners.yaml, one by one, behind the people that they give."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from matching import owners, people

SPEC = yaml.safe_load(Path(__file__).with_name("owners.yaml").read_text())
ROSTER = [
    {"entity_id": key, "kind": "covered_entity", "print_name": row["legal_name"]} | row
    for key, row in SPEC["roster"].items()
]


def run(made, case):
    made.write("entities", [{"status": "open", "agency": "undetermined"} | row for row in ROSTER])
    made.records(case["leaked"], case.get("charts"), ())
    made.pairs([(*names.split("-"), bits) for names, bits in case.get("pairs", {}).items()])
    common = {
        "presumed_entities": tuple(case.get("presumed", ())),
        "owner_on": case.get("owner_on"),
    }
    people.run(
        made.workspace,
        people.PeopleSettings(
            merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20), **common
        ),
    )
    owners.run(made.workspace, owners.OwnersSettings(attribute_at_bits=12, **common))


def marked(row):
    return row["entity_id"] + ("!" if row["status"] == "confirmed" else "")


@pytest.mark.parametrize("case", SPEC["cases"], ids=[case["name"] for case in SPEC["cases"]])
def test_owners(by_hand, case):
    made = by_hand()
    run(made, case)
    rows = made.table("row_owners")
    for name, want in case.get("owners", {}).items():
        assert [marked(r) for r in rows if r["mention_id"] == made.ids[name]] == want
    owned = made.table("ownership")
    for name, want in case.get("set", {}).items():
        person = made.person_of(name)
        assert {marked(r): r["basis"] for r in owned if r["person_id"] == person} == want
    assert {row["person_id"] for row in owned} == {p["person_id"] for p in made.table("persons")}
    assert all(0 < row["probability"] <= 1 for row in owned)
