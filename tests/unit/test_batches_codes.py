"""Monitoring codes: given once and for ever, to those whose data ask for it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.store import OperatorError, Workspace
from notify import batches
from notify.batches import BatchesSettings
from notify.facts import Monitoring
from tests.batch_tables import SETTINGS, plan, release
from tests.notice_tables import MAILING, NOW

ASKING = {"elements": ["name", "ssn"]}
OTHERS = {"elements": ["name", "contact"]}
PEOPLE: list[dict[str, Any]] = [ASKING, OTHERS, {**ASKING, "entity": "CE4"}]


def _settings(tmp_path: Path, codes: list[str]) -> BatchesSettings:
    (tmp_path / "codes.csv").write_text("code\n" + "".join(f"{code}\n" for code in codes))
    monitoring = Monitoring(
        codes="codes.csv", months=12, enroll_by=date(2026, 9, 30), elements=("ssn", "bank_account")
    )
    mailing = MAILING.model_copy(update={"monitoring": monitoring})
    return SETTINGS.model_copy(update={"mailing": mailing, "root": tmp_path})


def _given(workspace: Workspace) -> dict[str, str]:
    pieces = workspace.read("pieces").filter(pl.col("is_seed") == "N", pl.col("cm_code").is_not_null())  # fmt: skip
    return dict(pieces.select("person_id", "cm_code").sort("person_id").iter_rows())


def test_those_with_the_kinds_get_a_code_each_and_decoys_a_dummy(
    workspace: Workspace, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, ["A-1", "A-2", "A-3"])
    plan(workspace, PEOPLE, settings)
    assert _given(workspace) == {"P00000": "A-1", "P00002": "A-2"}
    pieces = workspace.read("pieces")
    coded = pieces.filter(pl.col("cm_code").is_not_null())
    assert set(coded["cm_months"]) == {"12"}
    assert set(coded["cm_enroll_by"]) == {"2026-09-30"}
    seeds = pieces.filter(pl.col("is_seed") == "Y")["cm_code"].drop_nulls()
    assert len(seeds) > 0
    assert seeds.str.starts_with("SEED-").all()
    digest = workspace.digest("pieces")
    batches.run(workspace, settings)
    assert workspace.digest("pieces") == digest


def test_a_code_stays_its_owners_in_later_rounds_and_goes_to_nobody_else(
    workspace: Workspace, tmp_path: Path
) -> None:
    settings = _settings(tmp_path, ["A-1", "A-2", "A-3"])
    plan(workspace, PEOPLE, settings)
    release(workspace, settings)
    release(workspace, settings)
    given = dict(workspace.read("codes").select("person_id", "code").iter_rows())
    assert given == {"P00000": "A-1", "P00002": "A-2"}
    assert workspace.rows("codes") == 2
    folder = release(workspace, settings)
    batches.recall(workspace, folder.name, by="R", note="", as_of=NOW.date(), recorded_at=NOW)
    events = workspace.read("events")
    later = _settings(tmp_path, ["A-2", "A-1", "A-3", "A-4"])
    plan(workspace, [{"elements": ["ssn"]}, OTHERS, {**ASKING, "entity": "CE4"}, ASKING], later)
    assert workspace.rows("events") == events.height
    new = _given(workspace)
    assert {**new, **given} == new, "who had a code keeps it"
    assert new["P00003"] == "A-3"
    assert len(set(new.values())) == len(new)


def test_too_few_codes_are_refused_with_how_many_are_missing(
    workspace: Workspace, tmp_path: Path
) -> None:
    plan(workspace, PEOPLE)
    before = workspace.digest("pieces")
    with pytest.raises(OperatorError, match=r"mailing\.monitoring\.codes: 1 codes too few"):
        batches.run(workspace, _settings(tmp_path, ["A-1"]))
    assert workspace.digest("pieces") == before


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (["A-1", "A-1"], "0 codes that a letter cannot bear.*, 1 repeated"),
        (["=A1", "x" * 21, "SEED-0001"], "3 codes that a letter cannot bear"),
    ],
)
def test_a_list_with_faults_is_refused(
    workspace: Workspace, tmp_path: Path, codes: list[str], said: str
) -> None:
    plan(workspace, PEOPLE)
    with pytest.raises(OperatorError, match=said):
        batches.run(workspace, _settings(tmp_path, codes))


def test_a_missing_list_and_a_list_without_its_column_are_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    plan(workspace, PEOPLE)
    settings = _settings(tmp_path, ["A-1"])
    (tmp_path / "codes.csv").write_text("serial\nA-1\n")
    with pytest.raises(OperatorError, match="column 'code'"):
        batches.run(workspace, settings)
    (tmp_path / "codes.csv").unlink()
    with pytest.raises(OperatorError, match=r"codes\.csv: not found"):
        batches.run(workspace, settings)


def test_what_was_used_is_reconciled_with_the_list(workspace: Workspace, tmp_path: Path) -> None:
    settings = _settings(tmp_path, ["A-1", "A-2", "A-3"])
    plan(workspace, PEOPLE, settings)
    release(workspace, settings)
    said = json.loads((workspace.out / "monitoring" / "codes.json").read_text())
    assert {k: said[k] for k in ("listed", "used", "unused", "unknown")} == {
        "listed": 3, "used": 2, "unused": 1, "unknown": 0,
    }  # fmt: skip
    assert (workspace.out / "monitoring" / "unused_codes.csv").read_text() == "code\nA-3\n"
    changed = _settings(tmp_path, ["A-1", "B-1"])
    batches.codes.reconcile(workspace, changed)
    said = json.loads((workspace.out / "monitoring" / "codes.json").read_text())
    assert (said["used"], said["unused"], said["unknown"]) == (1, 1, 1)


def test_an_unknown_kind_of_data_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind shoe_size"):
        Monitoring(codes="c", months=1, enroll_by=date(2026, 9, 30), elements=("shoe_size",))
