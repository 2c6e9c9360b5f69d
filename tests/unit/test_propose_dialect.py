"""Dialects are told from the bytes as they are, damaged ones too."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from matching.intake.content import Content
from matching.propose.dialect import FileShape, shape_of

HEADER = ["PatNum", "FName", "LName", "Birthdate", "Address"]
BODY = [
    [str(n), ("Ann", "Zoë", "Bob")[n % 3], ("O'Hara", "Smith, Jr", "Lee")[n % 3],
     f"{n % 12 + 1:02}/{n % 28 + 1:02}/19{20 + n % 80}", f"{n} Elm St"]
    for n in range(300)
]  # fmt: skip


def text(*, header: bool = True, above: str = "", **how: Any) -> str:
    sheet = StringIO()
    writer = csv.writer(sheet, lineterminator="\r\n", **how)
    writer.writerows([HEADER, *BODY] if header else BODY)
    return above + sheet.getvalue()


def shape(folder: Path, data: bytes, name: str = "file.dat") -> FileShape:
    (folder / name).write_bytes(data)
    return shape_of(Content(folder / name))


@pytest.mark.parametrize("delimiter", [",", "\t", "|", ";", "^", "~", "\x01"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_delimiters(tmp_path: Path, delimiter: str, quoting: int) -> None:
    found = shape(tmp_path, text(delimiter=delimiter, quoting=quoting).encode())
    assert (found.delimiter, found.quote, found.fields, found.header) == (delimiter, '"', 5, True)
    assert found.format == ("tsv" if delimiter == "\t" else "csv")


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("cp1252", "cp1252"),
    ],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, told: str) -> None:
    found = shape(tmp_path, text().encode(encoding))
    assert (found.encoding, found.fields) == (told, 5)


def test_lines_of_two_encodings_are_mixed(tmp_path: Path) -> None:
    lines = text().encode().split(b"\r\n")
    lines[50:80] = [line.decode().encode("cp1252") for line in lines[50:80]]
    assert shape(tmp_path, b"\r\n".join(lines)).encoding == "mixed"


def test_one_bad_row_and_a_lost_quote_change_nothing(tmp_path: Path) -> None:
    lines = text().split("\r\n")
    lines[60] = "1,2,3"
    lines[100] = '7,"lost,Lee,01/02/1950,4 Elm St'
    lines[150] = "a,b,c,d,e,f,g,h"
    found = shape(tmp_path, "\r\n".join(lines).encode())
    assert (found.delimiter, found.quote, found.fields, found.skip_lines) == (",", '"', 5, 0)


def test_commas_inside_fields_part_nothing(tmp_path: Path) -> None:
    found = shape(tmp_path, b"Name;Betrag\n" + b'"Lee, Ann";1,50\n' * 30)
    assert (found.delimiter, found.fields) == (";", 2)


def test_pictures_are_no_text(tmp_path: Path) -> None:
    assert shape(tmp_path, bytes(range(256)) * 40).format == ""


def test_encrypted_files_are_sealed(tmp_path: Path) -> None:
    assert shape(tmp_path, b"age-encryption.org/v1\n" + bytes(range(256))).format == "sealed"


def test_titles_above_the_header_are_skipped_by_physical_lines(tmp_path: Path) -> None:
    found = shape(tmp_path, text(above="Patient list\r\n\r\nprinted, page 1\r\n").encode())
    assert (found.skip_lines, found.header, found.fields) == (3, True, 5)
    filled = shape(tmp_path, text(above="Patient list,,,,\r\n").encode())
    assert (filled.skip_lines, filled.header) == (1, True)


def test_without_a_header_no_person_becomes_one(tmp_path: Path) -> None:
    found = shape(tmp_path, text(header=False).encode())
    assert not found.header
    assert "Ann" not in " ".join((*found.evidence, *found.doubts))


def test_backslashes_that_escape_quotes(tmp_path: Path) -> None:
    rows = [["1", 'the "big" one', "x, y"]] * 50
    sheet = StringIO()
    csv.writer(sheet, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL).writerows(rows)
    found = shape(tmp_path, b"id,note,more\r\n" + sheet.getvalue().encode())
    assert (found.escape, found.fields) == ("\\", 3)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        (b'[{"a": 1},\n {"a": 2}]', "json"),
        (b"PAR1....", "parquet"),
        (b"-- MySQL dump 10.13\n\nCREATE TABLE `a` (id int);\n", "sql"),
        (b"--\n-- PostgreSQL database dump\n--\n\nCOPY public.a (id) FROM stdin;\n1\n\\.\n", "sql"),
        (b"From a@example.com Mon Jan  1 00:00:00 2024\nSubject: x\n\nhello\n", "mbox"),
        (
            b"Return-Path: <a@example.com>\nFrom: a@example.com\nTo: b@example.com\nSubject: x\n\nhello\n",
            "eml",
        ),
        (b"0001SMITH     JOHN      19800325\n" * 20, "fixed"),
    ],
)
def test_formats_by_how_they_begin(tmp_path: Path, data: bytes, form: str) -> None:
    assert shape(tmp_path, data).format == form
