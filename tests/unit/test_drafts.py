"""Drafts that a killed command left are removed; those in work stay, whoever looks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from matching.files import drop_drafts, placed, replacing

LEAVES = "import os, sys; from pathlib import Path; from matching.files import replacing\nwith replacing(Path(sys.argv[1])) as draft:\n    draft.write_text('half'); os._exit(9)"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_what_a_killed_process_left_is_dropped_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    target = tmp_path / "a" / "b" / "t.json"
    target.write_text("whole")
    assert subprocess.run([sys.executable, "-c", LEAVES, str(target)], check=False).returncode == 9
    assert len(names(tmp_path)) == 2
    assert drop_drafts(tmp_path) == 0, "not below"
    assert drop_drafts(tmp_path, below=True) == 1
    assert names(tmp_path) == ["t.json"]
    assert target.read_text() == "whole"


def test_a_draft_in_work_stays_and_so_does_every_other_hidden_file(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".done").touch()
    with replacing(tmp_path / "t.json") as draft:
        assert draft.stat().st_mode & 0o777 == 0o600
        assert drop_drafts(tmp_path) == 0
        draft.write_text("whole")
        assert drop_drafts(tmp_path) == 0
    assert names(tmp_path) == [".done", ".lock", "t.json"]


def test_a_draft_that_was_taken_for_left_behind_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, taken = os.open, []

    def dropped_at_once(path: Path, *how: int) -> int:
        handle = opened(path, *how)
        if not taken:
            taken.append(path)
            Path(path).unlink()
        return handle

    monkeypatch.setattr(os, "open", dropped_at_once)
    with replacing(tmp_path / "t.json") as draft:
        assert draft != taken[0]
        draft.write_text("whole")
    assert names(tmp_path) == ["t.json"]


def test_a_link_takes_the_place_of_its_draft(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("same")
    placed(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one").stat().st_ino == (tmp_path / "two").stat().st_ino
    assert names(tmp_path) == ["one", "two"]
