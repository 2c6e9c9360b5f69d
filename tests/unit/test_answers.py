"""Answers: append-only, undone as they were given, the same for every process that reads them."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from matching import people
from matching.errors import OperatorError
from matching.people.decided import read_decided
from matching.review.answers import Answers, pair_of
from matching.standing import standing
from matching.tables import TABLES
from tests.review_tables import SETTINGS, with_inventory

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "c": {}}, {"x": {"entity_id": "CE1"}})
    made.pairs([("a", "b", 14), ("a", "x", 3), ("b", "c", 1)])
    with_inventory(made)
    return made


@pytest.fixture
def answers(made):
    return Answers(made.workspace)


def pair(made, one, other):
    return pair_of(made.ids[one], made.ids[other])


def read(made, value):
    return sorted(tuple(made.names(row)) for row in getattr(read_decided(made.workspace), value))


def test_answer_stands_at_once_and_for_the_pipeline(made, answers):
    answers.answer(pair(made, "a", "b"), "no", by="R. Vance", note="twins")
    found = answers.on(pair(made, "a", "b"))
    assert (found.value, found.by, found.note) == ("no", "R. Vance", "twins")
    assert read(made, "no") == [("a", "b")]
    people.run(made.workspace, SETTINGS)
    assert ["a"] in [[n for n in names if n in "ab"] for names in made.persons()]


def test_undone_first_decision_leaves_the_pair_undecided(made, answers):
    answers.answer(pair(made, "a", "b"), "no", by="R. Vance")
    assert answers.undo(by="R. Vance") == [pair(made, "a", "b")]
    assert answers.on(pair(made, "a", "b")) is None
    assert read(made, "no") == read(made, "match") == read(made, "unsure") == []
    people.run(made.workspace, SETTINGS)
    assert ["a", "b"] in [[n for n in names if n in "ab"] for names in made.persons()]


def test_undo_restores_what_another_had_said(made, answers):
    answers.answer(pair(made, "a", "b"), "match", by="First")
    answers.answer(pair(made, "a", "b"), "no", by="Second")
    answers.undo(by="Second")
    assert answers.on(pair(made, "a", "b")).by == "First"
    assert read(made, "match") == [("a", "b")]


def test_undo_goes_back_one_act_at_a_time(made, answers):
    ab = pair(made, "a", "b")
    for value in ("match", "no", "unsure"):
        answers.answer(ab, value, by="R. Vance")
    seen = []
    for _ in range(3):
        answers.undo(by="R. Vance")
        found = answers.on(ab)
        seen.append(found and found.value)
    assert seen == ["no", "match", None]
    with pytest.raises(OperatorError, match="nothing to undo"):
        answers.undo(by="R. Vance")


def test_undo_is_refused_where_somebody_decided_since(made, answers):
    answers.answer(pair(made, "a", "b"), "match", by="First")
    answers.answer(pair(made, "a", "b"), "no", by="Second")
    with pytest.raises(OperatorError, match="decided on this pair since"):
        answers.undo(by="First")
    assert answers.on(pair(made, "a", "b")).value == "no"


def test_undo_takes_only_ones_own(made, answers):
    answers.answer(pair(made, "a", "b"), "match", by="First")
    with pytest.raises(OperatorError, match="nothing to undo"):
        answers.undo(by="Second")


def test_answers_of_one_act_come_and_go_together(made, answers):
    both = [(pair(made, "a", "b"), "no"), (pair(made, "b", "c"), "match")]
    answers.answer_all(both, by="R. Vance")
    assert len(made.workspace.manifest("decisions").parts) == 1
    answers.undo(by="R. Vance")
    assert answers.decided() == {}
    assert len(made.workspace.manifest("decisions").parts) == 2


def test_same_form_twice_is_one_answer(made, answers):
    ab = pair(made, "a", "b")
    first = answers.answer(ab, "match", by="R. Vance", once="form-1")
    assert answers.answer(ab, "match", by="R. Vance", once="form-1") == first
    answers.undo(by="R. Vance", once="form-2")
    answers.undo(by="R. Vance", once="form-2")
    assert answers.rows().height == 2
    assert Answers(made.workspace).answer(ab, "no", by="R. Vance", once="form-1") == first
    assert answers.on(ab) is None


def test_what_others_append_is_read_and_only_that(made, answers, monkeypatch):
    other = Answers(made.workspace)
    answers.answer(pair(made, "a", "b"), "match", by="First")
    starts = []
    lazy_parts = type(made.workspace).lazy_parts
    monkeypatch.setattr(
        type(made.workspace),
        "lazy_parts",
        lambda self, name, *, start=0: starts.append(start) or lazy_parts(self, name, start=start),
    )
    assert other.refresh()
    assert not other.refresh()
    other.answer(pair(made, "b", "c"), "no", by="Second")
    assert not other.refresh()
    assert answers.refresh()
    assert starts == [0, 1]
    assert answers.decided() == other.decided() == Answers(made.workspace).decided()


def test_second_answer_changes_nothing_by_itself(made, answers):
    ab = pair(made, "a", "b")
    answers.answer(ab, "match", by="First")
    answers.answer(ab, "no", by="Second", subject="second")
    assert answers.on(ab).value == "match"
    assert read(made, "match") == [("a", "b")]
    assert read(made, "no") == []
    assert answers.seconds()["value"].to_list() == ["no"]
    answers.undo(by="Second")
    assert answers.seconds().is_empty()


def test_a_clock_that_goes_back_changes_no_order(made):
    clock = iter([WHEN, WHEN - timedelta(hours=3)])
    answers = Answers(made.workspace, now=lambda: next(clock))
    ab = pair(made, "a", "b")
    answers.answer(ab, "match", by="First")
    answers.answer(ab, "no", by="First")
    assert answers.on(ab).value == "no"
    rows = made.workspace.read("decisions").sort("recorded_at")
    assert rows["value"].to_list() == ["match", "no"]


@pytest.mark.parametrize(
    ("value", "by", "note", "words"),
    [
        ("perhaps", "R. Vance", "", "one of match, no, unsure"),
        ("withdrawn", "R. Vance", "", "one of match, no, unsure"),
        ("match", "", "", "needs a name"),
        ("match", "R. Vance", "x" * 501, "500 characters"),
    ],
)
def test_refused(made, answers, value, by, note, words):
    with pytest.raises(OperatorError, match=words):
        answers.answer(pair(made, "a", "b"), value, by=by, note=note)
    assert answers.rows().is_empty()


def test_unknown_records_are_refused(made, answers):
    with pytest.raises(OperatorError, match="no such record"):
        answers.answer((7 << 40, 8 << 40), "match", by="R. Vance")
    with pytest.raises(OperatorError, match="with itself"):
        answers.answer((made.ids["a"], made.ids["a"]), "match", by="R. Vance")


def test_withdrawing_brings_back_what_was_superseded():
    rows = [
        ("d1", "match", None),
        ("d2", "no", "d1"),
        ("d3", "withdrawn", "d2"),
    ]
    frame = TABLES["decisions"].complete(
        pl.DataFrame(
            [
                {"decision_id": one, "subject": "role", "value": value, "supersedes": named}
                | {"recorded_at": WHEN + timedelta(seconds=n)}
                for n, (one, value, named) in enumerate(rows)
            ]
        )
    )
    assert standing(frame, "role")["decision_id"].to_list() == ["d1"]
    assert standing(frame.head(2), "role")["decision_id"].to_list() == ["d2"]
    assert standing(frame, "pair").is_empty()
