"""`ownership`: one row a person and covered entity, from the rows and charts of the person."""

from __future__ import annotations

import polars as pl

from matching.owners.ladder import FENCES, LADDER, NO_BASIS, PRESUMED, level_of
from matching.owners.settings import OwnersSettings
from matching.store import Workspace
from matching.succession import legal_owner
from matching.tables import TABLES, UNOWNED

__all__ = ["ownership"]

_CHART = LADDER[-1]
_MILLION = 1_000_000


def ownership(workspace: Workspace, settings: OwnersSettings) -> pl.DataFrame:
    """person_id, entity_id, status, basis, probability; UNOWNED where nothing names an entity.

    Confirmed where a row of the person is. `probability` is that of the likeliest link, shared
    evenly among the person's entities; 1 where confirmed, presumed or unowned.
    """
    rows = _rows_by_person(workspace)
    fenced_in = _all_rows_fenced(workspace)
    charts = _charts_by_person(workspace, settings)
    linked = charts.filter(pl.col("basis") == _CHART).join(fenced_in, on="person_id", how="anti")
    said = pl.concat([rows, linked, charts.filter(pl.col("basis") == PRESUMED)])
    owned = (
        said.with_columns(level=level_of(pl.col("basis")), sure=pl.col("status") == "confirmed")
        .group_by("person_id", "entity_id")
        .agg(
            pl.col("sure").any(),
            pl.col("basis").sort_by(~pl.col("sure"), "level").first(),
            pl.col("millionths").max(),
        )
    )
    owned = owned.with_columns(_probability()).select(
        "person_id",
        "entity_id",
        pl.when("sure").then(pl.lit("confirmed")).otherwise(pl.lit("possible")).alias("status"),
        "basis",
        "probability",
    )
    found = owned.collect(engine="streaming")
    return pl.concat([found, _unowned(workspace, found)])


def _probability() -> pl.Expr:
    certain = pl.col("sure") | (pl.col("basis") == PRESUMED)
    share = pl.col("millionths") // pl.len().over("person_id")
    whole = pl.when(certain).then(_MILLION).otherwise(share)
    return (whole / _MILLION).alias("probability")


def _rows_by_person(workspace: Workspace) -> pl.LazyFrame:
    """What the person's rows say; a linked chart's weight becomes its probability."""
    odds = pl.lit(2.0).pow(pl.col("weight_bits").clip(upper_bound=60.0))
    millionths = (odds / (1 + odds) * _MILLION).round().cast(pl.Int64)
    leaked = workspace.scan("members").filter(pl.col("side") == "leaked")
    return (
        workspace.scan("row_owners")
        .join(leaked.select("mention_id", "person_id"), on="mention_id")
        .select(
            "person_id",
            "entity_id",
            "status",
            "basis",
            millionths.fill_null(_MILLION).alias("millionths"),
        )
        .group_by("person_id", "entity_id", "status", "basis")
        .agg(pl.col("millionths").max())
    )


def _all_rows_fenced(workspace: Workspace) -> pl.LazyFrame:
    """People each of whose leaked rows bears the account number of an entity."""
    fenced = workspace.scan("row_owners").filter(pl.col("basis").is_in(FENCES))
    leaked = workspace.scan("members").filter(pl.col("side") == "leaked")
    open_rows = leaked.join(fenced, on="mention_id", how="anti").select("person_id").unique()
    people = leaked.select("person_id").unique()
    return people.join(open_rows, on="person_id", how="anti")


def _charts_by_person(workspace: Workspace, settings: OwnersSettings) -> pl.LazyFrame:
    """Entities of the person's own charts, and of charts that may be the person's (review band)."""
    charts = (
        workspace.scan("members")
        .filter(pl.col("side") == "master", pl.col("entity_id").is_not_null())
        .select("person_id", "entity_id")
        .unique()
    )
    told = workspace.scan("affected").with_columns(
        millionths=(pl.col("probability") * _MILLION).round().cast(pl.Int64)
    )
    best = told.group_by("person_id").agg(pl.col("millionths").max())
    certain = workspace.scan("persons").filter(pl.col("affected") == "confirmed")
    certain = certain.select("person_id", pl.lit(_MILLION, pl.Int64).alias("millionths"))
    own = charts.join(pl.concat([best, certain]), on="person_id").with_columns(basis=pl.lit(_CHART))
    review = told.join(charts, on="person_id").select(
        pl.col("maybe_same_as").alias("person_id"), "entity_id", "millionths", basis=pl.lit(_CHART)
    )
    presumed = charts.filter(
        pl.col("entity_id").is_in(_presumed(workspace, settings))
    ).with_columns(millionths=pl.lit(_MILLION, pl.Int64), basis=pl.lit(PRESUMED))
    columns = ("person_id", "entity_id", pl.lit("possible").alias("status"), "basis", "millionths")
    return pl.concat([frame.select(columns) for frame in (own, review, presumed)])


def _presumed(workspace: Workspace, settings: OwnersSettings) -> list[str]:
    """Presumed entities by their legal owners, as `members` names them."""
    named = pl.DataFrame({"entity_id": settings.presumed_entities}, schema={"entity_id": pl.String})
    owner = legal_owner(workspace.read("entities"), on=settings.owner_on)
    return named.select(owner).to_series().to_list()


def _unowned(workspace: Workspace, found: pl.DataFrame) -> pl.DataFrame:
    people = workspace.read("persons", ["person_id"])
    alone = people.join(found.select("person_id").unique(), on="person_id", how="anti")
    rows = alone.with_columns(
        entity_id=pl.lit(UNOWNED),
        status=pl.lit("possible"),
        basis=pl.lit(NO_BASIS),
        probability=pl.lit(1.0),
    )
    return TABLES["ownership"].complete(rows)
