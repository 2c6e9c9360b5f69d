"""Who calls: people of the incident whose records bear a caller's name and birth date, for the call centre.

`leaked_std`, `charts_std`, `members` and `persons` come in, read as they lie: no index of names is made. Names agree as in
matching, by nicknames and formal forms, by parts and earlier family names. What comes out says how well they
agree, never a value. One reading of the tables answers any number of callers: seconds at 15 million rows a side.
"""

from __future__ import annotations

import polars as pl

from matching.given import clean_records
from matching.in_memory import in_memory
from matching.store import Workspace

__all__ = ["AGREEMENTS", "find_callers"]

AGREEMENTS = ("name_and_date", "alike", "other_date", "unreadable")
"""Best first: name and birth date; one name alike only; name, and a date that differs in one part or by day and month.
Unreadable: the caller's own name or date says nothing."""
ALIKE = 0.85
"""Jaro-Winkler similarity from which two names may be one that was misspelt: SMYTH and SMITH have 0.89."""
_RECORD = ["first_names", "last_names", "date_of_birth", "zip5"]
_FOUND = {"caller": pl.Int64, "person_id": pl.String, "group": pl.String, "agreement": pl.String, "zip_agrees": pl.Boolean}  # fmt: skip


def find_callers(workspace: Workspace, callers: pl.DataFrame) -> pl.DataFrame:
    """One row per caller and person found, best agreement first: `caller, person_id, group, agreement, zip_agrees`.

    `callers` has `full_name`, `date_of_birth`, `zip`, as given; `caller` is the row, from 0. `group` is the same for
    persons who may be one. `zip_agrees` is null where caller or records have none. A caller whose date or name
    cannot be read has one row without a person.
    """
    asked = _asked(callers)
    readable = asked.drop_nulls(["first_names", "last_names", "date_of_birth"])
    unread = asked.join(readable, on="caller", how="anti").select(
        pl.col("caller").cast(pl.Int64), agreement=pl.lit(AGREEMENTS[-1])
    )
    found = [pl.DataFrame(schema=_FOUND), unread]
    near = _near(workspace, readable) if readable.height else None
    if near is not None and near.height:
        found.append(_by_person(workspace, _agreed(readable, near)))
    return pl.concat(found, how="diagonal").sort("caller", maintain_order=True)


def _asked(callers: pl.DataFrame) -> pl.DataFrame:
    """Callers cleaned as records are."""
    cleaned = clean_records(callers.select("full_name", "date_of_birth", "zip"))
    return cleaned.select("first_name", "last_name", *_RECORD).with_row_index("caller")


def _near(workspace: Workspace, asked: pl.DataFrame) -> pl.DataFrame:
    """Records with a caller's birth date, or with both a first and a last name of callers."""
    dates = pl.col("date_of_birth").is_in(asked["date_of_birth"].implode())
    names = pl.lit(True)
    for column in ("first_names", "last_names"):
        words = asked[column].str.split("|").explode().unique().sort().to_list()
        padded = "|" + pl.col(column) + "|"
        names &= padded.str.contains_any([f"|{word}|" for word in words])
    found = [
        workspace.scan(table).filter(dates | names).select(pl.col(key).alias("mention_id"), "first_name", "last_name", *_RECORD)
        for table, key in (("leaked_std", "mention_id"), ("charts_std", "chart_id"))
    ]  # fmt: skip
    return pl.concat([rows.collect(engine="streaming") for rows in found])


def _agreed(asked: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    """`caller, mention_id, agreement, zip_agrees` of every caller and record that agree in one of the ways."""
    with in_memory() as con:
        con.register("asked", asked.to_arrow())
        con.register("near", near.to_arrow())
        rows: pl.DataFrame = con.sql(AGREED_SQL, params={"alike": ALIKE}).pl()
    return rows.filter(pl.col("agreement").is_not_null())


AGREED_SQL = """
with pairs as (
    select
        asked.caller,
        near.mention_id,
        asked.zip5 = near.zip5 as zip_agrees,
        list_has_any(string_split(asked.first_names, '|'), string_split(near.first_names, '|')) as first_same,
        list_has_any(string_split(asked.last_names, '|'), string_split(near.last_names, '|')) as last_same,
        coalesce(jaro_winkler_similarity(asked.first_name, near.first_name) >= $alike
            or starts_with(asked.first_name, near.first_name)
            or starts_with(near.first_name, asked.first_name), false) as first_alike,
        coalesce(jaro_winkler_similarity(asked.last_name, near.last_name) >= $alike, false) as last_alike,
        asked.date_of_birth = near.date_of_birth as date_same,
        (asked.date_of_birth[1:4] = near.date_of_birth[1:4])::int
            + (asked.date_of_birth[6:7] = near.date_of_birth[6:7])::int
            + (asked.date_of_birth[9:10] = near.date_of_birth[9:10])::int = 2
            or (asked.date_of_birth[1:4] = near.date_of_birth[1:4]
                and asked.date_of_birth[6:7] = near.date_of_birth[9:10]
                and asked.date_of_birth[9:10] = near.date_of_birth[6:7]) as date_near
    from asked, near
)
select
    caller,
    mention_id,
    zip_agrees,
    case
        when date_same and first_same and last_same then 'name_and_date'
        when date_same and (first_same and last_alike or last_same and first_alike) then 'alike'
        when date_near and first_same and last_same then 'other_date'
    end as agreement
from pairs
"""


def _by_person(workspace: Workspace, agreed: pl.DataFrame) -> pl.DataFrame:
    """The best agreement of any record of each person who is still affected."""
    ids = agreed["mention_id"].unique().implode()
    members = workspace.scan("members").filter(pl.col("mention_id").is_in(ids))
    mine = members.select("mention_id", "person_id").collect(engine="streaming")
    people = mine["person_id"].unique().implode()
    persons = workspace.scan("persons").filter(
        pl.col("person_id").is_in(people), pl.col("affected") != "no_longer"
    )
    known = persons.select("person_id", group=pl.coalesce("merged_group", "person_id")).collect(
        engine="streaming"
    )
    order = {name: place for place, name in enumerate(AGREEMENTS)}
    return (
        agreed.with_columns(place=pl.col("agreement").replace_strict(order, return_dtype=pl.Int8))
        .join(mine, on="mention_id")
        .join(known, on="person_id")
        .group_by("caller", "person_id", "group")
        .agg(pl.col("place").min(), zip_agrees=pl.col("zip_agrees").max())
        .sort("caller", "place", "person_id")
        .with_columns(
            agreement=pl.col("place").replace_strict(
                dict(enumerate(AGREEMENTS)), return_dtype=pl.String
            )
        )
        .select(pl.col("caller").cast(pl.Int64), *list(_FOUND)[1:])
    )
