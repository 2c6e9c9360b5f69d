"""Fixed width: values by places, records of another length rejected, every byte covered."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.intake import readers, text
from matching.intake.content import Content
from matching.intake.fixed import layout_problems
from matching.intake.readers import ROW_NO, column_names, portions, read
from matching.sources import LeakedSource

FIELDS = {"name": [1, 6], "zip": [7, 5], "state": [14, 2]}
GOOD = ["Smith 01234..MD", "Zoë   00501  NY", "Müller20701xxDC"]
ROWS = [("Smith", "01234", "..", "MD"), ("Zoë", "00501", None, "NY"), ("Müller", "20701", "xx", "DC")]  # fmt: skip


def source(**more: object) -> LeakedSource:
    return LeakedSource.model_validate({"path": "x", "format": "fixed", "fields": FIELDS, **more})


def written(tmp_path: Path, data: bytes) -> Content:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    return Content(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "cp037"])
@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\x85", ""])
@pytest.mark.parametrize("block", [16, 1 << 20])
def test_places_are_characters_whatever_the_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, breaks: str, block: int
) -> None:
    if breaks == "\x85" and encoding != "cp037":
        return
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    content = written(tmp_path, "".join(line + breaks for line in GOOD * 3).encode(encoding))
    entry = source(encoding=encoding, record_length=0 if breaks else 15)
    batches = list(read(content, entry))
    assert column_names(content, entry) == ["name", "zip", "_12_13", "state"]
    assert [row for b in batches for row in b.rows.drop(ROW_NO).rows()] == ROWS * 3
    assert [n for b in batches for n in b.rows[ROW_NO]] == list(range(9))
    assert sum(b.rejects.height for b in batches) == 0
    assert sum(b.covered for b in batches) == content.size()


def test_records_of_another_length_are_rejects_with_their_place(tmp_path: Path) -> None:
    lines = [f"N{n:05}01234..MD".encode() for n in range(1000)]
    lines[500:500] = [
        b"short 0123",
        b"Long  012345..MDx",
        b"Nul\0  01234..MD",
        b"Bad \xff 01234..MD",
    ]
    content = written(tmp_path, b"\n".join(lines) + b"\nCut   012")
    batch = next(read(content, source()))
    assert batch.rows.height == 1000
    assert batch.rejects.rows() == [
        (500, 8000, "short_row"),
        (501, 8011, "long_row"),
        (502, 8029, "nul_byte"),
        (503, 8045, "undecodable_bytes"),
        (1004, 16061, "truncated_last_row"),
    ]
    assert batch.covered == content.size()


def test_a_rest_that_is_no_record_is_said_and_padding_is_none(tmp_path: Path) -> None:
    whole = "".join(GOOD).encode("cp1252")
    for rest, reasons in ((b"Cut", ["truncated_last_row"]), (b"\r\n\x1a", [])):
        content = written(tmp_path, whole + rest)
        batch = next(read(content, source(record_length=15, encoding="cp1252")))
        assert (batch.rows.height, batch.rejects["reason"].to_list()) == (3, reasons)
        assert batch.covered == content.size()


def test_lines_whose_ends_were_trimmed_are_whole(tmp_path: Path) -> None:
    content = written(tmp_path, b"A     12345\nB\nC     23456..NY\nD     2\n")
    batch = next(read(content, source()))
    assert batch.rows["zip"].to_list() == ["12345", None, "23456", "2"]
    assert batch.rejects.is_empty()


def test_mixed_encodings_are_measured_after_they_are_read(tmp_path: Path) -> None:
    content = written(tmp_path, "\n".join(GOOD).encode() + b"\nZo\xeb   00501  NY\n")
    batch = next(read(content, source(encoding="mixed")))
    assert batch.rows["name"].to_list() == ["Smith", "Zoë", "Müller", "Zoë"]
    assert (batch.guessed, batch.covered) == (1, content.size())


def test_titles_above_are_covered_and_no_rows(tmp_path: Path) -> None:
    content = written(tmp_path, b"A report\n\nSmith 01234..MD\nJones 01234..MD\n")
    batch = next(read(content, source(skip_lines=2)))
    assert batch.rows["name"].to_list() == ["Smith", "Jones"]
    assert batch.covered == content.size()


@pytest.mark.parametrize("length", [0, 15])
def test_portions_are_cut_alike_from_wherever_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 12)
    monkeypatch.setattr(text, "BLOCK_BYTES", 128)
    content = written(tmp_path, ("" if length else "\n").join(GOOD * 20).encode())
    entry = source(record_length=length)
    start, total = readers.START, 0
    for portion in list(portions(content, entry)):
        again = next(portions(content, entry, start=start))
        assert (again.end, again.last) == (portion.end, portion.last)
        total += sum(batch.covered for batch in again.batches())
        start = portion.end
    assert (start.row, total) == (60, content.size())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"fields": {}}, "no layout"),
        ({"fields": {"a": [1, 5], "b": [5, 2]}}, "begins at 5, where a ends at 5"),
        ({"fields": {"a": [0, 5]}}, "count from 1"),
        ({"record_length": 9}, "after record_length 9"),
    ],
)
def test_layouts_that_cannot_be_are_named(more: dict[str, object], says: str) -> None:
    problems = list(layout_problems("[[leaked]] x", source(**more)))
    assert len(problems) == 1
    assert says in problems[0]
    assert list(layout_problems("x", source())) == []


def test_a_layout_longer_than_the_lines_is_refused(tmp_path: Path) -> None:
    content = written(tmp_path, b"Smith 01234\nJones 01234\n")
    with pytest.raises(OperatorError, match="most lines have 11 characters"):
        column_names(content, source())
