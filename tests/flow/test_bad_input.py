"""Bad input as a tired responder makes it: one line with file, key or row and the fix, exit 3.

What is wrong with a file stops a run before anything is written; what is wrong with a row never
stops it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matching.store import Workspace
from tests.flow.hand_made import HEADER, ROSTER, Call, HandMade, call, incident, row, rows

__all__ = ["call", "incident"]

LEAKED = "[[leaked]] leaked.csv: "
CORRECT = " correct one of them"
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
            "known_on = 2026-03-05",
            "known_on = 2025-03-05",
            "incident: known_on / should_have_known_on (2025-03-05)"
            " is before breach_start (2025-12-21);" + CORRECT,
        ),
        (
            "known_on = 2026-03-05",
            "known_on = 2026-03-05\nshould_have_known_on = 2026-03-10",
            "incident: should_have_known_on (2026-03-10) is after known_on (2026-03-05);" + CORRECT,
        ),
        (
            "as_of = 2026-03-20",
            "as_of = 2026-03-01",
            "incident: as_of (2026-03-01) is before known_on (2026-03-05); correct one of them",
        ),
        (
            "[people]",
            HOLD + "until = 2026-03-01\n[people]",
            "holds.0: until (2026-03-01) is before stated_on (2026-03-06); correct one of them",
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
            LEAKED
            + 'none of the mapped columns is there ("city", "dob", "first", "id", "last", "phone", "practice",'
            ' "state", "street", "zip"); correct format, delimiter, header or columns; it has one column',
        ),
        (
            'format = "csv"',
            'format = "jsonl"',
            LEAKED + "no record can be read, the first is bad_json at byte 0; correct format,"
            " or take the file out of the incident file",
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
            'byte 64 is not UTF-8; set encoding = "cp1252", or "mixed" where some rows are UTF-8',
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


# --- bad rows never stop a run ---------------------------------------------------------------

BAD_ROWS = {
    "short_row": "L90,CE001,CANARY\n",
    "unclosed_quote": 'L91,CE001,"CANARY,X,01/01/1950,1 OAK,SPRINGFIELD,MD,20701,3015550000\n',
    "nul_byte": "L92,CE001,CA\0NARY,X,01/01/1950,1 OAK,SPRINGFIELD,MD,20701,3015550000\n",
    "long_row": "L93,CE001,CANARY,X,01/01/1950,1 OAK,SPRINGFIELD,MD,20701,3015550000,and,more\n",
    "bad_quote": 'L94,CE001,"CAN"ARY,X,01/01/1950,1 OAK,SPRINGFIELD,MD,20701,3015550000\n',
}


def run(call: Call, incident: HandMade, *options: str) -> tuple[dict[str, Any], Workspace]:
    """Run to the end (or as the options say) and verify; the document and the workspace."""
    root = incident.folder / "ws"
    said = call(
        "run", incident.file, "--workspace", root, "--engine", "local",
        "--approve-all", "LEAD", "--json", *options,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "CANARY" not in said.out + said.err
    verified = call("verify", root)
    assert verified.code == 0, verified.out
    return dict(json.loads(said.out)), Workspace.open(root)


def test_bad_rows_are_counted_kept_and_explained(call: Call, incident: HandMade) -> None:
    """The last row has no line break at its end and is none the worse for it."""
    good = [row(number) for number in range(6)]
    mixed = [line for pair in zip(good, BAD_ROWS.values(), strict=False) for line in pair]
    incident.put("leaked.csv", HEADER + "".join([*mixed, good[-1].strip()]))
    ran, workspace = run(call, incident, "--until", "people")
    assert (ran["leaked_rows"], ran["leaked_rejected"], ran["mentions"]) == (11, 5, 6)
    rejects = workspace.read("rejects")
    assert rejects["reason"].to_list() == list(BAD_ROWS)
    assert rejects["row_no"].to_list() == [1, 3, 5, 7, 9]
    data = (incident.folder / "leaked.csv").read_bytes()
    starts = [data.index(line.encode()) for line in BAD_ROWS.values()]
    assert rejects["offset"].to_list() == starts


def test_bad_lines_of_jsonl(call: Call, incident: HandMade) -> None:
    names = HEADER.strip().split(",")
    good = [json.dumps(dict(zip(names, row(n).strip().split(","), strict=True))) for n in range(3)]
    odd = '{"id": {"a": 1}, "first": ["A", "B"], "last": null, "dob": 19500101}'
    lines = [good[0], '{"id": "CANARY",', good[1], "[1]", "null", odd, good[2], "{}"]
    incident.put("leaked.jsonl", "\n".join(lines))
    incident.edit('path = "leaked.csv"\nformat = "csv"', 'path = "leaked.jsonl"\nformat = "jsonl"')
    ran, workspace = run(call, incident, "--until", "people")
    assert (ran["leaked_rows"], ran["leaked_rejected"]) == (8, 2)
    assert set(workspace.read("rejects")["reason"]) == {"unclosed_record", "not_a_record"}


def test_an_unknown_entity_in_a_row_is_unowned(call: Call, incident: HandMade) -> None:
    incident.put("leaked.csv", rows(4).replace("CE001", "CE900"))
    incident.put("charts.csv", HEADER)
    _, workspace = run(call, incident)
    owners = workspace.read("ownership")["entity_id"].to_list()
    assert sorted(owners) == ["CE002", "CE002", "UNOWNED", "UNOWNED"]
    assert set(workspace.read("ledger").filter(entity_id="UNOWNED")["state"]) == {"unowned"}


def test_an_unknown_entity_in_a_chart_stops_nothing(call: Call, incident: HandMade) -> None:
    incident.put("charts.csv", rows(10, "C").replace("CE001", "CE900"))
    _, workspace = run(call, incident, "--until", "owners")
    assert workspace.rows("persons") == 12
    assert "CE900" not in workspace.read("ownership")["entity_id"].to_list()


def _no_masters(incident: HandMade) -> None:
    text = incident.file.read_text()
    start, end = text.index("[[masters]]"), text.index("[entities]")
    incident.file.write_text(text[:start] + text[end:])


@pytest.mark.parametrize(
    ("spoil", "confirmed", "orphans"),
    [
        pytest.param(_no_masters, 12, 12, id="no masters"),
        pytest.param(lambda i: i.put("leaked.csv", rows(1)), 1, 0, id="one leaked row"),
        pytest.param(lambda i: i.put("leaked.csv", HEADER), 0, 0, id="only a header"),
        pytest.param(
            lambda i: i.put(
                "leaked.csv",
                HEADER + "L1,CE001,TEST,PATIENT,01/01/1900,1 TEST ST,X,MD,20701,5555550100\n" * 3,
            ),
            0, 0, id="all rows excluded",
        ),
        pytest.param(
            lambda i: (
                i.put("entities.csv", "entity_id,legal_name\nCE001,One\n"),
                i.edit('delegation = "delegation.csv"\n', ""),
            ),
            12, 2, id="a roster of one, no delegation",
        ),
    ],
)  # fmt: skip
def test_the_ends_of_the_ordinary(
    call: Call,
    incident: HandMade,
    spoil: Callable[[HandMade], object],
    confirmed: int,
    orphans: int,
) -> None:
    spoil(incident)
    ran, workspace = run(call, incident)
    assert ran["stopped_at"] is None
    assert (ran["persons"]["confirmed"], ran["persons"]["orphans"]) == (confirmed, orphans)
    assert workspace.rows("persons") == confirmed
    assert (workspace.out / "report.html").stat().st_size > 1000
    for command in ("packets", "letters"):
        assert call(command, workspace.root).code == 0


@pytest.mark.parametrize(
    ("data", "persons"),
    [
        pytest.param(("\ufeff" + rows(3)).replace("\n", "\r\n"), 3, id="mark and CRLF"),
        pytest.param(HEADER + row(0) * 5, 1, id="the same row five times"),
        pytest.param(HEADER + "a\nb,c\n", 0, id="no good row"),
    ],
)
def test_odd_files_up_to_people(call: Call, incident: HandMade, data: str, persons: int) -> None:
    incident.put("leaked.csv", data)
    incident.put("charts.csv", HEADER)
    _, workspace = run(call, incident, "--until", "people")
    assert workspace.rows("persons") == persons
