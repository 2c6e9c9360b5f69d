"""Who on a packet's list is uncertain, and why, in words that tell nothing of anyone else's.

A person may be uncertain in three ways: whether a leaked record is this person's, whether the record was
this entity's, and whether two people of the list are one. Only pairs of which the entity has both are told.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace

__all__ = ["COLUMNS", "uncertain"]

COLUMNS = ("person_id", "reference_no", "reason", "probability", "perhaps_same_as")
"""Columns of uncertain.csv."""

_OWNER = {
    "linked_chart": "You hold a chart of this person; the record itself does not say from whom it came.",
    "presumed": "No record of this person was found; we presume that the records of your practice were taken whole.",
    "entity_hint": "The record names a practice in words that may mean yours.",
    "provider": "The record names a treating provider of yours; names alone are no proof.",
    "maybe_chart": "You hold a chart of somebody who may be this person.",
    "mrn": "The record bears a chart number that fits one of yours.",
}
"""Why the record may be the entity's, by the rung of the ladder that says so."""
_OTHER_RUNG = "The record bears an account, number or address that may be yours, and something else speaks against it."
_PERSON = "The record resembles this person's, but not closely enough to be sure that it is the same person."
_TWICE = "Two rows of your list may be one person; both are listed so that nobody is missed."


def uncertain(workspace: Workspace, people: pl.DataFrame) -> pl.DataFrame:
    """`entity_id` and COLUMNS, one row a reason, for the listed people of some entities.

    `probability` that the record was the entity's, or that the two are one person, two decimals.
    """
    listed = people.filter("listed")
    whose = listed.filter(pl.col("status") == "possible").select(
        "entity_id",
        "person_id",
        "reference_no",
        reason=pl.col("basis").replace_strict(_OWNER, default=_OTHER_RUNG, return_dtype=pl.String),
        probability=_written("probability"),
        perhaps_same_as=pl.lit(None, dtype=pl.String),
    )
    who = listed.filter(pl.col("affected") == "possible").select(
        "entity_id",
        "person_id",
        "reference_no",
        reason=pl.lit(_PERSON),
        probability=pl.lit(None, dtype=pl.String),
        perhaps_same_as=pl.lit(None, dtype=pl.String),
    )
    found = pl.concat([whose, who, _perhaps_same(workspace, listed)])
    return found.sort("entity_id", "reference_no", "reason", "perhaps_same_as").select(
        "entity_id", *COLUMNS
    )


def _perhaps_same(workspace: Workspace, listed: pl.DataFrame) -> pl.DataFrame:
    """Pairs in the review band of which one entity's list has both, each from either side."""
    pairs = workspace.scan("maybe_same").select("person_a", "person_b", "probability")
    either = pl.concat(
        [pairs, pairs.select(person_a="person_b", person_b="person_a", probability="probability")]
    )
    ours = listed.lazy().select("entity_id", "person_id", "reference_no")
    other = ours.select("entity_id", person_b="person_id", perhaps_same_as="reference_no")
    return (
        ours.join(either, left_on="person_id", right_on="person_a")
        .join(other, on=["entity_id", "person_b"])
        .select(
            "entity_id", "person_id", "reference_no", reason=pl.lit(_TWICE),
            probability=_written("probability"), perhaps_same_as="perhaps_same_as",
        )
        .collect(engine="streaming")
    )  # fmt: skip


def _written(column: str) -> pl.Expr:
    """Two decimals; never 1.00 or 0.00, for it is uncertain."""
    return pl.col(column).clip(0.01, 0.99).round(2).cast(pl.String)
