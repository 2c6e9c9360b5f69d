"""The example incident has every key and no other; the deployment can be imported."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.docs.configuration import section_model, sections
from flows.settings import load_incident
from matching.fields import CANONICAL_FIELDS

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "configs" / "example" / "incident.toml"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def test_example_has_every_section_and_no_other(example: dict[str, Any]) -> None:
    assert sorted(example) == sorted(sections())


@pytest.mark.parametrize("section", sections())
def test_example_has_every_key_and_no_other(example: dict[str, Any], section: str) -> None:
    model = section_model(sections()[section])
    if model is None:
        assert example[section], "a section of free keys needs an example"
        return
    expected = sorted(key.alias or name for name, key in model.model_fields.items())
    entries = example[section] if isinstance(example[section], list) else [example[section]]
    for entry in entries:
        assert sorted(entry) == expected


def test_example_maps_every_canonical_field(example: dict[str, Any]) -> None:
    mapped = {
        field
        for side in ("leaked", "masters")
        for entry in example[side]
        for field in entry["columns"]
    }
    assert mapped == set(CANONICAL_FIELDS)


def test_example_loads() -> None:
    loaded = load_incident(EXAMPLE)
    assert not loaded.incident.synthetic  # copied, it must not open what only made-up data may open


def test_deployments_are_flows_that_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    from prefect.flows import load_flow_from_entrypoint

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert deployments
    for deployment in deployments:
        flow = load_flow_from_entrypoint(deployment["entrypoint"])
        assert set(deployment["parameters"]) <= set(flow.parameters.properties)
