"""Purging: refused while anything stands in the way; proved; gone on with after a kill; evidence stays."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.purge
from flows.may_purge import six_years_after
from matching.errors import OperatorError
from matching.purged import purged
from matching.ring import FILE as RING
from matching.ring import derive
from matching.schema import Keep
from matching.store import Workspace
from matching.tables import KEEP, TABLES
from tests.flow.hand_made import Call, HandMade, Said, _ran_once, call, done
from tests.flow.recorded import own_key_file, rounds_as
from tests.killed_writes import Killed, kill_after

__all__ = ["_ran_once", "call", "done"]

WORKING = {name for name, keep in KEEP.items() if keep is Keep.WORKING}
TWO = ("--by", "LEAD", "--by", "SECOND")


@pytest.fixture
def ready(done: HandMade, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HandMade:
    """A finished run with a key file of its own, two people who may purge, and counsel's word."""
    done.edit("[people]\n", '[people]\nSECOND = ["purge"]\n')
    done.add("[counsel]\nworking_data_may_go_on = 2026-03-01\n")
    rounds_as(monkeypatch, incident_file=str(done.file))
    own_key_file(monkeypatch, done.folder / "ws", tmp_path)
    return done


def purge(call: Call, made: HandMade, what: str, *more: str) -> Said:
    return call("purge", made.folder / "ws", what, *TWO, "--leave-untold", *more)


def files_of(root: Path, names: set[str]) -> list[Path]:
    return [p for n in sorted(names) for p in (root / TABLES[n].kind / n).glob("part-*")]


def test_leaked_data_goes_and_evidence_stays(call: Call, ready: HandMade) -> None:
    root = ready.folder / "ws"
    before, copy = Workspace.open(root), ready.folder / "backup"
    shutil.copytree(root, copy)
    persons, pieces = before.read("persons"), before.read("pieces")
    said = purge(call, ready, "--leak", "--reason", "counsel", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["files"] == found["opened_before"] > 0
    assert (found["opened"], found["left"]) == (0, 0)
    assert found["tries"] == found["failures"] >= 4 * found["files"]
    assert [p for p in files_of(root, WORKING) if p.exists()] == []
    elsewhere = {file["path"] for file in found["to_be_destroyed_elsewhere"]}
    assert {"leaked.csv", "charts.csv"} <= elsewhere
    after = Workspace.open(root)
    assert purged(after) == WORKING
    assert after.read("persons").equals(persons)
    assert after.read("pieces").equals(pieces)
    for name in ("leaked", "pairs", "term_frequencies"):
        if after.rows(name):
            with pytest.raises(OperatorError, match=rf"table '{name}': purged"):
                after.read(name)
    checked = call("verify", root, "--json")
    assert (checked.code, json.loads(checked.out)["damaged"]) == (0, [])
    status = call("status", root, "--json")
    assert status.code == 0, status.err
    again = call("run", ready.file, "--workspace", root, "--engine", "local")
    assert (again.code, len(again.lines)) == (3, 1)
    assert "working data was purged" in again.err
    for command in ("packets", "export"):
        refused = call(command, root)
        assert (refused.code, len(refused.lines)) == (3, 1)
        assert "not run or released from" in refused.err
    assert not (root / "out" / "batches").exists(), "nothing is half released"
    assert call("table", root, "persons", "--out", ready.folder / "p.csv").code == 0
    one = call("table", root, "leaked", "--out", ready.folder / "l.csv")
    assert (one.code, len(one.lines)) == (3, 1)
    acts = [json.loads(line) for line in (root / "evidence/audit.jsonl").read_text().splitlines()]
    assert acts[-1]["act"] == "table"
    assert [a["by"] for a in acts if a["act"].startswith("purge --leak")] == ["LEAD and SECOND"] * 2
    nothing_of_a_backup_opens(copy, after, before)


def nothing_of_a_backup_opens(copy: Path, after: Workspace, before: Workspace) -> None:
    """A copy of the workspace of before, its keys.json included, is closed to the key file of now."""
    with pytest.raises(OperatorError, match="older copy"):
        Workspace.open(copy)
    left = [key.secret for key in after.keys.ring.keys] + [after.keys.store_key, after.keys.id_key]
    for path in files_of(copy, {"leaked"}):
        if path.suffix != ".parquet":
            continue
        for secret in left:
            closing = pl.ParquetDecryptionProperties(
                footer_key=derive(secret, f"tables/leaked/{path.name}")
            )
            with pytest.raises(pl.exceptions.ComputeError):
                pl.read_parquet(path, decryption=closing)
        key = before._part_key("leaked", path.name, before.keys.ring.newest(Keep.WORKING).id)
        opened = pl.read_parquet(path, decryption=pl.ParquetDecryptionProperties(footer_key=key))
        assert opened.height, "the control: with its key it opens"


def _hold(made: HandMade, call: Call) -> str:
    made.add(
        '[[holds]]\nkind = "court"\nofficial = "Judge"\nagency = "District Court"\n'
        "stated_on = 2026-03-10\n"
    )
    del call
    return "court hold of 2026-03-10 (District Court), without an end, stands in the way"


def _recorded_hold(made: HandMade, call: Call) -> str:
    made.put(
        "hold.toml",
        '[[hold]]\nkind = "regulator"\nofficial = "X"\nagency = "OCR"\nentity_id = "CE001"\n'
        "stated_on = 2026-03-10\nuntil = 2026-04-01\n",
    )
    assert call("record", made.folder / "ws", made.folder / "hold.toml", "--by", "LEAD").code == 0
    return "regulator hold of 2026-03-10 (OCR) for CE001, until 2026-04-01, stands in the way"


def _unsaid(made: HandMade, call: Call) -> str:
    made.edit("working_data_may_go_on = 2026-03-01\n", "")
    del call
    return "counsel has not said so; set counsel.working_data_may_go_on"


def _too_early(made: HandMade, call: Call) -> str:
    made.edit("may_go_on = 2026-03-01", "may_go_on = 2026-03-21")
    del call
    return "counsel said from 2026-03-21 on; today is 2026-03-20"


def _no_right(made: HandMade, call: Call) -> str:
    made.edit('SECOND = ["purge"]', 'SECOND = ["approve"]')
    del call
    return "[people]: SECOND may not purge; add the right"


@pytest.mark.parametrize("way", [_hold, _recorded_hold, _unsaid, _too_early, _no_right])
def test_what_stands_in_the_way_is_named(
    call: Call, ready: HandMade, way: Callable[[HandMade, Call], str]
) -> None:
    says, keys = way(ready, call), (ready.folder / "ws" / RING).read_bytes()
    said = purge(call, ready, "--leak")
    assert (said.code, len(said.lines), said.out) == (3, 1, "")
    assert says in said.err
    assert (ready.folder / "ws" / RING).read_bytes() == keys
    assert not list((ready.folder / "ws" / "evidence").glob("purge-*"))


@pytest.mark.parametrize("by", [(), ("LEAD",), ("LEAD", "LEAD"), ("LEAD", "SECOND", "VIEWER")])
def test_two_different_people_are_needed(call: Call, ready: HandMade, by: tuple[str, ...]) -> None:
    named = [part for name in by for part in ("--by", name)]
    said = call("purge", ready.folder / "ws", "--leak", *named)
    assert (said.code, len(said.lines)) == (2, 1)
    assert "two different people" in said.err


def test_everything_waits_for_six_years_and_for_pieces(call: Call, ready: HandMade) -> None:
    said = call("purge", ready.folder / "ws", "--all", *TWO)
    assert said.code == 3
    assert "kept until 2032-03-20 (45 CFR 164.530(j)), today is 2026-03-20" in said.err
    assert "still to be told: 6 pieces, 6 people who wait for their covered entity, 2" in said.err
    leak = call("purge", ready.folder / "ws", "--leak", *TWO)
    assert (leak.code, "--leave-untold" in leak.err) == (3, True)
    assert six_years_after(date(2028, 2, 29)) == date(2034, 3, 1)


def ten_years_on(made: HandMade) -> None:
    made.edit("as_of = 2026-03-20", "as_of = 2036-03-20")


def test_of_everything_only_the_certificate_stays(call: Call, ready: HandMade) -> None:
    ten_years_on(ready)
    root = ready.folder / "ws"
    key_file = Workspace.open(root).key_file
    stores = len(json.loads(key_file.read_text())["secrets"]["stores"])
    said = purge(call, ready, "--all", "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found["files"] == found["opened_before"] > 0
    assert found["tries"] == found["failures"]
    left = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    assert left == ["evidence/purge-1.json"]
    certificate = json.loads((root / left[0]).read_text())["said"]
    assert {t["table"] for t in certificate["tables"]} == set(TABLES)
    after = json.loads(key_file.read_text())["secrets"]["stores"] if key_file.exists() else {}
    assert len(after) == stores - 1
    assert call("status", root).code == 3


def interrupting(patch: pytest.MonkeyPatch, module: Any, name: str, after: int) -> None:
    """Kill at the call of a function after so many of it."""
    original, left = getattr(module, name), [after]

    def called(*arguments: Any, **options: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return original(*arguments, **options)

    patch.setattr(module, name, called)


PLACES = [
    ("planned", 0),
    ("write_signed", 0),
    ("write_signed", 1),
    ("drop_classes", 0),
    ("tidy", 0),
    ("_proved", 0),
    ("_unlink", 0),
    ("_left", 0),
    ("sync", 3),
    ("audit", 0),
]


@pytest.mark.parametrize(("name", "after"), [*PLACES, ("drop_store", 0), ("remove_rest", 0)])
def test_an_interrupted_purging_goes_on(
    call: Call, ready: HandMade, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    every = name in {"drop_store", "remove_rest"}
    scope = "all" if every or after == 1 else "leak"
    ten_years_on(ready)
    root = ready.folder / "ws"
    with monkeypatch.context() as patch:
        interrupting(patch, flows.purge, name, after)
        with pytest.raises(Killed):
            flows.purge.purge(root, scope, by=("LEAD", "SECOND"), leave_untold=True)
    if scope == "leak" and (root / "evidence" / "purge-1.begun.json").exists():
        refused = call("run", ready.file, "--workspace", root, "--engine", "local")
        assert "was purged" in refused.err, "a round now would find its people gone"
        other = call("purge", root, "--all", *TWO)
        assert (other.code, "--leak was begun here" in other.err) == (3, True)
    identity = json.loads((root / "workspace.json").read_text())
    found = flows.purge.purge(root, scope, by=("LEAD", "SECOND"), leave_untold=True)
    key_file = Path(os.environ["AFFECTED_KEY_FILE"])
    known = identity["store_id"] in (key_file.read_text() if key_file.exists() else "")
    assert known == (scope == "leak"), "the store's entry goes with all, also after a kill"
    assert found["files"] == found["opened_before"] > 0
    assert (found["opened"], found["left"]) == (0, 0)
    assert found["tries"] == found["failures"] > 0
    certificates = [p.name for p in (root / "evidence").glob("purge-*")]
    assert certificates == ["purge-1.json"]
    assert files_of(root, WORKING) == []


@pytest.mark.parametrize("writes", [1, 2])
def test_no_older_store_key_outlives_an_interrupted_purging(
    ready: HandMade, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """Killed while keys.json was being replaced, or just before the old key left the key file."""
    root = ready.folder / "ws"
    shutil.copytree(root, ready.folder / "backup")
    before = Workspace.open(root)

    with monkeypatch.context() as patch:
        kill_after(patch, writes)
        with pytest.raises(Killed):
            flows.purge.purge(root, "leak", by=("LEAD", "SECOND"), leave_untold=True)
    old = before.key_file.with_name(f".{before.key_file.name}.old")
    old.write_text(before.keys.store_key.hex())
    flows.purge.purge(root, "leak", by=("LEAD", "SECOND"), leave_untold=True)
    stored = b"".join(p.read_bytes() for p in before.key_file.parent.iterdir())
    assert before.keys.store_key.hex().encode() not in stored
    with pytest.raises(OperatorError, match="older copy"):
        Workspace.open(ready.folder / "backup")


def test_a_deleted_table_is_not_told_as_purged(ready: HandMade) -> None:
    """Without the incident's signature a certificate says nothing."""
    root = ready.folder / "ws"
    said = {"scope": "leak", "tables": [{"table": "leaked"}], "done_at": "2026-01-01"}
    forged = {"said": said, "signature": "00" * 64, "public_key": ""}
    (root / "evidence" / "purge-1.json").write_text(json.dumps(forged))
    assert purged(Workspace.open(root)) == frozenset()


def test_a_forged_certificate_does_not_remove_a_living_workspace(
    call: Call, ready: HandMade
) -> None:
    root = ready.folder / "ws"
    said = {"scope": "all", "tables": [], "done_at": "2026-01-01", "number": 1}
    (root / "evidence" / "purge-1.json").write_text(json.dumps({"said": said, "signature": ""}))
    assert purge(call, ready, "--all").code == 3
    assert Workspace.open(root).rows("persons") == 12


def test_another_workspaces_certificate_says_nothing_here(
    call: Call, ready: HandMade, tmp_path: Path
) -> None:
    """All workspaces of an incident sign with one key."""
    root = ready.folder / "ws"
    key_file = Workspace.open(root).key_file
    other, _ = Workspace.create(
        tmp_path / "other", incident_id="hand-made", synthetic=True, key_file=key_file
    )
    assert purge(call, ready, "--leak").code == 0
    shutil.copy2(root / "evidence" / "purge-1.json", other.root / "evidence" / "purge-1.json")
    assert purged(Workspace.open(root)) == WORKING
    assert purged(other) == frozenset()


def test_a_hold_that_came_after_a_killed_beginning_stands_in_the_way(
    call: Call, ready: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no key is gone nothing is decided, and the workspace can be run on."""
    root = ready.folder / "ws"
    with monkeypatch.context() as patch:
        interrupting(patch, flows.purge, "drop_classes", 0)
        with pytest.raises(Killed):
            flows.purge.purge(root, "leak", by=("LEAD", "SECOND"), leave_untold=True)
    says, keys = _hold(ready, call), (root / RING).read_bytes()
    said = purge(call, ready, "--leak")
    assert (said.code, len(said.lines)) == (3, 1)
    assert says in said.err
    assert (root / RING).read_bytes() == keys
    assert purged(Workspace.open(root)) == frozenset()
    assert Workspace.open(root).read("leaked").height == 12


def test_names_that_look_the_same_do_not_purge(call: Call, ready: HandMade) -> None:
    said = call("purge", ready.folder / "ws", "--leak", "--by", "LEAD", "--by", "L\u0435AD")
    assert (said.code, len(said.lines)) == (2, 1)
    assert "two different people" in said.err


def test_what_was_released_can_be_filed_and_recalled_after_purging(
    call: Call, ready: HandMade, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ready.folder / "ws"
    batch = Workspace.open(root).read("batches")["batch_id"][0]
    with monkeypatch.context() as patch:
        rounds_as(patch, incident_file="")
        assert call("approve", root, f"send:{batch}", "--by", "LEAD").code == 0
        assert call("export", root).code == 0
    assert purge(call, ready, "--leak").code == 0
    filed = call("filings", root)
    assert filed.code == 0, filed.err
    recalled = call("recall", root, batch, "--by", "LEAD", "--json")
    assert recalled.code == 0, recalled.err
    assert json.loads(recalled.out)["recalled"] == 6
