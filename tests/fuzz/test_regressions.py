"""What mutated inputs found once: each input, or its smallest form, is kept and read right."""

from __future__ import annotations

import io
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake.content import members
from matching.intake.fixed import _without_breaks
from matching.intake.message import row_of
from matching.intake.packed.streams import ranged
from matching.intake.packed.unpack import Damaged
from matching.intake.parquet import as_text
from matching.intake.records import Dialect, find_records
from matching.intake.workbooks.parts import _refuse_malformed
from matching.typed_files import parse_json, parse_toml
from tests.archive_bytes import zipped
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.binaries import dbf
from tests.fuzz.targets.tables import outcome, source

SIZES = (None, 1, 7, 64)
REGRESSIONS = Path(__file__).parent / "regressions"


def read(tmp_path: Path, data: bytes, form: str, **more: Any) -> Any:
    """Rows without their part, rejects, covered; pieces of any size give the same."""
    path = tmp_path / f"x.{form}"
    path.write_bytes(data)
    found = [outcome(path, source(form, **more), size) for size in SIZES]
    assert all(one == found[0] for one in found), "pieces give other rows"
    return found[0]


def test_a_table_of_a_header_alone_is_covered(tmp_path: Path) -> None:
    """Figure R was out by the whole file, and `affected verify` failed."""
    for data in (b"id,name\n", b"id,name", b"\xef\xbb\xbfid,name\r\n"):
        assert read(tmp_path, data, "csv") == ([], [], len(data))


def test_a_row_with_a_bad_quote_is_one_row_wherever_a_block_ends() -> None:
    """The rest of its line became a row of its own in the next block."""
    data = np.frombuffer(b'4,,"a"bc,d,e\n1,2,3\n', np.uint8)
    for cut in range(6, 12):
        found = find_records(data[:cut], Dialect(delimiter=44, quote=34), columns=3, final=False)
        assert (found.starts.size, found.consumed) == (0, 0)


def test_a_byte_order_mark_amid_a_file_is_kept_or_repeats_the_header(tmp_path: Path) -> None:
    """Files set one after the other; the reader of CSV took it away where a block began with it."""
    rows, rejects, _ = read(tmp_path, b"a,b\n1,2\n\xef\xbb\xbfa,b\n\xef\xbb\xbf3,4\n", "csv")
    assert [row["a"] for _, row in rows] == ["1", "\ufeff3"]
    assert [reason for *_, reason in rejects] == ["repeated_header"]


def test_records_without_breaks_wait_for_the_end_of_their_last_character() -> None:
    text = "abcé".encode() + b"wxyz"
    found = _without_breaks(np.frombuffer(text[:4], np.uint8), 4, final=False)
    assert found.consumed == 0
    found = _without_breaks(np.frombuffer(b"\xa9" + text[:8], np.uint8), 4, final=True)
    assert found.starts[0] == 0


def test_copy_of_empty_values_stays_within_its_room(tmp_path: Path) -> None:
    """A row took one byte a value; room was for two, and compiled code wrote behind it."""
    head = b"-- PostgreSQL database dump\nCOPY t (a, b, c, d) FROM stdin;\n"
    rows, rejects, _ = read(tmp_path, head + b"\t\t\t\n" * 3_000 + b"1\t2\t3\t4\n\\.\n", "sql")
    assert (len(rows), len(rejects)) == (3_001, 0)
    assert rows[-1][1]["d"] == "4"


@pytest.mark.parametrize(
    "data",
    [
        b"COPY p(e)FROM stdin;\n\\\n\n\\.\n",  # a backslash before a line feed
        b"INSERT INTO `p` (`name`,``) VALUES ('a',1);\n",  # a column without a name
        b"INSERT INTO p VALUES ('',_);\n",  # an introducer of nothing before the last bracket
    ],
)
def test_damaged_dumps_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    read(tmp_path, data, "sql")


def test_an_array_behind_a_document_keeps_its_own_values(tmp_path: Path) -> None:
    """It bore those of the document before it."""
    data = b'{"people":[{"id":1},{"id":2},{"id":3}],"x":7},z["a","b"]'
    rows, _, _ = read(tmp_path, data, "json")
    assert [list(row.values())[:-1] for part, row in rows if not part] == [["7"], ["a", "b"]]


def test_names_of_tables_in_messages_carry_no_sign_that_a_terminal_obeys() -> None:
    assert str(OperatorError("x\x1b[2J.json#a\x07: b")) == "x\\x1b[2J.json#a\\x07: b"
    assert str(OperatorError("one\ntwo")) == "one\ntwo"


def test_days_before_the_first_year_are_none(tmp_path: Path) -> None:
    """polars panics on them, and a panic is no exception that anybody catches."""
    table = dbf(memo=True)
    path = tmp_path / "t.dbf"
    path.write_bytes(table.replace(b"\xff" * 12, b"\xff\xff\xff\x7f" * 3))
    found: Any = outcome(path, source("dbf"))
    assert [row.get("AT") for _, row in found[0]] == ["2000-01-01", None, None]


def test_bytes_of_parquet_are_text_or_digits_and_no_object_is_null() -> None:
    frame = pl.DataFrame(
        {"raw": [b"a", b"\xff\x00", None, "é".encode()], "home": [{"a": "1"}, None, None, None]}
    )
    texts = frame.select(as_text(name, dtype) for name, dtype in frame.schema.items())
    assert texts["raw"].to_list() == ["a", "0xFF00", None, "é"]
    assert texts["home"].to_list() == ['{"a":"1"}', None, None, None]


def test_damaged_parquet_is_one_line(tmp_path: Path) -> None:
    sink = io.BytesIO()
    pl.DataFrame({"a": ["Ann"] * 500, "b": range(500)}).write_parquet(
        sink, compression="uncompressed"
    )
    sound = sink.getvalue()
    refused = 0
    for place in range(4, len(sound) - 8, 41):
        path = tmp_path / "x.parquet"
        path.write_bytes(sound[:place] + b"\xff\xff" + sound[place + 2 :])
        refused += outcome(path, source("parquet")) is None
    assert refused > 5


def test_a_page_that_counts_values_without_end_is_refused(tmp_path: Path) -> None:
    """polars asked for as much memory, and its process was ended: no exception, no line."""
    data = (REGRESSIONS / "page_of_endless_values.parquet").read_bytes()
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    assert outcome(path, source("parquet")) is None


def test_a_header_that_the_parser_of_mail_cannot_bear_hides_no_text() -> None:
    row = row_of(
        b"From: a@b.example\nContent-Transfer-Encoding: " + b"(" * 3_000 + b"\n\nHello Ann\n",
        "utf-8",
    )
    assert row is not None
    assert "Hello Ann" in str(row["body"])


def test_a_charset_that_is_none_of_text_hides_no_text() -> None:
    """A traceback: the standard library's parser of mail hands over what the codec says."""
    head = b"From: a@b.example\nContent-Type: multipart/mixed; charset=idna boundary=B\n"
    row = row_of(head + b"\n--B\n\nHello Zo\xc3\xab\xff\n--B--\n", "utf-8")
    assert row is not None
    assert "Hello Zo" in str(row["body"])
    coded = b"Content-Type: text/plain; charset=idna\nContent-Transfer-Encoding: base64\n\n"
    row = row_of(b"From: a@b.example\n" + coded + b"SGVsbG8gQW5u\n\xff\n", "utf-8")
    assert row is not None
    assert "Hello Ann" in str(row["body"])


def test_places_beyond_any_file_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    for start in (-1, 1 << 63):
        with pytest.raises(Damaged):
            list(ranged(path, start, 3))


def test_a_damaged_encrypted_member_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(TARGETS["archives"].mutator.case(8, 44))
    for content in members(path, ""):
        with pytest.raises(OperatorError, match="damaged"):
            content.sha256()


def test_a_member_without_a_name_is_read(tmp_path: Path) -> None:
    """An IndexError of the standard library ended the listing of the whole archive."""
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"qqqq.csv": b"id\n1\n"}).replace(b"qqqq.csv", bytes(8)))
    (content,) = members(path, "")
    with content.open() as stream:
        assert stream.read() == b"id\n1\n"


def test_rows_that_a_damaged_archive_takes_for_a_name_are_in_no_message(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    for name in ("<c><t>Wrenquist</t></c>", "Wrenquist\x00\x01.csv", "Wrenquist" * 40):
        path.write_bytes(zipped({"m.csv": b"", "q" * len(name): b"id\n1\n"}))
        data = path.read_bytes().replace(b"q" * len(name), name.encode())
        path.write_bytes(data)
        content = next(c for c in members(path, "") if c.members != ("m.csv",))
        assert "Wrenquist" not in content.name
        assert content.name.startswith("a.zip!member ")
    path.write_bytes(zipped({"Zoë's list (2024-01-02T10:00).csv": b"id\n1\n"}))
    assert next(members(path, "")).name == "a.zip!Zoë's list (2024-01-02T10:00).csv"


def test_a_spreadsheet_whose_table_never_ends_is_refused_at_once() -> None:
    """calamine looked for its end for ever; its process was ended after a quarter of an hour."""
    from xml.parsers.expat import ParserCreate

    with pytest.raises(OperatorError, match="damaged"):
        _refuse_malformed("x.ods", ParserCreate(), b"<a><b></a>")
    with pytest.raises(OperatorError, match="damaged"):
        _refuse_malformed("x.ods", ParserCreate(), b"<a><b>", last=True)


@pytest.mark.parametrize(
    "text",
    ["x" + ".a" * 100_000 + " = 1", "'x'" + ' . "a"' * 40 + "=1", "a=" + "[" * 50_000, "a=" + "{b=" * 5_000, "a=" + "9" * 5_000],
    ids=["key", "quoted key", "lists", "tables", "digits"],
)  # fmt: skip
def test_hostile_toml_is_no_toml_and_takes_no_memory(text: str) -> None:
    """The first took all memory of the machine."""
    with pytest.raises(tomllib.TOMLDecodeError):
        parse_toml(text)


def test_sound_toml_is_toml() -> None:
    assert parse_toml('a.b."c d".e = 1\nurl = "https://' + "a." * 20 + '"') == {"a": {"b": {"c d": {"e": 1}}}, "url": "https://" + "a." * 20}  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 100_000, '"\\ud800"', "9" * 5_000, b"\xff"])
def test_hostile_json_is_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its callers catch no narrower one
        parse_json(text)
