"""What no tracked file may hold: paths of a machine, addresses of package indexes, outside data."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {
    "a path of one machine": re.compile(r"/(?:root|work|home/\w+|tmp/venv|Users/\w+)/"),
    "a package index": re.compile(
        r"pypi\.|/simple/|--(?:extra-)?index-url|pythonhosted", re.IGNORECASE
    ),
}
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    ".json",
    ".jsonl",
    ".csv",
    ".html",
    ".css",
    ".typ",
    ".sql",
    "",
}
PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no checkout of git")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in files if path.is_file() and path != Path(__file__)]


def test_no_tracked_file_speaks_of_a_machine_or_an_index() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {what}"
        for path in tracked()
        if path.suffix in TEXT
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_constraints_are_exact_pins_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_tracked_data_is_small() -> None:
    # models with term frequencies and fonts are the largest; delivered data has no place here
    large = [
        path.relative_to(ROOT).as_posix() for path in tracked() if path.stat().st_size > 8_000_000
    ]
    assert large == []


def test_decisions_are_numbered_and_fit_on_a_page() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    assert {page.name: n for page in pages if (n := len(page.read_text().splitlines())) > 60} == {}
