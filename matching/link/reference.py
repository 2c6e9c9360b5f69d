"""What all rounds of an incident link with: frozen at the first run, so that a late file moves no weight."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from matching.link.rows import numbered
from matching.link.settings import LinkSettings
from matching.log import log_counts
from matching.model.definition import CLEANED_COLUMNS
from matching.model.files import load_frequencies, load_model, model_text
from matching.model.frequencies import count_frequencies, tf_columns
from matching.model.training import train
from matching.store import Workspace

__all__ = ["MatchRows", "frozen_model", "match_rows"]


@dataclass(frozen=True, slots=True)
class MatchRows:
    """Numbered rows of both sides and the id of each row number, ascending."""

    leaked: pl.DataFrame
    leaked_ids: pl.Series
    charts: pl.DataFrame
    chart_ids: pl.Series


def match_rows(workspace: Workspace, identities: pl.DataFrame) -> MatchRows:
    """One row per identity and per chart, without values that identify nobody (frozen, too)."""
    if not workspace.has("frozen_nonidentifying"):
        workspace.write("frozen_nonidentifying", workspace.scan("nonidentifying"))
    shared = workspace.read("frozen_nonidentifying")
    first = identities.filter(pl.col("mention_id") == pl.col("identity_id")).select("mention_id")
    leaked = workspace.scan("leaked_std").join(first.lazy(), on="mention_id", how="semi")
    leaked_rows, leaked_ids = _numbered(leaked, "mention_id", shared)
    chart_rows, chart_ids = _numbered(workspace.scan("charts_std"), "chart_id", shared)
    return MatchRows(leaked_rows, leaked_ids, chart_rows, chart_ids)


def _numbered(rows: pl.LazyFrame, key: str, shared: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    frame = rows.select(key, "street", *CLEANED_COLUMNS).sort(key).collect(engine="streaming")
    return numbered(frame.lazy(), shared).collect(), frame[key]


def frozen_model(
    workspace: Workspace, settings: LinkSettings, rows: MatchRows
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Model settings and term frequencies of this incident, made and frozen where they are not yet."""
    if not workspace.has("model"):
        made = _make_model(settings, rows)
        name = Path(settings.model).name.removesuffix(".json")
        workspace.write("model", pl.DataFrame({"name": [name], "settings": [model_text(made)]}))
    model: dict[str, Any] = json.loads(workspace.read("model")["settings"][0])
    if not workspace.has("term_frequencies"):
        workspace.write("term_frequencies", _make_frequencies(settings, model, rows))
    return model, workspace.read("term_frequencies")


def _make_model(settings: LinkSettings, rows: MatchRows) -> dict[str, Any]:
    base = load_model(settings.model)
    if settings.train == "never" or rows.leaked.is_empty():
        return base
    right = None if rows.charts.is_empty() else rows.charts
    trained = train(rows.leaked, right, base=base, seed=settings.seed)
    log_counts(
        "link",
        trained=int(trained.estimated),
        training_pairs=trained.pairs,
        expected_matches=round(trained.expected_matches),
        levels_from_base=len(trained.from_base),
    )
    return trained.settings


def _make_frequencies(
    settings: LinkSettings, model: dict[str, Any], rows: MatchRows
) -> pl.DataFrame:
    if settings.train == "never":
        return load_frequencies(settings.model)
    return count_frequencies([rows.leaked, rows.charts], tf_columns(model))
