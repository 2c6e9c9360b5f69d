"""The ownership ladder: what in a leaked row names a covered entity, most telling first."""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.owners.order import by_pair

__all__ = [
    "CHART",
    "FENCES",
    "HINT",
    "HOUSEHOLD",
    "LADDER",
    "MAYBE_CHART",
    "MRN",
    "NO_BASIS",
    "PRESUMED",
    "PROVIDER",
    "at_level",
    "basis_of",
    "climb",
    "confirmed",
    "is_sure",
    "level_of",
    "settle",
    "standing",
]

LADDER = (
    "tenant_id",
    "location_id",
    "entity_id",
    "mrn",
    "entity_npi",
    "entity_phone",
    "entity_email",
    "entity_hint",
    "provider",
    "linked_chart",
)
"""Rungs by name; the level of a rung is its place."""
MAYBE_CHART, HOUSEHOLD, PRESUMED, NO_BASIS = "maybe_chart", "household", "presumed", "none"
"""Beside the ladder: a chart of somebody whom the person may be (review band), the entity of people with the
same address, telephone or e-mail, a presumed entity, nothing."""
FENCES = ("tenant_id", "location_id")
"""The vendor's own account numbers: they rule out every entity that they do not name."""


MRN, HINT, PROVIDER, CHART = (
    LADDER.index(name) for name in ("mrn", "entity_hint", "provider", "linked_chart")
)
_BASES = (*LADDER, MAYBE_CHART, HOUSEHOLD, PRESUMED, NO_BASIS)
_POSSIBLE = 16
"""Added to the place of a basis where it does not confirm: more than there are bases."""


def standing(sure: pl.Expr, basis: pl.Expr) -> pl.Expr:
    """How much an owner's basis tells as one small number: the lowest of several is the best."""
    places = {name: place for place, name in enumerate(_BASES)}
    place = basis.replace_strict(places, return_dtype=pl.UInt8)
    return place + pl.when(sure).then(0).otherwise(_POSSIBLE).cast(pl.UInt8)


def is_sure(standing: pl.Expr) -> pl.Expr:
    """The standing confirms."""
    return standing < _POSSIBLE


def level_of(standing: pl.Expr) -> pl.Expr:
    """Place of a standing's basis; rungs first, by their level."""
    return standing % _POSSIBLE


def confirmed(standing: pl.Expr) -> pl.Expr:
    """The same basis, confirming."""
    return (standing % _POSSIBLE).alias("standing")


def basis_of(standing: pl.Expr) -> pl.Expr:
    """Name of a standing's basis."""
    names = dict(enumerate(_BASES))
    return (standing % _POSSIBLE).replace_strict(names, return_dtype=pl.String)


def climb(named: pl.DataFrame) -> pl.DataFrame:
    """One row a source row and entity that its rungs leave: row, entity_id, level, alone.

    `named`: row, level, entity_id. The first rung that says anything gives the set; lower rungs
    narrow it, and where one contradicts it altogether the higher one stands. `alone`: one is left.
    `level` is the most telling rung that named the entity.
    """
    found, current = named.clear(), named.clear()
    for level in sorted(named["level"].unique()):
        new = named.filter(pl.col("level") == level)
        fresh = new.join(found, on="row", how="anti").join(current, on="row", how="anti")
        current = pl.concat([_narrowed(current, new), fresh])
        alone = pl.len().over("row") == 1
        settled = current.select(alone).to_series()
        found = pl.concat([found, current.filter(settled)])
        current = current.filter(~settled)
    return pl.concat(
        [
            found.with_columns(alone=pl.lit(value=True)),
            current.with_columns(alone=pl.lit(value=False)),
        ]
    )


def settle(
    owned: pl.DataFrame, numbers: pl.DataFrame, providers: pl.DataFrame, linked: pl.DataFrame
) -> pl.DataFrame:
    """row, entity_id, level, alone, weight_bits: who may own each row, in order of row and entity.

    `owned`: what `climb` left. `providers` and `linked` charts narrow what a row leaves open; each alone
    names nobody with certainty, both together do where one entity is left. A provider's name alone names no
    entity of another state (not `near`), a chart none that a fence rules out. `numbers` whose chart looks
    like someone else's (not `agrees`) are possible where nothing is certain.
    """
    open_sets = owned.filter(~pl.col("alone")).drop("alone")
    left = _narrowed(open_sets, providers.join(open_sets, on="row", how="semi"))
    treated = providers.join(owned, on="row", how="anti")
    both = treated.join(linked, on=["row", "entity_id"], how="semi")
    agreed = both["row"].unique()
    alone = treated.join(both, on="row", how="anti").filter("near")
    treated = pl.concat([both, alone]).select("row", at_level(PROVIDER), "entity_id")
    left = pl.concat([left.select("row", "level", "entity_id"), treated])
    left = _narrowed(left, linked)
    surely = (pl.col("level") != PROVIDER) | pl.col("row").is_in(agreed.implode())
    left = left.with_columns(alone=(pl.len().over("row") == 1) & surely)
    owned = pl.concat([owned.filter("alone"), left.select(owned.columns)])
    fenced = owned.filter(pl.col("level").is_in([LADDER.index(name) for name in FENCES]))["row"]
    certain = pl.concat([owned.filter("alone")["row"], fenced])
    weak = _outside(numbers.filter(~pl.col("agrees")), certain)
    more = _outside(linked, fenced)
    lone, weight = pl.lit(value=False).alias("alone"), pl.lit(None, pl.Float64).alias("weight_bits")
    said = (
        owned.select("row", "entity_id", "level", "alone", weight),
        weak.select("row", "entity_id", at_level(MRN), lone, weight),
        more.select("row", "entity_id", at_level(CHART), lone, "weight_bits"),
    )
    return _first_of_each(pl.concat(said))


def _first_of_each(said: pl.DataFrame) -> pl.DataFrame:
    """One row a row and entity: the first that says so, with the greatest weight if it has one."""
    ordered, starts = by_pair(said, "row")
    weights = ordered["weight_bits"].fill_null(-np.inf).to_numpy()
    first = ordered[starts].with_columns(best=np.maximum.reduceat(weights, starts))
    by_chart = pl.when(pl.col("weight_bits").is_not_null()).then("best")
    return first.with_columns(by_chart.alias("weight_bits")).drop("best")


def _outside(named: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """What names other rows than these."""
    taken = np.zeros(1 + max(_last(named["row"]), _last(rows)), bool)
    taken[rows.to_numpy()] = True
    return named.filter(pl.Series(~taken[named["row"].to_numpy()]))


def _last(rows: pl.Series) -> int:
    return 0 if rows.is_empty() else int(rows.to_numpy().max())


def _narrowed(sets: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Entities of each row's set that `named` names, too; the whole set where that is none."""
    both = sets.join(named, on=["row", "entity_id"], how="semi")
    return pl.concat([sets.join(both, on="row", how="anti"), both])


def at_level(level: int) -> pl.Expr:
    """The level as a column."""
    return pl.lit(level, pl.Int8).alias("level")
