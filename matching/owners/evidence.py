"""What charts say about a leaked row's covered entity: their numbers, and links to them."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from matching.owners.codes import ChartOwners
from matching.owners.settings import OwnersSettings
from matching.person_numbers import batches
from matching.store import Workspace

__all__ = ["chart_numbers", "linked_charts"]

_COMPARED = ("first_name", "last_name", "date_of_birth")


def linked_charts(
    workspace: Workspace, settings: OwnersSettings, charts: ChartOwners
) -> pl.DataFrame:
    """identity_id, entity_id, weight_bits: linked charts at or above the threshold, by identity.

    One row a pair, so an entity may come again with another weight. 20 bytes a pair.
    """
    pairs = workspace.scan("pairs").filter(
        pl.col("kind") == "leaked_master",
        pl.col("match_weight") >= settings.attribute_at_bits,
        pl.col("band") == "match",
    )
    pairs = pairs.select(
        pl.col("left").alias("identity_id"), pl.col("match_weight").alias("weight_bits"), "right"
    )
    owned = [
        batch.with_columns(charts.of(batch["right"])).drop("right") for batch in batches(pairs)
    ]
    return pl.concat(owned).drop_nulls("entity_id").sort("identity_id")


def chart_numbers(workspace: Workspace, charts: ChartOwners) -> pl.DataFrame:
    """source, entity_id, agrees: entities that chart numbers of leaked rows name. By source row.

    A number that exists at one entity only names it; `agrees` where a chart of that number there bears the
    row's first name, last name or birth date, or one side has none of them: where all differ the number is
    another number space's. A number of several entities names those where such a chart agrees in two of the
    three. Values are compared as 64-bit hashes: of 15 million chart numbers a side, two are taken for one
    with a chance of 1 in 40,000, and then a name or birth date must agree for them to name anyone.
    """
    said = _hashed(workspace.scan("leaked_std"), "mention_id").collect(engine="streaming")
    numbers = said.lazy().select("mrn").unique()
    known = _hashed(workspace.scan("charts_std"), "chart_id").join(numbers, on="mrn", how="semi")
    found = known.collect(engine="streaming")
    found = found.with_columns(charts.of(found["chart_id"])).drop_nulls("entity_id")
    entity = pl.col("entity_id").to_physical()
    single = found.group_by("mrn").agg((entity.min() == entity.max()).alias("single"))
    alone = found.join(single.filter("single"), on="mrn", how="semi").lazy()
    shared = found.join(single.filter(~pl.col("single")), on="mrn", how="semi").lazy()
    agrees = pl.any_horizontal(_same()).fill_null(value=False) | pl.all_horizontal(
        comparison.is_null() for comparison in _same()
    )
    met = said.lazy().join(alone, on="mrn", suffix="_chart")
    return (
        pl.concat([_of_source(met, agrees), *_of_several(said.lazy(), shared)])
        .group_by("source", "entity_id")
        .agg(pl.col("agrees").any())
        .sort("source")
        .collect(engine="streaming")
    )


def _of_several(said: pl.LazyFrame, charts: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """Numbers that several entities use, where two of three values agree: of two, one is joined on.

    Numbers that start at 1 everywhere meet at every entity; with a birth date or a whole name they do not.
    """
    first, last, born = _COMPARED
    for keys, others in (((born,), (first, last)), ((first, last), ())):
        met = said.join(charts, on=["mrn", *keys], suffix="_chart")
        same = [pl.col(name) == pl.col(f"{name}_chart") for name in others]
        agreed = met.filter(pl.any_horizontal(same).fill_null(value=False)) if same else met
        yield _of_source(agreed, pl.lit(value=True))


def _of_source(met: pl.LazyFrame, agrees: pl.Expr) -> pl.LazyFrame:
    return met.select(
        (pl.col("mention_id") // 8).alias("source"), "entity_id", agrees.alias("agrees")
    )


def _same() -> list[pl.Expr]:
    return [pl.col(name) == pl.col(f"{name}_chart") for name in _COMPARED]


def _hashed(std: pl.LazyFrame, record: str) -> pl.LazyFrame:
    """Records with a chart number; 40 bytes each."""
    values = [
        pl.when(pl.col(name).is_not_null()).then(pl.col(name).hash()).alias(name)
        for name in _COMPARED
    ]
    return std.drop_nulls("mrn").select(record, pl.col("mrn").hash(), *values)
