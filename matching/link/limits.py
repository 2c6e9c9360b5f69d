"""How many pairs each rule makes, and which keys are too common to be worth comparing.

Pairs are counted from the sizes of blocks before any pair is made. A rule's own cap takes out values
that by design suggest nothing alone; the budget of all rules together takes out the largest blocks of
the rules that exceed an equal share of it. What is left out is counted in the log, rule by rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.errors import OperatorError
from matching.link.blocks import (
    Index,
    PlaceTable,
    Shared,
    count_places,
    leave_out,
    places,
    shared_keys,
)
from matching.link.coding import Coded
from matching.link.rules import Rule
from matching.link.sides import FRAME_ROWS, Records, Tools
from matching.log import log_counts

__all__ = ["REFUSED_OVER", "Sizes", "TooManyPairs", "limited", "sizes_across", "too_common"]

REFUSED_OVER = 1e11
"""Pairs of one rule. No plausible data make as many: a column was mapped wrongly, or a placeholder
fills it."""
_WORST = 20
"""Commonest keys that are shown of a refused rule."""


class TooManyPairs(OperatorError):
    """A blocking rule is refused. `worst`: its commonest keys, by the rule's bit."""

    def __init__(self, message: str, worst: Mapping[int, Shared]) -> None:
        super().__init__(message)
        self.worst = worst


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which keys two sides share.

    `counts`: rows of the left side by entry of the index, where a key begins; None for one side against
    itself.
    """

    index: Index
    counts: npt.NDArray[np.uint32] | None

    def shared(self, rule: int) -> Shared:
        """Keys of a rule that can make a pair."""
        if self.counts is not None:
            return shared_keys(self.index, rule, self.counts)
        own = shared_keys(self.index, rule, np.broadcast_to(np.uint32(1), self.index.entries.shape))
        several = own.right > 1
        return Shared(own.at[several], own.right[several], own.right[several])


Streamed = tuple[Coded, PlaceTable]
"""Records of a range as numbers, and where their keys begin in the index."""


def sizes_across(
    index: Index, left: Records, tools: Tools, *, size: int = FRAME_ROWS, hold: int = 0
) -> tuple[Sizes, dict[int, Streamed]]:
    """Count the left side's rows by key; reads it once, in ranges of about `size` records.

    Gives the records of the first ranges, `hold` records at most, by their first number, so that nobody
    reads them again.
    """
    counts = np.zeros(len(index.entries), dtype=np.uint32)
    held: dict[int, Streamed] = {}
    rules = tools.slots.rule
    counting = [Lock() for _ in range(int(rules.max()) + 1)]  # a rule has entries of its own

    def one(bounds: tuple[int, int]) -> None:
        if bounds[1] <= hold:
            coded, keys = tools.coded(left, *bounds)
            found = places(index, rules, keys)
            held[bounds[0]] = coded, found
        else:
            found = places(index, rules, tools.keys(left, *bounds))
        for slot, rule in enumerate(rules):
            with counting[rule]:
                count_places(found[slot], counts)

    with ThreadPoolExecutor(tools.threads) as pool:
        list(pool.map(one, left.ranges(size)))
    return Sizes(index, counts), held


def too_common(
    sizes: Sizes, *, rules: Mapping[str, Rule], pair_budget: int, step: str, threads: int,
    refuse: bool = False,
) -> dict[int, Shared]:  # fmt: skip
    """Keys by rule that are to be left out.

    Raises TooManyPairs naming a rule that would make more than REFUSED_OVER pairs, or with `refuse` one
    that would make more than its share of the budget.
    """
    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(lambda bit: _blocks(sizes.shared(bit)), range(len(rules))))
    caps = [rule.block_pairs_max for rule in rules.values()]
    totals = [_pairs(b.filter(pl.col("pairs") <= cap)) for b, cap in zip(blocks, caps, strict=True)]
    shares = _shares(totals, pair_budget)
    for bit, name in enumerate(rules):
        if totals[bit] > (min(shares[bit], REFUSED_OVER) if refuse else REFUSED_OVER):
            keys = sizes.shared(bit)
            raise _refused(keys.where(keys.pairs <= caps[bit]), bit, name, totals[bit])
        if totals[bit] > shares[bit]:
            caps[bit] = min(caps[bit], _cap(blocks[bit], shares[bit]))
    dropped = {}
    for bit, name in enumerate(rules):
        over = blocks[bit].filter(pl.col("pairs") > caps[bit])
        if len(over):
            log_counts(
                step,
                **{
                    f"blocks_left_out_{name}": int(over["blocks"].sum()),
                    "pairs_left_out": int((over["pairs"] * over["blocks"]).sum()),
                    "largest_block_pairs": int(over["pairs"].max()),  # type: ignore[arg-type]  # floats
                },
            )
            keys = sizes.shared(bit)
            dropped[bit] = keys.where(keys.pairs > caps[bit])
    return dropped


def _refused(keys: Shared, bit: int, name: str, total: int) -> TooManyPairs:
    """`keys`: those of the rule that are not over its own cap."""
    worst = np.sort(np.argsort(-keys.pairs, kind="stable")[:_WORST])
    return TooManyPairs(
        f"blocking rule '{name}' would make {total:.1e} pairs, {keys.pairs.max():.1e} of them by one"
        " value: look for a placeholder in its columns, or for one that is mapped wrongly; `affected"
        " table WS over_budget --out FILE.csv` writes its commonest values",
        {bit: Shared(keys.at[worst], keys.left[worst], keys.right[worst])},
    )


def limited(
    sizes: Sizes,
    dropped: Mapping[int, Shared],
    *,
    rules: Mapping[str, Rule],
    step: str,
    threads: int,
) -> tuple[Index, int]:
    """The index, in which these keys are now left out, and the most candidates one record can meet."""

    def one(bit: int) -> tuple[int, int]:
        keys = sizes.shared(bit)
        if bit in dropped:
            keys = keys.where(~np.isin(keys.at, dropped[bit].at))
        return int(keys.pairs.sum()), int(keys.right.max(initial=0))

    with ThreadPoolExecutor(threads) as pool:
        made = list(pool.map(one, range(len(rules))))
    log_counts(
        step, **{f"pairs_{rule}": pairs for rule, (pairs, _) in zip(rules, made, strict=True)}
    )
    widest = sum(
        most * len(rule.keys) for rule, (_, most) in zip(rules.values(), made, strict=True)
    )
    leave_out(sizes.index, list(dropped.values()))
    return sizes.index, widest


def _blocks(shared: Shared) -> pl.DataFrame:
    """Blocks of a rule by their number of pairs, ascending."""
    keys = pl.DataFrame({"pairs": shared.pairs})
    return keys.group_by("pairs").agg(blocks=pl.len()).sort("pairs")


def _pairs(blocks: pl.DataFrame) -> int:
    return int((blocks["pairs"] * blocks["blocks"]).sum())


def _shares(totals: list[int], pair_budget: int) -> list[float]:
    """Pairs that each rule may make, smallest rules served first."""
    shares, left = [0.0] * len(totals), float(pair_budget)
    for served, bit in enumerate(sorted(range(len(totals)), key=lambda b: (totals[b], b))):
        shares[bit] = left / (len(totals) - served)
        left -= min(totals[bit], shares[bit])
    return shares


def _cap(blocks: pl.DataFrame, share: float) -> float:
    """Largest size such that all blocks up to it make no more pairs than the share."""
    total = (blocks["pairs"] * blocks["blocks"]).cum_sum()
    kept = blocks["pairs"].filter(total <= share)
    return float(kept[-1]) if len(kept) else 0.0
