"""Estimate m, u and the prior of a model from the data it will link, without labels.

Two samples of pairs are compared: random pairs, which show what unrelated people share by chance, and
the candidate pairs of all blocking rules, which hold nearly every match and every pair that shares a
telling value. m comes from Splink's EM over the candidates at the prior of the whole space of pairs,
so that pairs which nobody compared count as non-matches; u from both samples, each pair weighed by
the probability that it is no match. Pairs at a level with a fixed weight below zero (twins) are left
out of the EM: relatives are a third kind of pair, and EM with two kinds would call them matches.
One thread, seeded, rounded to 12 digits: equal data give an equal model.
"""

from __future__ import annotations

import copy
import logging
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.blocks import places
from matching.link.coding import Coder
from matching.link.hashing import GOLDEN
from matching.link.keys import slots
from matching.link.limits import limited, sizes_across, too_common
from matching.link.matcher import Indexed, Matcher
from matching.link.rows import connect, load_rows
from matching.link.rules import TRAINING
from matching.link.scorer import SCORED, SplinkScorer
from matching.link.sides import Held, Records, Tools, index_side
from matching.link.vectors import graded
from matching.model.definition import MATCH_COLUMNS
from matching.model.estimates import PRIOR, Sample, probability, set_m, set_u
from matching.model.files import significant
from matching.model.frequencies import count_frequencies

__all__ = ["Trained", "train"]

SAMPLE_ROWS = 50_000
"""Left rows whose candidates are compared: rates of 1 in 1,000 are then known within a tenth."""
RANDOM_ROWS = 700
"""Rows of each side whose every pair is compared: half a million random pairs, a few seconds."""
PAIR_BUDGET = 10_000_000
MIN_MATCHES = 300
"""With fewer expected matches the base model knows better than the data."""
ROUNDS = 6
"""Of EM, u and prior in turn: 30 iterations of EM in all; the prior settles within three rounds."""
_PRIOR_ROUNDS = 20
MEMORY_GIB = 4.0
_CONTENT_SEED = 23
_ALL_BITS = (1 << 64) - 1

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trained:
    """A whole model, and what its card says about how it was made.

    `estimated` is false where the data held too few matches and only the prior was taken from them;
    `from_base` names the levels of which no compared pair is an example.
    """

    settings: dict[str, Any]
    estimated: bool
    left_rows: int
    right_rows: int
    pairs: int
    expected_matches: float
    from_base: tuple[str, ...]


def train(
    left: Records,
    right: Records | None,
    *,
    base: dict[str, Any],
    frequencies: pl.DataFrame | None = None,
    seed: int = 1,
) -> Trained:
    """The base model with m, u and prior of these records; `right` None: records against each other.

    The base model's values count as a few observations of each level, so that what the data do not
    show stays as it was. A sample of the left is indexed and the right goes past it: memory is that
    of the sample and its pairs, and 8 bytes a record. `frequencies`: counted here where not given.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = copy.deepcopy(base)
    if frequencies is None:
        frequencies = count_frequencies([left] if right is None else [left, right], settings)
    sample = _Sampled(left, left if right is None else right, seed)
    within = right is None
    close = Sample(_candidates(sample, settings, frequencies, within), settings, sample.space)
    by_chance = _random_pairs(sample, settings, frequencies, within, seed)
    chance = Sample(by_chance, settings, sample.space)
    matches = _set_prior(settings, close)
    estimated = matches >= MIN_MATCHES
    with connect(threads=1, memory_gib=MEMORY_GIB, spill=None) as con:
        for _ in range(ROUNDS if estimated else 0):
            set_u(settings, base, close, chance)
            set_m(con, settings, base, close)
            matches = _set_prior(settings, close)
    rows = 0 if right is None else right.rows
    unseen = _round_and_name_unseen(settings, close)
    return Trained(settings, estimated, left.rows, rows, close.levels.height, matches, unseen)


class _Sampled:
    """A sample of the left records by a hash of their values, the same in whatever order they come."""

    def __init__(self, left: Records, others: Records, seed: int) -> None:
        self.others = others
        self.content = _content(others, _CONTENT_SEED)
        mine = self.content if left is others else _content(left, _CONTENT_SEED)
        drawn = mine ^ np.uint64(seed * int(GOLDEN) & _ALL_BITS)
        self.numbers = _lowest(drawn, SAMPLE_ROWS)
        self.records = Held(left.at(self.numbers))
        self.space = float(len(self.numbers)) * max(others.rows - (left is others), 1)

    def by_chance(self, seed: int) -> tuple[Numbers, Numbers]:
        """Two small samples: places in the sample, and records of the other side."""
        drawn = self.content ^ np.uint64((seed + 2) * int(GOLDEN) & _ALL_BITS)
        return np.arange(len(self.numbers))[-RANDOM_ROWS:], _lowest(drawn, RANDOM_ROWS)


def _content(side: Records, seed: int) -> npt.NDArray[np.uint64]:
    """A hash of each record's values."""
    found = np.empty(side.rows, dtype=np.uint64)
    for start, stop in side.ranges():
        rows = side.frame(start, stop).select(pl.struct(MATCH_COLUMNS).hash(seed)).to_series()
        found[start:stop] = rows.to_numpy()
    return found


def _lowest(hashes: npt.NDArray[np.uint64], count: int) -> Numbers:
    """Numbers of the `count` lowest hashes, lowest first."""
    if len(hashes) > count:
        chosen = np.argpartition(hashes, count)[:count]
    else:
        chosen = np.arange(len(hashes))
    return chosen[np.argsort(hashes[chosen], kind="stable")].astype(np.int64)


def _candidates(
    sample: _Sampled, settings: dict[str, Any], frequencies: pl.DataFrame, within: bool
) -> pl.DataFrame:
    """All candidate pairs of the sample with the other side, scored, in the order of their values."""
    tools = Tools(
        Coder(settings, frequencies, sample=sample.records.records), slots(TRAINING), threads=1
    )
    coded, index = index_side(sample.records, tools)
    sizes, _ = sizes_across(index, sample.others, tools)
    common = too_common(sizes, rules=TRAINING, pair_budget=PAIR_BUDGET, step="train", threads=1)
    index, widest = limited(sizes, common, rules=TRAINING, step="train", threads=1)
    matcher = Matcher(tools.coder, tools.connection(), tools.slots.rule, -math.inf)
    found = [pl.DataFrame(schema=SCORED)]
    for start, stop in sample.others.ranges():
        streamed, keys = tools.coded(sample.others, start, stop)
        found_at = places(index, tools.slots.rule, keys)
        pieces = matcher.pairs(streamed, found_at, Indexed(coded, index, widest), flipped=True)
        found += [piece.with_columns(pl.col("right_rid") + start) for piece in pieces]
    pairs = pl.concat(found)
    if within:
        own = pl.Series(sample.numbers).gather(pairs["left_rid"])
        pairs = pairs.filter(own != pairs["right_rid"])
    content = pl.Series("content", sample.content[pairs["right_rid"].to_numpy()])
    return pairs.with_columns(content).sort("left_rid", "content", "vector").drop("content")


def _random_pairs(
    sample: _Sampled, settings: dict[str, Any], frequencies: pl.DataFrame, within: bool, seed: int
) -> pl.DataFrame:
    """All pairs of two small samples, scored."""
    places, numbers = sample.by_chance(seed)
    frames = [
        frame.with_columns(rid=pl.int_range(pl.len(), dtype=pl.Int32))
        for frame in (sample.records.at(places), sample.others.at(numbers))
    ]
    left, right = (frame["rid"] for frame in frames)
    pairs = left.to_frame("left_rid").join(right.to_frame("right_rid"), how="cross")
    if within:
        same = sample.numbers[places][pairs["left_rid"]] == numbers[pairs["right_rid"]]
        pairs = pairs.filter(pl.Series(~same))
    with connect(threads=1, memory_gib=MEMORY_GIB, spill=None) as con:
        for name, frame in zip(("sampled", "others"), frames, strict=True):
            load_rows(con, name, frame, settings=settings, frequencies=frequencies)
        scorer = SplinkScorer(con, settings)
        rules = pl.lit(0, dtype=pl.Int64).alias("rules")
        scored = scorer.score(
            pairs.with_columns(rules), left="sampled", right="others", floor_bits=None
        )
    return scored.sort("left_rid", "right_rid")


def _set_prior(settings: dict[str, Any], close: Sample) -> float:
    """Prior = expected matches / all pairs, solved for itself; gives the expected matches."""
    evidence, prior, matches = close.evidence(settings), settings[PRIOR], 0.0
    for _ in range(_PRIOR_ROUNDS):
        matches = float(probability(evidence, prior).sum())
        # one pseudo-match: a prior of zero could never be left again
        prior = min(max((matches + 1) / (close.space + 1), 1e-12), 0.5)
    settings[PRIOR] = prior
    return matches


def _round_and_name_unseen(settings: dict[str, Any], close: Sample) -> tuple[str, ...]:
    """Round to 12 digits and name the levels that no compared pair reached."""
    settings[PRIOR] = significant(settings[PRIOR])
    unseen = []
    for comparison in settings["comparisons"]:
        name = comparison["output_column_name"]
        seen = set(close.levels[name].unique().to_list())
        for number, level in enumerate(graded(comparison)):
            level["m_probability"] = significant(level["m_probability"])
            level["u_probability"] = significant(level["u_probability"])
            if number not in seen:
                unseen.append(f"{name}: {level['label_for_charts']}")
    return tuple(unseen)
