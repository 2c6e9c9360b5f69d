"""Who owns a practice's records on the day of discovery: sold practices, and locations of one legal entity.

The successor graph is the roster's `successor_id`, each sale with its day. A custodian keeps records without
owning them. A row of the roster whose parent is a covered entity of the same legal name is a location of it;
a practice of a group with a legal name of its own is an entity of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

__all__ = ["circles", "legal_owner"]

_ALL_FOLLOWS = ("stock", "merger")
"""Ways of sale by which the buyer has what the seller gets later, too; an asset sale moves that day's records."""


def legal_owner(entities: pl.DataFrame, *, on: date | None) -> pl.Expr:
    """Expression over `entity_id`: the owner on that day; the same id where nothing was sold.

    A sale without a day counts where the roster says sold. What comes to a practice after it sold its records
    stays there. With `on` null sales do not count: every practice keeps its people.
    """
    same = pl.col("entity_id")
    sales = {} if on is None else _sales(entities, on)
    locations = _locations(entities)
    moved = {}
    for entity in sorted({*sales, *locations}):
        owner = _owner(entity, sales, locations)
        if owner != entity:
            moved[entity] = owner
    return same.replace(list(moved), list(moved.values())) if moved else same


def _owner(
    entity: str, sales: Mapping[str, tuple[str, date | None, bool]], locations: Mapping[str, str]
) -> str:
    """The end of the way from an entity; where the roster goes in circles, the last before it turns back."""
    since: date | None = None
    seen = {entity}
    while True:
        buyer, sold_on, all_follows = sales.get(entity, (None, None, False))
        late = since is not None and sold_on is not None and sold_on < since and not all_follows
        following = locations.get(entity) if buyer is None or late else buyer
        if following is None or following in seen:
            return entity
        if following == buyer:
            since = sold_on or since
        seen.add(following)
        entity = following


def _sales(entities: pl.DataFrame, on: date) -> dict[str, tuple[str, date | None, bool]]:
    """Seller -> buyer, day and whether what came later follows: sales that count on a day."""
    known = pl.col("successor_id").is_in(entities["entity_id"].implode())
    undated = pl.col("successor_on").is_null() & (pl.col("status") == "sold")
    sales = entities.filter(
        known,
        pl.col("successor_basis").fill_null("") != "custodian",
        undated.fill_null(value=False) | (pl.col("successor_on") <= on).fill_null(value=False),
    )
    columns = ("entity_id", "successor_id", "successor_on", "successor_basis")
    return {
        seller: (buyer, day, basis in _ALL_FOLLOWS)
        for seller, buyer, day, basis in sales.select(columns).iter_rows()
    }


def _locations(entities: pl.DataFrame) -> dict[str, str]:
    """Location -> the legal entity that it is of."""
    practices = entities.filter(pl.col("kind") == "covered_entity").select(
        "entity_id", "parent_id", legal=_legal_name(pl.col("legal_name"))
    )
    same = practices.join(
        practices.select("entity_id", "legal"), left_on=["parent_id", "legal"],
        right_on=["entity_id", "legal"],
    )  # fmt: skip
    return dict(same.select("entity_id", "parent_id").iter_rows())


def _legal_name(name: pl.Expr) -> pl.Expr:
    """Letters and digits: `Smile Dental, P.C.` is `SMILE DENTAL PC`, but not `SMILE DENTAL LLC`."""
    return name.str.to_uppercase().str.replace_all(r"[^A-Z0-9]+", "")


def circles(following: Mapping[str, str]) -> list[list[str]]:
    """Every circle of a graph with one way out of each node, each from its lowest id on, in order."""
    found: list[list[str]] = []
    settled: set[str] = set()
    for start in sorted(following):
        way: list[str] = []
        node: str | None = start
        while node is not None and node not in settled:
            settled.add(node)
            way.append(node)
            node = following.get(node)
        if node in way:
            circle = way[way.index(node) :]
            lowest = circle.index(min(circle))
            found.append(circle[lowest:] + circle[:lowest])
    return sorted(found)
