"""Addresses from which a letter came back: no second letter goes there.

`events` and the records of the people whose letters came back come in; which address of which record is used up
goes out. What one entity's letter showed holds for the person's other letters, too: the address is known bad.
Bound: the records of people with returned mail, about 300 bytes each.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.ledger.fold import pieces
from notify.ledger.states import NOT_TAKEN, PieceState
from notify.notices.voices import KINDS
from notify.records import records
from notify.renamed import under_present_ids

__all__ = ["Spent", "spent"]

_ONCE_MORE = "TMP"
"""Temporarily away: the first such letter is sent again, the second is not."""
_KEY = ["person_id", "line", "zip5"]


@dataclass(frozen=True, slots=True)
class Spent:
    """`records`: member, kind (of KINDS). `told`: told_address. `people`: person_id, each once."""

    records: pl.DataFrame
    told: pl.Series
    people: pl.DataFrame


def spent(workspace: Workspace, places: pl.DataFrame, *, refused_is_told: bool) -> Spent:
    """What is used up, given the `told_places`.

    An address that is equal to a used one is used, too; where nobody knows which one a letter bore, all are.
    """
    returned = _returned(workspace, refused_is_told=refused_is_told)
    refs = _refs(workspace, returned)
    people = returned.select("person_id").unique()
    addresses = pl.concat([_of_records(workspace, people), _of_places(places, people)])
    unknown = returned.filter(pl.col("ref").is_null()).select("person_id").unique()
    bad = addresses.join(refs, on=["person_id", "ref"], how="semi")
    bad = pl.concat([bad, addresses.join(unknown, on="person_id", how="semi")]).drop_nulls("line")
    equal = addresses.join(bad.select(_KEY).unique(), on=_KEY, how="semi", nulls_equal=True)
    used = pl.concat([equal.select("person_id", "ref"), refs]).unique()
    told = used.filter(pl.col("ref").str.starts_with("told:"))["ref"].str.strip_prefix("told:")
    parts = pl.col("ref").str.split_exact(":", 1).struct.rename_fields(["kind", "member"])
    of_records = (
        used.filter(~pl.col("ref").str.starts_with("told:")).select(parts.alias("r")).unnest("r")
    )
    return Spent(
        of_records.with_columns(pl.col("member").cast(pl.Int64)).unique().sort("member", "kind"),
        told.unique().sort(),
        people,
    )


def _returned(workspace: Workspace, *, refused_is_told: bool) -> pl.DataFrame:
    """Letters that came back for good: person_id, piece_id, ref."""
    letters = under_present_ids(workspace, pieces(workspace)).filter(
        pl.col("channel") == "mail", pl.col("state") == PieceState.RETURNED
    )
    code = pl.col("detail")
    again = (code == _ONCE_MORE) & (
        pl.len().over("person_id", "entity_id", "exported_detail", "detail") == 1
    )
    kept = ~again.fill_null(value=False)
    if refused_is_told:
        kept &= ~code.is_in(NOT_TAKEN).fill_null(value=False)
    found = letters.filter(kept).select("person_id", "piece_id", ref="exported_detail")
    return found.collect(engine="streaming")


def _refs(workspace: Workspace, returned: pl.DataFrame) -> pl.DataFrame:
    """`person_id, ref` of the addresses they bore, and of those that the vendor sent them on to."""
    moved = workspace.scan("events").filter(
        pl.col("kind") == "moved", pl.col("address").is_not_null()
    )
    on = moved.select("piece_id", ref="told:" + pl.col("event_id")).join(
        returned.lazy().select("piece_id", "person_id"), on="piece_id"
    )
    refs = pl.concat([returned.lazy().select("person_id", "ref"), on.select("person_id", "ref")])
    return refs.drop_nulls().unique().collect()


def _of_records(workspace: Workspace, people: pl.DataFrame) -> pl.DataFrame:
    """Every printed address of their records: person_id, ref, line, zip5."""
    members = workspace.scan("members").join(people.lazy(), on="person_id", how="semi")
    whose = members.select("person_id", member="mention_id").collect()
    found = records(workspace, whose.select("member").lazy()).collect(engine="streaming")
    each = [
        found.filter(printed.mailable(kind)).select(
            "member",
            *printed.address(kind),
        ).select(
            "member",
            kind=pl.lit(kind),
            line=pl.coalesce("delivery_line", "intl_line1"),
            zip5=pl.coalesce("zip5", "intl_line2"),
        )
        for kind in KINDS
    ]  # fmt: skip
    ref = pl.concat_str("kind", pl.col("member").cast(pl.String), separator=":").alias("ref")
    rows = pl.concat(each).join(whose, on="member")
    return rows.select("person_id", ref, "line", "zip5")


def _of_places(places: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    rows = places.join(people, on="person_id", how="semi")
    ref = ("told:" + pl.col("told_address")).alias("ref")
    return rows.select("person_id", ref, pl.col("delivery_line").alias("line"), "zip5")
