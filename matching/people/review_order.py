"""The pairs that a review samples: strata of match weight, and within each the pairs to review first.

Kept pairs that no guard holds are cut into strata. Within a stratum pairs have an order of their own (a hash of
both ids) that says nothing of their weight, so that a sample is the beginning of that order: it needs no list, and
more of it can be reviewed later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.guards import action_of
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["EDGES", "stratum", "weighed", "write_review_order"]

EDGES = (-2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 18.0, 24.0)
"""Bits between strata: fine where the probability turns, coarse where it is near 0 or 1."""
_KEPT = 5_000
"""Pairs of a stratum whose order is known: more than anybody reviews of it."""
_SEED = 41
_ALL_BITS = 2.0**64

Ints = npt.NDArray[np.int64]


def write_review_order(workspace: Workspace) -> None:
    """Write `review_strata` and `review_order` from `pairs`. Two passes, which stream."""
    counted = (
        weighed(workspace).group_by("stratum")
        .agg(pairs=pl.len(), millionths=(pl.col("probability") * 1_000_000).round().cast(pl.Int64).sum())
        .collect(engine="streaming")
    )  # fmt: skip
    every = pl.DataFrame({"stratum": np.arange(len(EDGES) + 1), "from_bits": [None, *EDGES]})
    strata = every.join(counted, on="stratum", how="left", maintain_order="left").fill_null(0)
    strata = strata.with_columns(from_bits=every["from_bits"])
    workspace.write("review_strata", TABLES["review_strata"].complete(strata))
    ordered = _beginning(workspace, strata["pairs"].to_numpy())
    placed = ordered.with_columns(place=pl.int_range(pl.len()).over("stratum"))
    workspace.write("review_order", TABLES["review_order"].complete(placed))


def stratum(weight: pl.Expr) -> pl.Expr:
    """Number of the stratum of a match weight."""
    return pl.sum_horizontal((weight >= edge).cast(pl.Int64) for edge in EDGES)


def weighed(workspace: Workspace) -> pl.LazyFrame:
    """Kept pairs of two mentions, or of a mention and a chart, that no guard holds."""
    pairs = workspace.scan("pairs").filter(pl.col("kind").cast(pl.String) != "master_master")
    pairs = pairs.filter(action_of(pl.col("reasons")).is_null(), pl.col("left") != pl.col("right"))
    return pairs.select("left", "right", "probability", stratum=stratum(pl.col("match_weight")))


def _beginning(workspace: Workspace, pairs: Ints) -> pl.DataFrame:
    """left, right, stratum, order: the first pairs of each stratum in its order."""
    shares: Sequence[float] = [min(_KEPT / max(int(n), 1), 1.0) for n in pairs]
    limit = pl.col("stratum").replace_strict(
        list(range(len(shares))), [min(int(s * _ALL_BITS), (1 << 64) - 1) for s in shares],
        return_dtype=pl.UInt64,
    )  # fmt: skip
    rows = weighed(workspace).with_columns(order=pl.struct("left", "right").hash(_SEED))
    return (
        rows.filter(pl.col("order") <= limit).sort("stratum", "order").collect(engine="streaming")
    )
