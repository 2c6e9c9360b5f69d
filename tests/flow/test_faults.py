"""Whatever fails, and whenever a command is killed: called again, it gives what an undisturbed run gives.

A sample; `make faults` lets every operation fail in every way and kills 200 times.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.faulting import clocks, surroundings
from benchmarks.faulting.disk import KINDS, Operation, refusal, watched
from benchmarks.faulting.killing import killed_in_phases
from benchmarks.faulting.points import Undisturbed, tried
from benchmarks.faults import fast_folder, sample, summary, world_of

PEOPLE = 500
QUICK = {
    name: case
    for name, case in {**surroundings.CASES, **clocks.CASES}.items()
    if name in {
        "full disk", "read-only disk", "journal locked", "journal damaged", "one bit flipped in each table",
        "each table truncated", "clock goes back between calls",
    }
}  # fmt: skip
"""Cases that take under three seconds; `make faults` tries all."""
POINTS = 40
KILLS = 20
SEED = 7


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    tmp_path_factory.getbasetemp()  # made before TMPDIR is another
    with pytest.MonkeyPatch.context() as patch, fast_folder() as folder:
        for name in ("AFFECTED_KEYS", "TMPDIR", "AFFECTED_WORKERS", "AFFECTED_MEMORY_GIB"):
            patch.setenv(name, os.environ.get(name, ""))  # put back afterwards
        patch.setattr(tempfile, "tempdir", tempfile.gettempdir())
        yield world_of(folder, PEOPLE)


def test_every_kind_of_operation_is_met(world: Undisturbed) -> None:
    kinds = {operation.kind for phase in world.phases for operation in phase.operations}
    assert kinds == set(KINDS)
    assert sum(len(phase.operations) for phase in world.phases) > 3000


def test_an_operation_that_fails_loses_nothing(world: Undisturbed) -> None:
    found = summary(list(tried(world, sample(world, POINTS, SEED))))
    assert found["points"] >= POINTS
    assert found["wrong"] == []


def test_a_killed_command_loses_nothing(world: Undisturbed) -> None:
    found = killed_in_phases(world, KILLS, SEED)
    assert found["kills"] >= KILLS
    assert found["wrong"] == []


@pytest.mark.parametrize("name", QUICK)
def test_surroundings_that_fail(world: Undisturbed, name: str) -> None:
    assert QUICK[name](world) == []


def test_a_harness_that_sees_nothing_would_say_so(world: Undisturbed) -> None:
    """A lost row, a draft and a broken figure must show, or the tests above prove nothing."""
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "release packets")
    world.restore(number)
    assert world.again(number) == []
    root = world.incident.workspace
    (root / "tables" / ".left.0a1b2c3d").touch()
    (root / "scratch" / "left").mkdir()
    part = next((root / "tables" / "persons").glob("part-*.parquet"))
    part.unlink()
    with sqlite3.connect(root / "journal.sqlite") as db:
        db.execute("delete from approvals")
    db.close()
    found = " ".join(world.unlike(number))
    assert "draft ws/tables/.left" in found
    assert "scratch left" in found
    assert "journal/approvals" in found
    assert "figure I = 2" in found  # the part, and the journal that was written to beside the log


def test_an_operation_is_told_before_it_happens_and_its_failure_is_real(tmp_path: Path) -> None:
    met: list[str] = []

    def refuse(operation: Operation) -> None:
        met.append(operation.kind)
        if operation.kind == "rename":
            raise refusal(operation, "ENOSPC")

    with watched(tmp_path, refuse):
        (tmp_path / "a").write_text("x")
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "a").rename(tmp_path / "b")
    assert met == ["open", "write", "rename"]
    assert (tmp_path / "a").read_text() == "x"
    assert not (tmp_path / "b").exists()
    (tmp_path / "a").rename(tmp_path / "b")
    assert len(met) == 3, "nothing is watched afterwards"
