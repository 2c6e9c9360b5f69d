"""Workbooks: every sheet, every row, cells as a person wrote them, and what is refused before it is parsed."""

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake import readers
from matching.intake.content import Content, is_encrypted, members
from matching.intake.pieces import ROW_NO
from matching.intake.workbooks import parts as workbook_parts
from matching.intake.workbooks import workbook as sheets
from matching.sources import LeakedSource
from tests.workbooks import DATE, HOURS, MOMENT, TIME, ZIP, cell, ods, row, xlsx


def put(tmp_path: Path, data: bytes, name: str = "book.xlsx") -> Content:
    path = tmp_path / name
    path.write_bytes(data)
    return Content(path)


def source(form: str = "xlsx", **keys: object) -> LeakedSource:
    return LeakedSource(path="x", format=form, **keys)


def read(content: Content, entry: LeakedSource, part: str) -> pl.DataFrame:
    return pl.concat([batch.rows for batch in readers.read(content, entry, part)])


def test_every_sheet_is_a_table_hidden_ones_too_and_empty_ones_are_none(tmp_path: Path) -> None:
    rows = row("id") + row("1")
    content = put(
        tmp_path,
        xlsx(
            {"Seen": rows, "Hidden": rows, "Deep": rows, "Sheet4": ""},
            states={"Hidden": "hidden", "Deep": "veryHidden"},
        ),
    )
    assert readers.parts(content, source()) == ("Seen", "Hidden", "Deep")


def test_cells_are_text_as_a_person_would_have_written_it(tmp_path: Path) -> None:
    values = [
        ("number", cell(20701), "20701"),
        ("zero", cell("01234"), "01234"),
        ("share", cell(0.1 + 0.2), "0.3"),
        ("phone", cell(5551234567), "5551234567"),
        ("big", cell(1e20), "100000000000000000000"),
        ("small", cell(-2.5), "-2.5"),
        ("day", cell(32874, style=DATE), "1990-01-01"),
        ("moment", cell(32874.5, style=MOMENT), "1990-01-01 12:00:00"),
        ("time", cell(0.25, style=TIME), "06:00:00"),
        ("hours", cell(1.5, style=HOURS), "36:00:00"),
        ("zip", cell(701, style=ZIP), "701"),
        ("yes", '<c t="b"><v>1</v></c>', "TRUE"),
        ("formula", '<c t="str"><f>A1</f><v>two</v></c>', "two"),
        ("iso", '<c t="d"><v>1990-01-02</v></c>', "1990-01-02"),
        ("rich", '<c t="inlineStr"><is><r><t>ri</t></r><r><t>ch</t></r></is></c>', "rich"),
        ("blank", cell("  "), None),
        ("error", '<c t="e"><v>#REF!</v></c>', None),
    ]
    data = xlsx({"S": row(*(name for name, _, _ in values)) + row(*(xml for _, xml, _ in values))})
    content = put(tmp_path, data)
    frame = read(content, source(), "S")
    assert frame.row(0, named=True) == {**{name: text for name, _, text in values}, ROW_NO: 0}


def test_kinds_mixed_in_one_column_stay_what_each_was(tmp_path: Path) -> None:
    column = [1, "", '<c t="b"><v>1</v></c>', cell(32874, style=DATE), "x", 1.5, 2, None]
    content = put(tmp_path, xlsx({"S": row("a", "k") + "".join(row(v, "k") for v in column)}))
    assert read(content, source(), "S")["a"].to_list() == [
        "1", None, "TRUE", "1990-01-01", "x", "1.5", "2", None,
    ]  # fmt: skip


def test_headers_and_rows_keep_their_places(tmp_path: Path) -> None:
    data = xlsx(
        {
            "S": '<row r="1"><c r="B1" t="inlineStr"><is><t>Report of 2026</t></is></c></row>'
            '<row r="4">'
            + "".join(cell(n, f"{c}4") for c, n in (("B", "id"), ("C", "name"), ("D", "name")))
            + "</row>"
            '<row r="5">' + cell(1, "B5") + cell("A", "C5") + cell(None, "Z5", DATE) + "</row>"
            '<row r="9">' + cell(2, "B9") + cell("B", "D9") + cell("odd", "F9") + "</row>"
        }
    )
    content = put(tmp_path, data)
    entry = source(skip_lines=1)
    assert readers.column_names(content, entry, "S") == ["id", "name", "name#2", "c5"]
    assert read(content, entry, "S").rows() == [
        ("1", "A", None, None, 0),
        ("2", None, "B", "odd", 4),
    ]
    bare = source(header=False)
    assert readers.column_names(content, bare, "S") == ["c1", "c2", "c3", "c5"]
    assert read(content, bare, "S")[ROW_NO].to_list() == [0, 3, 4, 8]


def test_a_cell_merged_downwards_stands_in_each_row(tmp_path: Path) -> None:
    rows = row("household", "name") + row("1 Main St", "A") + row(None, "B") + row("2 Elm", "C")
    content = put(
        tmp_path,
        xlsx({"S": rows}, after='<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>'),
    )
    assert read(content, source(), "S")["household"].to_list() == [
        "1 Main St",
        "1 Main St",
        "2 Elm",
    ]


def test_every_row_is_read_once_whatever_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = row("id") + "".join(row(str(i)) for i in range(1000))
    content = put(tmp_path, xlsx({"S": rows}))
    monkeypatch.setattr(sheets, "PIECE_ROWS", 77)
    monkeypatch.setattr(readers, "PORTION_ROWS", 300)
    frame = read(content, source(), "S")
    assert frame["id"].to_list() == [str(i) for i in range(1000)]
    assert frame[ROW_NO].to_list() == list(range(1000))
    ends = [portion.end for portion in readers.portions(content, source(), "S")]
    (rest, *_) = readers.portions(content, source(), "S", ends[-2])
    assert rest.end == ends[-1]
    first = readers.sample(content, source(), "S")
    assert first is not None
    assert first.rows.height == 77


def test_workbooks_within_archives_are_read(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a/one.xlsx", xlsx({"S": row("id") + row("1")}))
        archive.writestr("two.ods", ods(ODS_ROWS))
    path = tmp_path / "all.zip"
    path.write_bytes(sink.getvalue())
    one, two = members(path, "")
    assert read(one, source(), "S")["id"].to_list() == ["1"]
    assert read(two, source("ods"), "Blatt").rows() == [("7", "1990-01-02", 0)]


ODS_ROWS = (
    "<table:table-row><table:table-cell office:value-type='string'><text:p>id</text:p></table:table-cell>"
    "<table:table-cell office:value-type='string'><text:p>day</text:p></table:table-cell></table:table-row>"
    "<table:table-row><table:table-cell office:value-type='float' office:value='7'><text:p>7</text:p>"
    "</table:table-cell><table:table-cell office:value-type='date' office:date-value='1990-01-02'>"
    "<text:p>2.1.90</text:p></table:table-cell></table:table-row>"
    "<table:table-row table:number-rows-repeated='1048574'><table:table-cell"
    " table:number-columns-repeated='16384'/></table:table-row>"
)


def test_a_sheet_of_libreoffice_ends_where_its_cells_do(tmp_path: Path) -> None:
    content = put(tmp_path, ods(ODS_ROWS), "x.ods")
    assert read(content, source("ods"), "Blatt").height == 1


# --- refused -----------------------------------------------------------------------------------


def refusal(content: Content, entry: LeakedSource) -> str:
    with pytest.raises(OperatorError) as caught:
        readers.parts(content, entry)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(content.name)
    return said


def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path) -> None:
    book = put(tmp_path, xlsx({"S": row("id")}))
    assert "it is xlsx; correct format" in refusal(book, source("ods"))
    page = put(tmp_path, b"<html><table><tr><td>id</td></tr></table></html>", "old.xls")
    assert "no workbook that can be read" in refusal(page, source("xls"))
    text = put(tmp_path, b"id,name\n1,A\n", "text.xlsx")
    assert "no workbook that can be read" in refusal(text, source())
    torn = put(tmp_path, xlsx({"S": row("id") + row("1") * 9000})[:-900], "torn.xlsx")
    assert "torn.xlsx" in refusal(torn, source())
    empty = put(tmp_path, xlsx({"S": ""}), "empty.xlsx")
    assert "no sheet holds anything" in refusal(empty, source())


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "xxxxxxxxxx">'
    + "".join(f'<!ENTITY a{i} "{"&a" + str(i - 1 or "") + ";"}">' for i in range(1, 3))
    + "]><sst><si><t>&a2;</t></si></sst>"
)


def test_a_document_type_is_refused_wherever_it_is(tmp_path: Path) -> None:
    rows = row("id") + row("1")
    assert "XML bombs" in refusal(put(tmp_path, xlsx({"S": rows}, shared=BOMB)), source())
    late = "<!--" + " " * 3_000_000 + "-->" + BOMB
    assert "XML bombs" in refusal(put(tmp_path, xlsx({"S": rows}, shared=late)), source())
    parts = {"mimetype": "x", "content.xml": BOMB}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert "XML bombs" in refusal(put(tmp_path, sink.getvalue(), "x.ods"), source("ods"))


def test_cells_beyond_the_last_column_are_refused_before_they_are_parsed(tmp_path: Path) -> None:
    far = f'<row r="1">{cell("id", "A1")}{cell("x", "BDWGN1")}</row>'
    assert "beyond column 16,384" in refusal(put(tmp_path, xlsx({"S": far})), source())
    many = row("id") + "<row>" + "<c><v>1</v></c>" * 20_000 + "</row>"
    assert "beyond column 16,384" in refusal(put(tmp_path, xlsx({"S": many})), source())
    prefixed = many.replace("<row>", "<x:row>").replace("<c>", "<x:c>")
    assert "beyond column 16,384" in refusal(put(tmp_path, xlsx({"S": prefixed})), source())
    low = f'<row r="9999999">{cell("id", "A9999999")}</row>'
    assert "row 1,048,576" in refusal(put(tmp_path, xlsx({"S": low})), source())


def test_two_cells_at_the_ends_of_a_sheet_are_refused_and_empty_ones_are_not(
    tmp_path: Path,
) -> None:
    ends = f'<row r="1">{cell("id", "A1")}</row><row r="1048576">{cell("x", "XFD1048576")}</row>'
    said = refusal(put(tmp_path, xlsx({"S": ends})), source())
    assert "spans 17,179,869,184 cells" in said
    assert "export its sheets as CSV" in said
    empty = (
        f'<row r="1">{cell("id", "A1")}</row><row r="1048576">{cell(None, "XFD1048576", 1)}</row>'
    )
    assert readers.parts(put(tmp_path, xlsx({"S": empty})), source()) == ("S",)


def test_parts_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_parts, "STRINGS_BYTES_MAX", 1000)
    content = put(tmp_path, xlsx({"S": row("id")}, shared="<sst>" + " " * 2000 + "</sst>"))
    assert "shared strings" in refusal(content, source())
    monkeypatch.setattr(workbook_parts, "XML_BYTES_MAX", 1000)
    assert "GiB of XML" in refusal(put(tmp_path, xlsx({"S": row("ie")})), source())


def test_a_part_with_the_ratio_of_a_bomb_is_refused(tmp_path: Path) -> None:
    content = put(tmp_path, xlsx({"S": row("id") + " " * (80 << 20)}))
    assert "as a zip bomb does" in refusal(content, source())


def test_a_repeat_that_would_fill_memory_is_refused(tmp_path: Path) -> None:
    rows = (
        "<table:table-row table:number-rows-repeated='1048576'><table:table-cell"
        " table:number-columns-repeated='16384' office:value-type='string'><text:p>x</text:p>"
        "</table:table-cell></table:table-row>"
    )
    said = refusal(put(tmp_path, ods(rows), "x.ods"), source("ods"))
    assert "export its sheets as CSV" in said


def test_the_process_that_reads_may_not_take_more_than_its_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MEMORY_BYTES", 160 << 20)
    rows = row("id") + "".join(f"<row>{'<c><v>1</v></c>' * 300}</row>" for _ in range(10_000))
    assert "of memory to read" in refusal(put(tmp_path, xlsx({"S": rows})), source())


def test_a_workbook_with_a_password_is_encrypted(tmp_path: Path) -> None:
    sector = bytearray(512)
    sector[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    sector[30:32] = (9).to_bytes(2, "little")
    entry = "EncryptedPackage".encode("utf-16-le").ljust(128, b"\0")
    content = put(tmp_path, bytes(sector) + entry.ljust(512, b"\0"))
    assert is_encrypted(content)
    assert "encrypted (a password of Office); deliver it decrypted" in refusal(content, source())
