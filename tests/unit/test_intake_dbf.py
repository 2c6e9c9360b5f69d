"""DBF: types as a person writes them, deleted rows kept, damage said."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.intake import dbf
from matching.intake.content import Content
from matching.intake.pieces import START, Batch, Position
from matching.intake.readers import ROW_NO, column_names, portions, read
from matching.sources import LeakedSource

SOURCE = LeakedSource(path="x", format="dbf")
FIELDS = [("NAME", "C", 8), ("DOB", "D", 8), ("N", "N", 5), ("OK", "L", 1)]
ROWS = [b" Zo\xeb     19800102   12T", b"*Smith           1.5 ?", b" \xd6zil    20010203     F"]
ROWS[1] = b"*Smith   20010203  1.5?"


def table(
    rows: list[bytes],
    fields: list[tuple[str, str, int]] = FIELDS,
    *,
    version: int = 3,
    page: int = 3,
    count: int | None = None,
    tail: bytes = b"\x1a",
) -> bytes:
    width = 1 + sum(length for _, _, length in fields)
    said = len(rows) if count is None else count
    head = struct.pack("<BBBBIHH", version, 99, 1, 1, said, 33 + 32 * len(fields), width)
    head += bytes(17) + bytes([page, 0, 0])
    for name, kind, length in fields:
        head += name.encode().ljust(11, b"\0") + kind.encode() + bytes(4) + bytes([length]) + bytes(15)  # fmt: skip
    return head + b"\r" + b"".join(rows) + tail


def whole(tmp_path: Path, data: bytes, entry: LeakedSource = SOURCE, name: str = "a.dbf") -> Batch:
    (tmp_path / name).write_bytes(data)
    (batch,) = read(Content(tmp_path / name), entry)
    return batch


def test_values_are_as_a_person_writes_them_and_deleted_rows_are_kept(tmp_path: Path) -> None:
    batch = whole(tmp_path, table(ROWS))
    assert batch.rows.rows() == [
        ("Zoë", "1980-01-02", "12", "true", "false", 0),
        ("Smith", "2001-02-03", "1.5", None, "true", 1),
        ("Özil", "2001-02-03", None, "false", "false", 2),
    ]
    assert column_names(Content(tmp_path / "a.dbf"), SOURCE)[-1] == "_deleted"
    assert batch.rejects.is_empty()


@pytest.mark.parametrize(
    ("page", "encoding", "raw", "guessed"),
    [(1, "utf-8", b"Zo\x89", 0), (0, "utf-8", b"Zo\xc3\xab", 0), (0, "utf-8", b"Zo\xeb", 1), (1, "cp1252", b"Zo\xeb", 0),
     (0x7B, "utf-8", "ë".encode(), 0)],
)  # fmt: skip
def test_code_pages(tmp_path: Path, page: int, encoding: str, raw: bytes, guessed: int) -> None:
    entry = LeakedSource(path="x", format="dbf", encoding=encoding)
    batch = whole(
        tmp_path, table([b" " + raw.ljust(8), b" Ann     "], FIELDS[:1], page=page), entry
    )
    assert batch.rows["NAME"].to_list()[1] == "Ann"
    assert batch.guessed == guessed
    assert page == 0x7B or batch.rows["NAME"][0] == "Zoë"


def test_binary_fields_of_foxpro(tmp_path: Path) -> None:
    fields = [("I", "I", 4), ("Y", "Y", 8), ("B", "B", 8), ("T", "T", 8), ("_Null", "0", 1)]
    day = 2_440_588 + 10_957  # 2000-01-01
    rows = [
        b" " + struct.pack("<iqdii", -7, 123_450_000, 20701.0, day, 3_600_000) + b"\0",
        b" " + struct.pack("<iqdii", 7, 0, 0.5, day, 0) + b"\1",
        b" " + struct.pack("<iqdii", 0, 0, 0.0, 0, 0) + b"\1",
    ]
    found = whole(tmp_path, table(rows, fields, version=0x30)).rows.drop("_deleted", ROW_NO).rows()
    assert found == [
        ("-7", "12345.0", "20701", "2000-01-01 01:00:00"),
        ("7", "0.0", "0.5", "2000-01-01"),
        ("0", "0.0", "0", None),
    ]


@pytest.mark.parametrize(
    ("count", "tail", "rejects"),
    [
        (3, b"", []),
        (9, b"\x1a", [(3, "truncated_last_row")]),
        (4, b" Cut", [(3, "truncated_last_row")]),
        (1, b"\x1a", []),
        (3, b"xNoise!!" + bytes(15), [(3, "bad_flag")]),
    ],
)
def test_rows_the_header_does_not_count_and_rows_that_are_missing(
    tmp_path: Path, count: int, tail: bytes, rejects: list[tuple[int, str]]
) -> None:
    batch = whole(tmp_path, table(ROWS, count=count, tail=tail))
    assert batch.rows.height == 3
    assert batch.rejects.select("row_no", "reason").rows() == rejects


@pytest.mark.parametrize("kind", ["dbase3", "dbase4", "foxpro"])
def test_memos_are_read_beside_the_table_and_said_where_they_are_missing(
    tmp_path: Path, kind: str
) -> None:
    note = "Café, teeth 12 and 13".encode("cp1252")
    if kind == "dbase3":
        memo, name = bytes(512) + note + b"\x1a\x1a" + bytes(512), "A.DBT"
    elif kind == "dbase4":
        memo = bytes(20) + struct.pack("<H", 512) + bytes(490) + b"\xff\xff\x08\0"
        memo, name = memo + struct.pack("<I", len(note) + 8) + note + bytes(512), "a.dbt"
    else:
        memo = bytes(6) + struct.pack(">H", 64) + bytes(504)
        memo, name = memo + struct.pack(">II", 1, len(note)) + note + bytes(64), "a.FPT"
    number = b"         8" if kind == "foxpro" else b"         1"
    rows = [b" Ann     " + number, b" Bob     " + b" " * 10, b" Eve     " + b"999999999 "]
    fields = [("NAME", "C", 8), ("NOTE", "M", 10)]
    data = table(rows, fields, version=0xF5 if kind == "foxpro" else 0x83)
    lost = whole(tmp_path, data).rows["NOTE"].to_list()
    assert [value is None for value in lost] == [False, True, False]
    (tmp_path / name).write_bytes(memo)
    assert whole(tmp_path, data).rows["NOTE"].to_list() == ["Café, teeth 12 and 13", None, None]


def test_pieces_resume_by_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dbf, "PIECE_BYTES", 50)
    path = tmp_path / "a.dbf"
    path.write_bytes(table(ROWS * 5))
    (portion,) = portions(Content(path), SOURCE)
    numbers = [n for b in portion.batches() for n in b.rows[ROW_NO]]
    assert numbers == list(range(15))
    (rest,) = portions(Content(path), SOURCE, start=Position(0, 6))
    assert [n for b in rest.batches() for n in b.rows[ROW_NO]] == list(range(6, 15))
    assert START.row == 0


@pytest.mark.parametrize("data", [b"name,dob\n" * 20, b"\x03" + bytes(100), b"\x03"])
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.dbf"
    path.write_bytes(data)
    with pytest.raises(OperatorError, match="no DBF table"):
        column_names(Content(path), SOURCE)


@pytest.mark.parametrize("kind", ["dbase3", "foxpro"])
def test_rows_that_name_the_same_memo_blocks_do_not_multiply_them(
    tmp_path: Path, kind: str
) -> None:
    """5,000 rows of a memo file of 100 kB came to 500 MB, and 16 times that in places."""
    notes = [bytes([65 + n]) * 2_000 for n in range(50)]
    if kind == "dbase3":  # no text has an end: each reaches to that of the file
        memo = bytes(512) + b"".join(note.ljust(2_048, b".") for note in notes)
        blocks, cut = [1 + 4 * n for n in range(50)], 2_048
    else:  # every length is that of the whole file
        memo = bytes(6) + struct.pack(">H", 64) + bytes(504)
        memo += b"".join((struct.pack(">II", 1, 1 << 30) + note).ljust(2_048) for note in notes)
        blocks, cut = [8 + 32 * n for n in range(50)], 2_008
    (tmp_path / ("a.dbt" if kind == "dbase3" else "a.fpt")).write_bytes(memo)
    rows = [b" %10d%10d" % (blocks[n % 50], 0) for n in range(5_000)]
    fields = [("NOTE", "M", 10), ("MORE", "M", 10)]
    batch = whole(tmp_path, table(rows, fields, version=0xF5 if kind == "foxpro" else 0x83))
    said = batch.rows["NOTE"].to_list()
    assert len(said) == 5_000
    assert [text[:2_000] for text in said[:50]] == [note.decode() for note in notes]
    assert max(map(len, said)) <= cut
    assert set(said[50:]) == {f"[memo of row {n}, which this row names, too]" for n in range(50)}
    assert batch.rows["MORE"].null_count() == 5_000
    pieces = dbf.DbfTable().pieces(Content(tmp_path / "a.dbf"), SOURCE, "", size=300)
    again = [piece.parse().rows["NOTE"] for piece in pieces]
    assert len(again) > 300
    assert [text for piece in again for text in piece] == said


def test_a_few_rows_may_have_one_memo(tmp_path: Path) -> None:
    """Whoever copied a row copied the number, too."""
    (tmp_path / "a.dbt").write_bytes(bytes(512) + b"Tooth 12\x1a\x1a" + bytes(512))
    batch = whole(tmp_path, table([b"          1"] * 9, [("NOTE", "M", 10)], version=0x83))
    assert batch.rows["NOTE"].to_list() == ["Tooth 12"] * 9
