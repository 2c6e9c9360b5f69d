"""What a pair shows: marks by the comparison's level, masks, the rest of both persons, the links between."""

import json

import pytest

from matching import people
from matching.link.settings import Matching
from matching.model.files import load_model
from matching.review.answers import pair_of
from matching.review.lookup import Lookup
from matching.review.masks import masked
from matching.review.shown import Showing, compared
from tests.review_tables import SETTINGS, with_inventory

ANNA = {"first_name": "Anna", "last_name": "Berg", "date_of_birth": "1980-03-04", "sex": "F"}


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.records(
        {"a": ANNA, "b": ANNA | {"first_name": "Anne"}, "c": ANNA},
        {"x": ANNA | {"entity_id": "CE1", "last_name": "Bergh"}, "y": {"entity_id": "CE1"}},
        alike=[("a", "c")],
    )
    made.pairs([("a", "a", 14), ("a", "b", 13), ("a", "x", 3), ("b", "x", 1)],
               guarded={"a-x": "sibling=cap"})  # fmt: skip
    with_inventory(made)
    elm = {"entity_id": "CE1", "kind": "covered_entity", "legal_name": "Elm Dental LLC"}
    elm |= {"print_name": "Elm Dental", "status": "open", "agency": "undetermined"}
    made.write("entities", [elm])
    settings = json.dumps(load_model("dental"))
    made.write("model", [{"name": "dental", "settings": settings}])
    people.run(made.workspace, SETTINGS)
    return made


@pytest.fixture
def showing(made):
    showing = Showing(made.workspace, Matching())
    yield showing
    showing.close()


def of(fields, name):
    return next(field for field in fields if field.name == name)


def test_a_pair_shows_both_records_and_what_the_model_says(made, showing):
    shown = showing.pair(pair_of(made.ids["a"], made.ids["x"]))
    left, right = shown.ends
    assert (left.side, left.role, right.side, right.role) == (
        "leaked",
        "patient",
        "master",
        "chart",
    )
    assert right.entity == "Elm Dental"
    assert left.person_id == made.person_of("a")
    assert shown.judged["match_weight"] == 3
    assert of(shown.fields, "first_name").mark == "equal"
    assert of(shown.fields, "last_name").cleaned == ("Berg", "Bergh")


def test_the_rest_of_both_persons_and_links(made, showing):
    shown = showing.pair(pair_of(made.ids["a"], made.ids["x"]))
    assert sorted(made.names([m.record for m in shown.rest])) == ["b", "c"]
    links = {
        ("".join(sorted(made.names([one, other]))), bits) for one, other, bits, _ in shown.links
    }
    assert links == {("ab", 13.0), ("ax", 3.0), ("bx", 1.0)}


def test_an_identical_record_is_told_as_such(made, showing):
    shown = showing.pair(pair_of(made.ids["a"], made.ids["c"]))
    assert shown.judged is None
    assert "compared as one" in shown.words
    assert {field.mark for field in shown.fields} == {"equal"}


def test_the_second_of_a_group_shows_the_groups_pair(made, showing):
    shown = showing.pair(pair_of(made.ids["c"], made.ids["x"]))
    assert shown.judged["match_weight"] == 3
    assert [record.record for record in shown.ends] == [made.ids["c"], made.ids["x"]]


def test_a_pair_that_was_not_kept(made, showing):
    shown = showing.pair(pair_of(made.ids["b"], made.ids["y"]))
    assert shown.judged is None
    assert "No pair was kept" in shown.words


def test_reading_ahead_reads_once(made, showing, monkeypatch):
    pair = pair_of(made.ids["a"], made.ids["x"])
    showing.ahead([pair])
    first = showing.pair(pair)
    monkeypatch.setattr(Lookup, "rows", lambda *_: pytest.fail("read again"))
    assert showing.pair(pair) is first


@pytest.mark.parametrize(
    ("one", "other", "level", "mark"),
    [
        ("ANNA", "ANNA", ("same", 11, 11), "equal"),
        ("ANNA", "ANNE", ("one slip", 8, 11), "alike"),
        ("ANNA", "ANNA", None, "equal"),
        ("ANNA", None, ("missing", 0, 11), "missing"),
        ("ANNA", "OTTO", ("different", 1, 11), "different"),
        ("ANNA", "EMMA", ("another name at one birth", 3, 11), "different"),
        ("12 MAPLE ST", "12 MAPLE STR", None, "alike"),
        ("12 MAPLE ST", "9 OAK AVE", None, "different"),
    ],
)
def test_marks(one, other, level, mark):
    judged = None
    if level:
        label, code, best = level
        row = {"comparison": "first_name", "level": label, "code": code, "best": best, "bits": 1.0}
        judged = {"levels": [row]}
    rows = [{"first_name": one}, {"first_name": other}]
    (field,) = compared(rows, rows, judged)
    assert field.mark == mark
    assert field.level == (level[0] if level and mark in ("alike", "different") else "")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("first_name", "Anna Maria", "A••• M•••"),
        ("date_of_birth", "03/04/1980", "1980-••-••"),
        ("date_of_birth", "030480", "••••••••"),
        ("ssn", "123-45-6789", "••••89"),
        ("ssn", "12", "••••"),
        ("phone", "(410) 555-0123", "••••23"),
        ("email", "anna@example.org", "a•••@•••"),
        ("zip5", "20701", "207••"),
        ("zip5", "2070", "•••••"),
        ("street", "12 Maple St", "••• M••• S•••"),
        ("sex", "F", "F"),
        ("last_name", None, None),
    ],
)
def test_masks(field, value, shown):
    assert masked(field, value) == shown


def test_masks_never_show_a_whole_word():
    for field in ("first_name", "last_name", "full_name", "street", "city", "guardian_last_name"):
        assert "BERG" not in masked(field, "BERG")
        assert masked(field, "BERG").count("B") == 1


def test_lookup_gives_rows_of_several_parts(made):
    rows = Lookup(made.workspace, "leaked", "mention_id").rows([made.ids["c"], made.ids["a"], 7])
    assert rows["mention_id"].to_list() == sorted([made.ids["a"], made.ids["c"]])
    assert Lookup(made.workspace, "rejects", "file_no").rows([1]).is_empty()
