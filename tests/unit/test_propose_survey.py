"""Whole deliveries looked at: sheets with titles, tables of dumps, kinds that the incident file knows."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl

from matching.propose.also import people_beside
from matching.propose.scores import NON_EXCLUSIVE
from matching.propose.survey import Found, survey
from matching.propose.table import propose_table
from matching.tables import ELEMENT_KINDS

PEOPLE = [[f"{n}", ("Ann", "Mary", "James")[n % 3], ("Lee", "Smith", "Garcia")[n % 3], f"{n % 12 + 1:02}/25/19{40 + n % 50}"]
          for n in range(40)]  # fmt: skip
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def workbook(path: Path, sheets: dict[str, list[list[str]]]) -> Path:
    """A workbook of text cells; a row without cells is blank."""

    def sheet(rows: list[list[str]]) -> str:
        lines = "".join(
            f'<row r="{number}">' + "".join(
                f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
                for place, cell in enumerate(row)
            ) + "</row>"
            for number, row in enumerate(rows, start=1) if row
        )  # fmt: skip
        return f'<worksheet xmlns="{MAIN}"><sheetData>{lines}</sheetData></worksheet>'

    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{REL}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml"'
        ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels"'
                      ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml"'
                      f' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{kinds}</Types>')  # fmt: skip
        book.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1"'
                      f' Type="{REL}/officeDocument" Target="xl/workbook.xml"/></Relationships>')  # fmt: skip
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets>{listed}</sheets></workbook>',
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>',
        )
        for number, rows in enumerate(sheets.values(), start=1):
            book.writestr(f"xl/worksheets/sheet{number}.xml", sheet(rows))
    return path


def found(*paths: Path) -> dict[str, Found]:
    return {one.part or one.files[0].path.name: one for one in survey(paths, frozenset()).found}


def test_titles_and_blank_rows_above_a_sheets_header(tmp_path: Path) -> None:
    header = ["PatNum", "FName", "LName", "Birthdate"]
    path = workbook(tmp_path / "list.xlsx", {
        "Plain": [header, *PEOPLE],
        "Titled": [[], ["Patient list"], [], ["printed, page 1"], header, *PEOPLE],
        "Bare": PEOPLE,
    })  # fmt: skip
    sheets = found(path)
    assert {name: (one.shape.header, list(one.rows.columns)) for name, one in sheets.items()} == {
        "Plain": (True, header), "Titled": (True, header), "Bare": (False, ["c0", "c1", "c2", "c3"]),
    }  # fmt: skip
    assert sheets["Plain"].shape.skip_lines == 0
    assert all(one.rows.height == len(PEOPLE) for one in sheets.values())


def test_tables_of_a_dump_are_all_listed_and_joined(tmp_path: Path) -> None:
    people = ",".join(
        f"({n},'{first}','{last}')" for n, (_, first, last, _) in enumerate(PEOPLE, start=1)
    )
    visits = ",".join(f"({n},{n % 40 + 1},'2024-03-25')" for n in range(1, 100))
    (tmp_path / "dump.sql").write_text(
        "-- MySQL dump 10.13\n"
        f"CREATE TABLE `patients` (`id` int, `fname` text, `lname` text);\nINSERT INTO `patients` VALUES {people};\n"
        f"CREATE TABLE `visits` (`id` int, `patient_id` int, `visit_date` date);\nINSERT INTO `visits` VALUES {visits};\n"
        "CREATE TABLE `versions` (`version` int);\nINSERT INTO `versions` VALUES (1),(2);\n"
    )
    tables = found(tmp_path / "dump.sql")
    assert set(tables) == {"patients", "visits", "versions"}
    assert not tables["versions"].personal
    join = tables["visits"].join
    assert join is not None
    assert (join.other, join.key, join.grade) == ("patients", "id", "sure")
    assert {field for field, _, _ in join.fields} == {"first_name", "last_name"}
    (key,) = [each for each in tables["visits"].table.proposals if each.column == "patient_id"]
    assert key.target == "extra"  # a key, no chart number


def test_every_kind_that_is_proposed_is_one_that_the_incident_file_knows() -> None:
    kinds = {target.removeprefix("kind:") for target in NON_EXCLUSIVE if target.startswith("kind:")}
    assert kinds <= set(ELEMENT_KINDS)


def test_an_emergency_contact_is_another_person_of_the_row() -> None:
    frame = pl.DataFrame({
        "FName": [row[1] for row in PEOPLE], "LName": [row[2] for row in PEOPLE],
        "EMERG_CONTACT_NAME": [f"{row[1]} {row[2]}" for row in PEOPLE][::-1],
        "EMERG_CONTACT_PHONE": [f"(503) 399-{1000 + n}" for n in range(40)],
    })  # fmt: skip
    proposals = propose_table(frame).proposals
    (other,) = people_beside(proposals)
    assert other.role == "emergency_contact"
    assert other.columns == {"full_name": "EMERG_CONTACT_NAME", "phone": "EMERG_CONTACT_PHONE"}
    assert "phone" not in {proposal.field for proposal in proposals}


def test_a_file_of_too_many_columns_is_left_to_a_person(tmp_path: Path) -> None:
    wide = 2_001
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{n}" for n in range(wide)) + "\n" + ",".join("1" * wide) + "\n")
    (unread,) = survey([path], frozenset()).unread
    assert f"{wide} columns" in unread.why
