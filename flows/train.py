"""`affected train`: a model for an incident's files, and the page that says how it was made."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from flows import step_settings
from flows.rounds import open_round
from flows.run import run_round
from matching.errors import UsageError
from matching.link.identities import collapse
from matching.link.reference import match_sides
from matching.model.files import load_model, model_text
from matching.model.training import Trained, train
from matching.store import replacing

__all__ = ["train_on"]


def train_on(incident: Path, out: Path, *, seed: int) -> dict[str, Any]:
    """Read and clean the incident in a workspace of its own, train, write model and card.

    The workspace and its key lie in a temporary folder and are gone afterwards. Raises OperatorError
    as `run` does, and where the incident has no masters to train against.
    """
    if out.suffix != ".json":
        raise UsageError(f"--out {out}: must end in .json")
    with tempfile.TemporaryDirectory(prefix="affected-train-") as folder:
        root = Path(folder) / "ws"
        key_file = Path(folder) / "key.json"
        run_round(incident, workspace=root, until="standardise", engine="local", key_file=key_file)
        workspace, current = open_round(root)
        settings = step_settings.link(current.incident)
        leaked, charts = match_sides(workspace, collapse(workspace))
        right = charts if charts.rows else None
        trained = train(leaked, right, base=load_model(settings.model), seed=seed)
    with replacing(out) as draft:
        draft.write_text(model_text(trained.settings))
    card = out.with_suffix(".md")
    with replacing(card) as draft:
        draft.write_text(card_text(out.stem, trained, base=Path(settings.model).stem, seed=seed))
    return {
        "schema": "affected.train/1",
        "out": str(out),
        "card": str(card),
        "estimated": trained.estimated,
        "pairs": trained.pairs,
        "from_base": list(trained.from_base),
    }


def card_text(name: str, trained: Trained, *, base: str, seed: int) -> str:
    """The model's card: data, sample, prior, and every level's m, u and weight. No person's data."""
    prior = trained.settings["probability_two_random_records_match"]
    lines = [
        f"# Model card: {name}",
        "",
        f"Trained from `{base}` with seed {seed} on one thread.",
        f"Rows: {trained.left_rows:,} leaked identities, {trained.right_rows:,} charts.",
        f"Sample: {trained.pairs:,} candidate pairs, {trained.expected_matches:,.0f} expected matches.",
        f"Prior probability that two random records match: {prior:.3g}.",
        "" if trained.estimated else "Too few matches to estimate: m and u are the base model's.",
        "Levels without an example in this data keep the base model's values: "
        + (", ".join(trained.from_base) or "none")
        + ".",
        "",
        "| comparison | level | m | u |",
        "| --- | --- | --- | --- |",
    ]
    for comparison in trained.settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                label = level.get("label_for_charts", "")
                m, u = level.get("m_probability", ""), level.get("u_probability", "")
                lines.append(f"| {comparison['output_column_name']} | {label} | {m} | {u} |")
    return "\n".join(lines) + "\n"
