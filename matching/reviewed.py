"""What a reviewed sample says of all pairs: precision and recall at every threshold, with 95 % intervals.

Kept pairs that no guard holds are cut into strata of match weight. Within a stratum pairs have an order of
their own (a hash of both ids), so that a sample is the beginning of that order: it needs no list, and more of
it can be reviewed later. Reviewed are the pairs at the beginning that people have decided, up to the first
that nobody has; who was unsure is left out.

Intervals are cautious where a stratum shows no error: the lower end takes one error more than was seen, the
upper one less (Clopper and Pearson's two ends, drawn at random and summed over strata), because a stratum of
a million pairs and forty reviewed ones without an error is no proof of a million matches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.people.decided import read_decided
from matching.people.review_order import EDGES
from matching.store import Workspace

__all__ = [
    "EDGES",
    "Estimate",
    "Strata",
    "calibration",
    "estimate",
    "planned",
    "reviewed_strata",
    "sample",
]

LEAST = 8
"""Pairs reviewed of every stratum that has as many: none is left to the model."""
_DRAWS = 4_000
_TAIL = 0.025
_SEED = 41


Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strata:
    """By stratum, lightest first: pairs, pairs reviewed, matches among these, mean probability of the model."""

    pairs: Ints
    reviewed: Ints
    matches: Ints
    model: Reals

    @property
    def labelled(self) -> bool:
        """Anything was reviewed."""
        return bool(self.reviewed.any())


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share and its 95 % interval."""

    value: float
    low: float
    high: float


def planned(pairs: Ints, model: Reals, size: int) -> Ints:
    """How many pairs of each stratum to review: LEAST, the rest where pairs are many and unsure."""
    least = np.minimum(pairs, LEAST)
    unsure = pairs * np.sqrt(np.clip(model * (1 - model), 1e-4, None))
    rest = max(size - int(least.sum()), 0)
    share = np.floor(rest * unsure / max(unsure.sum(), 1e-12)).astype(np.int64)
    return np.asarray(np.minimum(pairs, least + share))


def estimate(strata: Strata, at: int) -> tuple[Estimate, Estimate]:
    """(precision, recall) of linking all pairs of stratum `at` and above, among kept pairs.

    Strata of which nothing was reviewed are taken to hold any number of matches.
    """
    rng = np.random.Generator(np.random.PCG64(_SEED))
    few, many = (_drawn(strata, rng, more=more) for more in (False, True))
    middle = _drawn(strata, rng, more=None)
    linked = int(strata.pairs[at:].sum())

    def precision(matches: Reals) -> Reals:
        return np.asarray(matches[:, at:].sum(axis=1) / max(linked, 1))

    def recall(above: Reals, below: Reals) -> Reals:
        found = above[:, at:].sum(axis=1)
        return np.asarray(found / np.maximum(found + below[:, :at].sum(axis=1), 1e-9))

    return (
        _estimate(precision(middle), precision(few), precision(many)),
        _estimate(recall(middle, middle), recall(few, many), recall(many, few)),
    )


def _estimate(middle: Reals, low: Reals, high: Reals) -> Estimate:
    return Estimate(
        float(np.median(middle)),
        float(np.quantile(low, _TAIL)),
        float(np.quantile(high, 1 - _TAIL)),
    )


def calibration(strata: Strata) -> pl.DataFrame:
    """One row a reviewed stratum: the model's mean probability, and what the reviewed pairs say instead.

    `observed` is the share of matches, `low` and `high` its 95 % interval (Jeffreys), `calibrated` the isotonic fit:
    the nearest shares, weighed by reviewed pairs, that never fall where the weight rises.
    """
    seen = np.flatnonzero(strata.reviewed)
    yes, all_ = (np.asarray(x[seen], dtype=np.float64) for x in (strata.matches, strata.reviewed))
    drawn = np.random.Generator(np.random.PCG64(_SEED)).beta(
        yes + 0.5, all_ - yes + 0.5, size=(_DRAWS, len(seen))
    )
    low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL], axis=0)
    low[yes == 0], high[yes == all_] = 0.0, 1.0
    starts = [None, *EDGES]
    return pl.DataFrame({
        "from_bits": pl.Series([starts[i] for i in seen.tolist()], dtype=pl.Float64),
        "pairs": strata.pairs[seen], "reviewed": strata.reviewed[seen], "model": strata.model[seen],
        "observed": yes / all_, "low": low, "high": high, "calibrated": _isotonic(yes, all_),
    })  # fmt: skip


def _isotonic(yes: Reals, all_: Reals) -> Reals:
    """Pool adjacent violators: neighbours whose shares fall are counted as one."""
    pools: list[tuple[float, float, int]] = []
    for matches, reviewed in zip(yes.tolist(), all_.tolist(), strict=True):
        pools.append((matches, reviewed, 1))
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            last = pools.pop()
            pools[-1] = tuple(a + b for a, b in zip(pools[-1], last, strict=True))  # type: ignore[assignment]  # three of three
    return np.repeat([m / r for m, r, _ in pools], [n for *_, n in pools])


def _drawn(strata: Strata, rng: np.random.Generator, *, more: bool | None) -> Reals:
    """Matches by draw and stratum: as reviewed, with one match more or one fewer than was seen."""
    seen = strata.matches.astype(np.float64)
    no = strata.reviewed - seen
    extra, lost = {True: (1.0, 0.0), False: (0.0, 1.0), None: (0.5, 0.5)}[more]
    share = _beta(rng, np.asarray(seen + extra), np.asarray(no + lost))
    rest = strata.pairs - strata.reviewed
    return np.asarray(seen + rng.binomial(rest, share), dtype=np.float64)


def _beta(rng: np.random.Generator, yes: Reals, no: Reals) -> Reals:
    """Beta(yes, no) by stratum; 1 where `no` is 0, and 0 where `yes` is."""
    drawn = rng.beta(np.maximum(yes, 1e-9), np.maximum(no, 1e-9), size=(_DRAWS, len(yes)))
    drawn[:, no == 0] = 1.0
    drawn[:, yes == 0] = 0.0
    return np.asarray(drawn)


def reviewed_strata(workspace: Workspace) -> Strata:
    """What people's decisions say by stratum, as they are now."""
    strata = workspace.read("review_strata").sort("stratum")
    pairs = strata["pairs"].to_numpy()
    model = strata["millionths"].to_numpy() / 1e6 / np.maximum(pairs, 1)
    ordered = workspace.read("review_order")
    decided = read_decided(workspace)
    values = pl.concat(
        pl.DataFrame(rows, schema=["low", "high"], orient="row").with_columns(value=pl.lit(value))
        for value, rows in (
            ("match", decided.match),
            ("no", decided.no),
            ("unsure", decided.unsure),
        )
    )
    ends = ordered.with_columns(
        low=pl.min_horizontal("left", "right"), high=pl.max_horizontal("left", "right")
    )
    known = ends.join(values, on=["low", "high"], how="left", maintain_order="left")
    before = pl.col("value").is_null().cum_max().over("stratum")
    said = (
        known.filter(~before, pl.col("value") != "unsure")
        .group_by("stratum")
        .agg(reviewed=pl.len(), matches=(pl.col("value") == "match").sum())
    )
    reviewed, matches = np.zeros_like(pairs), np.zeros_like(pairs)
    reviewed[said["stratum"]], matches[said["stratum"]] = said["reviewed"], said["matches"]
    return Strata(pairs, reviewed, matches, model)


def sample(workspace: Workspace, size: int) -> pl.DataFrame:
    """left, right, stratum: the pairs to review, in an order that says nothing of their weight."""
    strata = reviewed_strata(workspace)
    wanted = planned(strata.pairs, strata.model, size)
    ordered = workspace.read("review_order")
    room = pl.Series(wanted).gather(ordered["stratum"])
    chosen = ordered.with_columns(room=room).filter(pl.col("place") < pl.col("room"))
    return chosen.sort("order").select("left", "right", "stratum")
