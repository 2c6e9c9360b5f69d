"""Every command shows a real example; examples parse; shells complete; one list of commands everywhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flows.cli import app
from flows.docs import ROOT

COMMANDS = dict(typer.main.get_command(app).commands)
EXAMPLE = re.compile(r"Example: (affected .*)")
DOCUMENTS = [
    "README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def calls_of(line: str) -> list[list[str]]:
    """Words of each `affected` call of a shell line, without what is piped in or remarked."""
    parts = [part.strip() for part in re.split(r" && | \|\| | \| |; |\$\(", line)]
    calls = [shlex.split(part, comments=True) for part in parts if part.startswith("affected ")]
    return [call[1 : call.index("<")] if "<" in call else call[1:] for call in calls]


def taken(call: list[str]) -> None:
    """Raises where no command takes these words; nothing runs."""
    COMMANDS[call[0]].make_context(call[0], call[1:]).close()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_shows_examples_that_the_command_takes(name: str) -> None:
    calls = [call for line in EXAMPLE.findall(COMMANDS[name].help or "") for call in calls_of(line)]
    assert name in {call[0] for call in calls}, "no example"
    for call in calls:
        taken(call)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_documents_are_taken_as_they_stand(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8").replace("\\\n", " ")
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            for call in calls_of(line):
                taken(call)


ASKED = {
    "bash": {"COMP_WORDS": "affected sta", "COMP_CWORD": "1"},
    "zsh": {"_TYPER_COMPLETE_ARGS": "affected sta"},
    "fish": {"_TYPER_COMPLETE_ARGS": "affected sta", "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}
"""How each shell asks what may follow; typed was `affected sta`."""


@pytest.mark.parametrize("shell", sorted(ASKED))
def test_shells_complete(shell: str) -> None:
    environment = {**os.environ, **ASKED[shell], "_AFFECTED_COMPLETE": f"complete_{shell}"}
    done = subprocess.run(
        [Path(sys.executable).with_name("affected")],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert "status" in done.stdout
    assert "export" not in done.stdout
