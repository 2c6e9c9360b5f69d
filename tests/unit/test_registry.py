"""Released people are registered once, with the mention their id came from."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from matching.store import Workspace
from notify.registry import release_ids
from tests.notice_tables import NOW, build


def test_a_person_is_registered_with_every_mention_and_only_once(workspace: Workspace) -> None:
    build(workspace, [{}, {}])
    one = pl.DataFrame({"person_id": ["P00001", "P00001"]})
    assert release_ids(workspace, one, recorded_at=NOW) == 2
    assert release_ids(workspace, one, recorded_at=NOW + timedelta(days=1)) == 0
    rows = workspace.read("registry").sort("role")
    assert rows["person_id"].to_list() == ["P00001", "P00001"]
    assert rows["role"].to_list() == ["chart", "patient"]
    assert rows["minted_by"].to_list() == [False, True]
    assert rows["file_sha256"].to_list() == [f"{2:064d}", f"{1:064d}"]


def test_a_new_mention_of_a_released_person_is_added_and_mints_nothing(
    workspace: Workspace,
) -> None:
    build(workspace, [{}])
    members = workspace.read("members")
    workspace.write("members", members.filter(side="master"))
    people = members.select("person_id")
    assert release_ids(workspace, people, recorded_at=NOW) == 1
    workspace.write("members", members)
    assert release_ids(workspace, people, recorded_at=NOW) == 1
    rows = workspace.read("registry").sort("role")
    assert rows["minted_by"].to_list() == [True, False]


def test_people_registered_in_ranges_are_the_same(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(workspace, [{} for _ in range(4)])
    people = workspace.read("persons", ["person_id"]).head(3)
    release_ids(workspace, people, recorded_at=NOW)
    whole = workspace.read("registry").sort("person_id", "role")
    workspace.drop("registry")
    monkeypatch.setattr("notify.registry.MEMBERS_AT_ONCE", 1)
    assert release_ids(workspace, people, recorded_at=NOW) == whole.height == 6
    assert workspace.read("registry").sort("person_id", "role").equals(whole)


def test_nobody_released_writes_nothing(workspace: Workspace) -> None:
    build(workspace, [{}])
    nobody = pl.DataFrame(schema={"person_id": pl.String})
    assert release_ids(workspace, nobody, recorded_at=NOW) == 0
    assert workspace.rows("registry") == 0
