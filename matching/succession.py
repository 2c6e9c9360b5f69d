"""Who owns a practice's records on the day of discovery, when practices were sold before it."""

from __future__ import annotations

from datetime import date

import polars as pl

__all__ = ["legal_owner"]

_LONGEST_CHAIN = 20
"""Sales one after the other; a roster that goes in circles stops here."""


def legal_owner(entities: pl.DataFrame, *, on: date | None) -> pl.Expr:
    """Expression over `entity_id`: the owner on that day; the same id where nothing was sold.

    A custodian keeps records without owning them. A sale without a day counts where the roster
    says sold. With `on` null every entity keeps its people.
    """
    same = pl.col("entity_id")
    if on is None:
        return same
    before = pl.col("successor_on").fill_null(
        pl.when(pl.col("status") == "sold").then(pl.lit(on))
    ) <= pl.lit(on)  # fmt: skip
    sales = entities.filter(
        pl.col("successor_id").is_in(entities["entity_id"].implode()),
        pl.col("successor_basis").fill_null("") != "custodian",
        before,
    )
    sold, owner = sales["entity_id"], sales["successor_id"]
    for _ in range(_LONGEST_CHAIN):
        owner = owner.replace(sold, sales["successor_id"])
    return same.replace(sold, owner)
