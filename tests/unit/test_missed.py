"""A lower bound on the matches that no blocking rule made."""

import pytest

from matching.missed import missed_at_least


def caught(by_hand, *reasons):
    made = by_hand()
    leaked = {f"a{n}": {} for n in range(len(reasons))}
    charts = {f"x{n}": {"entity_id": "CE1"} for n in range(len(reasons))}
    made.records(leaked, charts)
    made.pairs([(f"a{n}", f"x{n}", 40) for n in range(len(reasons))], reasons=reasons)
    return missed_at_least(made.workspace)


def test_many_found_once_and_few_twice_means_that_many_are_missed(by_hand):
    few = caught(by_hand, *["names"] * 4, *["names,phone"] * 2, "names,phone,email")
    assert (few.found, few.missed) == (7.0, pytest.approx(4**2 / (2 * 2)))
    assert few.blocking_recall_at_most == pytest.approx(7 / 11)
    assert few.alone == {"names": 4.0}


def test_found_by_many_rules_each_none_is_known_to_be_missed(by_hand):
    assert caught(by_hand, *["names,phone,email"] * 5).missed == 0.0


def test_nothing_linked(by_hand):
    assert caught(by_hand).blocking_recall_at_most == 1.0
