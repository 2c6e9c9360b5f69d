"""Shared fixtures: an empty workspace, and one small synthetic incident run once per session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from matching.store import Workspace

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites the files in tests/golden; look at the diff before committing."""
    parser.addoption("--update-golden", action="store_true", default=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty synthetic workspace with its key beside it."""
    made, _ = Workspace.create(
        tmp_path / "ws", incident_id="test", synthetic=True, key_file=tmp_path / "key.json"
    )
    return made


LONGEST_FIRST = (
    "test_parsers.py", "test_faults.py", "test_canary.py", "test_prefect.py", "test_thresholds_browser.py", "test_scenarios.py",
    "test_thresholds.py", "test_mail_rounds.py",
)  # fmt: skip
"""Files that take minutes: begun last, one of two processes would wait for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; within a file, and among the others, the order stays."""
    last = len(LONGEST_FIRST)
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, last))
