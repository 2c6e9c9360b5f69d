"""Bad input as a tired responder makes it: one line with file, key or row and the fix, exit 3.

What is wrong with a file stops a run before anything is written; what is wrong with a row never
stops it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.flow.hand_made import ROSTER, Call, HandMade, call, incident, rows

__all__ = ["call", "incident"]

LEAKED = "[[leaked]] leaked.csv: "
HOLD = '[[holds]]\nkind = "court"\nofficial = "x"\nagency = "y"\nstated_on = 2026-03-06\n'


def refused(call: Call, incident: HandMade, expected: list[str]) -> None:
    """`check` and `run` both name exactly these problems and leave nothing behind."""
    before = sorted(incident.folder.iterdir())
    checked = call("check", incident.file)
    assert checked.code == 3
    assert checked.out == ""
    shown = checked.err.strip().removeprefix("affected: ").replace(f"{incident.file}: ", "")
    assert shown.splitlines() == expected
    ran = call("run", incident.file, "--engine", "local")
    assert ran.code == 3
    assert set(ran.lines) <= set(checked.lines)
    assert sorted(incident.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"leaked.csv"', '"gone.csv"', "[[leaked]] gone.csv: no such file; correct path"),
        ('"leaked.csv"', '"l/*.csv"', "[[leaked]] l/*.csv: no file matches; correct the glob"),
        (
            '"entities.csv"',
            '"gone.csv"',
            "gone.csv: no such file; correct the path in the incident file",
        ),
        (
            '"delegation.csv"',
            '"gone.csv"',
            "gone.csv: no such file; correct the path in the incident file",
        ),
        (
            'record_id = "id"',
            'recordid = "id"',
            "leaked.0.columns: no canonical field recordid; see docs/configuration.md",
        ),
        (
            "received_on",
            "recieved_on",
            "leaked.0.recieved_on: unknown key; remove it, or did you mean 'received_on'?",
        ),
        (
            "[matching]",
            "[mathcing]",
            "mathcing: unknown key; remove it, or did you mean 'matching'?",
        ),
        (
            '"dob"',
            '"birth"',
            LEAKED + 'columns.date_of_birth: no column "birth"; it has id, practice, first, last,'
            " dob, street, city, state, zip, phone",
        ),
        (
            'path = "charts.csv"',
            'path = "charts.csv"\nentity = "CE777"',
            '[[masters]] charts.csv: entity "CE777" is not in the roster; add it there or correct it',
        ),
        (
            "known_on = 2026-03-05",
            'known_on = "March 5"',
            "incident.known_on: no date; write it as 2026-03-05, without quotes",
        ),
        (
            "breach_start = 2025-12-21",
            'breach_start = "Dec 21"',
            "incident.breach_start: no date; write it as 2026-03-05, without quotes",
        ),
        (
            "synthetic = true",
            'synthetic = "ja"',
            "incident.synthetic: neither true nor false; write one of them, without quotes",
        ),
        (
            "breach_end = 2025-12-23",
            "breach_end = 2025-11-23",
            "incident: breach_end (2025-11-23) is before breach_start (2025-12-21); correct one of them",
        ),
        (
            '"hand-made"',
            '"../x"',
            "incident.id: must be lower-case letters, digits and hyphens; rename it",
        ),
        (
            '"leaked.csv"',
            '"."',
            "[[leaked]] .: a folder; name its files, or a glob such as ./*.csv",
        ),
        (
            '"leaked.csv"',
            '"a**b.csv"',
            "[[leaked]] a**b.csv: no sound glob; let ** stand alone between slashes",
        ),
        ('path = "entities.csv"', 'path = "."', "incident: a folder; name the CSV file in it"),
        (
            'format = "csv"',
            'format = "csv"\ndelimiter = ";"',
            LEAKED + "none of the mapped columns is there; correct format, delimiter or columns;"
            " it has id,practice,first,last,dob,street,city,state,zip,phone",
        ),
        (
            'format = "csv"',
            'format = "jsonl"',
            LEAKED + "none of the mapped columns is there; correct format, delimiter or columns;"
            " it has no columns at all",
        ),
        (
            'format = "csv"',
            'format = "parquet"',
            LEAKED + 'no Parquet file; correct format = "parquet" or deliver it again',
        ),
        (
            'format = "csv"',
            'format = "csv"\ndelimiter = "\\""',
            LEAKED + "quote and delimiter are the same character; correct one of them",
        ),
        (
            'format = "csv"',
            'format = "csv"\ndelimiter = "§"',
            LEAKED + "delimiter: must be one ASCII character; correct it",
        ),
        (
            'format = "csv"',
            'format = "csv"\nencoding = "klingon"',
            LEAKED + 'encoding "klingon" is not read; use utf-8, utf-16, cp1252 or latin-1',
        ),
        (
            'path = "charts.csv"',
            'path = "leaked.csv"',
            "[[masters]] leaked.csv: also listed under [[leaked]]; a file is one or the other",
        ),
        ("[incident]", 'folder = "/"\n[incident]', "folder: unknown key; remove it"),
        (
            'format = "csv"',
            'format = "xlsx"',
            "leaked.0: format xlsx cannot be read yet; convert leaked.csv to CSV or Parquet",
        ),
    ],
)
def test_a_wrong_incident_file(
    call: Call, incident: HandMade, old: str, new: str, expected: str
) -> None:
    incident.edit(old, new)
    refused(call, incident, [expected])


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        (
            '[[presumed]]\nentity_id = "CE999"\nbasis = "x"\n',
            "presumed.entity_id: 'CE999' is not in entities.csv; add it or correct it",
        ),
        (
            HOLD + 'entity_id = "CE999"\n',
            "holds.entity_id: 'CE999' is not in entities.csv; add it or correct it",
        ),
        (
            '[[suppressions]]\npath = "gone.csv"\nreason = "x"\nauthority = "y"\n',
            "gone.csv: no such file; correct the path in the incident file",
        ),
        (
            '[mailing]\nvendor = "nope"\n',
            "mailing.vendor: no profile 'nope'; see configs/vendors",
        ),
    ],
)
def test_what_the_roster_or_the_configuration_does_not_know(
    call: Call, incident: HandMade, added: str, expected: str
) -> None:
    incident.add(added)
    refused(call, incident, [expected])


def test_everything_is_named_at_once(call: Call, incident: HandMade) -> None:
    """Also what is wrong with files, where keys and dates of the incident file are wrong, too."""
    incident.edit("known_on = ", "knwon_on = ")
    incident.edit("received_on", "recieved_on")
    incident.edit('"dob"', '"birth"')
    incident.edit('"charts.csv"', '"nope*.csv"')
    incident.edit('"delegation.csv"', '"gone.csv"')
    incident.put("entities.csv", "entity_id,legal_name\nCE001,One\nCE001,Two\n")
    incident.add('[[presumed]]\nentity_id = "CE999"\nbasis = "x"\n[mailing]\nwaves = 0\n')
    said = call("check", incident.file, "--json")
    assert said.code == 3
    for part in (
        "incident.known_on: missing",
        "incident.knwon_on: unknown key",
        "leaked.0.recieved_on: unknown key",
        "mailing.waves: ",
        "entities.csv: row 2, 3: entity_id occurs twice; keep one",
        "gone.csv: no such file",
        'columns.date_of_birth: no column "birth"',
        "[[masters]] nope*.csv: no file matches",
        "presumed.entity_id: 'CE999' is not in entities.csv",
    ):
        assert said.out.count(part.replace('"', '\\"')) == 1, part


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty file; remove it from the incident file or deliver it again"),
        (b"\n\n", "empty file; remove it from the incident file or deliver it again"),
        (
            rows(3).encode("utf-16"),
            'begins with the byte order mark of utf-16; set encoding = "utf-16"',
        ),
        (
            rows(9).replace("A", "Ä").encode("cp1252"),
            'byte 64 is not UTF-8; set encoding = "cp1252", or deliver the file as UTF-8',
        ),
    ],
)
def test_an_empty_file_or_another_encoding(
    call: Call, incident: HandMade, data: bytes, expected: str
) -> None:
    incident.put("leaked.csv", data)
    refused(call, incident, [LEAKED + expected])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty file; give it a header row and rows"),
        (ROSTER.encode("utf-16"), "byte 0 is not UTF-8; save it as UTF-8 CSV"),
        (
            ROSTER.replace("One", "Öne").encode("cp1252"),
            "byte 42 is not UTF-8; save it as UTF-8 CSV",
        ),
        (ROSTER.replace("state", "Legal_Name"), 'column "legal_name" occurs twice; keep one'),
        (ROSTER.replace("entity_id", "id"), 'no column "entity_id"; add it'),
        (ROSTER.replace("Two", "Two,Inc."), "row 3: long_row; correct it"),
        (ROSTER.replace("Practice Two", '"Two'), "row 3: unclosed_quote; correct it"),
        (ROSTER.replace("Two", "T\0wo"), "row 3: nul_byte; correct it"),
        (ROSTER + "CE002,Again,MD\n", "row 3, 4: entity_id occurs twice; keep one"),
        (ROSTER + ",Nameless,MD\n", "row 4: entity_id is empty; fill it in"),
    ],
)
def test_a_roster_that_was_typed_in_haste(
    call: Call, incident: HandMade, text: str | bytes, expected: str
) -> None:
    incident.put("entities.csv", text)
    refused(call, incident, ["entities.csv: " + expected])


def test_a_roster_as_spreadsheets_save_it(call: Call, incident: HandMade) -> None:
    """Byte order mark, CRLF, no commas at a row's end, no line break at the file's end."""
    text = "\ufeffentity_id,Legal_Name,state,city\r\nCE001,One,MD,X\r\nCE002,Two"
    incident.put("entities.csv", text)
    assert call("check", incident.file).code == 0


def test_a_file_that_may_not_be_read(
    call: Call, incident: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "leaked.csv")
    said = call("check", incident.file)
    assert said.code == 3
    assert LEAKED + "may not be read; give this user the right to" in said.err


def test_an_incident_file_that_is_none(call: Call, incident: HandMade) -> None:
    folder = incident.folder
    for path, expected in (
        (folder, f"{folder}: no file; name the incident file in that folder"),
        (
            folder / "no.toml",
            f"{folder}/no.toml: not found; name an incident file (see configs/example)",
        ),
    ):
        for command in ("check", "run"):
            said = call(command, path)
            assert (said.code, said.lines) == (3, [f"affected: {expected}"])


def test_an_editor_that_writes_a_byte_order_mark(call: Call, incident: HandMade) -> None:
    incident.put("incident.toml", "\ufeff" + incident.file.read_text())
    assert call("check", incident.file).code == 0
