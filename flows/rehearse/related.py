"""Who is related to whom in a household: the pairs a matcher is most likely to confuse."""

from __future__ import annotations

import numpy as np
import polars as pl

from flows.rehearse.people import CHILD, HEAD, PARENT, SIBLING, SPOUSE, YEAR, People

__all__ = ["relations"]


def relations(people: People, *, first_no: int, breach: int) -> pl.DataFrame:
    """One row per pair of one household: `person_a < person_b` and the closest `relation`."""
    frame = pl.DataFrame(
        {
            "person": first_no + np.arange(people.size),
            "household": people.household,
            "kind": people.kind,
            "first": people.first,
            "last": people.last,
            "sex": people.sex,
            "birth": people.birth,
            "order": people.birth_order,
            "young": breach - people.birth < YEAR,
        }
    )
    pairs = frame.join(frame, on="household", suffix="_b").filter(
        pl.col("person") < pl.col("person_b")
    )
    return pairs.select(
        person_a="person", person_b="person_b", relation=_relation()
    ).sort("person_a", "person_b")  # fmt: skip


def _relation() -> pl.Expr:
    a, b = pl.col("kind"), pl.col("kind_b")
    both_children = (a == CHILD) & (b == CHILD)
    twin = both_children & (pl.col("birth") == pl.col("birth_b"))
    named = (pl.col("first") == pl.col("first_b")) & (pl.col("last") == pl.col("last_b"))
    named &= pl.col("sex") == pl.col("sex_b")
    parent = (a.is_in([HEAD, SPOUSE]) & (b == CHILD)) | ((a == HEAD) & (b == PARENT))
    return (
        pl.when(twin).then(pl.lit("twin"))
        .when(named).then(pl.lit("generation"))
        .when(pl.col("young") | pl.col("young_b")).then(pl.lit("newborn"))
        .when((a == HEAD) & (b == SPOUSE)).then(pl.lit("spouse"))
        .when(both_children | ((a == HEAD) & (b == SIBLING))).then(pl.lit("sibling"))
        .when(parent).then(pl.lit("parent_child"))
        .otherwise(pl.lit("household"))
    )  # fmt: skip
