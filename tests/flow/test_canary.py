"""A person's data appears nowhere but in encrypted tables and the outputs meant to carry it.

A name and an e-mail address are planted in a good row, in a row that cannot be read, and in the
message of a step that raises; then logs, journal, Prefect's database, file names and everything
printed are searched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.settings import load_incident

NAME = "QUETZALCOATLUS"
EMAIL = "quetzal.canary@example.org"
ROOT = Path(__file__).parents[2]

RAISING = """
import sys
import flows.steps, flows.cli
import matching.people
def broken(workspace, settings):
    raise ValueError("could not convert {name} <{email}>")
steps = tuple(
    flows.steps.Step(s.name, broken, s.settings, s.version, s.reads, s.writes, s.gates)
    if s.name == "people" else s for s in flows.steps.STEPS)
flows.steps.STEPS = steps
import flows.run
flows.run.STEPS = steps
flows.cli.main()
"""


def plant(folder: Path) -> None:
    """Add a good row and an unreadable one that name the canary to the first leaked CSV."""
    incident = load_incident(folder / "incident.toml")
    source = next(s for s in incident.leaked if s.format == "csv" and "last_name" in s.columns)
    path = sorted(folder.glob(source.path))[0]
    lines = path.read_text().splitlines()
    delimiter = source.delimiter or ","
    header = [name.strip('"') for name in lines[0].split(delimiter)]
    good = [""] * len(header)
    good[header.index(str(source.columns["last_name"]))] = NAME
    if "email" in source.columns:
        good[header.index(str(source.columns["email"]))] = EMAIL
    bad = [NAME, EMAIL]
    path.write_text("\n".join([*lines, delimiter.join(good), delimiter.join(bad)]) + "\n")


def run(
    folder: Path, workspace: Path, engine: str, *, program: list[str]
) -> subprocess.CompletedProcess[bytes]:
    arguments = [
        "run",
        str(folder / "incident.toml"),
        "--workspace",
        str(workspace),
        "--engine",
        engine,
    ]
    environment = dict(os.environ, PREFECT_LOGGING_LEVEL="DEBUG")
    return subprocess.run(
        [*program, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
        env=environment,
        timeout=300,
    )


def hits(workspace: Path, printed: bytes) -> list[str]:
    """Where the canary shows outside of encrypted tables and `out/`."""
    needles = [
        text.encode() for word in (NAME, EMAIL) for text in (word, word.lower(), word.title())
    ]
    found = ["printed"] if any(n in printed for n in needles) else []
    for path in workspace.rglob("*"):
        inside = str(path.relative_to(workspace))
        if any(n.decode() in inside for n in needles):
            found.append(f"name of {inside}")
        if (
            path.is_file()
            and not inside.startswith("out/")
            and any(n in path.read_bytes() for n in needles)
        ):
            found.append(inside)
    report = workspace / "out" / "report.html"
    if report.exists() and any(n in report.read_bytes() for n in needles):
        found.append("report")
    return found


@pytest.fixture
def planted(rehearsal: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "incident"
    shutil.copytree(rehearsal, folder)
    plant(folder)
    return folder


def test_canary_in_a_whole_run_under_prefect(planted: Path, tmp_path: Path) -> None:
    done = run(planted, tmp_path / "ws", "prefect", program=[sys.executable, "-m", "flows"])
    assert done.returncode == 5, done.stderr.decode()[-2000:]
    from matching.store import Workspace

    workspace = Workspace.open(tmp_path / "ws")
    assert NAME in workspace.read("leaked")["last_name"].to_list(), "the canary must be inside"
    assert workspace.rows("rejects") > 0
    assert (tmp_path / "ws" / "prefect").is_dir()
    assert hits(tmp_path / "ws", done.stdout + done.stderr) == []


def test_canary_in_the_message_of_a_step_that_raises(planted: Path, tmp_path: Path) -> None:
    script = tmp_path / "raising.py"
    script.write_text(RAISING.format(name=NAME, email=EMAIL))
    done = run(planted, tmp_path / "ws", "prefect", program=[sys.executable, str(script)])
    assert done.returncode == 1
    assert b"ValueError" in done.stderr, "the type and place of a bug are told"
    assert hits(tmp_path / "ws", done.stdout + done.stderr) == []


def test_the_search_would_find_a_leak(tmp_path: Path) -> None:
    (tmp_path / "ws" / "logs").mkdir(parents=True)
    (tmp_path / "ws" / "logs" / "run.log").write_text(f"could not parse {NAME}")
    assert hits(tmp_path / "ws", b"") == ["logs/run.log"]
