"""People whom free text names become mentions: linked where there is enough, else possible and for review."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from matching.intake import IntakeSettings, readers, register_files, run
from matching.link.identities import collapse
from matching.sources import LeakedSource
from matching.standardise import StandardiseSettings
from matching.standardise import run as standardise
from matching.store import Workspace
from matching.tables import FILE_STEP

NOTES = [
    "first,last,acct,note",
    "Ann,Lee,T1,Ann Lee called about her bill",
    'Bo,Roe,T2,"Spoke with Maria Gonzalez, DOB 03/04/1985, SSN 219-09-9999, about Bo"',
    "Cy,Poe,T3,Patient Peter asked for a copy",
    "Di,Fox,T3,",
    "Ed,Gil,T4,Patient Peter moved away",
]


def entry() -> LeakedSource:
    columns = {"first_name": "first", "last_name": "last", "tenant_id": "acct"}
    return LeakedSource(path="a.csv", format="csv", columns=columns, text=("note",))


def taken(workspace: Workspace, root: Path) -> pl.DataFrame:
    (root / "a.csv").write_text("\n".join(NOTES) + "\n")
    settings = IntakeSettings(root=root, leaked=(entry(),), text_names="lists")
    register_files(workspace, settings, recorded_at=datetime(2026, 3, 1, tzinfo=UTC))
    run(workspace, settings)
    return workspace.read("leaked").sort("mention_id")


def test_people_said_are_mentions_of_the_rows_entity(workspace: Workspace, tmp_path: Path) -> None:
    said = taken(workspace, tmp_path).filter(pl.col("file_no") == 1)
    found = said.select(
        "row_no", "first_name", "last_name", "date_of_birth", "ssn", "tenant_id", "doubtful"
    )
    maria, *peters = found.rows()
    assert maria[1:3] == ("Maria", "Gonzalez")
    assert maria[4].replace("-", "") == "219099999"
    assert (maria[0], maria[5], maria[6]) == (0, "T2", None)
    assert [(row[0], row[1], row[5], row[6]) for row in peters] == [
        (1, "Peter", "T3", True),
        (2, "Peter", "T4", True),
    ]


def test_passages_say_where_and_why(workspace: Workspace, tmp_path: Path) -> None:
    taken(workspace, tmp_path)
    rows = workspace.read("passages").sort("mention_id")
    rows = rows.filter(pl.col("mention_id") >= FILE_STEP)
    assert rows["source_row_no"].to_list() == [1, 2, 4]
    assert rows["why"].to_list() == [None, "first_name_only", "first_name_only"]
    row = rows.row(1, named=True)
    note = NOTES[3].split(",", 3)[3]
    assert note[row["start"] : row["end"]] == row["said"] == "Peter"


def test_what_text_says_of_the_rows_own_person_is_said_of_that_row(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = taken(workspace, tmp_path)
    own = workspace.read("passages").filter(pl.col("mention_id") < FILE_STEP)
    said = own.select("mention_id", "source_row_no", "said").rows()
    assert said == [(0, 0, "Ann Lee"), (8, 1, "Bo")]
    assert not own["kinds"].str.contains("ssn").any()
    bo = rows.filter((pl.col("file_no") == 0) & (pl.col("first_name") == "Bo"))
    assert bo["kinds"].to_list() == [None]


def test_the_inventory_counts_texts_apart_from_rows(workspace: Workspace, tmp_path: Path) -> None:
    taken(workspace, tmp_path)
    files = workspace.read("inventory").select("path", "format", "rows", "covered_bytes").rows()
    assert files == [
        ("a.csv", "csv", 5, (tmp_path / "a.csv").stat().st_size),
        ("a.csv@text", "text", 3, None),
    ]


def test_portions_and_a_second_run_give_the_same(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = taken(workspace, tmp_path)
    passages = workspace.read("passages")
    monkeypatch.setattr(readers, "PORTION_ROWS", 2)
    monkeypatch.setattr("matching.intake.text.BLOCK_BYTES", 64)
    again = Workspace.create(tmp_path / "again", incident_id="again", synthetic=True)[0]
    assert taken(again, tmp_path).equals(whole)
    assert again.read("passages").equals(passages)


def test_two_passages_that_say_one_name_are_not_one_person_for_that(
    workspace: Workspace, tmp_path: Path
) -> None:
    taken(workspace, tmp_path)
    standardise(workspace, StandardiseSettings())
    identities = collapse(workspace).filter(pl.col("mention_id") >= FILE_STEP)
    assert identities["identity_id"].n_unique() == 3  # Maria, and Peter twice
