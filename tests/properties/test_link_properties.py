"""What must not depend on how the work is cut: rows in parts, threads, order of input."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.link import LinkSettings, run
from matching.link.vectors import gammas
from matching.store import Workspace
from tests.link_people import damaged, people, write_std

ORDER = ("kind", "left", "right")


def linked(folder: Path, leaked: pl.DataFrame, charts: pl.DataFrame, **how: int) -> pl.DataFrame:
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="t", synthetic=True, key_file=folder / "key.json"
    )
    write_std(workspace, leaked, charts)
    run(workspace, LinkSettings(model="dental", train="never", memory_gib=2, **how))
    return workspace.read("pairs").sort(ORDER)


@pytest.fixture(scope="module")
def sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    everyone = people(240)
    return damaged(everyone, seed=1), damaged(everyone, seed=2)


@pytest.mark.parametrize(("chunk_rows", "threads"), [(60, 1), (100, 2)])
def test_parts_and_threads_change_no_row(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame], chunk_rows: int, threads: int
) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = linked(tmp_path / "whole", *sides, chunk_rows=10_000, threads=1)
    parts = linked(tmp_path / "parts", *sides, chunk_rows=chunk_rows, threads=threads)
    assert whole.height > 100
    assert parts.equals(whole)


def test_another_order_of_rows_gives_the_same_weights(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    leaked, charts = sides
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one = linked(tmp_path / "one", leaked, charts, threads=1)
    two = linked(tmp_path / "two", leaked.reverse(), charts, threads=1)
    weights = [
        frame.filter(pl.col("kind") == "leaked_master")["match_weight"].sort()
        for frame in (one, two)
    ]
    assert weights[0].equals(weights[1])


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.lists(st.integers(-1, 14), min_size=15, max_size=15), max_size=20))
def test_vectors_hold_fifteen_comparisons(rows: list[list[int]]) -> None:
    packed = pl.Series(
        [sum((g + 1) << (4 * i) for i, g in enumerate(row)) for row in rows], dtype=pl.Int64
    )
    names = [f"c{i}" for i in range(15)]
    assert [list(row) for row in gammas(packed, names).iter_rows()] == rows
