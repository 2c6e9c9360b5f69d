"""Delivered formats: everything stays text, every row is parsed or rejected, every byte covered."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake import readers, text
from matching.intake.content import Content
from matching.intake.readers import ROW_NO, Batch, column_names, read
from matching.sources import LeakedSource


def source(format_: str = "csv", **more: object) -> LeakedSource:
    return LeakedSource.model_validate({"path": "x", "format": format_, **more})


def whole(path: Path, entry: LeakedSource) -> Batch:
    batches = list(read(Content(path), entry))
    return Batch(
        pl.concat([b.rows for b in batches], how="diagonal"),
        pl.concat([b.rejects for b in batches]),
        sum(b.covered for b in batches),
    )


def test_csv_keeps_zeros_and_nulls_blanks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'zip,name,note\r\n01234," ",NA\r\n00501,"Smith, J",""\r\n')
    rows = whole(path, source()).rows
    assert rows["zip"].to_list() == ["01234", "00501"]
    assert rows["name"].to_list() == [None, "Smith, J"]
    assert rows["note"].to_list() == ["NA", None]


def test_bad_rows_have_number_offset_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n3\n4,\xff\n5,6\n")
    batch = whole(path, source())
    assert batch.rows[ROW_NO].to_list() == [0, 3]
    assert batch.rejects.rows() == [(1, 8, "short_row"), (2, 10, "undecodable_bytes")]
    assert batch.covered == path.stat().st_size


def test_titles_above_the_header_are_covered_and_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'Report, of "May"\r\n\r\na,b\r\n1,2\r\n')
    batch = whole(path, source(skip_lines=2))
    assert batch.rows.select("a", "b").rows() == [("1", "2")]
    assert (batch.rejects.height, batch.covered) == (0, path.stat().st_size)


@pytest.mark.parametrize("escape", ["", "\\"])
def test_what_databases_write_for_null_is_null(tmp_path: Path, escape: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b,c\n\\N,x\\N,N\n1,\\N,\\N\r\n")
    rows = whole(path, source(escape=escape)).rows.select("a", "b", "c").rows()
    assert rows == [(None, "xN" if escape else "x\\N", "N"), ("1", None, None)]


def test_blocks_give_the_same_as_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    lines = [f'{n},"na""me\n{n}",ü{n}' if n % 3 else f"{n},short" for n in range(500)]
    path.write_text("a,b,c\n" + "\n".join(lines), encoding="utf-8")
    at_once = whole(path, source())
    monkeypatch.setattr(text, "BLOCK_BYTES", 97)
    in_blocks = whole(path, source())
    assert in_blocks.rows.equals(at_once.rows)
    assert in_blocks.rejects.equals(at_once.rejects)
    assert in_blocks.covered == at_once.covered == path.stat().st_size


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_encodings_and_their_offsets(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    texts = ["a,b\n", "Zoë,1\n", "Núñez,2,3\n", "Ö,4\n"]
    path.write_bytes("".join(texts).encode(encoding))
    batch = whole(path, source(encoding=encoding))
    before = len("".join(texts[:2]).encode(encoding))
    assert batch.rows["a"].to_list() == ["Zoë", "Ö"]
    assert batch.rejects.rows() == [(1, before, "long_row")]
    assert batch.covered == path.stat().st_size


def test_half_a_character_at_the_end_of_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\n1,2\n3,4".encode("utf-16-le") + b"x")
    batch = whole(path, source(encoding="utf-16-le"))
    assert batch.rejects["reason"].to_list() == ["undecodable_bytes"]
    assert batch.covered == path.stat().st_size


def test_explicit_dialect(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1;'O\\'Neil'\n2;'a;b'\n")
    rows = whole(path, source(delimiter=";", quote="'", escape="\\", header=False)).rows
    assert rows.select("c0", "c1").rows() == [("1", "O'Neil"), ("2", "a;b")]


def test_no_quote_character_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('a\tb\n"x\ty\n')
    assert whole(path, source("tsv", quote="")).rows["a"].to_list() == ['"x']


def test_repeated_and_nameless_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,a,\n1,2,3\n")
    assert column_names(Content(path), source()) == ["a", "a#2", "c2"]


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "007", "b": 12}\n7\n{"a": \n\n{"c.d": {"x": 1}, "b": null}\n')
    batch = whole(path, source("jsonl"))
    assert batch.rows.select("a", "b", '"c.d".x', ROW_NO).rows() == [
        ("007", "12", None, 0),
        (None, None, "1", 3),
    ]
    assert batch.rejects["reason"].to_list() == ["not_a_record", "unclosed_record"]
    assert batch.covered == path.stat().st_size


def test_parquet_types_become_what_a_person_would_write(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "zip": [20701.0, None],
            "born": [date(1980, 1, 2), None],
            "n": [7, 8],
            "l": [["a", "b"], []],
        }
    ).write_parquet(path)
    rows = whole(path, source("parquet")).rows
    assert rows.drop(ROW_NO).rows() == [
        ("20701", "1980-01-02", "7", "a|b"),
        (None, None, "8", None),
    ]


def test_not_even_a_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n\n")
    with pytest.raises(OperatorError, match=r"a\.csv: empty file"):
        list(read(Content(path), source()))


@pytest.mark.parametrize(
    ("format_", "encoding"),
    [("csv", "utf-8"), ("csv", "utf-16"), ("csv", "cp1252"), ("jsonl", "utf-8")],
)
def test_portions_are_cut_alike_from_wherever_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str, encoding: str
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 12)
    monkeypatch.setattr(text, "BLOCK_BYTES", 128)
    lines = {
        "csv": ["a,b", *(f'{n},"é""{n}\r\n"' if n % 5 else "bad" for n in range(60))],
        "jsonl": [f'{{"a": "{n}", "b": "é"}}' if n % 5 else "{bad" for n in range(60)],
    }[format_]
    path = tmp_path / "a"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    entry = source(format_, encoding=encoding)
    at_once = list(readers.portions(Content(path), entry))
    assert len(at_once) > 3
    start = readers.START
    for portion in at_once:
        again = next(readers.portions(Content(path), entry, start=start))
        assert (again.end, again.last) == (portion.end, portion.last)
        for one, other in zip(again.batches(), portion.batches(), strict=True):
            assert one.rows.equals(other.rows)
            assert one.rejects.equals(other.rejects)
        start = portion.end
    parts = [b for p in readers.portions(Content(path), entry) for b in p.batches()]
    rejects = pl.concat([b.rejects for b in parts])
    assert rejects.equals(whole(path, entry).rejects)
    assert sum(b.covered for b in parts) == path.stat().st_size
