"""`affected train`: a whole model and its card, the same bytes for the same files and seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.train import train_on
from matching.errors import UsageError
from matching.model.files import faults, load_model


def test_trained_model_is_whole_repeatable_and_described(rehearsal: Path, tmp_path: Path) -> None:
    incident = rehearsal / "incident.toml"
    for name in ("one", "two"):
        train_on(incident, tmp_path / f"{name}.json", seed=4)
    one, two = (tmp_path / f"{name}.json" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    model = load_model(one)
    assert faults(model) == []
    card = one.with_suffix(".md").read_text()
    for comparison in model["comparisons"]:
        assert f"| {comparison['output_column_name']} |" in card
    assert "seed 4" in card


def test_a_model_goes_into_json(rehearsal: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.json"):
        train_on(rehearsal / "incident.toml", tmp_path / "model.txt", seed=1)
