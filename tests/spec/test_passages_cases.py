"""The cases of `passages.yaml`: identifiers and names in texts, found without the model."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from matching.passages import Names, places

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("passages.yaml").read_text(encoding="utf-8")
)
IDENTIFIERS = [
    "ssn",
    "ssn4",
    "phone",
    "fax",
    "email",
    "mrn",
    "member_id",
    "date_of_birth",
    "card",
    "npi",
]


@cache
def found() -> pl.DataFrame:
    """All texts as one batch."""
    texts = pl.DataFrame({"row": range(len(CASES)), "text": [case["text"] for case in CASES]})
    return places(texts, names=Names(model=False)).sort("row", "start")


def said(number: int, kinds: list[str]) -> list[str]:
    of_it = found().filter((pl.col("row") == number) & pl.col("kind").is_in(kinds))
    return of_it.select(pl.format("{}: {}", "kind", "value")).to_series().to_list()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case["name"] for case in CASES])
def test_case(number: int) -> None:
    case = CASES[number]
    assert said(number, IDENTIFIERS) == case["found"]
    if "names" in case:
        assert said(number, ["name", "provider"]) == case["names"]


def test_names_are_unique() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES)
