"""DuckDB keeps to itself: it spills only where it is told to and fetches nothing."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from matching.in_memory import in_memory

ROOT = Path(__file__).parents[2]


def test_what_is_too_big_fails_rather_than_to_be_spilled_in_the_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with in_memory(threads=1) as con:
        con.execute("set memory_limit = '20MB'")
        with pytest.raises(duckdb.OutOfMemoryException):
            con.execute(
                "create table t as select r, hash(r)::varchar h from range(3_000_000) t(r) order by h"
            )
    assert list(tmp_path.iterdir()) == []


def test_it_spills_where_it_is_told_to(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    with in_memory(threads=1, spill=spill) as con:
        con.execute("set memory_limit = '40MB'")
        con.execute(
            "create table t as select r, hash(r)::varchar h from range(3_000_000) t(r) order by h"
        )
        assert list(spill.iterdir())


def test_it_fetches_no_extension() -> None:
    with in_memory() as con, pytest.raises(duckdb.Error):
        con.execute("select * from read_xlsx('x.xlsx')")


def test_nothing_connects_in_another_way() -> None:
    sources = [
        p for package in ("matching", "notify", "flows") for p in (ROOT / package).rglob("*.py")
    ]
    others = [
        p.name for p in sources if "duckdb.connect(" in p.read_text() and p.name != "in_memory.py"
    ]
    assert others == []
