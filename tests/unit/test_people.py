"""What is known of a person, and the id that stays."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from matching import people
from matching.tables import TABLES

AS_OF = date(2026, 3, 20)


def run(made, **settings):
    base = {"merge_at_bits": 10, "include_at_bits": 0, "as_of": AS_OF}
    people.run(made.workspace, people.PeopleSettings(**(base | settings)))


def only_person(made):
    (person,) = made.table("persons")
    return person


def release(made, names, *, person_id, first=date(2026, 1, 5), minted_by=None):
    rows = [
        {"person_id": person_id, "file_sha256": sha, "row_no": row, "role": role}
        | {"minted_by": name == (minted_by or names[0]), "first_identified_on": first}
        | {"recorded_at": datetime(2026, 1, 6, tzinfo=UTC)}
        for name in names
        for sha, row, role in [made.places[name]]
    ]
    made.workspace.append("registry", TABLES["registry"].complete(pl.DataFrame(rows)))


def test_most_frequent_birth_date_counts_and_charts_break_ties(by_hand):
    made = by_hand()
    made.records(
        {"a": {"date_of_birth": "2010-05-01"}, "b": {"date_of_birth": "2010-05-01"}},
        {"x": {"entity_id": "CE1", "date_of_birth": "2011-05-01"}},
    )
    made.pairs([("a", "b", 12), ("a", "x", 12)])
    run(made)
    assert only_person(made)["minor_on"] == date(2028, 5, 1)


def test_chart_breaks_a_tie(by_hand):
    made = by_hand()
    made.records(
        {"a": {"date_of_birth": "2010-05-01", "language": "es"}},
        {"x": {"entity_id": "CE1", "date_of_birth": "2011-05-01"}},
    )
    made.pairs([("a", "x", 12)])
    run(made)
    person = only_person(made)
    assert (person["minor_on"], person["language"]) == (date(2029, 5, 1), "es")


@pytest.mark.parametrize(
    ("born", "adult_on"),
    [("2008-02-29", date(2026, 3, 1)), (None, None), ("1950-12-31", date(1968, 12, 31))],
)
def test_eighteenth_birthday(by_hand, born, adult_on):
    made = by_hand()
    made.records({"a": {"date_of_birth": born}})
    made.pairs([])
    run(made)
    person = only_person(made)
    assert (person["minor_on"], person["language"], person["deceased"]) == (adult_on, "en", False)


def test_deceased_by_any_member(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {"deceased": True}})
    made.pairs([("a", "b", 12)])
    run(made)
    assert only_person(made)["deceased"] is True


def test_best_pair_of_a_possible_person(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "c": {}}, {"x": {"entity_id": "CE1"}})
    made.pairs([("a", "b", 12), ("a", "x", 2), ("b", "x", 5), ("c", "x", 1)])
    run(made)
    rows = made.table("affected")
    found = {row["maybe_same_as"]: row for row in rows}
    best = found[made.person_of("a")]
    assert best["via_mention_id"] == made.ids["b"]
    assert best["probability"] == pytest.approx(32 / 33, abs=1e-6)
    assert found[made.person_of("c")]["probability"] == pytest.approx(2 / 3, abs=1e-6)
    assert {row["person_id"] for row in rows} == {made.person_of("x")}
    assert len(made.table("maybe_same")) == 2


def test_who_is_named_only_in_free_text_is_possible_until_a_record_is_found(by_hand):
    made = by_hand()
    vague = {"doubtful": True}
    made.records({"a": vague, "b": vague, "c": {}, "d": vague}, {"x": {"entity_id": "CE1"}})
    made.pairs([("b", "c", 12), ("d", "x", 12)])
    run(made)
    status = {row["person_id"]: row["affected"] for row in made.table("persons")}
    assert [status[made.person_of(name)] for name in "abd"] == [
        "possible",
        "confirmed",
        "confirmed",
    ]


def test_id_does_not_depend_on_which_file_came_first(by_hand):
    ids = []
    for order in (("a", "b"), ("b", "a")):
        made = by_hand()
        made.records({})
        made.workspace.append(
            "files",
            pl.DataFrame(
                [
                    {"file_no": 3 + n, "file_sha256": f"{name}" * 64, "bytes": 1}
                    | {"recorded_at": datetime(2026, 1, 1, tzinfo=UTC)}
                    for n, name in enumerate(order)
                ],
                schema=dict(TABLES["files"].polars),
            ),
        )
        numbers = {name: (3 + n) * 2**40 for n, name in enumerate(order)}
        made.write(
            "leaked",
            [
                {"mention_id": number, "record_id": name, "file_no": number >> 40, "row_no": 0}
                | {"role": "patient"}
                for name, number in numbers.items()
            ],
        )
        made.ids |= numbers
        made.pairs([])
        made.write(
            "pairs",
            [
                {"kind": "leaked_leaked", "left": 3 * 2**40, "right": 4 * 2**40, "vector": 0}
                | {"tf_bits": 0.0, "match_weight": 12.0, "probability": 0.99, "band": "match"}
            ],
        )
        run(made)
        ids.append(only_person(made)["person_id"])
    assert ids[0] == ids[1]
    assert len(ids[0]) == 14


def test_released_id_is_kept_when_an_earlier_mention_joins(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    made.pairs([("a", "b", 12)])
    release(made, ["b"], person_id="OLD")
    run(made)
    person = only_person(made)
    assert (person["person_id"], person["first_identified_on"]) == ("OLD", date(2026, 1, 5))


def test_oldest_released_id_wins(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    made.pairs([("a", "b", 12)])
    release(made, ["a"], person_id="YOUNG", first=date(2026, 2, 1))
    release(made, ["b"], person_id="OLD", first=date(2026, 1, 1))
    run(made)
    assert only_person(made)["person_id"] == "OLD"


def test_released_id_stays_with_the_mention_it_was_minted_from(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    made.pairs([])
    release(made, ["a", "b"], person_id="OLD", minted_by="b")
    run(made)
    assert made.person_of("b") == "OLD"
    assert made.person_of("a") != "OLD"


def became(made):
    return {
        (row["released_id"], row["person_id"]): (row["became"], row["records"])
        for row in made.table("histories")
    }


def test_history_names_who_was_merged_into_whom(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "c": {}})
    made.pairs([("a", "b", 12)])
    release(made, ["a"], person_id="YOUNG", first=date(2026, 2, 1))
    release(made, ["b"], person_id="OLD", first=date(2026, 1, 1))
    run(made)
    assert became(made) == {("OLD", "OLD"): ("kept", 1), ("YOUNG", "OLD"): ("merged", 1)}


def test_history_names_who_was_split(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    made.pairs([])
    release(made, ["a", "b"], person_id="OLD", minted_by="b")
    run(made)
    assert became(made) == {("OLD", "OLD"): ("kept", 1), ("OLD", made.person_of("a")): ("split", 1)}


def test_history_keeps_a_released_person_whose_records_are_excluded_now(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {"exclusion": "test_record"}})
    made.pairs([])
    release(made, ["b"], person_id="OLD")
    run(made)
    assert became(made) == {("OLD", "OLD"): ("gone", 1)}


def test_a_person_with_too_many_identities_is_cut_at_its_weakest_links(by_hand):
    made = by_hand()
    made.records({name: {"first_name": name, "last_name": "X"} for name in "abcdef"})
    made.pairs([("a", "b", 30), ("b", "c", 30), ("c", "d", 11), ("d", "e", 30), ("e", "f", 30)])
    run(made, identities_max=3)
    assert made.persons() == [["a", "b", "c"], ["d", "e", "f"]]
    groups = {row["merged_group"] for row in made.table("persons")}
    assert len(groups) == 1


def test_many_rows_of_one_identity_are_no_reason_to_cut(by_hand):
    made = by_hand()
    made.records({name: {"first_name": "ANA", "last_name": "X"} for name in "abcdef"})
    made.pairs([("a", name, 11) for name in "bcdef"])
    run(made, identities_max=3)
    assert made.persons() == [list("abcdef")]


def test_no_pairs_table_rows_at_all(by_hand):
    made = by_hand()
    made.records({})
    made.pairs([])
    run(made)
    assert made.table("persons") == made.table("members") == []


def test_thresholds_in_order():
    with pytest.raises(ValueError, match="include_at_bits"):
        people.PeopleSettings(merge_at_bits=1, include_at_bits=2, as_of=AS_OF)
