"""Everyone on a row, and the kinds of data about them: declared, seen in values, encrypted."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake import IntakeSettings, check, register_files, run
from matching.intake.kinds import valued
from matching.sources import LeakedSource
from matching.store import Workspace

NAMES = {"first_name": "first", "last_name": "last"}


def entry(path: str = "a.csv", **more: Any) -> LeakedSource:
    return LeakedSource.model_validate({"path": path, "format": "csv", "columns": NAMES, **more})


def settings_of(root: Path, *sources: LeakedSource) -> IntakeSettings:
    return IntakeSettings(root=root, leaked=sources)


def taken(workspace: Workspace, root: Path, *sources: LeakedSource) -> pl.DataFrame:
    settings = settings_of(root, *sources)
    register_files(workspace, settings, recorded_at=datetime(2026, 3, 1, tzinfo=UTC))
    run(workspace, settings)
    return workspace.read("leaked")


# --- people --------------------------------------------------------------------------------


def test_another_person_on_the_row_is_a_mention_with_only_what_is_said_about_them(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(
        "acct,first,last,ssn,ec,ecphone\nT1,Ann,Lee,123-45-6789,Bo Lee,555\nT1,Cy,Roe,,,\n"
    )
    source = entry(
        columns={**NAMES, "ssn": "ssn", "tenant_id": "acct"},
        also=[{"role": "emergency_contact", "columns": {"full_name": "ec", "phone": "ecphone"}}],
    )
    rows = taken(workspace, tmp_path, source)
    assert rows["role"].to_list() == ["patient", "emergency_contact", "patient"]
    other = rows.row(1, named=True)
    assert (other["full_name"], other["phone"], other["tenant_id"]) == ("Bo Lee", "555", "T1")
    assert (other["first_name"], other["ssn"], other["row_no"]) == (None, None, 0)


def test_two_people_of_one_role_on_a_row_have_ids_of_their_own(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("first,last,type,sub\nAnn,Lee,guarantor,Bo Lee\n")
    source = entry(
        columns={**NAMES, "role": "type"},
        also=[{"role": "guarantor", "columns": {"full_name": "sub"}}],
    )
    rows = taken(workspace, tmp_path, source)
    assert rows["role"].to_list() == ["guarantor", "guarantor"]
    assert rows["mention_id"].n_unique() == 2


# --- kinds ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "kinds"),
    [
        ("called re 123-45-6789", {"ssn"}),
        ("order 000-12-3456 of 987-65-4321", set()),
        ("paid with 4111 1111 1111 1111", {"card"}),
        ("ref 4111 1111 1111 1112", set()),
        ("dx K02.51 at #3", {"diagnosis"}),
        ("D2740 crown", {"treatment"}),
        ("amoxicillin 500 mg", {"medication"}),
        ("see pano_2019.JPG", {"photo"}),
        ("text (410) 555-0134", {"contact"}),
        ("ann@example.org", {"contact"}),
        ("DOB: 1/2/1980", {"date_of_birth"}),
        ("room 12 at 10.30", set()),
    ],
)
def test_a_value_shows_its_kind(cell: str, kinds: set[str]) -> None:
    assert set(valued(pl.Series([cell, "plain words", None])).columns) == kinds


def test_kinds_are_of_the_rows_that_show_them(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "first,last,c7,c8,sid\nAnn,Lee,K02.51,,abc\nBo,Roe,fine,x,abc\nCy,Poe,,,abc\n"
    )
    source = entry(kinds={"c8": "payment|insurance", "sid": "none"})
    rows = taken(workspace, tmp_path, source)
    assert rows["kinds"].to_list() == ["diagnosis", "insurance|payment", None]
    assert rows["extra"].to_list() == ["c7", "c7", None]


def test_ciphertext_is_nobodys_value_and_counts_unless_its_key_is_safe(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("first,last,ssn,card\nAnn,Lee,gAAAB,4111111111111111\n")
    columns = {**NAMES, "ssn": "ssn"}
    lost = {"ssn": "encrypted_key_lost", "card": "encrypted_key_safe"}
    (row,) = taken(
        workspace, tmp_path, entry(columns=columns, secured_columns=lost, evidence="E-7")
    ).to_dicts()
    assert (row["ssn"], row["kinds"], row["extra"]) == (None, "ssn", None)


# --- what is refused and what is noted -----------------------------------------------------


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"undecided": ["c7"]}, "undecided: say what c7 are"),
        ({"kinds": {"c7": "secrets"}}, "kinds.c7: no kind secrets"),
        ({"kinds": {"c9": "photo"}}, 'kinds: no column "c9"'),
        ({"text": ["c9"]}, 'text: no column "c9"'),
        ({"secured": "encrypted_key_safe"}, "evidence: a key that is safe needs its proof"),
        ({"secured_columns": {"c7": "encrypted_key_safe"}}, "evidence: a key that is safe"),
        (
            {"also": [{"role": "lead", "columns": {"full_name": "c9"}}]},
            'also.columns.full_name: no column "c9"',
        ),
        (
            {"also": 2 * [{"role": "lead", "columns": {"full_name": "c7"}}]},
            "also: two people of role lead",
        ),
    ],
)
def test_entries_that_cannot_be(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    (tmp_path / "a.csv").write_text("first,last,c7\nAnn,Lee,x\n")
    assert any(says in problem for problem in check(settings_of(tmp_path, entry(**more))))


def test_custody_is_kept_step_by_step(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("first,last\nAnn,Lee\n")
    steps = [
        {"on": date(2026, 3, 5), "by": "J. Okafor", "action": "received"},
        {"on": date(2026, 3, 6), "by": "R. Vance", "action": "sealed", "note": "bag 12"},
    ]
    taken(workspace, tmp_path, entry(custody=steps))
    rows = workspace.read("custody").select("position", "step", "by", "note").rows()
    assert rows == [(0, 0, "J. Okafor", None), (0, 1, "R. Vance", "bag 12")]


def test_the_same_rows_in_other_bytes_are_recognised(workspace: Workspace, tmp_path: Path) -> None:
    lines = ["first,last", "Ann,Núñez", "Bo,Roe"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    text = "\r\n".join([lines[0], lines[2], lines[1]]).replace(",", "\t")
    (tmp_path / "b.tsv").write_bytes(text.encode("utf-16"))
    (tmp_path / "c.csv").write_text("first,last\nAnn,Núñez\n")
    entries = [entry(), entry("b.tsv", format="tsv", encoding="utf-16"), entry("c.csv")]
    taken(workspace, tmp_path, *entries)
    assert workspace.read("inventory")["same_rows_as"].to_list() == [None, 0, None]


def test_tables_that_are_ignored_are_counted_and_not_read(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("first,last\nAnn,Lee\n")
    (tmp_path / "b.csv").write_text("sku,price\n1,2\n3,4\n")
    rows = taken(workspace, tmp_path, entry(), entry("b.csv", columns={}, ignored="price list"))
    assert rows.height == 1
    (other,) = workspace.read("inventory").filter(pl.col("position") == 1).to_dicts()
    assert (other["rows"], other["ignored"], other["covered_bytes"]) == (2, "price list", 18)


def test_a_sealed_file_stands_in_the_inventory_without_rows(
    workspace: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("first,last\nAnn,Lee\n")
    (tmp_path / "backup.gpg").write_bytes(bytes(range(256)))
    sealed = LeakedSource(path="backup.gpg", format="sealed", secured="unknown")
    taken(workspace, tmp_path, entry(), sealed)
    row = workspace.read("inventory").row(1, named=True)
    assert (row["bytes"], row["rows"], row["secured"], row["covered_bytes"]) == (
        256,
        0,
        "unknown",
        None,
    )
    plain = sealed.model_copy(update={"secured": "no"})
    (problem,) = check(settings_of(tmp_path, entry(), plain))
    assert "a sealed file is encrypted; say whether its key is safe" in problem


def test_members_that_are_not_read_are_listed_with_the_reason(
    workspace: Workspace, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("rows.csv", "first,last\nAnn,Lee\n")
        archive.writestr("__MACOSX/._rows.csv", b"\0\1")
        archive.writestr("empty.csv", "")
    rows = taken(workspace, tmp_path, entry("a.zip"))
    assert rows["first_name"].to_list() == ["Ann"]
    listed = dict(workspace.read("skipped").select("path", "reason").rows())
    assert set(listed) == {"a.zip!__MACOSX/._rows.csv", "a.zip!empty.csv"}
    assert all(listed.values())


# --- joins ---------------------------------------------------------------------------------


def write_dump(root: Path, patients: str = "1,Ann,Lee\n2,Bo,Roe\n") -> tuple[LeakedSource, ...]:
    (root / "patients.csv").write_text("id,first,last\n" + patients)
    (root / "visits.csv").write_text("no,pat,on\n7,2,2025-01-02\n8,9,2025-01-03\n9,,\n")
    joins = [{"table": "patients", "path": "patients.csv", "on": {"pat": "id"}}]
    columns = {"first_name": "patients.first", "last_name": "patients.last", "last_visit_on": "on"}
    return entry("patients.csv"), entry("visits.csv", columns=columns, joins=joins)


def test_rows_take_names_by_key_and_keep_their_place(workspace: Workspace, tmp_path: Path) -> None:
    rows = taken(workspace, tmp_path, *write_dump(tmp_path))
    visits = rows.filter(pl.col("file_no") == 1)
    assert visits.select("row_no", "first_name", "last_visit_on").rows() == [
        (0, "Bo", "2025-01-02"),
        (1, None, "2025-01-03"),
        (2, None, None),
    ]
    assert workspace.read("inventory")["unjoined"].to_list() == [None, 2]


def test_a_key_that_names_two_rows_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    entries = write_dump(tmp_path, "1,Ann,Lee\n2,Bo,Roe\n2,Cy,Poe\n")
    with pytest.raises(OperatorError, match="id of table patients is no key: 1 rows"):
        taken(workspace, tmp_path, *entries)


def test_a_join_without_its_table_or_column_is_refused(tmp_path: Path) -> None:
    patients, visits = write_dump(tmp_path)
    (problem,) = check(settings_of(tmp_path, visits))
    assert "no entry reads table patients" in problem
    wrong = visits.model_copy(
        update={"joins": (visits.joins[0].model_copy(update={"on": {"pat": "key"}}),)}
    )
    (problem,) = check(settings_of(tmp_path, patients, wrong))
    assert "joins.on: no column key" in problem
