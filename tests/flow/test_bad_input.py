"""Bad input as a tired responder makes it: one line with file, key or row and the fix, exit 3.

What is wrong with a file stops a run before anything is written; what is wrong with a row never
stops it.
"""

from __future__ import annotations

import pytest

from tests.flow.hand_made import Call, HandMade, call, incident

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
