"""People whose patients nobody knows, in the expected numbers of those whose patients they may be.

Nothing names their entity, so each state's UNOWNED people are spread over the entities as its other people are.
`confirmed` and `upper` stay counts of listed people; UNOWNED keeps its own row.
"""

from __future__ import annotations

import polars as pl

from matching.tables import UNOWNED

__all__ = ["with_unowned"]

_NORMAL_95 = 1.959964


def with_unowned(whole: pl.DataFrame, by_state: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `counts` per entity, and per entity and state, with their share of UNOWNED people.

    Shares are independent of each other and of what else is open, so variances add up (a Poisson number's is
    its mean).
    """
    named = pl.col("entity_id") != UNOWNED
    unowned = by_state.filter(~named).select("state", unowned="expected")
    people = by_state.filter(named).group_by("state").agg(people=pl.col("expected").sum())
    shares = by_state.filter(named).join(unowned, on="state").join(people, on="state").select(
        "entity_id", "state",
        more=(pl.col("unowned") * pl.col("expected") / pl.col("people").clip(lower_bound=1)).round(6),
    )  # fmt: skip
    of_all = shares.group_by("entity_id").agg(pl.col("more").sort().sum())
    return _added(whole, of_all, ["entity_id"]), _added(by_state, shares, ["entity_id", "state"])


def _added(counts: pl.DataFrame, more: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    met = counts.join(more, on=keys, how="left", maintain_order="left")
    some = pl.col("more").fill_null(0.0) > 0
    mean = pl.col("expected") + pl.col("more")
    sd = (pl.col("expected_high") - pl.col("expected_low")) / (2 * _NORMAL_95)
    half = _NORMAL_95 * (sd * sd + pl.col("more")).sqrt()
    least, most = pl.col("confirmed").cast(pl.Float64), pl.col("upper").cast(pl.Float64)
    ends = {
        "expected": mean.clip(least, most),
        "expected_low": (mean - half).floor().clip(pl.col("expected_low"), most),
        "expected_high": (mean + half).ceil().clip(least, most),
    }
    return met.with_columns(
        pl.when(some).then(value.round(6)).otherwise(name).alias(name)
        for name, value in ends.items()
    ).drop("more")
