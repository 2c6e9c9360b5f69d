"""Kinds of data per entity, probabilities, and rows with two people."""

from datetime import date

import polars as pl
import pytest

from matching import owners, people
from matching.owners.kinds import KINDS, word_kinds

ROSTER = [
    {"entity_id": f"CE{n}", "kind": "covered_entity", "legal_name": f"Practice {n}"}
    | {"print_name": f"Practice {n}", "status": "open", "agency": "agent", "tenant_ids": f"T{n}"}
    for n in (1, 2)
]


def run(made, leaked, charts=None, pairs=(), presumed=()):
    made.write("entities", ROSTER)
    made.records(leaked, charts)
    made.pairs(pairs)
    made_settings = people.PeopleSettings(
        merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20), presumed_entities=presumed
    )
    people.run(made.workspace, made_settings)
    owners.run(
        made.workspace, owners.OwnersSettings(attribute_at_bits=12, presumed_entities=presumed)
    )


def kinds(made, name, entity):
    person = made.person_of(name)
    rows = made.table("elements")
    return {r["element"] for r in rows if (r["person_id"], r["entity_id"]) == (person, entity)}


def probabilities(made, name):
    person = made.person_of(name)
    owned = [row for row in made.table("ownership") if row["person_id"] == person]
    return {row["entity_id"]: pytest.approx(row["probability"], abs=2e-6) for row in owned}


def test_kinds_are_never_the_union_over_entities(by_hand):
    made = by_hand()
    run(
        made,
        {
            "a": {"tenant_id": "T1", "first_name": "ANA", "ssn": "123456789"},
            "b": {"tenant_id": "T2", "first_name": "ANA", "elements": "appointment|treatment"},
        },
        pairs=[("a", "b", 20)],
    )
    assert kinds(made, "a", "CE1") == {"name", "ssn"}
    assert kinds(made, "a", "CE2") == {"name", "appointment", "treatment"}


def test_kinds_of_an_entity_known_by_chart_come_from_rows_that_may_be_its(by_hand):
    made = by_hand()
    run(
        made,
        {
            "a": {"tenant_id": "T1", "ssn": "123456789"},
            "b": {"phone": "3015550100", "extra": "appt_time|internal_flag"},
        },
        {"x": {"entity_id": "CE2", "sex": "F"}},
        pairs=[("a", "b", 20), ("a", "x", 11)],
    )
    assert kinds(made, "a", "CE1") == {"ssn"}
    assert kinds(made, "a", "CE2") == {"contact", "appointment"}


def test_kinds_of_a_chart_in_the_review_band_and_of_a_presumed_one(by_hand):
    made = by_hand()
    run(
        made,
        {"a": {"last_name": "DOE", "last_visit_on": date(2020, 1, 2)}},
        {
            "x": {"entity_id": "CE1", "sex": "F"},
            "y": {"entity_id": "CE2", "sex": "F", "last_name": "ROE"},
        },
        pairs=[("a", "x", 3)],
        presumed=("CE2",),
    )
    assert kinds(made, "x", "CE1") == {"name", "appointment"}
    assert kinds(made, "y", "CE2") == {"name", "sex"}


def test_unowned_people_have_kinds_too(by_hand):
    made = by_hand()
    run(made, {"a": {"email": "a@example.com"}})
    assert kinds(made, "a", "UNOWNED") == {"contact"}


def test_words_that_name_kinds():
    texts = pl.Series(["appt_date|balance", "X-Ray", "shoe size", "phone_home|DOB"])

    def sets(*, declared):
        found = word_kinds(texts, declared=declared)
        return {
            row["text"]: {k for n, k in enumerate(KINDS) if row["kinds"] >> n & 1}
            for row in found.iter_rows(named=True)
        }

    assert sets(declared=True) == {
        "appt_date|balance": {"appointment", "payment"},
        "X-Ray": {"photo"},
        "shoe size": {"other"},
        "phone_home|DOB": {"contact", "date_of_birth"},
    }
    assert sets(declared=False)["shoe size"] == set()


def test_probability_is_shared_among_possible_entities(by_hand):
    made = by_hand()
    charts = {"x": {"entity_id": "CE1"}, "y": {"entity_id": "CE2"}}
    run(made, {"a": {}}, charts, pairs=[("a", "x", 20), ("a", "y", 20)])
    assert probabilities(made, "a") == {"CE1": 0.5, "CE2": 0.5}


def test_probability_of_a_chart_in_the_review_band(by_hand):
    made = by_hand()
    run(made, {"a": {}}, {"x": {"entity_id": "CE1"}}, pairs=[("a", "x", 1)])
    assert probabilities(made, "a") == {"CE1": 2 / 3}
    assert probabilities(made, "x") == {"CE1": 2 / 3}


def test_what_names_a_row_names_everybody_on_it(by_hand):
    """The guarantor has no chart; the row is of the practice that treats the child."""
    made = by_hand()
    made.write("entities", ROSTER)
    made.records(
        {"child": {"mrn": "77", "last_name": "DOE"}},
        {"x": {"entity_id": "CE1", "mrn": "77", "last_name": "DOE"}},
    )
    leaked = made.workspace.read("leaked")
    std = made.workspace.read("leaked_std")
    guarantor = made.ids["child"] + 1
    made.ids["guarantor"] = guarantor
    both = leaked.with_columns(mention_id=pl.lit(guarantor), role=pl.lit("guarantor"), mrn=None)
    made.workspace.write("leaked", pl.concat([leaked, both], how="vertical_relaxed"))
    other = std.with_columns(mention_id=pl.lit(guarantor), mrn=None)
    made.workspace.write("leaked_std", pl.concat([std, other], how="vertical_relaxed"))
    ids = [made.ids["child"], guarantor]
    made.write("identities", [{"mention_id": n, "identity_id": n} for n in ids])
    made.pairs([])
    people.run(
        made.workspace,
        people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20)),
    )
    owners.run(made.workspace, owners.OwnersSettings(attribute_at_bits=12))
    rows = made.table("row_owners")
    assert [(r["mention_id"], r["status"]) for r in rows] == [(n, "confirmed") for n in ids]


def candidates(made, name):
    person = made.person_of(name)
    return {
        r["entity_id"]: r["share"]
        for r in made.table("candidate_owners")
        if r["person_id"] == person
    }


def living(entity, zip5, count):
    return {
        f"{entity}-{zip5}-{n}": {"tenant_id": entity, "zip5": zip5, "first_name": f"N{n}"}
        for n in range(count)
    }


def test_candidates_are_entities_of_those_who_live_there(by_hand):
    """Twenty rows of a ZIP code, fifteen of them CE1's; CE2 has one of 30 in the wider area of the other."""
    made = by_hand()
    known = living("T1", "20707", 15) | living("T2", "20707", 5) | living("T1", "30101", 29)
    known |= living("T2", "30102", 1)
    asked = {"a": {"zip5": "20707"}, "b": {"zip5": "30102"}, "c": {"zip5": "99999"}, "d": {}}
    run(made, known | asked)
    assert candidates(made, "a") == {"CE1": 0.75, "CE2": 0.25}
    assert candidates(made, "b") == {"CE1": pytest.approx(29 / 30, abs=1e-6)}, "1 of 30 is too few"
    assert candidates(made, "c") == candidates(made, "d") == {}
    assert all(probabilities(made, name) == {"UNOWNED": 1.0} for name in asked)


def test_an_address_of_many_is_no_household(by_hand):
    """Ten people share a household's telephone; eleven an office's."""
    made = by_hand()
    run(
        made,
        {f"p{n}": {"phone": "3015550100", "tenant_id": "T1"} for n in range(9)}
        | {f"q{n}": {"phone": "3015550111", "tenant_id": "T1"} for n in range(10)}
        | {"a": {"phone": "3015550100"}, "b": {"phone": "3015550111"}},
    )
    assert probabilities(made, "a") == {"CE1": 1.0}
    assert probabilities(made, "b") == {"UNOWNED": 1.0}
