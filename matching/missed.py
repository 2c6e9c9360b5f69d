"""How many matches blocking misses at least, without truth: capture and recapture over the blocking rules.

Every rule is a catch of its own. Matches that one rule alone found against those that two found say how many
none has found (Chao's lower bound); matches are counted by their probability. Rules share fields, so that what
one misses another tends to miss, too: the true number is higher, and a bound near zero proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matching.link.guards import action_of
from matching.store import Workspace

__all__ = ["Missed", "missed_at_least"]

_MILLION = 1_000_000
"""Probabilities are summed as integer millionths: the same in any order."""


@dataclass(frozen=True, slots=True)
class Missed:
    """Expected matches of leaked records with charts that were compared, and that were not, at least.

    `alone`: by rule, expected matches that no other rule found.
    """

    found: float
    missed: float
    alone: dict[str, float]

    @property
    def blocking_recall_at_most(self) -> float:
        """Share of matches that were compared; 1 where there is none."""
        every = self.found + self.missed
        return self.found / every if every else 1.0


def missed_at_least(workspace: Workspace) -> Missed:
    """From kept pairs of leaked records with charts that no guard holds; groups by reasons, streaming."""
    pairs = workspace.scan("pairs").filter(
        pl.col("kind").cast(pl.String) == "leaked_master", action_of(pl.col("reasons")).is_null()
    )
    chance = (pl.col("probability") * _MILLION).round().cast(pl.Int64).sum() / _MILLION
    by_rules = (
        pairs.group_by(rules=pl.col("reasons").cast(pl.String))
        .agg(matches=chance)
        .sort("rules")
        .collect(engine="streaming")
        .with_columns(caught=pl.col("rules").str.count_matches(",") + 1)
    )
    once, twice = (float(by_rules.filter(caught=times)["matches"].sum()) for times in (1, 2))
    bound = once**2 / (2 * twice) if twice else once * max(once - 1, 0) / 2
    alone = by_rules.filter(caught=1).select("rules", pl.col("matches").round(1))
    return Missed(
        round(float(by_rules["matches"].sum()), 1), round(bound, 1), dict(alone.iter_rows())
    )
