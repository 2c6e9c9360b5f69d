"""The list of steps is true: modules exist, tables flow forward, versions follow the source."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from flows.docs import sources
from flows.docs.sources import changed_steps, record_steps, source_digest
from flows.steps import REPORT, STEPS, Step
from matching.tables import INBOX, REFERENCE, STEP_TABLES

ALL = (*STEPS, REPORT)
ORDER = "intake standardise link people owners counts duties packets notices batches report"


def test_steps_stand_in_the_order_of_the_one_way() -> None:
    assert " ".join(step.name for step in ALL) == ORDER


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)
def test_each_step_lives_in_the_module_of_its_name(step: Step) -> None:
    package = (
        "matching" if ORDER.split().index(step.name) <= ORDER.split().index("owners") else "notify"
    )
    assert import_module(f"{package}.{step.name}").run is step.run


def test_every_table_has_one_writer_that_comes_before_its_readers() -> None:
    written: set[str] = set()
    given = {table.name for table in (*INBOX, *REFERENCE)}
    for step in ALL:
        assert [name for name in step.reads if name not in written | given] == []
        assert written.isdisjoint(step.writes)
        written |= set(step.writes)
    assert written == {table.name for table in STEP_TABLES}


def test_no_step_changed_its_source_without_a_new_version() -> None:
    assert changed_steps() == []


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of one step at version 1, whose source then changed."""
    path = tmp_path / "versions.json"
    monkeypatch.setattr(sources, "_steps", lambda: [("link", 1, "old")])
    assert record_steps(path) == []
    monkeypatch.setattr(sources, "_steps", lambda: [("link", 1, "new")])
    return path


def test_a_changed_source_is_refused_until_the_version_or_a_line_says_so(record: Path) -> None:
    assert "source changed" in changed_steps(record)[0]
    assert record_steps(record) != []  # writing the pages does not wave it through
    assert record_steps(record, same_output="renamed a variable") == []
    assert json.loads(record.read_text())["link"]["1"] == [
        "old",
        "new same output as version 1: renamed a variable",
    ]


def test_a_new_version_is_accepted(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_steps", lambda: [("link", 2, "new")])
    assert changed_steps(record) != []
    assert record_steps(record) == []


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a step that imports a helper and the frame."""
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    files = {
        "link/__init__.py": "from matching.helper import x\nfrom matching.store import Workspace\n",
        "link/page.html": "<p>",
        "helper.py": 'x = 1  # why one\n"""The number."""\n',
        "store.py": "Workspace = 1\n",
    }
    for name, text in files.items():
        (tmp_path / "matching" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "matching" / name).write_text(text)
    return tmp_path / "matching"


@pytest.mark.parametrize(
    ("file", "text", "counts"),
    [
        ("helper.py", "x = 2\n", True),
        ("helper.py", "\nx = (1)\n", False),
        ("link/page.html", "<b>", True),
        ("link/extra.py", "y = 1\n", True),
        ("store.py", "Workspace = 2\n", False),
    ],
)
def test_what_counts_as_a_change(package: Path, file: str, text: str, counts: bool) -> None:
    before = source_digest("matching.link")
    (package / file).write_text(text)
    assert (source_digest("matching.link") != before) == counts
