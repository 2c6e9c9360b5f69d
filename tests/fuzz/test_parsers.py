"""Thousands of mutated inputs at every parser: each ends, in counted rows or in one clean line, in bounded memory.

Two processes of their own try them (`tests/fuzz/campaign.py`), so that one that dies or hangs is a failed test.
A failure names target, seed and case; `python -m tests.fuzz.campaign TARGET --first CASE --cases 1` is it alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import CASES
from tests.fuzz.targets import GROUPS, TARGETS

ROOT = Path(__file__).parents[2]
WORKERS = 2
GROWN_MIB_MAX = 500
"""Of a process that has read its first batch: pieces of files, compiled code, patterns, and nothing that stays."""
QUICK = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every target's cases came to; of one that took its process with it, where that was."""
    claims = tmp_path_factory.mktemp("claims")
    command = [sys.executable, "-m", "tests.fuzz.campaign", "--claims", str(claims)]
    environment = {**os.environ, **QUICK, "PYTHONPATH": str(ROOT)}
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(WORKERS)
    ]  # fmt: skip
    lines = b"".join(worker.communicate()[0] for worker in workers).splitlines()
    results = {one["target"]: one for one in map(json.loads, lines)}
    for place in claims.iterdir():
        results.setdefault(place.name, {"died_at": (place / "case").read_text()})
    return results


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_crashes_hangs_or_loses_a_row(name: str, found: dict[str, Any]) -> None:
    assert name in found, "its process ended before it"
    result = found[name]
    assert "died_at" not in result, f"crashed or hung in the batch from case {result['died_at']}"
    assert result["failures"] == []
    assert result["cases"] == TARGETS[name].in_test
    assert result["grown_mib"] < GROWN_MIB_MAX


PAGE = ROOT / "docs" / "fuzzing.md"
PARSERS = {name: targets for parsers in GROUPS.values() for name, targets in parsers.items()}


def test_every_target_drives_one_parser_and_every_parser_has_its_cases() -> None:
    assert sorted(name for targets in PARSERS.values() for name in targets) == sorted(TARGETS)
    cases = {
        name: sum(TARGETS[one].in_test for one in targets) for name, targets in PARSERS.items()
    }
    assert {name: count for name, count in cases.items() if count < CASES} == {}


def test_the_page_lists_every_parser_with_its_targets_and_cases() -> None:
    rows = [
        f"| {group} | {parser} | {', '.join(targets)} | {sum(TARGETS[one].in_test for one in targets):,} |"
        for group, parsers in GROUPS.items()
        for parser, targets in parsers.items()
    ]
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.split(" | ")[0].removeprefix("| ") in GROUPS] == rows


def test_a_case_is_the_same_wherever_it_is_made() -> None:
    mutator = Mutator([b"id,name\n1,Ann\n"], [b'"'])
    cases = [mutator.case(8, number) for number in range(200)]
    assert cases == [mutator.case(8, number) for number in range(200)]
    assert len(set(cases)) > 150
    assert cases != [mutator.case(9, number) for number in range(200)]
