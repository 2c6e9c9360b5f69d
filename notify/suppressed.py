"""Whose notices somebody ordered to leave out: `suppressions` against the people of this round.

Asked where notices are planned and again where an e-mail is about to leave, so that both say the same.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify.renamed import under_present_ids

__all__ = ["suppressed"]

_PAIR = ["person_id", "entity_id"]


def suppressed(workspace: Workspace) -> pl.DataFrame:
    """`person_id, entity_id, suppressed, authority, order_unclear`: notices that somebody ordered to leave out.

    A record's id may be another record's, too, elsewhere: an order that more than one person fits is unclear,
    and none of their notices goes out or counts as settled before somebody says whom it means.
    """
    orders = workspace.scan("suppressions").with_row_index("order")
    members = workspace.scan("members").select("person_id", "record_id", of="entity_id")
    by_record = orders.drop("person_id").join(members, on="record_id")
    own = pl.col("entity_id").is_null() | (pl.col("entity_id") == pl.col("of"))
    columns = ["order", "person_id", "entity_id", "reason", "authority"]
    named = under_present_ids(workspace, orders.drop_nulls("person_id"))
    found = pl.concat(
        [by_record.filter(own.fill_null(value=False)).select(columns), named.select(columns)]
    )
    unclear = pl.col("person_id").n_unique().over("order") > 1
    wanted = found.unique().with_columns(order_unclear=unclear).rename({"entity_id": "only"})
    pairs = workspace.scan("ownership").select(_PAIR).join(wanted, on="person_id")
    concerned = pairs.filter(pl.col("only").is_null() | (pl.col("only") == pl.col("entity_id")))
    return (
        concerned.sort("reason", "authority")
        .group_by(_PAIR)
        .agg(
            suppressed=pl.col("reason").first(),
            authority=pl.col("authority").first(),
            order_unclear=pl.col("order_unclear").all(),
        )
        .collect(engine="streaming")
    )
