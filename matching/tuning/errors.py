"""How many links of the merge tree are wrong: what rehearsals say, as people's labels move it.

A model's probabilities say too little here: relatives, and strangers of one name, agree in several fields for one
reason, so that between 6 and 18 bits one pair in a hundred joins two people whatever the weight. So each stratum
of weight starts from its share on rehearsals, for pairs and for links of the tree apart. Labels are of pairs; what they say
of a stratum's pairs against the rehearsals' is said of its links, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matching.costs import Costs
from matching.people.review_order import EDGES
from matching.reviewed import Estimate, Strata
from matching.tuning.changes import STEPS_PER_BIT

__all__ = ["Curve", "Errors"]

_FALSE_PAIRS = (
    0.68, 0.5, 0.28, 0.24, 0.088, 0.085, 0.04, 0.02, 0.013, 0.0087, 0.0047, 0.0053, 0.0074, 0.0073, 0.0013, 0.000012,
)  # fmt: skip
_FALSE_LINKS = (
    0.94, 0.81, 0.76, 0.71, 0.31, 0.33, 0.13, 0.049, 0.018, 0.013, 0.0063, 0.0067, 0.0066, 0.0059, 0.00092, 0.000019,
)  # fmt: skip
"""Share that joins two people, by stratum, of kept pairs and of links of the tree: rehearsals of 100,000 people, dental
(seeds 11, 12) and clinic (seed 11)."""
_ALIKE, _APART, _OF_LINKS = 1.0, 1.0, 0.8
"""Standard deviations, in powers of two, by which the odds of another incident are off: of all strata, of each, and
of a stratum's links besides those of its pairs."""
_GRID = np.linspace(-4.0, 4.0, 33)
_DRAWS = 1_000
_TAIL = 0.025
_SEED = 43

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Curve:
    """By tenth of a bit from `lowest` on: links of the merge tree, and kept pairs."""

    lowest: int
    links: Ints
    pairs: Ints

    def step(self, bits: float) -> int:
        """Place of a threshold: the tenth at or above it."""
        wanted = int(np.ceil(round(bits * STEPS_PER_BIT, 6))) - self.lowest
        return min(max(wanted, 0), len(self.links))


@dataclass(frozen=True, slots=True)
class Errors:
    """Draws (rows) of how many links of a curve are wrong, summed by step (column).

    `false`: links at or above a step that join two people; `twice`: links below it that join one.
    """

    false: Reals
    twice: Reals

    @classmethod
    def of(cls, curve: Curve, strata: Strata) -> Errors:
        """From rehearsals and labels."""
        bits = (np.arange(len(curve.links)) + curve.lowest + 0.5) / STEPS_PER_BIT
        number = np.searchsorted(np.array(EDGES), bits, side="right")
        rng = np.random.Generator(np.random.PCG64(_SEED))
        shares = _false_shares(strata, rng)[:, number]
        # not the shares only: which of the links are the wrong ones is chance, too
        wrong = rng.poisson(shares * curve.links).clip(max=curve.links)
        none = np.zeros((len(wrong), 1))
        above = np.cumsum(wrong[:, ::-1], axis=1)[:, ::-1]
        below = np.cumsum(curve.links - wrong, axis=1)
        return cls(np.concatenate([above, none], axis=1), np.concatenate([none, below], axis=1))

    def at(self, step: int, costs: Costs) -> tuple[Estimate, Estimate, Estimate, Estimate]:
        """(missed, wrong letters, duplicate letters, cost) of leaving the review band unreviewed.

        Missed: people merged with another above the merge threshold, whom nobody tells. Wrong letters: the
        same merges, each a letter about one that the other opens. Duplicates: links below it that join one person.
        """
        false, twice = self.false[:, step], self.twice[:, step]
        cost = false * (costs.untold_person + costs.wrong_letter) + twice * costs.duplicate_letter
        missed, double, money = (_estimate(values) for values in (false, twice, cost))
        return missed, missed, double, money


def _false_shares(strata: Strata, rng: np.random.Generator) -> Reals:
    """Draws (rows) of the share of wrong links by stratum (column).

    The odds of stratum s are those of rehearsals times 2 to the power a + b[s]: a for all strata, b for each. Both
    are normal before labels; labels weigh them by the binomial chance of what reviewers said.
    """
    pairs, links = (_logit(np.array(shares)) for shares in (_FALSE_PAIRS, _FALSE_LINKS))
    no = (strata.reviewed - strata.matches).astype(np.float64)
    alike, apart = (np.exp(-0.5 * (_GRID / sd) ** 2) for sd in (_ALIKE, _APART))
    shift = _GRID[:, None, None] + _GRID[None, None, :]  # a, stratum, b
    false = _share(pairs[None, :, None] + shift)
    logged = no[:, None] * np.log(false) + strata.matches[:, None] * np.log1p(-false)
    weight = apart * np.exp(logged - logged.max(axis=(0, 2), keepdims=True))
    of_a = np.log(weight.sum(axis=2)).sum(axis=1) + np.log(alike)
    chosen = rng.choice(len(_GRID), size=_DRAWS, p=_normed(np.exp(of_a - of_a.max())))
    share = np.empty((_DRAWS, len(pairs)))
    for s in range(len(pairs)):
        upto = np.cumsum(weight[:, s] / weight[:, s].sum(axis=1, keepdims=True), axis=1)[chosen]
        b = np.minimum((rng.random((_DRAWS, 1)) > upto).sum(axis=1), len(_GRID) - 1)
        besides = rng.normal(0.0, _OF_LINKS, _DRAWS)
        share[:, s] = _share(links[s] + _GRID[chosen] + _GRID[b] + besides)
    return share


def _logit(share: Reals) -> Reals:
    return np.asarray(np.log2(share / (1 - share)))


def _share(logit: Reals) -> Reals:
    return np.asarray(1 / (1 + 2.0**-logit))


def _normed(weight: Reals) -> Reals:
    return np.asarray(weight / weight.sum())


def _estimate(draws: Reals) -> Estimate:
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    return Estimate(round(float(draws.mean()), 1), round(float(low), 1), round(float(high), 1))
