"""People whose patients nobody knows, in the numbers of every entity whose patients they may be.

Where the leak tells their ZIP code, the step owners found the entities that have a good part of the patients
there. Everybody else may be a patient of any entity with people in the same state. Whose state is not known
either is counted as UNOWNED only: at every entity, a few such people would hide what is known of each.
"""

from __future__ import annotations

import polars as pl

from matching.person_numbers import numbers_of
from matching.store import Workspace
from matching.tables import TABLES, UNOWNED
from notify.counts.numbers import spread
from notify.counts.people import MILLION, People
from notify.counts.posterior import NORMAL_95
from notify.counts.residence import UNKNOWN

__all__ = ["candidate_rows", "left_over", "with_unowned"]

_NOBODYS = (pl.col("entity_id") == UNOWNED) & (pl.col("chance") >= 0)
"""Rows of UNOWNED people, without those that stand beside an owned one."""


def candidate_rows(workspace: Workspace, people: People, owned: pl.DataFrame) -> pl.DataFrame:
    """Rows as `owned` for every entity that an UNOWNED person may belong to; never certain."""
    found = workspace.read("candidate_owners")
    number = numbers_of(found["person_id"], people.ids)
    share = (pl.col("share") * MILLION).round().cast(pl.Int64)
    asked = found.select(person=number, of=pl.col("entity_id"), share=share)
    met = owned.filter(_NOBODYS).join(asked, on="person")
    affected = pl.col("millionths") / MILLION
    return met.with_columns(
        entity_id=pl.col("of").cast(owned["entity_id"].dtype),
        certain=pl.lit(value=False),
        millionths=(pl.col("share") * affected).round().cast(owned["millionths"].dtype),
        chance=pl.col("share") / MILLION,
    ).select(owned.columns)


def left_over(owned: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """state, people: UNOWNED people of whom not even the likely entities are known."""
    rest = owned.filter(_NOBODYS).join(
        candidates.select("person").unique(), on="person", how="anti"
    )
    return rest.group_by("state").agg(people=pl.len().cast(pl.Int64)).sort("state")


def with_unowned(
    whole: pl.DataFrame, by_state: pl.DataFrame, left: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `counts` per entity, and per entity and state, with the people of `left_over`.

    Each may be any entity's, as likely as others of the state are. Shares are independent of each other and
    of what else is open, so variances add up (a Poisson number's is its mean).
    """
    named = pl.col("entity_id") != UNOWNED
    in_state = by_state.filter(named, pl.col("state") != UNKNOWN)
    shares = in_state.join(left.cast({"state": pl.String}), on="state").select(
        "entity_id", "state", "people",
        more=pl.col("people") * pl.col("expected")
        / pl.col("expected").sum().over("state").clip(lower_bound=1),
    ).sort("entity_id", "state")  # fmt: skip
    of_all = shares.group_by("entity_id", maintain_order=True).agg(pl.col("people", "more").sum())
    return _added(whole, of_all, ["entity_id"]), _added(by_state, shares, ["entity_id", "state"])


def _added(counts: pl.DataFrame, more: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    met = counts.join(more, on=keys, how="left", maintain_order="left")
    met = met.with_columns(pl.col("upper") + pl.col("people").fill_null(0))
    some = pl.col("more").fill_null(0.0) > 0
    mean = pl.col("expected") + pl.col("more")
    half = NORMAL_95 * (spread() ** 2 + pl.col("more")).sqrt()
    least, most = pl.col("confirmed").cast(pl.Float64), pl.col("upper").cast(pl.Float64)
    ends = {
        "expected": mean.clip(least, most),
        "expected_low": (mean - half).floor().clip(pl.col("expected_low"), most),
        "expected_high": (mean + half).ceil().clip(least, most),
    }
    added = met.with_columns(
        pl.when(some).then(value.round(6)).otherwise(name).alias(name)
        for name, value in ends.items()
    )
    return TABLES["counts"].complete(added.select(counts.columns))
