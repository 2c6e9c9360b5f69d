"""Workers of a cluster: the same pairs as threads make, also when one dies; and what goes wrong there."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from distributed import LocalCluster, Security

from flows import step_settings
from flows.settings import load_incident
from flows.steps import NOT_IN_DIGEST
from flows.system import told_by_system
from matching.errors import OperatorError, TryAgainLater
from matching.link import LinkSettings, progress, remote, run, worker
from matching.link.chunks import Chunks, Made
from matching.link.settings import Cluster
from matching.store import Workspace, Writer, locked
from matching.tables import TABLES
from tests.flow.hand_made import Call, HandMade, call, incident
from tests.link_people import damaged, people, write_std

__all__ = ["call", "incident"]

PEOPLE = 300
SETTINGS = LinkSettings(model="dental", train="never", threads=1, memory_gib=2, chunk_rows=100)
KINDS = ("leaked_master", "master_master")
"""The second depends on what the first found; leaked_leaked is made as the first."""
PARTS = len(KINDS) * -(-PEOPLE // SETTINGS.chunk_rows)


@dataclass(frozen=True)
class TwoWorkers:
    """A cluster of two processes, and how to reach it."""

    local: LocalCluster
    files: dict[str, Path]

    def settings(self, shared: Path) -> LinkSettings:
        cluster = Cluster(scheduler=self.local.scheduler_address, shared=shared, **self.files)
        return SETTINGS.model_copy(update={"cluster": cluster})


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The key in the environment that workers are started with."""
    path = tmp_path_factory.mktemp("keys") / "key.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTED_KEY_FILE", str(path))
        yield path


@pytest.fixture(scope="module")
def two_workers(key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkers]:
    security = Security.temporary()
    folder = tmp_path_factory.mktemp("tls")
    files = {}
    for name, text in (
        ("tls_ca", security.tls_ca_file),
        ("tls_cert", security.tls_client_cert),
        ("tls_key", security.tls_client_key),
    ):
        files[name] = folder / f"{name}.pem"
        files[name].write_text(text)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, security=security,
        host="127.0.0.1", dashboard_address=":0", silence_logs=logging.CRITICAL,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as local:  # fmt: skip
        yield TwoWorkers(local, files)


def filled(root: Path, key_file: Path) -> Workspace:
    made, _ = Workspace.create(root, incident_id="t", synthetic=True, key_file=key_file)
    everyone = people(PEOPLE)
    write_std(made, damaged(everyone, seed=1), damaged(everyone, seed=2))
    return made


@pytest.fixture(scope="module")
def digest(key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Content of `pairs` as threads of one process make it, in one chunk a kind."""
    workspace = filled(tmp_path_factory.mktemp("here") / "ws", key_file)
    run(workspace, SETTINGS.model_copy(update={"chunk_rows": 10_000}), kinds=KINDS)
    assert workspace.rows("pairs") > PEOPLE
    return str(workspace.digest("pairs"))


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path, key_file: Path) -> Workspace:
    return filled(tmp_path / "ws", key_file)


def test_a_killed_worker_changes_nothing(
    workspace: Workspace, shared: Path, two_workers: TwoWorkers, digest: str, key_file: Path
) -> None:
    seen: dict[str, bytes] = {}
    killed = []

    def kill_midway() -> None:
        while len(list(shared.glob("t-*/tables/pairs/part-*.note"))) < 2:
            time.sleep(0.005)
        victim = next(iter(two_workers.local.workers.values())).pid
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)
        for path in shared.rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                seen[path.name] = path.read_bytes()

    killer = threading.Thread(target=kill_midway, daemon=True)
    killer.start()
    run(workspace, two_workers.settings(shared), kinds=KINDS)
    killer.join(10)
    assert killed
    assert workspace.digest("pairs") == digest
    assert list(shared.iterdir()) == []
    everything = b"".join(seen.values())
    assert b"store_key" not in everything
    assert workspace.keys.store_key.hex().encode() not in everything
    assert str(key_file).encode() not in everything
    assert b"SMITH" not in everything


def test_what_a_stopped_run_had_made_is_not_made_again(
    workspace: Workspace,
    shared: Path,
    two_workers: TwoWorkers,
    digest: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = progress.Progress.done
    calls = []

    def stops(self: progress.Progress, made: Made) -> None:
        calls.append(made)
        if len(calls) == 3:
            raise KeyboardInterrupt
        done(self, made)

    monkeypatch.setattr(progress.Progress, "done", stops)
    with pytest.raises(KeyboardInterrupt):
        run(workspace, two_workers.settings(shared), kinds=KINDS)
    monkeypatch.undo()
    (left,) = shared.iterdir()
    assert left.stat().st_mode & 0o077 == 0
    make, again = Chunks.make, []

    def counted(self: Chunks, part: int, writer: Writer) -> Made:
        again.append(part)
        return make(self, part, writer)

    monkeypatch.setattr(Chunks, "make", counted)
    run(workspace, SETTINGS, kinds=KINDS)
    assert 0 < len(again) <= PARTS - len(calls)
    assert workspace.digest("pairs") == digest


def test_a_rule_that_a_worker_refuses_is_told_with_its_commonest_values(
    workspace: Workspace, shared: Path, two_workers: TwoWorkers
) -> None:
    strict = {"pair_budget": 2_000, "over_budget": "refuse"}
    with pytest.raises(OperatorError, match=r"on a worker: blocking rule .* over_budget"):
        run(workspace, two_workers.settings(shared).model_copy(update=strict), kinds=KINDS)
    assert workspace.rows("over_budget") > 0
    assert not workspace.has("common_leaked_master")


def test_what_is_too_common_comes_home_before_the_first_part(
    workspace: Workspace,
    shared: Path,
    two_workers: TwoWorkers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stops(self: progress.Progress, made: Made) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress.Progress, "done", stops)
    few = {"pair_budget": 2_000}
    with pytest.raises(KeyboardInterrupt):
        run(workspace, two_workers.settings(shared).model_copy(update=few), kinds=KINDS)
    assert workspace.rows("common_leaked_master") > 0


def test_a_part_is_taken_once_it_is_whole(workspace: Workspace, shared: Path) -> None:
    branch = workspace.branch(shared / "t-0")
    here, there = (Writer(of, TABLES["pairs"], "k" * 64) for of in (workspace, branch))
    assert not here.take(0, there)
    there.put(0, TABLES["pairs"].empty())
    (part,) = (branch.root / "tables" / "pairs").glob("*.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:-1])
    assert not here.take(0, Writer(branch, TABLES["pairs"], "k" * 64))
    part.write_bytes(whole)
    assert here.take(0, there)
    assert here.scan(0).collect().is_empty()


def test_a_table_is_lent_again_where_it_changed(workspace: Workspace, shared: Path) -> None:
    branch = workspace.branch(shared / "t-0")
    for rows in (1, 2):
        workspace.write("nonidentifying", pl.DataFrame({"field": ["phone"] * rows, "value": ["1", "2"][:rows], "people": [40] * rows}))  # fmt: skip
        workspace.lend("nonidentifying", branch)
        opened = Workspace.open(branch.root)
        assert opened.digest("nonidentifying") == workspace.digest("nonidentifying")
        assert opened.read("nonidentifying").height == rows


def test_exchanges_of_other_inputs_are_removed(shared: Path) -> None:
    mine, stale, used, longer = (shared / f"t-{end}" for end in ("0" * 12, "1" * 12, "2" * 12, "x-" + "0" * 12))  # fmt: skip
    for folder in (mine, stale, used, longer):
        folder.mkdir()
    with locked(used / ".lock"):
        remote._remove_left_behind(shared, "t", mine)
    assert sorted(shared.iterdir()) == [mine, used, longer]


def test_a_worker_without_the_key_says_so(
    workspace: Workspace, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch = workspace.branch(shared / "t-0")
    (branch.root / worker.ORDER).write_text(f'{{"version": {worker.VERSION}}}')
    monkeypatch.setenv("AFFECTED_KEY_FILE", "/nowhere/key.json")
    told = worker.make_part(str(branch.root), "leaked_master", 0)
    assert told == worker.Failed("OperatorError", "key file /nowhere/key.json: not found; put the incident's key there")  # fmt: skip
    error = remote._raised(told)
    assert isinstance(error, OperatorError)
    assert str(error).startswith("on a worker: key file")


def test_a_worker_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / worker.ORDER).write_text('{"version": 0}')
    told = worker.make_part(str(tmp_path), "leaked_master", 0)
    assert isinstance(told, worker.Failed)
    assert "install the same there" in told.text


def test_a_worker_tells_type_and_place_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_: Path) -> None:
        raise ValueError("Zylphia Quennerby")

    monkeypatch.setattr(worker, "_opened", breaks)
    told = worker.make_part(str(tmp_path), "leaked_master", 0)
    assert isinstance(told, worker.Failed)
    shown = f"{told!r} {remote._raised(told)!r}"
    assert "ValueError" in shown
    assert "breaks" in shown
    assert "Quennerby" not in shown


@pytest.mark.parametrize(
    "error", [OSError(ENOSPC, "full", "/x"), RuntimeError("IO: No space left on device")]
)
def test_a_full_disk_of_a_worker_is_told_as_such(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise error

    monkeypatch.setattr(worker, "_opened", full)
    told = worker.make_part(str(tmp_path), "leaked_master", 0)
    assert isinstance(told, worker.Failed)
    assert isinstance(told_by_system(remote._raised(told)), TryAgainLater)


def test_a_scheduler_that_does_not_answer(
    workspace: Workspace,
    shared: Path,
    two_workers: TwoWorkers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "ANSWER_WITHIN_S", 0.5)
    found = two_workers.settings(shared).cluster
    assert found is not None
    nobody = found.model_copy(update={"scheduler": "tls://127.0.0.1:9"})
    with pytest.raises(TryAgainLater, match="does not answer"):
        run(workspace, SETTINGS.model_copy(update={"cluster": nobody}))
    assert list(shared.iterdir()) == []
    wrong = found.model_copy(update={"tls_cert": found.tls_key, "tls_key": found.tls_ca})
    with pytest.raises(OperatorError, match="tls_cert"):
        run(workspace, SETTINGS.model_copy(update={"cluster": wrong}))


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line sets is unset again."""
    for name in ("AFFECTED_SCHEDULER", "AFFECTED_SHARED"):
        monkeypatch.setenv(name, "")


@pytest.mark.usefixtures("no_cluster")
def test_a_scheduler_without_tls_is_refused_before_anything_is_written(
    call: Call, incident: HandMade, shared: Path
) -> None:
    before = sorted(incident.folder.iterdir())
    said = call("run", incident.file, "--scheduler", "tcp://127.0.0.1:8786", "--shared", shared)
    assert said.code == 3
    assert said.lines == [
        "affected: --scheduler tcp://127.0.0.1:8786: without TLS; give a tls:// address",
        *(
            f"{incident.file}: dask.{key}: needed with --scheduler; name a PEM file"
            for key in ("tls_ca", "tls_cert", "tls_key")
        ),
    ]
    assert sorted(incident.folder.iterdir()) == before
    alone = call("run", incident.file, "--scheduler", "tls://127.0.0.1:8786")
    assert (alone.code, len(alone.lines)) == (2, 1)


@pytest.mark.usefixtures("no_cluster")
def test_certificates_and_folder_that_are_not_there_are_named(
    call: Call, incident: HandMade
) -> None:
    incident.edit("[entities]", '[dask]\ntls_ca = "ca.pem"\ntls_cert = "c.pem"\n[entities]')
    incident.put("ca.pem", "")
    said = call("run", incident.file, "--scheduler", "tls://x:1", "--shared", "/nowhere")
    assert said.code == 3
    assert [line.removeprefix("affected: ") for line in said.lines] == [
        "--shared /nowhere: no such folder; name one that all workers see",
        f"{incident.file}: dask.tls_cert: no file c.pem; correct it",
        f"{incident.file}: dask.tls_key: needed with --scheduler; name a PEM file",
    ]


@pytest.mark.usefixtures("no_cluster")
def test_where_workers_are_changes_no_digest(
    incident: HandMade, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"tls_ca": "a.pem", "tls_cert": "b.pem", "tls_key": "c.pem"}
    for name in names.values():
        incident.put(name, "")
    here = step_settings.link(load_incident(incident.file))
    section = "\n".join(f'{key} = "{name}"' for key, name in names.items())
    incident.edit("[entities]", f"[dask]\n{section}\n[entities]")
    monkeypatch.setenv("AFFECTED_SCHEDULER", "tls://x:1")
    monkeypatch.setenv("AFFECTED_SHARED", str(shared))
    there = step_settings.link(load_incident(incident.file))
    assert there.cluster is not None
    assert there.cluster.tls_ca == incident.folder / "a.pem"
    left_out = set(NOT_IN_DIGEST)
    assert there.model_dump(exclude=left_out) == here.model_dump(exclude=left_out)


def test_too_little_disk_is_said_before_the_step(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = PEOPLE * progress.PAIR_BYTES_AN_IDENTITY - 1

    monkeypatch.setattr(progress.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(TryAgainLater, match="free space and run again"):
        run(workspace, SETTINGS)
    assert not workspace.has("pairs")


def test_progress_is_told_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    told = progress.Progress("link x", 10, clock=lambda: now[0])
    with caplog.at_level(logging.INFO, logger="affected"):
        for seconds in (0.5, 0.9, 2.0, 2.5):
            now[0] = seconds
            told.done(Made(1000, 10, 1 << 20))
    assert [record.getMessage() for record in caplog.records] == [
        "link x chunks_done=3 chunks=10 pairs_a_second=1500 seconds_left=5 disk_mib_expected=10"
    ]
    assert (told.compared, told.kept) == (4000, 40)


def test_one_chunk_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    times: Any = iter((0.0, 60.0))
    with caplog.at_level(logging.INFO, logger="affected"):
        progress.Progress("link x", 1, clock=lambda: next(times)).done(Made(1, 1, 1))
    assert caplog.records == []
