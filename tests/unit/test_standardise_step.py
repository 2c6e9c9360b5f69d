"""The step on a workspace: excluded rows stay out, changes are counted, shared values are listed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.intake import IntakeSettings, date_orders, register_files
from matching.intake import run as intake
from matching.sources import LeakedSource, MasterSource
from matching.standardise import StandardiseSettings, run, shared_value
from matching.store import Workspace

FIELDS = ("first_name", "last_name", "date_of_birth", "phone", "street", "zip", "ssn")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(FIELDS, pl.String))
    frame.write_csv(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two leaked files with different date orders, and charts."""
    same = {"phone": "202-456-1111", "street": "1 Main St", "zip": "20701"}
    names = ["Ann", "Cy", "Di", "Ed", "Flo"]
    write(
        tmp_path / "a.csv",
        [
            {"first_name": n, "last_name": "Bell", "date_of_birth": "3/5/1980", **same}
            for n in names
        ],
    )
    write(
        tmp_path / "b.csv",
        [
            {"first_name": "Gus", "date_of_birth": "3/5/1980"},
            {"first_name": "Test", "last_name": "Patient"},
        ],
    )
    write(tmp_path / "m.csv", [{"first_name": "Hal", "ssn": "999-99-9999", **same}])
    (tmp_path / "e.csv").write_text("entity_id,legal_name\nCE1,One\n")
    return tmp_path


def standardised(workspace: Workspace, root: Path, **more: Any) -> None:
    columns = {name: name for name in FIELDS}
    settings = IntakeSettings(
        root=root,
        leaked=(
            LeakedSource(path="a.csv", format="csv", columns=columns),
            LeakedSource(path="[b]*.csv", format="csv", columns=columns, date_order="dmy"),
        ),
        masters=(MasterSource(path="m.csv", format="csv", columns=columns, entity="CE1"),),
        entities="e.csv",
    )
    register_files(workspace, settings, recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
    intake(workspace, settings)
    run(workspace, StandardiseSettings(date_order_by_path=date_orders(settings), **more))


def test_each_file_has_its_date_order(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    dates = workspace.read("leaked_std").select("first_name", "date_of_birth").rows()
    assert dates == [(n, "1980-03-05") for n in ("ANN", "CY", "DI", "ED", "FLO")] + [
        ("GUS", "1980-05-03")
    ]


def test_date_order_by_the_glob_of_the_incident_file(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    before = workspace.read("leaked_std")
    run(workspace, StandardiseSettings(date_order_by_path={"?.csv": "mdy", "b.csv": "dmy"}))
    assert workspace.read("leaked_std")["date_of_birth"].unique().to_list() == ["1980-03-05"]
    run(workspace, StandardiseSettings(date_order_by_path={"b*.csv": "dmy"}))
    assert workspace.read("leaked_std").equals(before)


def test_excluded_rows_stay_out(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    assert workspace.rows("leaked") == 7
    assert workspace.rows("leaked_std") == 6


def test_changes_are_counted_by_side_field_and_rule(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    changes = {row[:3]: row[3] for row in workspace.read("changes").iter_rows()}
    assert changes["master", "ssn", "ssn_placeholder"] == 1
    assert changes["leaked", "date_of_birth", "rewritten"] == 6
    assert changes["leaked", "state", "state_from_zip"] == 5
    assert ("leaked", "ssn", "ssn_placeholder") not in changes


def test_values_of_too_many_people_on_both_sides(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root, nonidentifying_over=5)
    assert workspace.read("nonidentifying").rows() == [
        ("phone", "2024561111", 6),
        ("street", "1 MAIN ST|20701", 6),
    ]
    leaked = workspace.read("leaked_std").select(street=shared_value("street"))["street"]
    assert leaked.to_list() == ["1 MAIN ST|20701"] * 5 + [None]


def test_one_person_more_is_needed(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root, nonidentifying_over=6)
    assert workspace.rows("nonidentifying") == 0


def test_a_person_with_many_rows_is_one(workspace: Workspace, root: Path) -> None:
    write(root / "a.csv", [{"first_name": "Ann", "phone": "202-456-1111"}] * 40)
    standardised(workspace, root, nonidentifying_over=2)
    assert workspace.rows("nonidentifying") == 0


def test_no_rows_at_all(workspace: Workspace) -> None:
    run(workspace, StandardiseSettings())
    assert all(
        workspace.rows(name) == 0
        for name in ("leaked_std", "charts_std", "changes", "nonidentifying")
    )
