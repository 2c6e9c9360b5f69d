"""Where a person lives for counting: one state each, from all sources."""

from __future__ import annotations

from itertools import product
from string import ascii_uppercase

import numpy as np
import polars as pl
from numpy.typing import NDArray

from matching.person_numbers import batches, numbers_of
from matching.store import Workspace
from notify.elsewhere import told_places

__all__ = ["FOREIGN", "UNKNOWN", "residence"]

UNKNOWN, FOREIGN = "UNK", "ZZ"
_MILITARY = ("AA", "AE", "AP")
"""Armed-forces addresses: unknown residence, not a state."""
_CODES = pl.Enum(sorted({UNKNOWN, *map("".join, product(ascii_uppercase, repeat=2))}))
"""Every state is of two letters; in order of letters."""
_STATES = 1 << 16
"""Room for states in one number with the day of the address, the later day lower."""
_LAST_DAY = 1 << 24
_NOWHERE = np.iinfo(np.int64).max


def residence(workspace: Workspace, people: pl.Series) -> pl.Series:
    """State by person: of the address known good last of its charts and of what was told since, else of the leak.

    Ties: the first by letter. UNK for people without any usable address; foreign countries are ZZ. An enum in order of letters.
    Holds 12 bytes a chart.
    """
    sources = (("charts_std", "chart_id", "master"), ("leaked_std", "mention_id", "leaked"))
    best = np.full(len(people), _NOWHERE)
    for std, record, side in sources:
        members = _members(workspace, people, side=side, only=best == _NOWHERE)
        found = np.full(len(people), _NOWHERE)
        for batch in batches(_addresses(workspace, std, record).with_columns(_order())):
            _lower(found, members, batch)
        if side == "master":
            _lower_told(found, workspace, people)
        best = np.where(best == _NOWHERE, found, best)
    nowhere = _CODES.categories.to_list().index(UNKNOWN)
    state = pl.Series("state", _CODES.categories, dtype=_CODES)
    return state.gather(np.where(best == _NOWHERE, nowhere, best % _STATES))


def _lower(best: NDArray[np.int64], members: pl.DataFrame, addresses: pl.DataFrame) -> None:
    """Note the addresses of some records with the people who bear them."""
    key, wanted = members["record"].to_numpy(), addresses["record"].to_numpy()
    place = np.searchsorted(key, wanted)
    there = key.take(place, mode="clip") == wanted if len(key) else np.zeros(len(wanted), bool)
    person = members["person"].to_numpy()[place[there]]
    np.minimum.at(best, person, addresses["order"].to_numpy()[there])


def _lower_told(best: NDArray[np.int64], workspace: Workspace, people: pl.Series) -> None:
    """Note where the post found people, and where an entity says that they live."""
    homes = told_places(workspace).filter(pl.col("kind") == "home").drop_nulls("state")
    known = homes.with_columns(address_as_of="told_on").filter(
        pl.col("state").is_in(_CODES.categories.implode())
    )
    told = known.with_columns(_without_military("state")).select("person_id", _order())
    at = told.with_columns(person=numbers_of(told["person_id"], people)).drop_nulls("person")
    np.minimum.at(best, at["person"].to_numpy(), at["order"].to_numpy())


def _without_military(state: str) -> pl.Expr:
    return pl.col(state).replace(_MILITARY, [UNKNOWN] * len(_MILITARY))


def _members(
    workspace: Workspace, people: pl.Series, *, side: str, only: NDArray[np.bool_]
) -> pl.DataFrame:
    """record, person of one side and some people, by record."""
    members = workspace.scan("members").filter(pl.col("side") == side)
    found = []
    for batch in batches(members.select("person_id", pl.col("mention_id").alias("record"))):
        numbered = batch.select("record", numbers_of(batch["person_id"], people)).drop_nulls()
        found.append(numbered.filter(pl.Series(only[numbered["person"].to_numpy()])))
    return pl.concat(found).sort("record")


def _addresses(workspace: Workspace, std: str, record: str) -> pl.LazyFrame:
    """record, address_as_of, state of records with a usable address."""
    abroad = pl.col("country").fill_null("US") != "US"
    state = pl.when(abroad).then(pl.lit(FOREIGN)).otherwise(pl.col("state"))
    known = workspace.scan(std).select(
        pl.col(record).alias("record"),
        "address_as_of",
        state.alias("state"),
    )
    return known.drop_nulls("state").with_columns(_without_military("state"))


def _order() -> pl.Expr:
    """One number that is lowest for the address to take; its remainder is the state."""
    day = (_LAST_DAY - pl.col("address_as_of").cast(pl.Int64)).fill_null(2 * _LAST_DAY)
    code = pl.col("state").cast(_CODES).to_physical().cast(pl.Int64)
    return (day * _STATES + code).alias("order")
