"""The step on a workspace: excluded rows stay out, changes are counted, shared values are listed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.intake import IntakeSettings, register_files
from matching.intake import run as intake
from matching.sources import LeakedSource, MasterSource
from matching.standardise import (
    StandardiseSettings,
    contacts,
    distinct,
    names,
    nonidentifying,
    run,
    shared_value,
)
from matching.standardise.distinct import Cleaning, Known
from matching.store import Workspace
from matching.tables import TABLES

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
    run(workspace, StandardiseSettings(**more))


def test_each_file_has_its_date_order(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    dates = workspace.read("leaked_std").select("first_name", "date_of_birth").rows()
    assert dates == [(n, "1980-03-05") for n in ("ANN", "CY", "DI", "ED", "FLO")] + [
        ("GUS", "1980-05-03")
    ]


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


def files_of(workspace: Workspace, name: str) -> set[tuple[str, str]]:
    manifest = workspace.manifest(name)
    return {(part.file, part.file_sha256) for part in manifest.parts} if manifest else set()


def test_only_parts_of_changed_files_are_cleaned_again(workspace: Workspace, root: Path) -> None:
    standardised(workspace, root)
    leaked, charts = files_of(workspace, "leaked_std"), files_of(workspace, "charts_std")
    digests = [workspace.digest(name) for name in ("leaked_std", "changes")]
    workspace.publish_complete()
    write(root / "b2.csv", [{"first_name": "Ida", "date_of_birth": "13/5/1980"}])
    standardised(workspace, root)
    assert files_of(workspace, "charts_std") == charts
    assert files_of(workspace, "leaked_std") > leaked
    (root / "b2.csv").unlink()
    standardised(workspace, root)
    assert [workspace.digest(name) for name in ("leaked_std", "changes")] == digests


def test_values_met_before_are_cleaned_as_new_ones() -> None:
    known = Known()
    values = [pl.Series("raw", v, dtype=pl.String) for v in (["bo", None], ["ann", "bo"], [None])]
    for some in values:
        for cleaner in (names.clean_first, names.clean_last):
            expected = cleaner(pl.LazyFrame({"raw": some})).drop("raw").collect()
            assert known.cleaned(cleaner, some).equals(expected)


def test_no_more_values_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct, "KEPT_VALUES", 3)
    known = Known()
    for letters in ("ab", "cd", "ce"):
        raw = pl.Series("raw", list(letters), dtype=pl.String)
        found = known.cleaned(names.clean_first, raw)["first_name"]
        assert found.to_list() == list(letters.upper())
    assert known.results[names.clean_first].height == 2


def test_shared_values_of_few_buckets_agree_with_plain_counting(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonidentifying, "BUCKETS_BITS", 3)
    monkeypatch.setattr(nonidentifying, "MANY", 4)
    rows = pl.DataFrame({"chart_id": range(400)}).with_columns(
        phone=(pl.col("chart_id") ** 2 % 97).cast(pl.String),
        street=pl.when(pl.col("chart_id") % 3 > 0).then((pl.col("chart_id") % 40).cast(pl.String)),
        zip5=pl.when(pl.col("chart_id") % 2 > 0).then(pl.lit("20701")),
        first_name=(pl.col("chart_id") % 7).cast(pl.String),
        deceased=False,
        confidential=False,
    )
    workspace.write("charts_std", TABLES["charts_std"].complete(rows))
    people = pl.col("first_name").n_unique().cast(pl.Int64).alias("people")
    plain = [
        rows.group_by(value=shared_value(field)).agg(people).with_columns(field=pl.lit(field))
        for field in ("phone", "street")
    ]
    expected = pl.concat(plain).drop_nulls("value").filter(pl.col("people") > 5)
    found = nonidentifying.shared_values(workspace, over=5)
    assert found.height > 3
    assert found.rows() == expected.sort("field", "value").select(found.columns).rows()


@pytest.mark.parametrize("seeds_that_collide", [0, 1])
def test_distinct_values_also_where_hashes_collide(
    monkeypatch: pytest.MonkeyPatch, seeds_that_collide: int
) -> None:
    plain = pl.Series.hash

    def colliding(values: pl.Series, seed: int = 0) -> pl.Series:
        return plain(values, seed) % 2 if seed < seeds_that_collide else plain(values, seed)

    monkeypatch.setattr(pl.Series, "hash", colliding)
    raw = pl.Series("x", ["b", None, "a", "b", "c", None, ""], dtype=pl.String)
    values, places = distinct._distinct(raw)
    assert values.to_list() == ["b", None, "a", "c", ""]
    assert values.gather(places).to_list() == raw.to_list()


def test_a_column_of_own_values_is_cleaned_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = pl.Series("x", [f"555-{n:07d}" if n % 9 else "000-000-0000" for n in range(60)])
    cleaner = contacts.clean_phone("phone")
    by_value = Cleaning(60)
    expected = by_value.add("phone", raw, cleaner)
    monkeypatch.setattr(distinct, "_own", lambda _: True)
    directly = Cleaning(60)
    assert directly.add("phone", raw, cleaner).equals(expected)
    assert directly.changes == by_value.changes
    assert {k: v.to_list() for k, v in directly.flags.items()} == {
        k: v.to_list() for k, v in by_value.flags.items()
    }
