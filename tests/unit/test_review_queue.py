"""The queue: worth first, two reviewers never at one pair, second looks blind, disagreement settled by a third."""

import pytest

from matching import people
from matching.review.agreement import agreement, disagreements, kappa, looked_twice
from matching.review.answers import Answers, pair_of
from matching.review.queue import LEASE_S, Asked, Gathered, Queue, gather, second_look
from tests.review_tables import SETTINGS, with_inventory

PAIRS = [
    ("a", "b", 4),
    ("a", "x", 1),
    ("b", "x", 2),
    ("c", "d", 0.1),
    ("c", "y", 3),
    ("e", "z", 12),
]


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.records({n: {} for n in "abcde"}, {n: {"entity_id": "CE1"} for n in "xyz"})
    made.pairs(PAIRS)
    with_inventory(made)
    people.run(made.workspace, SETTINGS)
    return made


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def pair(made, one, other):
    return pair_of(made.ids[one], made.ids[other])


def queue_of(made, *, share=0.0, sample_size=0, clock=None):
    answers = Answers(made.workspace)
    gathered = gather(made.workspace, sample_size=sample_size)
    return answers, Queue(answers, gathered, share=share, clock=clock or Clock())


def named(made, asked):
    return "".join(made.names(asked.pair)), asked.why


def test_legal_lines_come_first_then_the_sample_then_doubt(made):
    persons = sorted((made.person_of("c"), made.person_of("y")))
    made.write(
        "open_questions",
        [
            {"position": 0, "question": "same_person", "person_id": persons[1], "other_id": persons[0]}
            | {"entity_id": "CE1", "state": "MD", "at_least": 500, "probability": 0.5, "lines": 1}
        ],
    )  # fmt: skip
    asked = gather(made.workspace, sample_size=0).asked
    assert named(made, asked[0]) == ("cy", "line")
    assert (asked[0].line.entity_id, asked[0].line.state, asked[0].line.at_least) == (
        "CE1",
        "MD",
        500,
    )
    why = [one.why for one in asked]
    assert why == sorted(why, key=["line", "interval", "band"].index)
    assert len({one.pair for one in asked}) == len(asked) == len(PAIRS)


def test_a_question_without_a_review_link_asks_the_best_kept_pair(made):
    made.write("maybe_same", [])
    persons = sorted((made.person_of("a"), made.person_of("x")))
    made.write(
        "open_questions",
        [
            {"position": 0, "question": "same_person", "person_id": persons[0], "other_id": persons[1]}
            | {"entity_id": "CE1", "at_least": 500, "probability": 0.5, "lines": 1}
        ],
    )  # fmt: skip
    assert named(made, gather(made.workspace, sample_size=0).asked[0]) == ("ax", "line")


def test_band_by_doubt(made):
    band = [a for a in gather(made.workspace, sample_size=0).asked if a.why == "band"]
    rest = [named(made, one)[0] for one in band]
    order = ["cd", "ax", "bx", "cy", "ab"]
    assert rest == [name for name in order if name in rest]


def test_decided_pairs_are_not_asked_again(made):
    answers, queue = queue_of(made)
    first = queue.current("One")
    answers.answer(first.pair, "no", by="One")
    queue.answered("One", first.pair)
    assert queue.current("One").pair != first.pair
    assert first.pair not in {one.pair for one in gather(made.workspace).asked}


def test_two_reviewers_never_have_one_pair_and_each_keeps_theirs(made):
    _, queue = queue_of(made)
    one, two = queue.current("One"), queue.current("Two")
    assert one.pair != two.pair
    assert queue.current("One") == one
    assert queue.current("Two") == two


def test_a_lease_runs_out(made):
    clock = Clock()
    _, queue = queue_of(made, clock=clock)
    one = queue.current("One")
    clock.now = LEASE_S + 1
    assert queue.current("Two").pair == one.pair
    assert queue.current("One").pair != one.pair


def test_what_is_skipped_comes_last(made):
    answers, queue = queue_of(made)
    first = queue.current("One")
    queue.skip("One", first.pair)
    seen = []
    while (asked := queue.current("One")) is not None:
        seen.append(asked.pair)
        answers.answer(asked.pair, "no", by="One")
        queue.answered("One", asked.pair)
    assert seen[-1] == first.pair
    assert len(seen) == len(set(seen)) == len(gather(made.workspace).asked) + len(seen)


def test_coming_is_what_comes(made):
    answers, queue = queue_of(made)
    held = queue.current("One")
    coming = [pair for pair in queue.coming("One", 3) if pair != held.pair]
    answers.answer(held.pair, "no", by="One")
    queue.answered("One", held.pair)
    assert queue.current("One").pair == coming[0]


def test_second_look_is_another_reviewers_and_of_a_sample(made):
    answers, queue = queue_of(made, share=1.0)
    ab = pair(made, "a", "b")
    answers.answer(ab, "match", by="One")
    assert queue.seconds_waiting("One") == 0
    assert queue.seconds_waiting("Two") == 1
    assert queue.is_second(ab, "Two")
    assert not queue.is_second(ab, "One")
    answers.answer(ab, "no", by="Two", subject="second")
    assert queue.seconds_waiting("Three") == 0
    assert not queue.is_second(ab, "Three")
    assert not Queue(answers, Gathered((), {}), share=0.0).is_second(ab, "Two")


def test_every_fifth_pair_may_be_a_second_look(made):
    answers, queue = queue_of(made, share=1.0)
    answers.answer(pair(made, "a", "b"), "match", by="One")
    seen = []
    while (asked := queue.current("Two")) is not None:
        seen.append(asked.why)
        subject = "second" if queue.is_second(asked.pair, "Two") else "pair"
        answers.answer(asked.pair, "no", by="Two", subject=subject)
        queue.answered("Two", asked.pair)
    assert seen.index("second") == 4
    assert seen.count("second") == 1


def test_share_of_second_looks():
    seen = [second_look((number, number + 7)) for number in range(20_000)]
    assert 0.09 < sum(seen) / len(seen) < 0.11
    assert second_look((1, 8)) == second_look((1, 8))


def test_disagreement_waits_until_a_third_has_decided(made):
    answers, _ = queue_of(made, share=1.0)
    ab, bx = pair(made, "a", "b"), pair(made, "b", "x")
    answers.answer(ab, "match", by="One", note="same home")
    answers.answer(bx, "no", by="One")
    answers.answer(ab, "no", by="Two", note="twins", subject="second")
    answers.answer(bx, "no", by="Two", subject="second")
    twice = looked_twice(made.workspace, answers)
    found = agreement(twice)
    assert (found.pairs, found.same) == (2, 1)
    (open_one,) = disagreements(answers, twice)
    assert (open_one.pair, open_one.first_note, open_one.second_note) == (ab, "same home", "twins")
    answers.answer(ab, "match", by="Three")
    twice = looked_twice(made.workspace, answers)
    assert disagreements(answers, twice) == []
    assert agreement(twice).same == 1  # what was agreed before anybody settled it


def test_undone_answers_do_not_count_for_agreement(made):
    answers, _ = queue_of(made, share=1.0)
    ab = pair(made, "a", "b")
    answers.answer(ab, "match", by="One")
    answers.answer(ab, "no", by="Two", subject="second")
    answers.undo(by="Two")
    assert looked_twice(made.workspace, answers) == []


def test_showing_puts_a_pair_before_the_reviewer(made):
    answers, queue = queue_of(made)
    first = queue.current("One")
    answers.answer(first.pair, "no", by="One")
    queue.answered("One", first.pair)
    queue.current("One")
    (undone,) = answers.undo(by="One")
    queue.show("One", Asked(undone, "band"))
    assert queue.current("One").pair == first.pair


def test_kappa_of_a_table_computed_by_hand():
    """50 pairs: 20 match/match, 15 no/no, 5 match/no, 10 no/match.

    Seen .70; chance .5 * .6 + .5 * .4 = .50; kappa (.7 - .5) / .5 = .40.
    """
    table = {("match", "match"): 20, ("no", "no"): 15, ("match", "no"): 5, ("no", "match"): 10}
    found = kappa(table)
    assert found.share == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    # Fleiss, Cohen and Everitt: (0.22452 + 0.03636 - 0.01) / 50 / 0.25 by the same table
    on = 0.4 * (1 - 1.1 * 0.6) ** 2 + 0.3 * (1 - 0.9 * 0.6) ** 2
    off = 0.36 * (0.1 * (0.6 + 0.5) ** 2 + 0.2 * (0.4 + 0.5) ** 2)
    half = 1.959964 * ((on + off - (0.4 - 0.5 * 0.6) ** 2) / 0.25 / 50) ** 0.5
    assert found.low == pytest.approx(0.4 - half, abs=1e-6)
    assert found.high == pytest.approx(0.4 + half, abs=1e-6)


def test_kappa_where_it_says_nothing():
    assert kappa({}).kappa is None
    assert kappa({("match", "match"): 9}).kappa is None
    assert kappa({("match", "match"): 5, ("no", "no"): 5}).kappa == pytest.approx(1.0)
