"""Export in two phases: killed between any two writes, a batch comes out once and whole. And its recall."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import matching.evidence
import matching.store
from flows.integrity import look
from flows.journal import Journal
from matching.store import IntegrityError, OperatorError, Workspace
from matching.tables import TABLES
from notify import batches
from notify.batches.folder import unlisted
from notify.ledger import figure_d
from notify.ledger.fold import pieces
from tests.batch_tables import MAILED, PEOPLE, SETTINGS, plan, release, vendor_key, with_profile
from tests.notice_tables import AS_OF, NOW

import polars as pl  # isort: skip
import pysequoia  # isort: skip

LATER = datetime(2026, 3, 22, 12, tzinfo=UTC)


class KilledError(BaseException):
    """Stands for kill -9: nothing catches it."""


def _whole(workspace: Workspace, folder: Path) -> dict[str, Any]:
    said = json.loads(workspace.get_output(f"batches/{folder.name}/manifest.json"))
    return {
        "manifest": {**said, "files": [(f["name"], f["sha256"]) for f in said["files"]]},
        "names": sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()),
        "events": sorted(workspace.read("events")["event_id"]),
        "registry": workspace.rows("registry"),
        "state": Journal(workspace).export_states(),
    }


def test_killed_between_any_two_writes_it_comes_out_once_and_whole(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, armor = vendor_key()
    pinned = pysequoia.Cert.from_bytes(armor.encode()).fingerprint
    key = f"[openpgp]\nkey = '''{armor}'''\nfingerprint = '{pinned}'\n"
    settings = with_profile(tmp_path, key)
    plan(workspace, PEOPLE, settings)
    untouched = tmp_path / "untouched"
    shutil.copytree(workspace.root, untouched)
    given = {"approved_at": {}, "config_sha256": "c"}
    folder = release(workspace, settings, journal=Journal(workspace), **given)
    expected = _whole(workspace, folder)
    assert expected["state"] == {folder.name: "exported"}
    assert look(workspace).damaged == []
    writes = _kill_at(monkeypatch, 10_000)
    again = _fresh(workspace, untouched)
    release(again, settings, journal=Journal(again), **given)
    total = writes["done"]
    assert total > 15
    for number in range(0, total, 2):  # head, file, head: odd and even writes are of every kind
        fresh = _fresh(workspace, untouched)
        with monkeypatch.context() as patch:
            _kill_at(patch, number)
            with pytest.raises(KilledError):
                release(fresh, settings, journal=Journal(fresh), **given)
        made = release(fresh, settings, journal=Journal(fresh), **given)
        assert _whole(fresh, made) == expected, f"killed at write {number}"


def _fresh(workspace: Workspace, untouched: Path) -> Workspace:
    shutil.rmtree(workspace.root)
    shutil.copytree(untouched, workspace.root)
    return Workspace.open(workspace.root)


def _kill_at(patch: pytest.MonkeyPatch, number: int) -> dict[str, int]:
    """Die at the n-th durable write: files, inbox parts, journal rows; gives how many there were."""
    count = {"done": 0}

    def counted(original: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if count["done"] == number:
                raise KilledError
            count["done"] += 1
            return original(*args, **kwargs)

        return wrapped

    patch.setattr(matching.store, "replacing", counted(matching.store.replacing))
    patch.setattr(matching.evidence, "replacing", counted(matching.evidence.replacing))
    patch.setattr(Journal, "_export", counted(Journal._export))
    return count


def test_the_journal_knows_what_the_manifest_cannot_list(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace, journal=Journal(workspace))
    assert {".done", "manifest.json", "manifest.sig"} == set(unlisted(workspace, folder.name))
    (folder / "manifest.sig").write_bytes(b"another")
    (folder / ".done").unlink()
    damaged = look(workspace).damaged
    assert [line.split("/")[-1].split(":")[0] for line in damaged] == [".done", "manifest.sig"]


def test_the_manifest_says_when_it_was_approved_not_when_it_was_written(
    workspace: Workspace,
) -> None:
    plan(workspace, PEOPLE)
    batch = workspace.read("batches")["batch_id"][0]
    times = {batch: "2026-03-20T09:00:00+00:00"}
    folder = release(workspace, approvals={batch: ["A", "B"]}, approved_at=times)
    said = json.loads((folder / "manifest.json").read_text())
    assert (said["generated_at"], said["approvals"]) == (times[batch], ["A", "B"])


def _recall(workspace: Workspace, batch: str) -> batches.Recalled:
    return batches.recall(
        workspace, batch, by="R. Vance", note="wrong return address", as_of=AS_OF, recorded_at=LATER
    )


def _event(workspace: Workspace, piece: str, kind: str) -> None:
    known = workspace.read("events").filter(piece_id=piece, kind="exported")
    row = known.with_columns(
        event_id=pl.lit(f"{kind}{piece}"), kind=pl.lit(kind), dated_on=pl.lit(date(2026, 3, 21))
    )
    workspace.append("events", TABLES["events"].complete(row))


def test_a_recall_stops_what_is_not_mailed_yet_and_leaves_the_files(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)
    before = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    ids = workspace.read("events")["piece_id"].sort().to_list()
    for piece, kind in zip(ids, ("dropped", "returned", "rejected"), strict=False):
        _event(workspace, piece, kind)
    done = _recall(workspace, folder.name)
    assert (done.pieces, done.past) == (MAILED - 3, 3)
    said = json.loads(done.file.read_text())
    assert said["mailpiece_ids"] == ids[3:]
    assert said["pieces"] == {"batch": MAILED, "recalled": MAILED - 3, "past": 3}
    key = load_pem_public_key((folder / "RECALL.signing_key.pem").read_bytes())
    key.verify((folder / "RECALL.sig").read_bytes(), done.file.read_bytes())  # type: ignore[union-attr,call-arg]
    assert {name: (folder / name).read_bytes() for name in before} == before
    states = dict(pieces(workspace).select("piece_id", "state").collect().iter_rows())
    assert [states[piece] for piece in ids] == ["mailed", "returned", "rejected"] + ["recalled"] * 2
    assert figure_d(workspace) == 0


def test_a_recall_is_refused_for_the_unknown_and_the_second_time(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    planned = workspace.read("batches")["batch_id"][0]
    for batch in ("NOPE", "../batches", planned):
        with pytest.raises(OperatorError, match="never exported"):
            _recall(workspace, batch)
    assert workspace.rows("events") == 0
    _recall(workspace, release(workspace).name)
    events = workspace.rows("events")
    with pytest.raises(OperatorError, match="recalled before"):
        _recall(workspace, planned)
    assert workspace.rows("events") == events == 2 * MAILED


def test_a_killed_recall_is_finished_by_the_next_call(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "put_output", killed)
        with pytest.raises(KilledError):
            _recall(workspace, folder.name)
    assert _recall(workspace, folder.name).pieces == MAILED
    assert workspace.rows("events") == 2 * MAILED


def test_export_without_a_journal_still_says_everything(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    batch = workspace.read("batches")["batch_id"][0]
    batches.export(workspace, SETTINGS, batches=[batch], recorded_at=NOW)
    journal = Journal(workspace)
    assert journal.export_states() == {}
    assert batches.settle(workspace, SETTINGS, recorded_at=LATER, journal=journal) == 0
    assert journal.export_states() == {batch: "exported"}


def test_a_batch_that_somebody_declares_done_is_written_all_the_same(workspace: Workspace) -> None:
    """Else its people count as written to, and nobody ever is."""
    plan(workspace, PEOPLE)
    batch = workspace.read("batches")["batch_id"][0]
    folder = workspace.out / "batches" / batch
    folder.mkdir(parents=True)
    (folder / ".done").touch()
    assert batches.settle(workspace, SETTINGS, recorded_at=NOW) == 0
    assert release(workspace) == folder
    assert len(list(folder.iterdir())) > 5


@pytest.mark.parametrize("gone", [".done", "MAIL_v1.csv", ""])
def test_a_released_batch_is_not_written_a_second_time(workspace: Workspace, gone: str) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)
    shutil.rmtree(folder) if not gone else (folder / gone).unlink()
    with pytest.raises(IntegrityError, match=r"out/batches/.*missing"):
        release(workspace)
    assert not (folder / (gone or ".done")).exists()


def test_a_released_batch_that_was_changed_is_refused(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)
    with (folder / "MAIL_v1.csv").open("ab") as mail:
        mail.write(b"x")
    with pytest.raises(IntegrityError, match=r"MAIL_v1\.csv: damaged"):
        release(workspace)


def test_a_file_put_into_a_released_batch_is_found(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)
    (folder / "MAIL_v2.csv").touch()
    assert [line.split(":")[0] for line in look(workspace).damaged] == [
        f"out/batches/{folder.name}/MAIL_v2.csv"
    ]


def test_a_recall_is_not_stopped_by_a_file_of_somebody_else(workspace: Workspace) -> None:
    plan(workspace, PEOPLE)
    folder = release(workspace)
    (folder / "RECALL.json").write_text("{}")
    assert _recall(workspace, folder.name).pieces == MAILED
    with pytest.raises(OperatorError, match="recalled before"):
        _recall(workspace, folder.name)
