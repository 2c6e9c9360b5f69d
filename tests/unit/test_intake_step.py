"""The step: mentions and charts, roles, exclusions, repeated files, the roster's defaults."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake import IntakeSettings, readers, register_files, run, text
from matching.sources import LeakedSource, MasterSource
from matching.store import NOTE, Workspace
from matching.tables import TABLES

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COLUMNS = {
    "first_name": "first",
    "last_name": "last",
    "date_of_birth": "born",
    "phone": "phone",
    "street": ["no", "road"],
    "role": "type",
    "guardian_first_name": "g_first",
    "guardian_last_name": "g_last",
}
HEADER = "first,last,born,phone,no,road,type,g_first,g_last,tooth\n"


def entry(**more: object) -> LeakedSource:
    given = {
        "path": "a.csv",
        "format": "csv",
        "columns": COLUMNS,
        "received_on": date(2026, 1, 1),
        **more,
    }
    return LeakedSource.model_validate(given)


def taken(workspace: Workspace, root: Path, *sources: LeakedSource, **more: object) -> pl.DataFrame:
    settings = IntakeSettings.model_validate(
        {"root": root, "leaked": sources or (entry(),), **more}
    )
    register_files(workspace, settings, recorded_at=NOW)
    run(workspace, settings)
    return workspace.read("leaked")


def write(root: Path, *rows: str, name: str = "a.csv") -> None:
    (root / name).write_text(HEADER + "".join(f"{row}\n" for row in rows))


def test_a_mention_keeps_what_was_delivered(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, " José ,O'Neil,1/2/80,555,01,Main St,,,,18")
    (row,) = taken(workspace, tmp_path).to_dicts()
    assert (row["mention_id"], row["record_id"], row["role"]) == (0, "0:0", "patient")
    assert (row["first_name"], row["street"], row["extra"]) == (" José ", "01 Main St", "tooth")
    assert row["exclusion"] is None


def test_every_row_is_accounted_for(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,,,,", "short", "Cy,Dee,,,,,,,,")
    assert taken(workspace, tmp_path)["row_no"].to_list() == [0, 2]
    (file,) = workspace.read("inventory").to_dicts()
    assert (file["rows"], file["parsed"], file["rejected"]) == (3, 2, 1)
    assert file["covered_bytes"] == file["bytes"] == (tmp_path / "a.csv").stat().st_size
    assert workspace.read("rejects")["reason"].to_list() == ["short_row"]


def test_the_same_bytes_twice_are_parsed_once(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,,,,")
    write(tmp_path, "Ann,Bell,,,,,,,,", name="copy.csv")
    assert taken(workspace, tmp_path, entry(), entry(path="copy.csv")).height == 1
    files = workspace.read("inventory")
    assert files["repeats"].to_list() == [None, 0]
    assert files["parsed"].to_list() == [1, 1]


def test_a_file_added_later_renumbers_nothing(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,,,,", name="b.csv")
    first = taken(workspace, tmp_path, entry(path="*.csv"))
    write(tmp_path, "Cy,Dee,,,,,,,,")
    both = taken(workspace, tmp_path, entry(path="*.csv"))
    assert both.filter(pl.col("first_name") == "Ann").equals(first)
    assert both.height == 2


@pytest.mark.parametrize(
    ("row", "exclusion"),
    [
        ("Mickey,Mouse,1/1/1980,,,,,,,", "test"),
        ("Test,Patient,,,,,,,,", "test"),
        ("Zztest,Bell,3/4/1980,,,,,,,", "test"),
        ("Anna,Test,01/01/1900,,,,,,,", "test"),
        ("Anna,Test,3/4/1980,,1,Elm St,,,,", None),
        ("Anna,Test,,,,,,,,", None),
        ("Anna,Patient,3/4/1980,,,,,,,", None),
        ("Delta Dental,,,,,,,,,", "non_person"),
        ("Ann,Aetna,3/4/1980,,,,,,,", None),
        ("Ann,Bell,,,,,dentist,,,", "employee"),
        ("Ann,Bell,,,,,STAFF,,,", "employee"),
        ("Ann,Bell,,,,,Emergency Contact,,,", "emergency_contact"),
        ("Ann,Bell,,,,,prospect,,,", None),
        ("Ann,Bell,,,,,some word,,,", None),
        ("Unknown,N/A,3/4/1980,,,,,,,", "no_identity"),
        ("Unknown,,,202-456-1111,,,,,,", None),
    ],
)
def test_who_is_no_person_owed_a_notice(
    workspace: Workspace, tmp_path: Path, row: str, exclusion: str | None
) -> None:
    write(tmp_path, row)
    assert taken(workspace, tmp_path)["exclusion"].to_list() == [exclusion]


def test_counsel_decides_on_staff_and_leads(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,staff,,,", "Cy,Dee,,,,,lead,,,")
    rows = taken(workspace, tmp_path, employees_notified=True, lead_is_phi=False)
    assert rows["exclusion"].to_list() == [None, "lead"]


def test_an_encrypted_file_whose_key_is_safe_is_no_breach(
    workspace: Workspace, tmp_path: Path
) -> None:
    write(tmp_path, "Ann,Bell,,,,,,,,")
    assert taken(workspace, tmp_path, entry(secured="encrypted_key_safe", evidence="E-1"))[
        "exclusion"
    ].to_list() == ["secured"]


def test_parent_and_child_on_one_row(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Tim,Bell,3/4/2020,202,1,Elm St,,Ann,Bell,")
    child, parent = taken(workspace, tmp_path).to_dicts()
    assert (child["role"], parent["role"]) == ("patient", "guarantor")
    assert (parent["first_name"], parent["phone"], parent["street"]) == ("Ann", "202", "1 Elm St")
    assert parent["date_of_birth"] is None
    assert parent["mention_id"] == child["mention_id"] + 1


@pytest.mark.parametrize(("born", "mentions"), [("3/4/1970", 1), ("3/4/2020", 2), ("", 2)])
def test_own_guarantor_or_child_of_the_same_name(
    workspace: Workspace, tmp_path: Path, born: str, mentions: int
) -> None:
    write(tmp_path, f"Ann,Bell,{born},,,,,ANN,Bell,")
    assert taken(workspace, tmp_path).height == mentions


def test_guarantors_by_counsel(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Tim,Bell,3/4/2020,,,,,Ann,Bell,")
    assert taken(workspace, tmp_path, guarantors_notified=False)["exclusion"].to_list() == [
        None,
        "guarantor",
    ]


def test_a_persons_word_on_a_role_stands(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,staff,,,", "Cy,Dee,,,,,,,,", "Test,Patient,,,,,,,,")
    taken(workspace, tmp_path)
    digest = workspace.read("files")["file_sha256"][0]

    def said(
        number: int, row: int, role: str, value: str, undoes: str | None = None
    ) -> dict[str, object]:
        return {
            "decision_id": f"d{number}", "subject": "role", "left_file_sha256": digest,
            "left_row_no": row, "left_role": role, "value": value, "supersedes": undoes,
            "recorded_at": NOW,
        }  # fmt: skip

    words = [
        said(1, 0, "employee", "patient"),
        said(2, 1, "patient", "non_person"),
        said(3, 1, "patient", "person", "d2"),
        said(4, 2, "patient", "person"),
    ]
    workspace.append("decisions", TABLES["decisions"].complete(pl.DataFrame(words)))
    rows = taken(workspace, tmp_path)
    assert rows["role"].to_list() == ["patient", "patient", "patient"]
    assert rows["exclusion"].to_list() == [None, None, None]


def test_charts_and_the_roster(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,,,,")
    (tmp_path / "m.csv").write_text("ce,first,last\nCE1,Ann,Bell\nCE7,Cy,Dee\n")
    (tmp_path / "e.csv").write_text("entity_id,legal_name,zip\nCE1,One LLC,01234\n")
    columns = {"entity_id": "ce", "first_name": "first", "last_name": "last"}
    master = MasterSource(path="m.csv", format="csv", columns=columns)
    taken(workspace, tmp_path, masters=(master,), entities="e.csv")
    charts = workspace.read("charts")
    assert charts["entity_id"].to_list() == ["CE1", None]
    assert charts["chart_id"].to_list() == [1 << 40, (1 << 40) + 8]
    (roster,) = workspace.read("entities").to_dicts()
    assert (roster["print_name"], roster["zip"], roster["kind"]) == (
        "One LLC",
        "01234",
        "covered_entity",
    )
    assert (roster["status"], roster["agency"]) == ("open", "undetermined")


def test_nothing_is_written_where_a_file_is_wrong(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Canaryson,Bell,,,,,,,,")
    with pytest.raises(OperatorError) as caught:
        taken(
            workspace,
            tmp_path,
            entry(),
            entry(path="gone.csv"),
            entry(columns={"last_name": "lname"}),
        )
    assert "gone.csv" in str(caught.value)
    assert '"lname"' in str(caught.value)
    assert "Canaryson" not in str(caught.value)
    assert not workspace.has("leaked")


def files_of(workspace: Workspace, name: str) -> dict[str, str]:
    manifest = workspace.manifest(name)
    return {part.file: part.file_sha256 for part in manifest.parts} if manifest else {}


def many(root: Path, name: str, count: int, first: str) -> None:
    write(
        root, *(f"{first}{n},Bell,,,,,,,," if n % 7 else "short" for n in range(count)), name=name
    )


def test_a_late_file_keeps_the_parts_of_the_others(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 40)
    monkeypatch.setattr(text, "BLOCK_BYTES", 300)
    many(tmp_path, "a.csv", 200, "Ann")
    taken(workspace, tmp_path)
    before = files_of(workspace, "leaked")
    workspace.publish_complete()
    many(tmp_path, "b.csv", 50, "Bo")
    both = taken(workspace, tmp_path, entry(), entry(path="b.csv"))
    after = files_of(workspace, "leaked")
    assert len(before) > 3
    assert before.items() < after.items()
    assert both["mention_id"].is_sorted()
    assert workspace.read("inventory")["rejected"].to_list() == [29, 8]
    assert (
        workspace.read("inventory")
        .select(pl.col("covered_bytes") == pl.col("bytes"))["covered_bytes"]
        .all()
    )
    fresh = Workspace.create(
        tmp_path / "fresh", incident_id="t", synthetic=True, key_file=tmp_path / "key2.json"
    )[0]
    taken(fresh, tmp_path, entry(), entry(path="b.csv"))
    for name in ("leaked", "rejects", "inventory"):
        assert workspace.digest(name) == fresh.digest(name)


@pytest.mark.parametrize("lost", [0, 2, -1])
def test_a_killed_run_goes_on_with_what_it_had(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 40)
    monkeypatch.setattr(text, "BLOCK_BYTES", 300)
    many(tmp_path, "a.csv", 200, "Ann")
    taken(workspace, tmp_path)
    digests = [workspace.digest(name) for name in ("leaked", "rejects", "inventory")]
    made = files_of(workspace, "leaked")
    gone = list(made)[lost]
    folder = workspace.root / "tables" / "leaked"
    manifest = "tables/leaked/manifest.json"
    with workspace.evidence.recording("killed before", files={manifest: ""}):
        for name in (gone, f"{gone}{NOTE}", "manifest.json"):
            (folder / name).unlink()
    taken(workspace, tmp_path)
    again = files_of(workspace, "leaked")
    assert list(again) == list(made)
    assert {name for name in made if made[name] != again[name]} == {gone}
    assert [workspace.digest(name) for name in ("leaked", "rejects", "inventory")] == digests


def test_other_words_of_counsel_make_other_parts(workspace: Workspace, tmp_path: Path) -> None:
    write(tmp_path, "Ann,Bell,,,,,staff,,,")
    assert taken(workspace, tmp_path)["exclusion"].to_list() == ["employee"]
    assert taken(workspace, tmp_path, employees_notified=True)["exclusion"].to_list() == [None]
