"""Figure T: how many threads work, and in which order rows were delivered, changes nobody's fate."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import polars as pl
import pytest

from flows.run import run_round
from flows.verify import differing, exit_code, verify
from matching.store import Workspace
from tests.flow.conftest import Ran

BROKEN_AT_THE_END = 5
"""The rehearsal puts its unreadable lines last; moved up they would break others."""


def shuffle_rows(folder: Path) -> None:
    """The same rows in another order, in every format whose rows can be moved."""
    numbers = random.Random(1)
    for path in folder.glob("leak/*.jsonl"):
        lines = path.read_text().splitlines(keepends=True)
        body, end = lines[:-BROKEN_AT_THE_END], lines[-BROKEN_AT_THE_END:]
        numbers.shuffle(body)
        path.write_text("".join(body + end))
    for path in [*folder.glob("masters/*.parquet"), *folder.glob("leak/*.parquet")]:
        pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=3).write_parquet(path)


def partition(workspace: Workspace) -> set[str]:
    """Persons as the records they consist of; records without an id of their own left out."""
    own = ~pl.col("record_id").str.contains(":")
    record = pl.concat_str("record_id", "side", "file_no", separator="|")
    members = workspace.read("members").filter(own).with_columns(record=record)
    return set(
        members.group_by("person_id").agg(pl.col("record").sort()).to_series(1).list.join(",")
    )


def test_rows_in_another_order_give_the_same_people_counts_and_duties(
    ran: Ran, approver: str, tmp_path: Path
) -> None:
    shutil.copytree(ran.incident.parent, tmp_path / "incident")
    shuffle_rows(tmp_path / "incident")
    incident = tmp_path / "incident" / "incident.toml"
    run_round(incident, workspace=tmp_path / "ws", engine="local", approve_as=approver)
    one, other = Workspace.open(ran.workspace), Workspace.open(tmp_path / "ws")
    assert one.digest("leaked") != other.digest("leaked"), "the rows must really have moved"
    assert one.digest("counts") == other.digest("counts")
    assert one.digest("duties") == other.digest("duties")
    assert partition(one) == partition(other)


def test_one_thread_gives_what_all_give(
    ran: Ran, approver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTED_WORKERS", "1")
    run_round(ran.incident, workspace=tmp_path / "ws", engine="local", approve_as=approver)
    assert differing(Workspace.open(tmp_path / "ws"), Workspace.open(ran.workspace)) == []
    figures = verify(tmp_path / "ws", against=ran.workspace)
    assert exit_code(figures) == 0
    assert figures["T"] == []
