"""A hand-made incident of a dozen rows, and the command line called as an operator would."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import flows.cli

TOML = """\
[incident]
id = "hand-made"
title = "Hand made"
synthetic = true
as_of = 2026-03-20
breach_start = 2025-12-21
breach_end = 2025-12-23
known_on = 2026-03-05
what_happened = "An unauthorized party copied files."
[business_associate]
name = "Northwind Software, Inc."
toll_free = "1-800-555-0100"
email = "incident@example.com"
website = "https://example.com/incident"
address = ["1 Main St", "Springfield MD 20701"]
[[leaked]]
path = "leaked.csv"
format = "csv"
received_on = 2026-03-05
[leaked.columns]
record_id = "id"
entity_id = "practice"
first_name = "first"
last_name = "last"
date_of_birth = "dob"
street = "street"
city = "city"
state = "state"
zip = "zip"
phone = "phone"
[[masters]]
path = "charts.csv"
format = "csv"
[masters.columns]
record_id = "id"
entity_id = "practice"
first_name = "first"
last_name = "last"
date_of_birth = "dob"
street = "street"
city = "city"
state = "state"
zip = "zip"
phone = "phone"
[entities]
path = "entities.csv"
delegation = "delegation.csv"
[matching]
train = "never"
[people]
LEAD = ["review", "approve", "send", "reveal", "purge"]
VIEWER = ["reveal"]
"""
HEADER = "id,practice,first,last,dob,street,city,state,zip,phone\n"
ROSTER = "entity_id,legal_name,state\nCE001,Practice One PLLC,MD\nCE002,Practice Two PLLC,MD\n"
FIRST = ("ANNA", "BORIS", "CARLA", "DAVID", "ELENA", "FRANK", "GRETA", "HENRY")
LAST = ("ALDEN", "BARKER", "CONWAY")


def row(number: int, side: str = "L") -> str:
    """One CSV row; the same number on both sides is the same person."""
    return (
        f"{side}{number},CE00{1 + number % 2},{FIRST[number % 8]},{LAST[number // 8]},"
        f"{1 + number % 12:02d}/{1 + number:02d}/{1950 + number},"
        f"{100 + number} OAK ST,SPRINGFIELD,MD,20701,3015550{200 + number}\n"
    )


def rows(count: int, side: str = "L") -> str:
    """A CSV of the first `count` people."""
    return HEADER + "".join(row(number, side) for number in range(count))


@dataclass(frozen=True)
class HandMade:
    """The folder of an incident; every test has its own and may spoil it."""

    folder: Path

    @property
    def file(self) -> Path:
        """The incident file."""
        return self.folder / "incident.toml"

    def put(self, name: str, data: str | bytes) -> None:
        """Write a file beside it."""
        (self.folder / name).write_bytes(data.encode() if isinstance(data, str) else data)

    def edit(self, old: str, new: str) -> None:
        """Replace the first `old` in the incident file."""
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new, 1))

    def add(self, text: str) -> None:
        """Append to the incident file."""
        self.file.write_text(self.file.read_text() + text)


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """Lines on stderr."""
        return self.err.strip().splitlines()


Call = Callable[..., Said]


def hand_made(folder: Path) -> HandMade:
    """The sound incident: twelve leaked rows of twelve people, ten of them with a chart."""
    folder.mkdir()
    made = HandMade(folder)
    made.put("incident.toml", TOML)
    made.put("leaked.csv", rows(12))
    made.put("charts.csv", rows(10, "C"))
    made.put("entities.csv", ROSTER)
    made.put("delegation.csv", "entity_id,duty,by\nCE001,individual,ba\n")
    return made


@pytest.fixture
def incident(tmp_path: Path, keys_folder: Path) -> HandMade:
    """A sound incident."""
    return hand_made(tmp_path / "incident")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Call the command line in this process."""
    for name in ("AFFECTED_WORKERS", "AFFECTED_MEMORY_GIB", "POLARS_MAX_THREADS"):
        monkeypatch.setenv(name, "2")
    mask = os.umask(0o077)

    def called(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["affected", *map(str, arguments)])
        capsys.readouterr()
        code = flows.cli.answered()
        printed = capsys.readouterr()
        return Said(code, printed.out, printed.err)

    yield called
    os.umask(mask)


@pytest.fixture(scope="session")
def _ran_once(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Path:
    """The sound incident with its workspace `ws`, run once; copied by `done`."""
    from flows.run import run_round

    made = hand_made(tmp_path_factory.mktemp("hand") / "incident")
    run_round(made.file, workspace=made.folder / "ws", engine="local", approve_as="LEAD")
    return made.folder


@pytest.fixture
def done(_ran_once: Path, tmp_path: Path) -> HandMade:
    """A finished run, in the workspace `ws` of its folder, that a test may spoil."""
    folder = tmp_path / "done"
    shutil.copytree(_ran_once, folder)
    return HandMade(folder)
