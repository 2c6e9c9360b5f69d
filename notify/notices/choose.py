"""Of all the records of a person: the name, address and consent that speak at one covered entity.

A covered entity's letters use what that entity knows: its own chart first, then leaked rows it owns;
another entity's records only where the incident file says so. Safety flags join over all records.
"""

from __future__ import annotations

import polars as pl

from notify.notices.voices import KINDS

__all__ = ["as_of", "near", "of_pairs", "of_people", "seat"]

_OWN_CHART, _OWN_ROW, _OTHER = 0, 1, 3
_CHOSEN = ("name", *KINDS)
_SEAT_BITS, _DAY_BITS = 32, 23
_DAY_ZERO = 1 << 22
"""Added to days since 1970, so that every date of years 1 to 9999 is positive and none is 0."""


def near(own: pl.DataFrame, members: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """`pair, seat, rank`: each record that a pair's own entity holds.

    `own` gives `pair, who, entity`, `members` a row per seat with `who` and a chart's `entity`, `owners`
    the entities of leaked rows. Lower rank first: own chart, own leaked row, possibly own row.
    """
    charts = members.lazy().filter(pl.col("side") == "master").drop_nulls("entity")
    rows = owners.lazy().join(members.lazy().select("seat", "who"), on="seat")
    rank = pl.lit(_OWN_CHART, dtype=pl.UInt8)
    found = pl.concat(
        [charts.select("who", "entity", "seat", rank=rank), rows.select("who", "entity", "seat", "rank")]
    )  # fmt: skip
    pairs = own.lazy().select("pair", "who", "entity")
    return found.join(pairs, on=["who", "entity"]).select("pair", "seat", "rank").collect()


def of_pairs(near: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """`pair`, the best record of each kind that the entity holds, and `consent`, its latest agreement.

    Best: nearest to the entity, then latest `address_as_of`, then highest id. One number says it all
    (`seat`, `as_of`); null where no record will do. A consent counts at the entity that holds it.
    """
    speaking = near.lazy().join(said.lazy(), on="seat")
    own = pl.col("rank") <= _OWN_ROW
    score = _score(pl.col("rank"))
    return (
        speaking.group_by("pair")
        .agg(
            *(score.filter(pl.col(kind)).max().alias(kind) for kind in _CHOSEN),
            _day_and_seat(pl.col("consent_on")).filter(own).max().alias("consent"),
        )
        .collect()
    )


def of_people(members: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """`who, confidential, withdrawn_on, died_on, alt_format` over all records of a person, and its best records.

    The best whoever holds them are `any_name`, `any_home` ...: lower than those of `of_pairs`.
    """
    score = _score(pl.lit(_OTHER))
    return (
        said.lazy()
        .join(members.lazy().select("seat", "who"), on="seat")
        .group_by("who")
        .agg(
            pl.col("confidential").any(),
            pl.col("withdrawn_on", "died_on").max(),
            pl.col("alt_format").cast(pl.String).min(),
            *(score.filter(pl.col(kind)).max().alias(f"any_{kind}") for kind in _CHOSEN),
        )
        .collect()
    )


def _score(rank: pl.Expr) -> pl.Expr:
    """Rank, day and seat in one number, the best highest; seats of a person are in order of ids."""
    nearness = (_OTHER - rank.cast(pl.Int64)) * (1 << (_SEAT_BITS + _DAY_BITS))
    undated = pl.col("seat").cast(pl.Int64)
    return nearness + _day_and_seat(pl.col("as_of")).fill_null(undated)


def _day_and_seat(day: pl.Expr) -> pl.Expr:
    """The later day higher, then the higher seat; null without a day."""
    since = day.to_physical().cast(pl.Int64) + _DAY_ZERO
    return since * (1 << _SEAT_BITS) + pl.col("seat").cast(pl.Int64)


def seat(score: pl.Expr) -> pl.Expr:
    """The record that a score speaks of."""
    return (score % (1 << _SEAT_BITS)).cast(pl.UInt32)


def as_of(score: pl.Expr) -> pl.Expr:
    """Its day, `address_as_of` of an address; null where it has none."""
    day = score // (1 << _SEAT_BITS) % (1 << _DAY_BITS)
    return pl.when(day != 0).then(day - _DAY_ZERO).cast(pl.Int32).cast(pl.Date)
