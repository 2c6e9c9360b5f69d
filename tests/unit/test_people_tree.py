"""The merge tree: people at every merge threshold, against running the step at that threshold."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from matching import people

AS_OF = date(2026, 3, 20)
PAIRS = [("a", "b", 22), ("a", "c", 24.5), ("a", "x", 14), ("c", "y", 8), ("x", "y", 16), ("d", "y", 3),
         ("d", "e", -1), ("e", "z", -2.5), ("f", "g", 9)]  # fmt: skip


def run(made, merge_at_bits):
    people.run(
        made.workspace,
        people.PeopleSettings(merge_at_bits=merge_at_bits, include_at_bits=-3, as_of=AS_OF),
    )


@pytest.fixture
def made(by_hand):
    """Groups of equal mentions, one that another pair joins above its own weight."""
    incident = by_hand()
    incident.records(
        {name: {} for name in "abcdefgh"},
        {name: {"entity_id": "CE1"} for name in "xyz"},
        alike=[("a", "b"), ("f", "g")],
    )
    incident.pairs(PAIRS)
    return incident


def row_at(made, bits):
    counts = made.workspace.read("merge_counts")
    return counts.filter((pl.col("at_bits") - bits).abs() < 1e-9).row(0, named=True)


@pytest.mark.parametrize("bits", [-2.5, -1, 3, 8, 8.1, 9, 14, 16, 22, 22.1, 24.5])
def test_counts_are_those_of_a_run_at_the_threshold(made, bits):
    run(made, bits)
    persons = made.workspace.read("persons").filter(pl.col("mentions") > 0)
    row = row_at(made, bits)
    assert row["people"] == persons.height
    assert row["orphans"] == persons["orphan"].sum()


def test_counts_are_sums_over_the_tree(made):
    run(made, 10)
    tree, counts = made.workspace.read("merge_tree"), made.workspace.read("merge_counts")
    assert tree["match_weight"].is_sorted(descending=True)
    assert (
        counts["at_bits"].to_list()
        == np.round(np.arange(-25, 247) / 10, 1)[: counts.height].tolist()
    )
    for row in counts.iter_rows(named=True):
        joined = tree.filter(pl.col("match_weight") >= row["at_bits"])
        assert row["people"] == 8 + joined["people"].sum()
        assert row["orphans"] == 8 + joined["orphans"].sum()
        assert row["links"] == joined.height
    assert counts["people"][-1] == 8


def test_charts_reached_by_their_best_pair(made):
    run(made, 10)
    assert [row_at(made, bits)["charts_reached"] for bits in (-2.5, 8, 8.1, 14.1)] == [3, 2, 1, 0]


def test_what_may_not_merge_is_not_in_the_tree(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "c": {}, "d": {}})
    made.pairs([("a", "b", 20), ("b", "c", 18), ("c", "d", -2)])
    made.decide(("a", "b", "no"), ("c", "d", "match"))
    run(made, 10)
    ends = [
        sorted(made.names(e))
        for e in made.workspace.read("merge_tree").select("left", "right").rows()
    ]
    assert ends == [["c", "d"], ["b", "c"]]
    assert row_at(made, 18.1)["people"] == 3


def test_guarded_pairs_are_not_in_the_tree(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}})
    made.pairs([("a", "b", 5)], reasons="rule;twin=cap")
    run(made, 2)
    assert made.workspace.read("merge_tree").is_empty()


def test_nobody(by_hand):
    made = by_hand()
    made.records({})
    made.pairs([])
    run(made, 10)
    assert made.workspace.read("merge_tree").is_empty()
    assert made.workspace.read("merge_counts")["people"].to_list() == [0, 0]
