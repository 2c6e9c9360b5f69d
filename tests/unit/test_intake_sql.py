"""Dumps of every family: the rows of each table as text, what is no row said, every byte covered."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.pieces import Position
from matching.intake.readers import FORMATS, ROW_NO, Batch, column_names, parts, read
from matching.intake.sql import encoding_problem, layout, walk, windows
from matching.sources import LeakedSource

MYSQL = "-- MySQL dump 10.13\nCREATE TABLE `t` (`id` int, `name` text, `photo` blob);\n"
Tables = dict[str, tuple[list[tuple[object, ...]], list[tuple[int, str]]]]


def source(**more: object) -> LeakedSource:
    return LeakedSource.model_validate({"path": "x", "format": "sql", **more})


def one(content: Content, entry: LeakedSource, part: str) -> Batch:
    batches = list(read(content, entry, part))
    return Batch(
        pl.concat([b.rows for b in batches]),
        pl.concat([b.rejects for b in batches]),
        sum(b.covered for b in batches),
        sum(b.guessed for b in batches),
    )


def tables(path: Path, data: str | bytes, **more: object) -> Tables:
    """Rows and rejects of each table; every byte is covered, every row numbered once."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    content, entry, found, covered = Content(path), source(**more), {}, 0
    for part in parts(content, entry):
        batch = one(content, entry, part)
        assert batch.rows.columns == [*column_names(content, entry, part), ROW_NO]
        numbers = sorted(batch.rows[ROW_NO].to_list() + batch.rejects["row_no"].to_list())
        assert numbers == list(range(len(numbers)))
        covered += batch.covered
        rejects = [(row, why) for row, _, why in batch.rejects.rows()]
        found[part] = (batch.rows.drop(ROW_NO).rows(), rejects)
    assert covered == path.stat().st_size
    return found


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return tmp_path / "d.sql"


def test_mysql_values(dump: Path) -> None:
    text = (
        MYSQL
        + r"INSERT INTO `t` VALUES (1,'it''s; \'INSERT INTO `t`\'\n\t\\',NULL),(-2.5e-3,'NULL',_binary 'a\0"
        + "'),\n(3,' ',0x4A6F),(NULL,'',X'FF');\n"
    )
    assert tables(dump, text) == {
        "t": (
            [
                ("1", "it's; 'INSERT INTO `t`'\n\t\\", None),
                ("-2.5e-3", "NULL", "0x6100"),
                ("3", None, "Jo"),
                (None, None, "0xFF"),
            ],
            [],
        )
    }


def test_postgres_copy_and_inserts(dump: Path) -> None:
    text = (
        "-- PostgreSQL database dump\nSET standard_conforming_strings = on;\n"
        'CREATE TABLE public."P.x" (id integer, "First Name" text);\n'
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $a$ INSERT INTO q VALUES (1); $a$;\n"
        'COPY public."P.x" (id, "First Name") FROM stdin;\n1\ta\\tb\\\\c\\N\n2\t\\N\n3\n4\tINSERT INTO q VALUES (1);\n\\.\n'
        "INSERT INTO public.\"P.x\" VALUES (5, 'back\\slash'), (6, E'it\\'s\\n\\u00e9'), (7, 'x'::text);\n"
    )
    assert tables(dump, text) == {
        "public.P.x": (
            [
                ("1", "a\tb\\cN"),
                ("2", None),
                ("4", "INSERT INTO q VALUES (1);"),
                ("5", "back\\slash"),
                ("6", "it's\né"),
                ("7", "x"),
            ],
            [(2, "short_row")],
        )
    }


def test_sqlite_dumps_of_its_own_library(dump: Path) -> None:
    rows = [(1, "a\nb;'--", b"\x00\xff", 1.5), (2, None, b"abc", None), (3, "/* \\ ", b"", -7.0)]
    with sqlite3.connect(":memory:") as database:
        database.execute('create table "t x" (id integer, n text, b blob, r real)')
        database.executemany('insert into "t x" values (?, ?, ?, ?)', rows)
        text = "\n".join(database.iterdump())
    database.close()
    assert tables(dump, text) == {
        "t x": (
            [
                ("1", "a\nb;'--", "0x00FF", "1.5"),
                ("2", None, "abc", None),
                ("3", "/* \\ ", None, "-7.0"),
            ],
            [],
        )
    }


def test_line_breaks_as_sqlites_shell_writes_them(dump: Path) -> None:
    text = (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a text, b text);\n"
        r"INSERT INTO t VALUES(replace('x\ny','\n',char(10)),unistr('a\u000ab\\'));" + "\n"
        r"INSERT INTO t VALUES(replace(replace('x\r\ny''','\r',char(13)),'\n',char(10)),'\n');" + "\nCOMMIT;\n"
    )  # fmt: skip
    assert tables(dump, text)["t"][0] == [("x\ny", "a\nb\\"), ("x\r\ny'", "\\n")]


SQL_SERVER = """USE [Clinic]
GO
CREATE TABLE [dbo].[Patients]([Id] [int] IDENTITY(1,1) NOT NULL, [First Name] [nvarchar](50) NULL,
	[Full]  AS ([First Name]+'x'), [Born] [datetime] NULL)
GO
CREATE PROCEDURE [dbo].[p] AS
INSERT INTO dbo.Patients VALUES (1);
GO
SET IDENTITY_INSERT [dbo].[Patients] ON
INSERT [dbo].[Patients] ([Id], [First Name], [Born]) VALUES (1, N'O''Neil', CAST(0x0000A5E200000000 AS DateTime))
INSERT [dbo].[Patients] ([Id], [First Name], [Born]) VALUES (2, N'Zoë
GO on', CAST(N'2019-01-02T00:00:00.000' AS DateTime))
GO
INSERT [dbo].[Patients] ([Id], [First Name], [Born]) VALUES (3, NULL, CAST(0x7E360B00 AS Date))
GO
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_sql_server_scripts(dump: Path, encoding: str) -> None:
    found = tables(dump, SQL_SERVER.encode(encoding), encoding=encoding)
    assert found == {
        "dbo.Patients": (
            [
                ("1", "O'Neil", "2016-04-08"),
                ("2", "Zoë\nGO on", "2019-01-02T00:00:00.000"),
                ("3", None, "2012-12-10"),
            ],
            [],
        )
    }


def test_columns_come_from_a_definition_that_follows_or_are_numbered(dump: Path) -> None:
    text = (
        "INSERT INTO t VALUES (1,2);\nINSERT INTO u VALUES (3);\nCREATE TABLE t (a int, b int);\n"
    )
    tables(dump, text)
    assert column_names(Content(dump), source(), "t") == ["a", "b"]
    assert column_names(Content(dump), source(), "u") == ["c0"]


def test_tables_of_one_name_in_two_databases(dump: Path) -> None:
    text = "-- MySQL dump\nUSE `a`;\nINSERT INTO `t` VALUES (1);\nUSE `b`;\nINSERT INTO `t` VALUES (2);\n"
    assert tables(dump, text) == {"a.t": ([("1",)], []), "b.t": ([("2",)], [])}


def test_rows_are_never_shifted_into_other_columns(dump: Path) -> None:
    text = MYSQL + "INSERT INTO `t` (`id`,`name`) VALUES (1,'a'),(2),(3,'b','c'),(4,'d');\n"
    assert tables(dump, text)["t"] == (
        [("1", "a"), ("4", "d")],
        [(1, "short_row"), (2, "long_row")],
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("(2,'O'Brien',NULL)", "bad_quote"),
        ("(2,'open,NULL)", "bad_quote"),
        ("(2,,NULL)", "broken_row"),
        ("(2,'a',NULL", "broken_row"),
        ("2,'a',NULL)", "broken_row"),
        ("(2,'a\0',NULL)", "nul_byte"),
    ],
)
def test_a_broken_row_costs_itself_only(dump: Path, damage: str, reason: str) -> None:
    text = MYSQL + f"INSERT INTO `t` VALUES (1,'a',NULL),{damage},(3,'c',NULL);\nINSERT INTO `t` VALUES (4,'d',NULL);\n"  # fmt: skip
    rows, rejects = tables(dump, text)["t"]
    assert [row[0] for row in rows] in (["1", "3", "4"], ["1", "4"])
    assert [why for _, why in rejects] == [reason]
    kept = {"bad_quote", "nul_byte"}
    assert len(rows) == 3 or reason not in kept


def test_a_cut_statement_does_not_swallow_the_next(dump: Path) -> None:
    text = MYSQL + "INSERT INTO `t` VALUES (1,'a',NULL),(2,'cut\nINSERT INTO `t` VALUES (3,'c',NULL);\nINSERT INTO `t` VALUES (4,'d"  # fmt: skip
    rows, rejects = tables(dump, text)["t"]
    assert [row[0] for row in rows] == ["1", "3"]
    assert [why for _, why in rejects] == ["bad_quote", "truncated_last_row"]


def test_other_statements_on_a_table_are_said(dump: Path) -> None:
    text = (
        MYSQL
        + "DELETE FROM `t`;\nINSERT INTO `t` VALUES (1,'a',NULL);\nUPDATE `t` SET id=2;\nDELETE FROM `t`;\n"
        "INSERT INTO `t` SELECT * FROM u;\n/*!50000 INSERT INTO `t` VALUES (9,'x',NULL) */;\nnonsense;\n"
    )
    rows, rejects = tables(dump, text)["t"]
    assert rows == [("1", "a", None)]
    assert [why for _, why in rejects] == ["other_statement"] * 4 + ["unknown_statement"]


def test_bodies_of_routines_are_no_rows(dump: Path) -> None:
    text = (
        MYSQL
        + "DELIMITER ;;\nCREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW BEGIN\nINSERT INTO t VALUES (8,'n',NULL);\n"
        "END;;\nDELIMITER ;\nINSERT INTO `t` VALUES (1,'a',NULL);\n"
        "CREATE TRIGGER y AFTER INSERT ON t BEGIN\nINSERT INTO t VALUES (9, CASE WHEN 1 THEN 2 END, 3); END;\n"
    )
    assert tables(dump, text) == {"t": ([("1", "a", None)], [])}


def test_undecodable_rows_and_mixed_encodings(dump: Path) -> None:
    data = (
        MYSQL.encode()
        + "INSERT INTO `t` VALUES (1,'Zoë',NULL),".encode()
        + "(2,'Zoë','é');\n".encode("cp1252")
    )
    assert tables(dump, data)["t"] == ([("1", "Zoë", None)], [(1, "undecodable_bytes")])
    assert tables(dump, data, encoding="mixed")["t"][0] == [
        ("1", "Zoë", None),
        ("2", "Zoë", "0xE9"),
    ]
    assert one(Content(dump), source(encoding="mixed"), "t").guessed == 1


def test_pictures_are_no_reason_to_doubt_the_encoding(dump: Path) -> None:
    jpeg = b"\xff\xd8\xff\xe0\\0\x10" * 3
    rows = b",".join(b"(%d,'Zo\xc3\xab','%s')" % (n, jpeg) for n in range(50))
    dump.write_bytes(MYSQL.encode() + b"INSERT INTO `t` VALUES " + rows + b";\n")
    assert encoding_problem(Content(dump), source()) is None
    dump.write_bytes(dump.read_bytes().replace(b"\xc3\xab", b"\xeb"))
    assert "cp1252" in str(encoding_problem(Content(dump), source()))
    assert encoding_problem(Content(dump), source(encoding="cp1252")) is None


def test_pictures_of_undeclared_columns_cost_no_row(dump: Path) -> None:
    data = b"INSERT INTO `t` VALUES (1,'Ann','\xff\xd8\\0'),(2,'Bob','\xff\xd8');\n"
    assert tables(dump, data)["t"] == ([("1", "Ann", "0xFFD800")], [(1, "undecodable_bytes")])


def test_backslashes_can_be_frozen(dump: Path) -> None:
    text = "INSERT INTO t VALUES ('a\\'),('b');\n"
    assert tables(dump, text)["t"][0] == [("a\\",), ("b",)]
    assert tables(dump, "INSERT INTO t VALUES ('a\\'b');\n", escape="\\")["t"][0] == [("a'b",)]


HOSTILE_ROWS = "".join(
    f"INSERT INTO `t` VALUES ({n},'a;\\'({n}),(\\n--',NULL),({n},'O'Brien',NULL),({n},'/*',0xFF);\n"
    "UPDATE `t` SET id=1;\nCREATE TABLE `u` (a int);\nINSERT INTO `u` VALUES (1),(2,3);\n"
    for n in range(40)
)


@pytest.mark.parametrize("size", [64, 97, 1000])
def test_windows_of_any_size_give_the_same(
    dump: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    at_once = tables(dump, MYSQL + HOSTILE_ROWS)
    windows._kept.clear()
    monkeypatch.setattr(windows, "WINDOW_BYTES", size)
    monkeypatch.setattr(walk, "RUN_BYTES", 2 * size)
    assert tables(dump, MYSQL + HOSTILE_ROWS) == at_once
    windows._kept.clear()


def test_reading_goes_on_where_any_piece_ended(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "RUN_BYTES", 200)
    windows._kept.clear()
    dump.write_text(MYSQL + HOSTILE_ROWS)
    content, entry, reader = Content(dump), source(), FORMATS["sql"]
    pieces = list(reader.pieces(content, entry, "t", size=300))
    assert len(pieces) > 10
    whole = pl.concat([piece.parse().rows for piece in pieces])
    for number in range(0, len(pieces) - 1, 3):
        start: Position = pieces[number].end
        rest = list(reader.pieces(content, entry, "t", start, size=300))
        later = pl.concat([piece.parse().rows for piece in rest])
        assert later.equals(whole.filter(pl.col(ROW_NO) >= start.row))
    windows._kept.clear()


@pytest.mark.parametrize(
    "data",
    [
        b"hello\n" * 1000,
        b"INSERT INTO t VALUES (" + b",".join([b"1"] * 40_000) + b");\n",
        b"CREATE TABLE t (" + b",".join(b"c%d int" % n for n in range(40_000)) + b");\n",
        b"-- MySQL dump\nINSERT INTO `t` VALUES (1);\n"
        + b"INSERT INTO `t` VALUES (1 /*\n" * 100_000,
    ],
    ids=["no dump", "too many values", "too many columns", "comments that never close"],
)
def test_what_is_no_sound_dump_is_refused_in_one_line(dump: Path, data: bytes) -> None:
    dump.write_bytes(data)
    began = time.monotonic()
    with pytest.raises(OperatorError) as failure:
        parts(Content(dump), source())
    assert "\n" not in str(failure.value)
    assert time.monotonic() - began < 60


def test_names_of_parts_that_would_be_equal_are_told_apart(dump: Path) -> None:
    text = 'INSERT INTO "a.b" VALUES (1);\nINSERT INTO a.b VALUES (2);\n'
    assert len(tables(dump, text)) == 2
    assert set(layout.REASONS) >= {"broken_row"}
