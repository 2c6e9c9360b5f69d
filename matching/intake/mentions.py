"""Rows of one batch become mentions or charts: fields, everyone on the row, ids, exclusions."""

from __future__ import annotations

import polars as pl

from matching.intake.classify import with_decisions, with_exclusion
from matching.intake.further import guarantors, on_row_number, others
from matching.intake.inventory import TableRead
from matching.intake.mapping import canonical, role_of, row_kinds, with_id
from matching.intake.settings import IntakeSettings
from matching.sources import LeakedSource, MasterSource

__all__ = ["charts_of", "mentions_of"]


def mentions_of(
    raw: pl.DataFrame,
    file: TableRead,
    source: LeakedSource,
    settings: IntakeSettings,
    decisions: pl.DataFrame,
) -> pl.DataFrame:
    """Everyone on the rows of one batch."""
    rows = canonical(raw, source).with_columns(row_kinds(raw, source))
    first = rows.with_columns(role=role_of(pl.col("role"), source.role))
    people = [first]
    if {"guardian_first_name", "guardian_last_name"} & set(source.columns):
        people.append(guarantors(first, received_on=source.received_on))
    people = [one.with_columns(on_row=on_row_number(pl.col("role"))) for one in people]
    people += [others(first, raw, other) for other in source.also]
    found = with_exclusion(
        pl.concat(people, how="diagonal").with_columns(
            *with_id("mention_id", file_no=file.file_no, number=pl.col("on_row")),
            doubtful=pl.lit(None, pl.Boolean),
        ),
        settings,
        secured=source.secured,
    )
    ordered = found.sort("mention_id") if len(people) > 1 else found
    return with_decisions(ordered, decisions)


def charts_of(
    raw: pl.DataFrame, file: TableRead, settings: IntakeSettings, known: pl.Series
) -> pl.DataFrame:
    """Charts of one batch; an owner that the roster does not know is null."""
    rows = canonical(raw, file.source)
    owner = (
        pl.lit(file.source.entity)
        if isinstance(file.source, MasterSource) and file.source.entity
        else pl.col("entity_id").str.strip_chars()
    )
    charts = rows.with_columns(role=role_of(pl.col("role"), "patient")).with_columns(
        *with_id("chart_id", file_no=file.file_no, number=pl.lit(0, pl.Int64)),
        pl.when(owner.is_in(known.implode())).then(owner).alias("entity_id"),
    )
    return with_exclusion(charts, settings, secured="no")
