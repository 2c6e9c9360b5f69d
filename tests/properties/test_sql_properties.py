"""Whatever people typed comes back from a dump; whatever is in a file, every byte is accounted for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.readers import ROW_NO, parts, read
from matching.intake.sql import windows
from matching.sources import LeakedSource

SOURCE = LeakedSource(path="x", format="sql")
PROFILE = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
PIECES = st.sampled_from(
    ["'", '"', "\\", "`", ";", "--", "/*", "*/", "),(", ");\n", "\nINSERT INTO t VALUES (1,'x');\n", "\\N", "\\.",
     "\n", "\r", "\t", "😀", "ü", "NULL", "$$", "#", "%", "_", "0x", "\x1a", "\x08", "GO"]
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.lists(st.one_of(PIECES, st.text(st.characters(codec="utf-8", exclude_characters="\0"))), max_size=6).map("".join),
)  # fmt: skip
TABLES = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=8)


def as_read(value: str | None) -> str | None:
    return None if value is None or not value.strip() else value


def mysql(value: str | None) -> str:
    if value is None:
        return "NULL"
    for sign, escape in (
        ("\\", "\\\\"),
        ("'", "\\'"),
        ('"', '\\"'),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\x1a", "\\Z"),
    ):
        value = value.replace(sign, escape)
    return f"'{value}'"


def standard(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def copied(value: str | None) -> str:
    if value is None:
        return "\\N"
    for sign, escape in (
        ("\\", "\\\\"),
        ("\n", "\\n"),
        ("\r", "\\r"),
        ("\t", "\\t"),
        ("\x08", "\\b"),
    ):
        value = value.replace(sign, escape)
    return value


def written(rows: list[tuple[str | None, str | None]], way: str) -> str:
    if way == "mysql":
        tuples = ",".join(f"({n},{mysql(a)},{mysql(b)})" for n, (a, b) in enumerate(rows))
        return f"-- MySQL dump\nINSERT INTO `t` VALUES {tuples};\n"
    if way == "inserts":
        head = "-- PostgreSQL database dump\n"
        return head + "".join(
            f"INSERT INTO t VALUES ({n}, {standard(a)}, {standard(b)});\n"
            for n, (a, b) in enumerate(rows)
        )
    if way == "copy":
        lines = "".join(f"{n}\t{copied(a)}\t{copied(b)}\n" for n, (a, b) in enumerate(rows))
        return f"-- PostgreSQL database dump\nCOPY t (a, b, c) FROM stdin;\n{lines}\\.\n"
    with sqlite3.connect(":memory:") as database:
        database.execute("create table t (n integer, a text, b text)")
        database.executemany(
            "insert into t values (?, ?, ?)", [(n, *row) for n, row in enumerate(rows)]
        )
        text = "\n".join(database.iterdump())
    database.close()
    return text


def read_all(path: Path) -> tuple[list[tuple[object, ...]], int, int]:
    """Rows, rejects and covered bytes of all parts."""
    windows._kept.clear()
    rows: list[tuple[object, ...]] = []
    rejects = covered = 0
    for part in parts(Content(path), SOURCE):
        for batch in read(Content(path), SOURCE, part):
            rows += batch.rows.sort(ROW_NO).drop(ROW_NO).rows()
            rejects += batch.rejects.height
            covered += batch.covered
    return rows, rejects, covered


@pytest.mark.parametrize("way", ["mysql", "inserts", "copy", "sqlite"])
@PROFILE
@given(rows=TABLES)
def test_what_was_written_is_read(
    tmp_path: Path, rows: list[tuple[str | None, str | None]], way: str
) -> None:
    path = tmp_path / "d.sql"
    path.write_bytes(written(rows, way).encode())
    found, rejects, covered = read_all(path)
    assert found == [(str(n), as_read(a), as_read(b)) for n, (a, b) in enumerate(rows)]
    assert (rejects, covered) == (0, path.stat().st_size)


@PROFILE
@given(
    rows=TABLES,
    way=st.sampled_from(["mysql", "inserts", "copy"]),
    at=st.floats(0, 1),
    damage=st.one_of(PIECES.map(str.encode), st.binary(max_size=4)),
    drop=st.integers(0, 30),
    window=st.sampled_from([64, 211, 1 << 20]),
)
def test_a_damaged_dump_is_covered_to_the_last_byte(
    tmp_path: Path,
    rows: list[tuple[str | None, str | None]],
    way: str,
    at: float,
    damage: bytes,
    drop: int,
    window: int,
) -> None:
    """Bytes put in and taken out anywhere: no byte is lost, and windows make no difference."""
    path = tmp_path / "d.sql"
    whole = b"CREATE TABLE t (n int, a text, b text);\n" + written(rows, way).encode()
    place = int(at * len(whole))
    path.write_bytes(whole[:place] + damage + whole[place + drop :])
    with pytest.MonkeyPatch.context() as patch:
        at_once = _outcome(path)
        patch.setattr(windows, "WINDOW_BYTES", window)
        assert _outcome(path) == at_once


def _outcome(path: Path) -> object:
    try:
        rows, rejects, covered = read_all(path)
    except OperatorError:
        return "refused"
    assert covered == path.stat().st_size
    return rows, rejects
