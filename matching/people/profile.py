"""What a round looks like, in shares: to be held against the next, so that nobody misses that the data have changed.

A master file mapped to other columns, a leak of another system, a model that fits no more: all show in how complete the
fields are, how matched pairs agree, how many pairs there are and how large persons get, long before anybody
looks at a single pair.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from matching.link.vectors import codes, graded
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["drift", "profile"]

SIZES = (1, 2, 3, 5, 9, 17)
"""Records of a person: each class begins here."""
_MISSING = "missing"
_LEAST = 1e-4
"""Share below which an empty class counts as this much: else the index would be infinite."""
STABLE, MOVED = 0.1, 0.25
"""Population stability index: below the first nothing moved, from the second on much did (the usual reading)."""


def profile(workspace: Workspace) -> pl.DataFrame:
    """Table `profile`: rows of each class of each measure; needs `pairs`, `persons` and `completeness`."""
    pairs = (
        workspace.scan("pairs")
        .group_by(pl.col("kind", "band").cast(pl.String), "vector")
        .agg(rows=pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    parts = [_complete(workspace), _bands(pairs), _levels(workspace, pairs), _sizes(workspace)]
    return pl.concat(parts).sort("measure", "class")


def drift(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """One row a measure that both rounds have, most moved first: `measure, before, now, index, moved, class`.

    `before` and `now` are rows; `index` is the population stability index, the sum over classes of the shares'
    difference times the logarithm of their ratio. `class` is the one that adds most, `moved` no, some or much.
    """
    both = before.join(now, on=["measure", "class"], how="full", coalesce=True, suffix="_now")
    counted = both.with_columns(pl.col("rows", "rows_now").fill_null(0))
    was, is_ = (
        pl.max_horizontal(pl.col(rows) / pl.col(rows).sum().over("measure"), pl.lit(_LEAST))
        for rows in ("rows", "rows_now")
    )
    parts = counted.with_columns(part=(is_ - was) * (is_ / was).log())
    found = parts.group_by("measure").agg(
        before=pl.col("rows").sum(),
        now=pl.col("rows_now").sum(),
        index=pl.col("part").sum().round(4),
        most=pl.col("class").sort_by("part", "class", descending=[True, False]).first(),
    )
    moved = (
        pl.when(pl.col("index") >= MOVED).then(pl.lit("much"))
        .when(pl.col("index") >= STABLE).then(pl.lit("some"))
        .otherwise(pl.lit("no"))
    )  # fmt: skip
    return (
        found.filter((pl.col("before") > 0) & (pl.col("now") > 0))
        .with_columns(moved=moved)
        .sort("index", "measure", descending=[True, False])
    )


def _rows(frame: pl.DataFrame, measure: pl.Expr, named: pl.Expr) -> pl.DataFrame:
    return frame.group_by(measure.alias("measure"), named.alias("class")).agg(pl.col("rows").sum())


def _complete(workspace: Workspace) -> pl.DataFrame:
    """Rows of each side that have a field, and that lack it."""
    known = workspace.read("completeness")
    measure = pl.format("{} {}", "side", "field")
    there = known.select(measure=measure, **{"class": pl.lit("known")}, rows="known")
    lacks = known.select(
        measure=measure, **{"class": pl.lit(_MISSING)}, rows=pl.col("rows") - pl.col("known")
    )
    return pl.concat([there, lacks])


def _bands(pairs: pl.DataFrame) -> pl.DataFrame:
    return _rows(pairs, pl.format("pairs {}", "kind"), pl.col("band"))


def _levels(workspace: Workspace, pairs: pl.DataFrame) -> pl.DataFrame:
    """Levels of each comparison among pairs of the band match; none where no model made the pairs."""
    model = workspace.read("model")
    if model.is_empty():
        return TABLES["profile"].empty()
    settings = json.loads(model["settings"][0])
    matched = pairs.filter(band="match").group_by("vector").agg(pl.col("rows").sum())
    found = codes(matched["vector"].to_numpy(), len(settings["comparisons"]))
    frames = []
    for place, comparison in enumerate(settings["comparisons"]):
        labels = [_MISSING, *(level["label_for_charts"] for level in graded(comparison))]
        rows = np.bincount(
            found[:, place], weights=matched["rows"].to_numpy(), minlength=len(labels)
        )
        frames.append(pl.DataFrame({
            "measure": [f"matches {comparison['output_column_name']}"] * len(labels),
            "class": labels, "rows": rows.astype(np.int64)[: len(labels)],
        }))  # fmt: skip
    return pl.concat(frames)


def _sizes(workspace: Workspace) -> pl.DataFrame:
    records = pl.col("mentions") + pl.col("charts")
    size = pl.sum_horizontal((records >= start).cast(pl.Int64) for start in SIZES) - 1
    names = [f"{start} and more" if start == SIZES[-1] else str(start) if end == start + 1 else f"{start} to {end - 1}"
             for start, end in zip(SIZES, (*SIZES[1:], 0), strict=True)]  # fmt: skip
    counted = (
        workspace.scan("persons").group_by(size=size).agg(rows=pl.len().cast(pl.Int64)).collect()
    )
    named = pl.col("size").replace_strict(range(len(SIZES)), names, return_dtype=pl.String)
    return _rows(counted, pl.lit("records of a person"), named)
