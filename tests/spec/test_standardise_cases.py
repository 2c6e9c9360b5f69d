"""The cases of `standardise.yaml`, all cleaned as one part, each compared by itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from matching.fields import CANONICAL_FIELDS
from matching.standardise.part import CAME, OF_AGE, ORDER, clean_part

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("standardise.yaml").read_text(encoding="utf-8")
)


@cache
def cleaned() -> list[dict[str, Any]]:
    """One row a case."""
    rows = [
        {**case["in"], ORDER: case.get("order", "mdy"), OF_AGE: "2008-03-05", CAME: "2026-03-05"}
        for case in CASES
    ]
    schema = {
        **dict.fromkeys(CANONICAL_FIELDS, pl.String),
        ORDER: pl.String,
        OF_AGE: pl.String,
        CAME: pl.String,
    }
    frame, _ = clean_part(pl.DataFrame(rows, schema=schema), pivot=26)
    return frame.with_columns(pl.col(pl.Date).dt.to_string("iso")).to_dicts()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_case(number: int) -> None:
    expected = CASES[number]["out"]
    assert {name: cleaned()[number][name] for name in expected} == expected


def test_names_are_unique() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)
