"""Every problem at once, one line each, with file, key or row and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.intake import IntakeSettings, check
from matching.intake.settings import SuppressionSource
from matching.sources import LeakedSource, MasterSource

ROSTER = "entities.csv"


def leaked(**more: object) -> LeakedSource:
    columns = {"first_name": "first", "date_of_birth": "born"}
    return LeakedSource.model_validate(
        {"path": "a.csv", "format": "csv", "columns": columns, **more}
    )


def settings(
    root: Path, *, sources: tuple[LeakedSource, ...] = (), **more: object
) -> IntakeSettings:
    return IntakeSettings.model_validate({"root": root, "leaked": sources, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("first,born\nAnn,01/02/1980\n")
    (tmp_path / ROSTER).write_text("entity_id,legal_name\nCE1,One\n")
    return tmp_path


def test_a_sound_incident_has_no_problem(folder: Path) -> None:
    assert check(settings(folder, sources=(leaked(),), entities=ROSTER)) == []


def test_all_at_once(folder: Path) -> None:
    (folder / "empty.csv").touch()
    master = MasterSource(path="a.csv", format="csv", entity="CE9", columns={"first_name": "first"})
    sources = (
        leaked(path="gone.csv"),
        leaked(path="none*.csv"),
        leaked(path="empty.csv"),
        leaked(columns={"last_name": "lname"}),
        leaked(encoding="shift_jis"),
    )
    found = check(settings(folder, sources=sources, masters=(master,), entities=ROSTER))
    assert found == [
        "[[leaked]] gone.csv: no such file; correct path",
        "[[leaked]] none*.csv: no file matches; correct the glob",
        "[[leaked]] empty.csv: empty file; remove it from the incident file or deliver it again",
        (
            '[[leaked]] a.csv: none of the mapped columns is there ("lname"); correct format, delimiter, header or'
            " columns; it has 2 columns"
        ),
        '[[leaked]] a.csv: encoding "shift_jis" is not read; use utf-8, utf-16, cp1252 or latin-1',
        '[[masters]] a.csv: entity "CE9" is not in the roster; add it there or correct it',
        "[[masters]] a.csv: also listed under [[leaked]]; a file is one or the other",
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("first,born\nZoë,x\n".encode("utf-16"), 'set encoding = "utf-16"'),
        ("first,born\nZoe,x\n".encode("utf-16-le"), 'set encoding = "utf-16-le"'),
        (
            ("first,born\n" + "Zoë,x\n" * 3).encode("cp1252"),
            'byte 13 is not UTF-8; set encoding = "cp1252"',
        ),
    ],
)
def test_another_encoding(folder: Path, data: bytes, says: str) -> None:
    (folder / "a.csv").write_bytes(data)
    (problem,) = check(settings(folder, sources=(leaked(),)))
    assert says in problem


def test_a_stray_byte_among_many_rows_is_no_other_encoding(folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"first,born\n" + b"Ann,1\n" * 50 + b"B\xffb,2\n")
    assert check(settings(folder, sources=(leaked(),))) == []


def test_date_order_against_the_data(folder: Path) -> None:
    (folder / "a.csv").write_text("first,born\n" + "Ann,25/12/1980\n" * 9)
    (problem,) = check(settings(folder, sources=(leaked(),)))
    assert 'date_order = "mdy" is impossible for 9 of 9 birth dates; use "dmy"' in problem
    assert check(settings(folder, sources=(leaked(date_order="dmy"),))) == []


def test_roster_and_delegation(folder: Path) -> None:
    (folder / ROSTER).write_text(
        "entity_id,legal_name,successor_id,status,client_from,baa_days\n"
        "CE1,One,,open,2020-01-01,10\n"
        "CE1,,CE9,shut,01/02/2020,ten\n"
    )
    (folder / "d.csv").write_text("entity_id,duty,by\nCE1,individual,us\nCE7,media,ba\n")
    found = check(settings(folder, entities=ROSTER, delegation="d.csv"))
    assert found == [
        "entities.csv: row 3: legal_name is empty; fill it in",
        "entities.csv: row 2, 3: entity_id occurs twice; keep one",
        "entities.csv: row 3: successor_id is not in the roster; add that entity or correct it",
        "entities.csv: row 3: status must be open, closed or sold",
        "entities.csv: row 3: client_from is no date; write yyyy-mm-dd",
        "entities.csv: row 3: baa_days is no whole number of days; correct it",
        "d.csv: row 3: entity_id is not in the roster; add it there or correct it",
        "d.csv: row 2: by must be ba, ce or undecided",
    ]


def test_roster_that_goes_in_circles_names_every_circle(folder: Path) -> None:
    (folder / ROSTER).write_text(
        "entity_id,legal_name,successor_id,successor_basis,parent_id,client_from,client_to\n"
        "CE3,Three,CE1,,,2020-01-01,2019-01-01\n"
        "CE1,One,CE2,asset,,,\n"
        "CE2,Two,CE3,asset,,,\n"
        "CE4,Four,CE4,custodian,,,\n"
        "CE5,Five,CE1,asset,CE6,,\n"
        "CE6,Six,,,CE5,,\n"
    )
    circles = "CE1 > CE2 > CE3 > CE1; CE4 > CE4"
    assert check(settings(folder, entities=ROSTER)) == [
        "entities.csv: parent_id goes in circles: CE5 > CE6 > CE5; correct one row of each",
        f"entities.csv: successor_id goes in circles: {circles}; correct one row of each",
        "entities.csv: row 2: client_to is before client_from; correct one of them",
    ]


def test_missing_roster(folder: Path) -> None:
    (problem,) = check(settings(folder, entities="no.csv"))
    assert problem == "no.csv: no such file; correct the path in the incident file"


def test_a_first_row_that_may_be_somebodys_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Canaria,Canary,1980-01-02\nAnn,Lee,1981-02-03\n")
    source = LeakedSource(path="a.csv", format="csv", columns={"first_name": "first"})
    (problem,) = check(IntakeSettings(root=tmp_path, leaked=(source,)))
    assert "none of the mapped columns is there" in problem
    assert "Canar" not in problem


def test_a_column_named_by_a_value_is_not_repeated(tmp_path: Path) -> None:
    """Keys of JSON, and a first row that is half a header."""
    (tmp_path / "a.csv").write_text("first,987-65-4320,canary@example.com,\nAnn,x,y,z\n")
    mapped = {"first_name": "first", "last_name": "last"}
    source = LeakedSource(path="a.csv", format="csv", columns=mapped)
    problems = check(IntakeSettings(root=tmp_path, leaked=(source,)))
    (problem,) = [each for each in problems if "last_name" in each]
    assert 'no column "last"; it has first' in problem
    assert "2 columns whose name looks like a value" in problem
    assert "987" not in "".join(problems)
    assert "canary" not in "".join(problems)


def test_suppressions_without_a_header_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("first\nAnn\n")
    (tmp_path / "s.csv").write_text("CANARY17,litigation hold,memo\n")
    source = LeakedSource(path="a.csv", format="csv", columns={"first_name": "first"})
    told = SuppressionSource(path="s.csv", reason="counsel", authority="x")
    (problem,) = check(IntakeSettings(root=tmp_path, leaked=(source,), suppressions=(told,)))
    assert "its first row must name them, and has 3" in problem
    assert "CANARY" not in problem.upper().replace("S.CSV", "")
