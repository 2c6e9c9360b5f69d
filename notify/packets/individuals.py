"""The people of a covered entity as its packet lists them: one row per person at that entity.

`persons`, `members`, `ownership`, `row_owners`, `elements` and the records come in. An entity sees its own
data only: its own charts, and the leaked rows that are certainly its own. A person who is only possibly
its patient is listed with its own chart's fields and nothing that came from the leak, and not at all
where it has no chart of that person. Whether someone is deceased or a minor is read from the same records:
what another entity knows is not told. What the entity itself answered on an earlier version is laid over
them (`as_answered`) after the packet's digest was taken: its own words are no news to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.answers import person_answers

__all__ = ["COLUMNS", "PEOPLE_AT_ONCE", "as_answered", "groups", "individuals", "owned"]

PEOPLE_AT_ONCE = 3_000_000
"""Rows (person at entity) in memory at once: about 0.5 GB a million with the records they are chosen
from. Each group reads the tables once, so few large groups are fast."""

_VALUES = (
    "first_name", "middle_name", "last_name", "suffix", "date_of_birth", "street", "city", "state", "zip",
)  # fmt: skip
_AT = ("entity_id", "person_id")
COLUMNS = (
    "person_id", "reference_no", "status", *_VALUES, "mrn", "elements", "basis", "deceased", "minor",
    "answered",
)  # fmt: skip
"""Columns of individuals.csv, PACKET v1: more may follow, none goes."""

_ORDER = [False, False, False, True, False]
"""Of the sort that puts a person's best record at an entity first: with an address, last seen, lowest id."""
_ADULT_AT = "18y"
"""Majority in most states; the letter's own variant follows the state (step `notices`)."""


def owned(workspace: Workspace) -> pl.LazyFrame:
    """One row per person and entity that must hear of the person.

    `entity_id, person_id, status, basis, probability, affected`.
    """
    affected = workspace.scan("persons").filter(pl.col("affected") != "no_longer")
    return (
        workspace.scan("ownership")
        .filter(pl.col("entity_id") != UNOWNED)
        .join(affected.select("person_id", "affected"), on="person_id")
        .select(*_AT, "status", "basis", "probability", "affected")
    )


def groups(people: pl.DataFrame, *, at_once: int = PEOPLE_AT_ONCE) -> Iterator[list[str]]:
    """Entities in order of id, as many at a time as hold about `at_once` people.

    `people` has one row per entity: `entity_id, people`. An entity is never split.
    """
    number = (pl.col("people").cum_sum() - pl.col("people")) // at_once
    grouped = people.sort("entity_id").group_by(number.alias("group"), maintain_order=True)
    for entities in grouped.agg("entity_id")["entity_id"]:
        yield entities.to_list()


def individuals(
    workspace: Workspace,
    entities: list[str],
    *,
    as_of: date,
    references: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """`entity_id`, `listed`, COLUMNS, `probability`, `affected`, in order of entity and name.

    `listed` is false for a possible person without a chart here: a count, no row of a packet.
    `references` gives `reference_no` of each person and entity; it is null without them. `answered` is
    null until `as_answered`.
    """
    told = owned(workspace).join(pl.LazyFrame({"entity_id": entities}), on="entity_id", how="semi")
    told = told.collect(engine="streaming").lazy()
    certain = told.filter(pl.col("status") == "confirmed")
    charts = _chosen(_own_charts(workspace, told)).with_columns(has_chart=pl.lit(True))
    rows = _chosen(_own_rows(workspace, certain))
    people = (
        told.join(charts, on=_AT, how="left")
        .join(rows, on=_AT, how="left", suffix="_row")
        .join(_elements(workspace, certain), on=_AT, how="left")
        .with_columns(pl.col("has_chart").fill_null(False))
        .with_columns(
            *_chart_first((*_VALUES, "mrn")),
            deceased=pl.col("deceased").fill_null(False) | pl.col("deceased_row").fill_null(False),
            listed=(pl.col("status") == "confirmed") | pl.col("has_chart"),
        )
        .with_columns(minor=(_born().dt.offset_by(_ADULT_AT) > as_of).fill_null(False))
        .sort("entity_id", "last_name", "first_name", "person_id", nulls_last=True)
        .collect(engine="streaming")
    )
    none = pl.lit(None, dtype=pl.String)
    if references is None:
        people = people.with_columns(reference_no=none)
    else:
        ours = references.filter(pl.col("entity_id").is_in(entities))
        people = people.join(ours, on=list(_AT), how="left", maintain_order="left")
    whole = people.with_columns(answered=none)
    return whole.select("entity_id", "listed", *COLUMNS, "probability", "affected")


def as_answered(workspace: Workspace, people: pl.DataFrame) -> pl.DataFrame:
    """What each entity said of its own people, in place of what the records say; `answered` says what.

    A disputed person stays listed until somebody settles it.
    """
    said = person_answers(workspace)
    if said.is_empty():
        return people
    given = said.rename({name: f"said_{name}" for name in said.columns if name not in _AT})
    wide = people.join(given, on=list(_AT), how="left", maintain_order="left")
    corrected = pl.any_horizontal(
        pl.col(f"said_{name}").is_not_null() for name in (*_VALUES, "deceased", "minor")
    )
    answered = (
        pl.when(pl.col("said_disputed").fill_null(value=False))
        .then(pl.lit("disputed"))
        .when(corrected)
        .then(pl.lit("corrected"))
        .when(pl.col("said_confidential"))
        .then(pl.lit("confidential"))
    )
    overlaid = [
        pl.coalesce(f"said_{name}", name).alias(name) for name in (*_VALUES, "deceased", "minor")
    ]
    return wide.with_columns(*overlaid, answered=answered).select(people.columns)


def _own_charts(workspace: Workspace, told: pl.LazyFrame) -> pl.LazyFrame:
    """Charts of the person at this very entity."""
    at = (
        workspace.scan("members")
        .filter(pl.col("side") == "master")
        .select(*_AT, member="mention_id")
        .join(told, on=_AT, how="semi")
    )
    return at.join(_records(workspace, "charts", "chart_id", at), on="member")


def _own_rows(workspace: Workspace, certain: pl.LazyFrame) -> pl.LazyFrame:
    """Leaked rows that this very entity owns for certain."""
    rows = workspace.scan("row_owners").filter(pl.col("status") == "confirmed")
    at = (
        workspace.scan("members")
        .filter(pl.col("side") == "leaked")
        .select("person_id", member="mention_id")
        .join(rows.select("entity_id", member="mention_id"), on="member")
        .join(certain, on=_AT, how="semi")
        .select(*_AT, "member")
    )
    return at.join(_records(workspace, "leaked", "mention_id", at), on="member")


def _records(workspace: Workspace, name: str, key: str, at: pl.LazyFrame) -> pl.LazyFrame:
    """Names and chart number as delivered, the rest as cleaned for mailing."""
    members = at.select("member").unique()
    delivered = workspace.scan(name).select(
        pl.col(key).alias("member"),
        *(
            _squeezed(column).alias(f"raw_{column}")
            for column in ("first_name", "middle_name", "last_name")
        ),
        _squeezed("mrn").alias("mrn"),
    )
    cleaned = workspace.scan(f"{name}_std").select(
        pl.col(key).alias("member"),
        *(column for column in _VALUES if column != "zip"),
        pl.concat_str("zip5", pl.col("zip4").fill_null(""), separator="-")
        .str.strip_suffix("-")
        .alias("zip"),
        "deceased",
        seen_on=pl.max_horizontal("address_as_of", "last_visit_on"),
    )
    whole = pl.col("raw_first_name").is_not_null() & pl.col("raw_last_name").is_not_null()
    names = ("first_name", "middle_name", "last_name")
    return (
        cleaned.join(members, on="member", how="semi")
        .join(delivered.join(members, on="member", how="semi"), on="member", how="left")
        .with_columns(pl.when(whole).then(f"raw_{c}").otherwise(c).alias(c) for c in names)
        .select("member", *_VALUES, "mrn", "deceased", "seen_on")
    )


def _chosen(records: pl.LazyFrame) -> pl.LazyFrame:
    """One row per person and entity: values of one record, the last seen that has an address."""
    return (
        records.with_columns(no_address=pl.col("street").is_null())
        .sort([*_AT, "no_address", "seen_on", "member"], descending=_ORDER, nulls_last=True)
        .group_by(_AT, maintain_order=True)
        .agg(
            pl.col(_VALUES).first(),
            pl.col("mrn").drop_nulls().unique().sort().str.join("|"),
            pl.col("deceased").any(),
        )
    )


def _elements(workspace: Workspace, certain: pl.LazyFrame) -> pl.LazyFrame:
    return (
        workspace.scan("elements")
        .join(certain, on=_AT, how="semi")
        .group_by(_AT)
        .agg(elements=pl.col("element").unique().sort().str.join("|"))
    )


def _chart_first(columns: tuple[str, ...]) -> list[pl.Expr]:
    chart = pl.col("has_chart")
    return [pl.when(chart).then(c).otherwise(f"{c}_row").alias(c) for c in columns]


def _born() -> pl.Expr:
    return pl.col("date_of_birth").str.to_date("%Y-%m-%d", strict=False)


def _squeezed(column: str) -> pl.Expr:
    """As delivered, blanks squeezed; null where nothing is left."""
    text = pl.col(column).str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars(" ")
    return pl.when(text != "").then(text)
