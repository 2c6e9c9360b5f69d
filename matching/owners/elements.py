"""`elements`: the kinds of data per person and entity, from the rows which that entity owns.

Never the union over entities: it would tell one practice, and a household, what another held.
"""

from __future__ import annotations

import polars as pl

from matching.owners.kinds import KINDS, column_kinds, word_kinds
from matching.owners.ladder import FENCES
from matching.owners.rows import mention_slices
from matching.store import Workspace

__all__ = ["write_elements"]


def write_elements(workspace: Workspace) -> None:
    """One row a person, entity and kind of data.

    An entity that owns none of the person's rows is possible through a chart: then the rows that
    may be its (no account number of another) count, a person known by charts only takes those of
    the person it may be, and a presumed entity its own chart.
    """
    owned, free = _from_rows(workspace)
    people = workspace.scan("ownership").select("person_id", "entity_id")
    told = workspace.scan("affected").select("person_id", pl.col("maybe_same_as").alias("other"))
    via = _any(told.join(free, left_on="other", right_on="person_id"), "person_id")
    sets = (
        people.join(owned, on=["person_id", "entity_id"], how="left")
        .join(free, on="person_id", how="left", suffix="_free")
        .join(via, on="person_id", how="left", suffix="_via")
        .join(_from_charts(workspace), on=["person_id", "entity_id"], how="left", suffix="_chart")
        .select(
            "person_id",
            "entity_id",
            pl.coalesce("kinds", "kinds_free", "kinds_via", "kinds_chart").alias("kinds"),
        )
        .drop_nulls("kinds")
    )
    found = sets.collect(engine="streaming")
    distinct = found.select("kinds").unique()
    bits = pl.DataFrame({"element": KINDS, "bit": [1 << place for place in range(len(KINDS))]})
    named = distinct.join(bits, how="cross").filter(pl.col("kinds") & pl.col("bit") != 0)
    rows = found.join(named, on="kinds").select("person_id", "entity_id", "element")
    workspace.write("elements", rows)


def _from_rows(workspace: Workspace) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """(person_id, entity_id, kinds) of owned rows; (person_id, kinds) of rows without a fence."""
    leaked = workspace.scan("members").filter(pl.col("side") == "leaked")
    persons = leaked.select("mention_id", "person_id").collect(engine="streaming")
    persons = persons.sort("mention_id")
    owned, free = [], []
    for start, end in mention_slices(workspace):
        inside = pl.col("mention_id").is_between(start, end, closed="left")
        low, high = persons["mention_id"].search_sorted(pl.Series([start, end]))
        kinds = _row_kinds(workspace, inside).join(persons[low:high], on="mention_id")
        owners = workspace.scan("row_owners").filter(inside).collect()
        met = owners.join(kinds, on="mention_id")
        owned.append(_any(met.lazy(), "person_id", "entity_id").collect())
        fenced = owners.filter(pl.col("basis").is_in(FENCES))
        outside = kinds.join(fenced, on="mention_id", how="anti")
        free.append(_any(outside.lazy(), "person_id").collect())
    text, number = pl.String(), pl.Int64()
    nothing = pl.DataFrame(schema={"person_id": text, "entity_id": text, "kinds": number})
    all_owned = pl.concat([nothing, *owned]).lazy()
    all_free = pl.concat([nothing.drop("entity_id"), *free]).lazy()
    return _any(all_owned, "person_id", "entity_id"), _any(all_free, "person_id")


def _row_kinds(workspace: Workspace, inside: pl.Expr) -> pl.DataFrame:
    """mention_id, kinds of one slice."""
    leaked = workspace.scan("leaked").filter(inside)
    rows = leaked.select("mention_id", "extra", "elements", column_kinds().alias("kinds")).collect()
    extra = word_kinds(rows["extra"], declared=False)
    words = word_kinds(rows["elements"], declared=True)
    met = rows.join(extra, left_on="extra", right_on="text", how="left", suffix="_extra")
    met = met.join(words, left_on="elements", right_on="text", how="left", suffix="_word")
    more = pl.col("kinds_extra").fill_null(0) | pl.col("kinds_word").fill_null(0)
    return met.select("mention_id", (pl.col("kinds") | more).alias("kinds"))


def _from_charts(workspace: Workspace) -> pl.LazyFrame:
    """person_id, entity_id, kinds: what the entity's own charts hold of a person."""
    charts = workspace.scan("members").filter(pl.col("side") == "master").drop_nulls("entity_id")
    held = workspace.scan("charts").select("chart_id", column_kinds().alias("kinds"))
    met = charts.select("mention_id", "person_id", "entity_id").join(
        held, left_on="mention_id", right_on="chart_id"
    )
    return _any(met, "person_id", "entity_id")


def _any(sets: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    return sets.group_by(by).agg(pl.col("kinds").bitwise_or())
