"""What an installation brings may be used, is pinned, and is listed with its licence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from flows.docs.sbom import sbom_page

ROOT = Path(__file__).parents[2]
MAY_BE_USED = {
    "0BSD", "Apache-2.0", "Artistic-1.0-Perl", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "ISC",
    "LLVM-exception", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
"""Permissive, or (MPL) binding for its own files only: none reaches our code or a responder's data."""


def words(expression: str) -> set[str]:
    return set(re.split(r"[ ()]+", expression)) - {"AND", "OR", "WITH", ""}


@pytest.fixture(scope="module")
def listed() -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(sbom_page())["components"]
    assert len(found) > 100
    return found


def test_every_licence_is_one_that_we_may_use(listed: list[dict[str, object]]) -> None:
    wrong = {
        one["name"]: one["licenses"]
        for one in listed
        if not words(one["licenses"][0]["expression"]) <= MAY_BE_USED  # type: ignore[index]
    }
    assert wrong == {}


def test_every_dependency_is_pinned_as_it_is_installed(listed: list[dict[str, object]]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    pinned = {canonicalize_name(name): version for name, version in pins.items()}
    assert {str(one["name"]): one["version"] for one in listed}.items() <= pinned.items()


def test_a_licence_that_binds_our_own_code_would_be_seen() -> None:
    assert words("MIT OR GPL-3.0-only") - MAY_BE_USED == {"GPL-3.0-only"}
