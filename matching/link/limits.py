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
from matching.link.blocks import Index, Shared, left_counts, shared_keys, without
from matching.link.coding import Coded
from matching.link.keys import KeyTable
from matching.link.rules import Rule
from matching.link.sides import FRAME_ROWS, Records, Tools
from matching.log import log_counts

__all__ = ["REFUSED_OVER", "Sizes", "limited", "sizes_across", "too_common"]

REFUSED_OVER = 1e11
"""Pairs of one rule. No plausible data make as many: a column was mapped wrongly, or a placeholder
fills it."""


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


Streamed = tuple[Coded, KeyTable]
"""Records of a range as numbers, and their keys."""


def sizes_across(
    index: Index, left: Records, tools: Tools, *, size: int = FRAME_ROWS, hold: int = 0
) -> tuple[Sizes, dict[int, Streamed]]:
    """Count the left side's rows by key; reads it once, in ranges of about `size` records.

    Gives the records of the first ranges, `hold` records at most, by their first number, so that nobody
    reads them again.
    """
    counts = np.zeros(len(index.entries), dtype=np.uint32)
    held: dict[int, Streamed] = {}
    counting = [
        Lock() for _ in range(int(tools.slots.rule.max()) + 1)
    ]  # a rule has entries of its own

    def one(bounds: tuple[int, int]) -> None:
        if bounds[1] <= hold:
            held[bounds[0]] = tools.coded(left, *bounds)
            table = held[bounds[0]][1]
        else:
            table = tools.keys(left, *bounds)
        for slot, rule in enumerate(tools.slots.rule):
            with counting[rule]:
                left_counts(index, int(rule), table[slot], counts)

    with ThreadPoolExecutor(tools.threads) as pool:
        list(pool.map(one, left.ranges(size)))
    return Sizes(index, counts), held


def too_common(
    sizes: Sizes, *, rules: Mapping[str, Rule], pair_budget: int, step: str, threads: int
) -> dict[int, Shared]:
    """Keys by rule that are to be left out.

    Raises OperatorError naming a rule that would make more than REFUSED_OVER pairs.
    """
    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(lambda bit: _blocks(sizes.shared(bit)), range(len(rules))))
    caps = _caps(blocks, pair_budget, rules)
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


def limited(
    sizes: Sizes,
    dropped: Mapping[int, Shared],
    *,
    rules: Mapping[str, Rule],
    step: str,
    threads: int,
) -> tuple[Index, int]:
    """The index without these keys, and the most candidates one record can meet."""

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
    return (without(sizes.index, list(dropped.values())) if dropped else sizes.index), widest


def _blocks(shared: Shared) -> pl.DataFrame:
    """Blocks of a rule by their number of pairs, ascending."""
    keys = pl.DataFrame({"pairs": shared.pairs})
    return keys.group_by("pairs").agg(blocks=pl.len()).sort("pairs")


def _pairs(blocks: pl.DataFrame) -> int:
    return int((blocks["pairs"] * blocks["blocks"]).sum())


def _caps(blocks: list[pl.DataFrame], pair_budget: int, rules: Mapping[str, Rule]) -> list[float]:
    """Largest block that each rule may keep, smallest rules served first."""
    caps = [rule.block_pairs_max for rule in rules.values()]
    totals = {
        bit: _pairs(found.filter(pl.col("pairs") <= caps[bit])) for bit, found in enumerate(blocks)
    }
    for bit, name in enumerate(rules):
        if totals[bit] > REFUSED_OVER:
            largest = float(blocks[bit]["pairs"][-1])
            raise OperatorError(
                f"blocking rule '{name}' would make {totals[bit]:.1e} pairs, {largest:.1e} of them by"
                " one value: look for a placeholder in its columns, or for one that is mapped wrongly"
            )
    left, waiting = float(pair_budget), len(caps)
    for bit in sorted(totals, key=lambda b: (totals[b], b)):
        share = left / waiting
        if totals[bit] > share:
            caps[bit] = min(caps[bit], _cap(blocks[bit], share))
        left -= min(totals[bit], share)
        waiting -= 1
    return caps


def _cap(blocks: pl.DataFrame, share: float) -> float:
    """Largest size such that all blocks up to it make no more pairs than the share."""
    total = (blocks["pairs"] * blocks["blocks"]).cum_sum()
    kept = blocks["pairs"].filter(total <= share)
    return float(kept[-1]) if len(kept) else 0.0
