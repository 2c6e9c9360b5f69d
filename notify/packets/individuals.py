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
from notify.kinds import spelt_sets

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

_ORDER = [False, False, True, False]
"""Of the sort that puts the best record of a pair first: with an address, last seen, lowest id."""
_ADULT_AT = "18y"
"""Majority in most states; the letter's own variant follows the state (step `notices`)."""


def owned(workspace: Workspace) -> pl.LazyFrame:
    """One row per person and entity that must hear of the person.

    `entity_id, person_id, status, basis, probability, kinds, affected`.
    """
    affected = workspace.scan("persons").filter(pl.col("affected") != "no_longer")
    return (
        workspace.scan("ownership")
        .filter(pl.col("entity_id") != UNOWNED)
        .join(affected.select("person_id", "affected"), on="person_id")
        .select(*_AT, "status", "basis", "probability", "kinds", "affected")
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
    ours = pl.LazyFrame({"entity_id": entities})
    told = owned(workspace).join(ours, on="entity_id", how="semi").collect(engine="streaming")
    told = told.with_row_index("pair")
    certain = told.filter(pl.col("status") == "confirmed")
    charts, rows = _own_charts(workspace, told), _own_rows(workspace, certain)
    rows_alone = rows.join(charts, on="pair", how="anti")
    speaking = pl.concat([_speaking(charts), _speaking(rows_alone)])
    dead = (
        pl.concat([charts, rows])
        .filter("deceased")
        .select("pair", dead=pl.lit(value=True))
        .unique()
    )
    people = (
        told.lazy()
        .join(speaking.lazy(), on="pair", how="left")
        .join(_texts_of(workspace, speaking), on="member", how="left")
        .join(_chart_numbers(workspace, charts, rows_alone), on="pair", how="left")
        .join(_elements(certain), on="pair", how="left")
        .join(
            charts.lazy().select("pair", has_chart=pl.lit(value=True)).unique(),
            on="pair",
            how="left",
        )
        .join(dead.lazy(), on="pair", how="left")
        .with_columns(
            deceased=pl.col("dead").fill_null(value=False),
            listed=(pl.col("status") == "confirmed") | pl.col("has_chart").fill_null(value=False),
            minor=(_born().dt.offset_by(_ADULT_AT) > as_of).fill_null(value=False),
        )
        .sort("entity_id", "last_name", "first_name", "person_id", nulls_last=True)
        .collect(engine="streaming")
    )
    none = pl.lit(None, dtype=pl.String)
    if references is None:
        people = people.with_columns(reference_no=none)
    else:
        numbers = references.filter(pl.col("entity_id").is_in(entities))
        people = people.join(numbers, on=list(_AT), how="left", maintain_order="left")
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


def _own_charts(workspace: Workspace, told: pl.DataFrame) -> pl.DataFrame:
    """Charts of the person at this very entity, as `_small` gives them."""
    at = (
        workspace.scan("members")
        .filter(pl.col("side") == "master")
        .select(*_AT, member="mention_id")
        .join(told.lazy().select("pair", *_AT), on=_AT)
        .select("pair", "member")
    )
    return _small(workspace, "charts", at)


def _own_rows(workspace: Workspace, certain: pl.DataFrame) -> pl.DataFrame:
    """Leaked rows that this very entity owns for certain, as `_small` gives them."""
    rows = workspace.scan("row_owners").filter(pl.col("status") == "confirmed")
    at = (
        workspace.scan("members")
        .filter(pl.col("side") == "leaked")
        .select("person_id", member="mention_id")
        .join(rows.select("entity_id", member="mention_id"), on="member")
        .join(certain.lazy().select("pair", *_AT), on=_AT)
        .select("pair", "member")
    )
    return _small(workspace, "leaked", at)


_KEYS = {"charts": "chart_id", "leaked": "mention_id"}


def _small(workspace: Workspace, name: str, at: pl.LazyFrame) -> pl.DataFrame:
    """`pair, member, no_address, seen_on, deceased`: what chooses among the records of a pair."""
    said = workspace.scan(f"{name}_std").select(
        pl.col(_KEYS[name]).alias("member"),
        pl.col("street").is_null().alias("no_address"),
        pl.max_horizontal("address_as_of", "last_visit_on").alias("seen_on"),
        "deceased",
    )
    return at.join(said, on="member").collect(engine="streaming")


def _speaking(records: pl.DataFrame) -> pl.DataFrame:
    """`pair, member`: the one record of a pair whose values are told, the last seen with an address."""
    ordered = records.sort(
        ["pair", "no_address", "seen_on", "member"], descending=_ORDER, nulls_last=True
    )
    return ordered.unique("pair", keep="first", maintain_order=True).select("pair", "member")


def _texts_of(workspace: Workspace, speaking: pl.DataFrame) -> pl.LazyFrame:
    """`member` and the values of these records: names as delivered, the rest as cleaned for mailing."""
    members = speaking.lazy().select("member").unique()
    raw = ("first_name", "middle_name", "last_name")
    whole = pl.col("raw_first_name").is_not_null() & pl.col("raw_last_name").is_not_null()
    sides = []
    for name, key in _KEYS.items():
        delivered = workspace.scan(name).select(
            pl.col(key).alias("member"), *(pl.col(column).alias(f"raw_{column}") for column in raw)
        )
        cleaned = workspace.scan(f"{name}_std").select(
            pl.col(key).alias("member"),
            *(column for column in _VALUES if column != "zip"),
            pl.concat_str("zip5", pl.col("zip4").fill_null(""), separator="-")
            .str.strip_suffix("-")
            .alias("zip"),
        )
        sides.append(
            cleaned.join(members, on="member", how="semi")
            .join(delivered.join(members, on="member", how="semi"), on="member", how="left")
            .with_columns(_squeezed(f"raw_{column}") for column in raw)
            .with_columns(pl.when(whole).then(f"raw_{c}").otherwise(c).alias(c) for c in raw)
            .select("member", *_VALUES)
        )
    return pl.concat(sides)


def _chart_numbers(
    workspace: Workspace, charts: pl.DataFrame, rows_alone: pl.DataFrame
) -> pl.LazyFrame:
    """`pair, mrn`: all chart numbers of a pair's charts, else of its rows, in order."""
    sides = [
        workspace.scan(name)
        .select(pl.col(_KEYS[name]).alias("member"), "mrn")
        .filter(pl.col("mrn").is_not_null())
        .join(records.lazy().select("pair", "member"), on="member")
        .select("pair", _squeezed("mrn"))
        for name, records in (("charts", charts), ("leaked", rows_alone))
    ]
    numbers = pl.concat(sides).drop_nulls("mrn").unique().collect(engine="streaming")
    several = numbers["pair"].is_duplicated()
    joined = (
        numbers.filter(several)
        .sort("pair", "mrn")
        .group_by("pair")
        .agg(pl.col("mrn").str.join("|"))
    )
    return pl.concat([numbers.filter(~several), joined]).lazy()


def _elements(certain: pl.DataFrame) -> pl.LazyFrame:
    """`pair, elements`: few sets of kinds are spelled out, for most people share one; none where none is known."""
    held = certain.select("pair", "kinds").filter(pl.col("kinds") != 0)
    return held.join(spelt_sets(held["kinds"]), on="kinds").select("pair", "elements").lazy()


def _born() -> pl.Expr:
    return pl.col("date_of_birth").str.to_date("%Y-%m-%d", strict=False)


def _squeezed(column: str) -> pl.Expr:
    """As delivered, blanks squeezed; null where nothing is left."""
    text = pl.col(column).str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars(" ")
    return pl.when(text != "").then(text)
