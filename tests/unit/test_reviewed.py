"""What a reviewed sample says of all pairs."""

import numpy as np
import polars as pl
import pytest

from matching.people.review_order import write_review_order
from matching.reviewed import (
    EDGES,
    LEAST,
    Strata,
    calibration,
    estimate,
    planned,
    reviewed_strata,
    sample,
)

STRATA = len(EDGES) + 1
PAIRS = np.array(
    [900, 700, 600, 500, 400, 400, 300, 300, 300, 400, 900, 1200, 2000, 9000, 40000, 90000]
)
SHARES = np.array([.02, .1, .2, .35, .5, .7, .8, .9, .94, .97, .99, .995, .998, .999, .9999, 1.0])  # fmt: skip
MATCHES = np.round(PAIRS * SHARES).astype(np.int64)
REVIEWS = 200


@pytest.mark.parametrize("at", [5, 8])
def test_intervals_hold_the_truth(at):
    rng = np.random.Generator(np.random.PCG64(5))
    wanted = planned(PAIRS, SHARES, 400)
    truth = MATCHES[at:].sum() / PAIRS[at:].sum(), MATCHES[at:].sum() / MATCHES.sum()
    hits = np.zeros(2)
    for _ in range(REVIEWS):
        seen = rng.hypergeometric(MATCHES, PAIRS - MATCHES, wanted)
        both = estimate(Strata(PAIRS, wanted, seen, SHARES), at)
        hits += [one.low <= true <= one.high for one, true in zip(both, truth, strict=True)]
    assert (hits / REVIEWS >= 0.94).all()


def test_calibration_says_what_reviewers_said_and_never_falls():
    reviewed, matches = np.zeros(STRATA, np.int64), np.zeros(STRATA, np.int64)
    reviewed[[3, 5, 6, 9]] = [10, 20, 20, 40]
    matches[[3, 5, 6, 9]] = [2, 14, 10, 40]  # .7 and then .5: pooled to .6
    rows = calibration(Strata(PAIRS, reviewed, matches, SHARES))
    assert rows["from_bits"].to_list() == [EDGES[i - 1] for i in (3, 5, 6, 9)]
    assert rows["observed"].to_list() == pytest.approx([0.2, 0.7, 0.5, 1.0])
    assert rows["calibrated"].to_list() == pytest.approx([0.2, 0.6, 0.6, 1.0])
    assert ((rows["low"] < rows["observed"]) & (rows["observed"] <= rows["high"])).all()
    assert rows["low"].last() < 1.0  # 40 of 40 are no certainty


def test_more_reviews_say_more():
    widths = []
    for size in (100, 1000):
        wanted = planned(PAIRS, SHARES, size)
        seen = np.round(wanted * SHARES).astype(np.int64)
        one = estimate(Strata(PAIRS, wanted, seen, SHARES), 8)[0]
        widths.append(one.high - one.low)
    assert widths[1] < widths[0] / 2


def test_nothing_reviewed_is_nothing_known():
    none = np.zeros(STRATA, np.int64)
    precision, recall = estimate(Strata(PAIRS, none, none, SHARES), 8)
    assert (precision.low, precision.high) == (0.0, 1.0)
    assert recall.high == pytest.approx(1.0)


def test_every_stratum_is_reviewed_and_the_unsure_ones_most():
    wanted = planned(PAIRS, SHARES, 400)
    assert (wanted >= LEAST).all()
    assert wanted.sum() <= 400
    assert wanted[4] / PAIRS[4] > wanted[13] / PAIRS[13]


def linked(by_hand, count):
    made = by_hand()
    names = [(f"a{n}", f"b{n}") for n in range(count)]
    made.records({name: {} for pair in names for name in pair})
    made.pairs([(one, other, 4.5) for one, other in names])
    write_review_order(made.workspace)
    return made


def named(made, pairs):
    return [tuple(made.names(row)) for row in pairs.select("left", "right").iter_rows()]


def test_a_larger_sample_holds_the_smaller_one(by_hand):
    made = linked(by_hand, 60)
    small, large = sample(made.workspace, 20), sample(made.workspace, 40)
    assert 8 <= small.height <= 20 < large.height
    assert set(named(made, small)) < set(named(made, large))


def test_decisions_count_up_to_the_first_pair_that_nobody_decided(by_hand):
    made = linked(by_hand, 60)
    first, second, third, fourth, *_, last = named(made, sample(made.workspace, 40))
    made.decide((*first, "match"), (*second, "no"), (*third, "unsure"), (*last, "match"))
    found = reviewed_strata(made.workspace)
    assert (found.pairs.sum(), found.reviewed.sum(), found.matches.sum()) == (60, 2, 1)
    assert fourth != last


def test_pairs_that_a_guard_holds_are_not_sampled(by_hand):
    made = by_hand()
    made.records({name: {} for name in "abcd"})
    made.pairs([("a", "b", 4), ("c", "d", 4)], guarded={"a-b": "twin=cap"})
    write_review_order(made.workspace)
    assert named(made, sample(made.workspace, 10)) == [("c", "d")]
    assert isinstance(sample(made.workspace, 10), pl.DataFrame)
