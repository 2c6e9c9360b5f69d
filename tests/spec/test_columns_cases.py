"""The headers of `columns.yaml`, each by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from matching.propose.headers import header_says

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("columns.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=[case["header"] for case in CASES])
def test_header(case: dict[str, Any]) -> None:
    says = header_says(case["header"])
    assert max(says.bits, key=lambda target: says.bits[target]) == case["target"]
    assert (case["target"] in says.exact) == case["exact"]
