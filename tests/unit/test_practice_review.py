"""One decision on a practice's name applies to all rows of that name and place, and to no others."""

from datetime import date

import pytest

from matching import owners, people
from matching.owners.decided_names import decided_names
from matching.review.answers import Answers
from matching.review.practices import Practices
from tests.review_tables import with_inventory

ROSTER = [
    {"entity_id": one, "kind": "covered_entity", "legal_name": name, "print_name": name}
    | {"status": "open", "agency": "agent", "city": city, "state": state}
    for one, name, city, state in (
        ("CE1", "Elm Street Dental LLC", "Laurel", "MD"),
        ("CE2", "Elm Tree Dental Care", "Laurel", "MD"),
        ("CE3", "Harbor Smiles", "Dover", "DE"),
    )
]
LEAKED = {
    "a": {"entity_hint": "Elm Dentistry", "state": "MD"},
    "b": {"entity_hint": "ELM DENTISTRY, LLC", "state": "MD"},
    "c": {"entity_hint": "Elm Dentistry", "state": "DE"},
    "d": {"entity_hint": "Harbor Smiles", "state": "DE"},
}


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.write("entities", ROSTER)
    made.records(LEAKED)
    made.pairs([("a", "b", 20)])
    with_inventory(made)
    settings = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))
    people.run(made.workspace, settings)
    run_owners(made)
    return made


def run_owners(made):
    owners.run(made.workspace, owners.OwnersSettings(attribute_at_bits=12))


def owner(made, name):
    return [
        (row["entity_id"], row["status"], row["basis"])
        for row in made.table("row_owners")
        if row["mention_id"] == made.ids[name]
    ]


def test_what_is_unresolved_and_how_much_hangs_on_it(made):
    found = Practices(made.workspace).names
    assert [(name.state, name.rows, name.people) for name in found] == [("MD", 2, 1), ("DE", 1, 1)]
    assert {name.named for name in found} == {0}


def test_candidates_are_of_the_same_state_most_alike_first(made):
    practices = Practices(made.workspace)
    here = next(name for name in practices.names if name.rows == 2)
    found = practices.candidates([here])[here.name_place]
    assert {candidate.entity_id for candidate in found} == {"CE1", "CE2"}
    assert found[0].similarity >= found[1].similarity
    assert found[0].place == "Laurel, MD"


def test_one_decision_applies_to_all_rows_of_that_name_and_place(made):
    Answers(made.workspace).name_practice(made.ids["b"], "CE1", by="R. Vance")
    assert owner(made, "a") == []
    run_owners(made)
    assert owner(made, "a") == owner(made, "b") == [("CE1", "confirmed", "entity_hint")]
    assert owner(made, "c") == []
    assert owner(made, "d") == [("CE3", "confirmed", "entity_hint")]
    assert {name.state for name in Practices(made.workspace).names} == {"DE"}


def test_a_decision_goes_before_what_the_name_resembles(made):
    answers = Answers(made.workspace)
    answers.name_practice(made.ids["d"], "none", by="R. Vance")
    run_owners(made)
    assert owner(made, "d") == []
    decided = decided_names(made.workspace).row(0, named=True)
    assert decided["entity_id"] is None
    answers.name_practice(
        made.ids["d"], "CE3", by="R. Vance", supersedes=decided["decision_id"], once="f1"
    )
    answers.name_practice(made.ids["d"], "CE3", by="R. Vance", once="f1")
    run_owners(made)
    assert owner(made, "d") == [("CE3", "confirmed", "entity_hint")]
    assert len(made.table("decisions")) == 2


def test_decided_names_wait_no_more(made):
    Answers(made.workspace).name_practice(made.ids["a"], "none", by="R. Vance")
    practices = Practices(made.workspace)
    assert [name.state for name in practices.waiting()] == ["DE"]
    assert [entity for entity, *_ in practices.decided.values()] == [None]
