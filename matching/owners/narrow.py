"""What rows leave open, narrowed by what the person's other rows and charts say."""

from __future__ import annotations

import polars as pl

from matching.owners.ladder import CHART, MRN, confirmed, is_sure, level_of

__all__ = ["weighed_rows"]

_PAIR = ["person", "entity_id"]


def weighed_rows(rows: pl.DataFrame, charts: pl.DataFrame) -> pl.DataFrame:
    """Rows of `Said` that count for their persons, without `mention`; `charts`: person, entity_id.

    A row whose rung names several entities is narrowed to those that another row of the person confirms, or
    that keep a chart of the person; where that leaves one with a chart, account and chart agree, and it is
    confirmed. Charts linked to a row with a confirmed owner say nothing of that row, nor does a chart number
    of somebody else where the person is known anywhere. All of it stays in `row_owners`.
    """
    sure, level = is_sure(pl.col("standing")), level_of(pl.col("standing"))
    settled = rows.filter(sure)
    weak = rows.filter(~sure & (level == MRN))
    by_chart = rows.filter(~sure & (level == CHART)).join(settled, on="mention", how="anti")
    several = rows.filter(~sure & (level != MRN) & (level < CHART))
    known = pl.concat([settled.select(_PAIR), charts.select(_PAIR)]).unique()
    fitting = several.join(known, on=_PAIR, how="semi")
    one = fitting.filter(pl.len().over("mention") == 1).join(charts, on=_PAIR, how="semi")
    more = fitting.join(one, on="mention", how="anti")
    unfitting = several.join(fitting, on="mention", how="anti")
    kept = [
        settled,
        by_chart,
        one.with_columns(confirmed(pl.col("standing"))),
        more,
        unfitting,
        weak.join(known, on="person", how="anti"),
    ]
    return pl.concat(kept).drop("mention")
