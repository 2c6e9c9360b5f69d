"""One small synthetic incident, made and run once per session with the local engine."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import flows.steps
from flows.run import run_round
from matching.store import Workspace

PEOPLE = 500
SEED = 3


@dataclass(frozen=True)
class Ran:
    """A finished run: its incident file, workspace and document."""

    incident: Path
    workspace: Path
    document: dict[str, Any]
    reads: dict[str, set[str]]
    writes: dict[str, set[str]]


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keys of this test session's incidents."""
    folder = tmp_path_factory.mktemp("keys")
    before = os.environ.get("AFFECTED_KEYS")
    os.environ["AFFECTED_KEYS"] = str(folder)
    yield folder
    if before is None:
        del os.environ["AFFECTED_KEYS"]
    else:
        os.environ["AFFECTED_KEYS"] = before


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Path:
    """Folder of a synthetic incident; copy it before changing it."""
    from flows.rehearse import rehearse

    folder = tmp_path_factory.mktemp("rehearsal") / "incident"
    rehearse(folder, people=PEOPLE, seed=SEED, profile="dental")
    return folder


@pytest.fixture(scope="session")
def approver(rehearsal: Path) -> str:
    """Someone who may approve and send."""
    from flows.settings import load_incident

    people = load_incident(rehearsal / "incident.toml").people
    return next(name for name, rights in people.items() if {"approve", "send"} <= set(rights))


@pytest.fixture(scope="session")
def ran(rehearsal: Path, approver: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The whole way once; read only."""
    incident = rehearsal / "incident.toml"
    workspace = tmp_path_factory.mktemp("ran") / "ws"
    with pytest.MonkeyPatch.context() as patch:
        reads, writes = watch_tables(patch)
        document = run_round(incident, workspace=workspace, engine="local", approve_as=approver)
    return Ran(incident, workspace, document, reads, writes)


def watch_tables(patch: pytest.MonkeyPatch) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Which tables each step reads and writes, as it really happens."""
    reads: dict[str, set[str]] = defaultdict(set)
    writes: dict[str, set[str]] = defaultdict(set)
    running = {"step": ""}
    attempt, seen, publish = flows.steps._attempt, Workspace._seen, Workspace._publish

    def attempted(step, workspace, settings):
        running["step"] = step.name
        try:
            return attempt(step, workspace, settings)
        finally:
            running["step"] = ""

    def noted_seen(self, name):
        reads[running["step"]].add(name)
        return seen(self, name)

    def noted_publish(self, name, parts):
        writes[running["step"]].add(name)
        return publish(self, name, parts)

    patch.setattr(flows.steps, "_attempt", attempted)
    patch.setattr(Workspace, "_seen", noted_seen)
    patch.setattr(Workspace, "_publish", noted_publish)
    return reads, writes


@pytest.fixture
def own(ran: Ran, tmp_path: Path) -> Ran:
    """A copy of the finished run that a test may change."""
    folder = tmp_path / "incident"
    shutil.copytree(ran.incident.parent, folder)
    shutil.copytree(ran.workspace, tmp_path / "ws")
    return Ran(folder / "incident.toml", tmp_path / "ws", ran.document, ran.reads, ran.writes)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The workspace of a whole made-up incident: packets released, a batch exported. Of one file of tests."""
    from flows.demo import run_demo

    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFECTED_KEYS", str(folder / "keys"))
        run_demo(folder / "demo", people=400)
        yield folder / "demo" / "ws"
