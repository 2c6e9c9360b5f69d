"""What `affected verify` finds in a workspace in which everything was done, and what a command refuses to read."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks.flips import flip_many, refused, release_all, verify_finds
from flows import gates
from flows.audit import audit_head
from flows.journal import JOURNAL, Journal
from flows.rounds import open_round
from flows.status import status
from flows.verify import exit_code, verify
from matching.chain import HEAD, LOG
from matching.store import Workspace
from tests.flow.conftest import Ran

FLIPS = 60


@pytest.fixture(scope="module")
def released(ran: Ran, approver: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything released once; copy it before changing it."""
    folder = tmp_path_factory.mktemp("released")
    shutil.copytree(ran.workspace, folder / "ws")
    release_all(folder, folder / "ws", approver)
    return folder / "ws"


@pytest.fixture
def root(released: Path, tmp_path: Path) -> Path:
    shutil.copytree(released, tmp_path / "ws")
    return tmp_path / "ws"


def test_a_workspace_in_which_everything_was_done_is_clean_and_wholly_recorded(root: Path) -> None:
    found = verify(root)
    assert exit_code(found) == 0, found
    assert found["unrecorded"] == found["told"] == []


def test_one_flipped_bit_is_found_wherever_it_is(root: Path) -> None:
    found = flip_many(root, FLIPS, seed=2)
    assert found["missed"] == []
    assert found["found_by_verify"] == found["found_by_reader"] == FLIPS
    assert found["clean_afterwards"]


def on_journal(root: Path, sql: str) -> None:
    with closing(sqlite3.connect(root / JOURNAL)) as db:
        assert db.execute(sql).rowcount > 0
        db.commit()


@pytest.mark.parametrize(
    "sql",
    [
        "insert into approvals values ('letters', 'd', 'NOBODY', '', '2026-03-20')",
        "update approvals set by = 'NOBODY' where gate = 'owners'",
        "delete from approvals where gate = 'owners'",
        "update steps set inputs = 'd' where step = 'link'",
        "update exports set state = 'exporting'",
    ],
)
def test_a_row_that_somebody_else_wrote_is_found_before_use(root: Path, sql: str) -> None:
    on_journal(root, sql)
    assert refused(lambda: status(root))
    assert verify_finds(root)


def test_a_row_that_was_changed_while_the_journal_lay_open_is_found(root: Path) -> None:
    workspace = Workspace.open(root)
    with pytest.raises(KeyboardInterrupt), workspace.database(JOURNAL):
        raise KeyboardInterrupt  # killed: the file's digest is not known
    found = verify(root)
    assert exit_code(found) == 0, found
    assert "journal.sqlite: open" in found["told"][0]
    on_journal(root, "insert into approvals values ('letters', 'd', 'NOBODY', '', '2026-03-20')")
    assert "a row of approvals" in verify(root)["damaged"][0]


def test_the_older_journal_put_back_is_found(root: Path, approver: str) -> None:
    older = (root / JOURNAL).read_bytes()
    Journal(Workspace.open(root)).forget("link")
    (root / JOURNAL).write_bytes(older)
    assert refused(lambda: status(root))
    assert verify_finds(root)


def _config(root: Path) -> None:
    path = root / "runs" / "1.json"
    stored = json.loads(path.read_text())
    stored["config"]["matching"]["merge_at_bits"] = 3.0
    path.write_text(json.dumps(stored, indent=1))


def _round_of_somebody(root: Path) -> None:
    shutil.copyfile(root / "runs" / "1.json", root / "runs" / "2.json")


@pytest.mark.parametrize(
    "change",
    [_config, _round_of_somebody, lambda root: (root / "runs" / "1.json").unlink()],
    ids=["changed", "added", "removed"],
)
def test_another_configuration_is_found_before_use(
    root: Path, change: Callable[[Path], Any]
) -> None:
    change(root)
    assert refused(lambda: status(root))
    assert verify_finds(root)


@pytest.mark.parametrize("name", ["link.json", "counts.json"])
def test_a_step_s_manifest_of_somebody_else_is_found(root: Path, name: str) -> None:
    path = root / "evidence" / "steps" / name
    stored = json.loads(path.read_text())
    stored["body"]["inputs"] = "0" * 64
    path.write_text(json.dumps(stored))
    assert verify_finds(root)
    path.unlink()
    assert verify_finds(root)


def test_an_older_log_with_its_head_is_found_by_all_that_it_lacks(
    root: Path, approver: str, tmp_path: Path
) -> None:
    for name in (HEAD, LOG):
        shutil.copyfile(root / name, tmp_path / Path(name).name)
    workspace, current = open_round(root)
    gates.approve(workspace, current, "owners", by=approver, note="again")
    workspace.write("bridge", workspace.read("bridge"))
    for name in (HEAD, LOG):
        shutil.copyfile(tmp_path / Path(name).name, root / name)
    assert verify_finds(root)


def test_a_workspace_put_back_whole_lacks_the_printed_head(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "older")
    workspace = Workspace.open(root)
    workspace.evidence.append("decide", by="LEAD", decisions=1)
    printed = audit_head(workspace)
    assert exit_code(verify(root, printed=[printed, printed[:16].upper()])) == 0
    older = verify(tmp_path / "older", printed=[printed[:16]])
    assert exit_code(older) == 7
    assert "cut off or put back" in older["damaged"][0]
    assert exit_code(verify(tmp_path / "older")) == 0, "nothing in it can tell: hence the paper"
    assert exit_code(verify(root, printed=[printed[:8]])) == 7, "too short to mean one line"


def test_what_is_released_bears_a_head_of_the_log(root: Path) -> None:
    known = {entry["hash"] for entry in Workspace.open(root).evidence.entries()}
    report = (root / "out" / "report.html").read_text()
    assert any(head in report for head in known)
    manifests = [
        *root.glob("out/packets/*/*/manifest.json"),
        *root.glob("out/batches/*/manifest.json"),
    ]
    assert len(manifests) > 2
    for path in manifests:
        said = json.loads(path.read_text())
        assert (said.get("audit_log") or said["made_from"]["audit_log"])["head"] in known
    readme = next(root.glob("out/packets/*/*/README.txt")).read_text()
    assert any(head in readme for head in known)


def test_a_table_that_was_purged_is_not_missed(root: Path) -> None:
    workspace = Workspace.open(root)
    workspace.drop("leaked", act="purge", by="LEAD")
    assert not [line for line in verify(root)["damaged"] if "leaked/manifest" in line]
