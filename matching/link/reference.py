"""What all rounds of an incident link with: frozen at the first run, so that a late file moves no weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from matching.link.settings import LinkSettings, Matching
from matching.link.sides import Records, Side
from matching.link.usable import check_model
from matching.log import log_counts
from matching.model.edits import edited
from matching.model.files import load_frequencies, load_model, model_text
from matching.model.frequencies import count_frequencies
from matching.model.training import train
from matching.store import Workspace

__all__ = ["frozen_model", "match_sides", "model_in_force"]


def match_sides(workspace: Workspace, identities: pl.DataFrame) -> tuple[Side, Side]:
    """One record per identity and per chart, without values that identify nobody (frozen, too)."""
    if not workspace.has("frozen_nonidentifying"):
        workspace.write("frozen_nonidentifying", workspace.scan("nonidentifying"))
    shared = workspace.read("frozen_nonidentifying")
    first = (identities["mention_id"] == identities["identity_id"]).to_numpy()
    return (
        Side(
            workspace, "leaked_std", identities["mention_id"].filter(pl.Series(first)),
            None if first.all() else np.flatnonzero(first), shared,
        ),
        Side(
            workspace, "charts_std",
            workspace.scan("charts_std").select("chart_id").collect()["chart_id"], None, shared,
        ),
    )  # fmt: skip


def frozen_model(
    workspace: Workspace, settings: LinkSettings, leaked: Records, charts: Records
) -> tuple[dict[str, Any], pl.DataFrame]:
    """Model settings and term frequencies of this incident, made and frozen where they are not yet."""
    if not (workspace.has("model") and workspace.has("term_frequencies")):
        _freeze(workspace, settings, leaked, charts)
    return model_in_force(workspace, settings), workspace.read("term_frequencies")


def model_in_force(workspace: Workspace, matching: Matching) -> dict[str, Any]:
    """The frozen model with the level weights that the round's `[matching]` sets.

    Raises OperatorError naming each weight that the model cannot hold.
    """
    model: dict[str, Any] = json.loads(workspace.read("model")["settings"][0])
    return edited(model, matching.edits)


def _freeze(workspace: Workspace, settings: LinkSettings, leaked: Records, charts: Records) -> None:
    base = load_model(settings.model)
    check_model(base)
    given = load_frequencies(settings.model) if settings.train == "never" else None
    frequencies = given
    if frequencies is None:
        frequencies = count_frequencies([leaked, charts], base, threads=settings.threads)
    if not workspace.has("model"):
        made = base
        if settings.train != "never" and leaked.rows:
            made = _trained(base, leaked, charts, frequencies, seed=settings.seed)
        name = Path(settings.model).name.removesuffix(".json")
        workspace.write("model", pl.DataFrame({"name": [name], "settings": [model_text(made)]}))
    if not workspace.has("term_frequencies"):
        workspace.write("term_frequencies", frequencies)


def _trained(
    base: dict[str, Any], leaked: Records, charts: Records, frequencies: pl.DataFrame, *, seed: int
) -> dict[str, Any]:
    right = charts if charts.rows else None
    trained = train(leaked, right, base=base, frequencies=frequencies, seed=seed)
    log_counts(
        "link",
        trained=int(trained.estimated),
        training_pairs=trained.pairs,
        expected_matches=round(trained.expected_matches),
        levels_from_base=len(trained.from_base),
    )
    return trained.settings
