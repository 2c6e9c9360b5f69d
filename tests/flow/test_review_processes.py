"""Two processes answer at once and one is killed in the middle: no decision is lost, none is there twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from matching.people.decided import read_decided
from matching.review.answers import Answers
from matching.store import Workspace
from tests.by_hand import by_hand  # noqa: F401 - a fixture
from tests.review_tables import with_inventory

ROOT = Path(__file__).parents[2]
ANSWERS = """
import sys
from pathlib import Path
from matching.review.answers import Answers
from matching.store import Workspace

root, by, first, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
answers = Answers(Workspace.open(root))
print("ready", flush=True)
for number in range(first, last):
    left, right = (1 << 40) + 8 * number, (2 << 40) + 8 * number
    answers.answer((left, right), "match", by=by, once=f"form-{number}")
    print(number, flush=True)
"""


@pytest.fixture
def root(by_hand):  # noqa: F811 - that fixture
    made = by_hand()
    names = [f"a{n}" for n in range(60)]
    made.records({n: {} for n in names}, {n.replace("a", "x"): {"entity_id": "CE1"} for n in names})
    with_inventory(made)
    return made.workspace.root


@pytest.fixture
def begun(root):
    made = []

    def begin(by, first, last):
        made.append(
            subprocess.Popen(
                [sys.executable, "-c", ANSWERS, str(root), by, str(first), str(last)],
                stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
            )
        )  # fmt: skip
        return made[-1]

    yield begin
    for process in made:
        process.stdout.close()


def told(process):
    """Numbers that the process said were recorded."""
    return [int(line) for line in process.stdout.read().split() if line.isdecimal()]


def numbers(workspace):
    rows = read_decided(workspace).match
    return sorted(int(left - (1 << 40)) // 8 for left, _ in rows.tolist())


def test_two_at_once_lose_and_double_nothing(root, begun):
    both = [begun("One", 0, 20), begun("Two", 10, 30)]  # ten pairs by both
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    workspace = Workspace.open(root)
    assert numbers(workspace) == list(range(30))
    rows = workspace.read("decisions")
    assert rows.height == 40
    assert rows["decision_id"].n_unique() == 40
    assert {pair[0] for pair in Answers(workspace).decided()} == {
        (1 << 40) + 8 * n for n in range(30)
    }


@pytest.mark.parametrize("after", [1, 3, 6])
def test_killed_in_the_middle(root, begun, after):
    """What was told as recorded is there; of the answer in hand either all or nothing; sent again it is there once."""
    other = begun("Two", 30, 45)
    killed = begun("One", 0, 30)
    seen = []
    while len(seen) < after:
        line = killed.stdout.readline().strip()
        seen += [int(line)] if line.isdecimal() else []
    time.sleep(0.003 * after)
    killed.send_signal(signal.SIGKILL)
    seen += told(killed)
    killed.wait(timeout=60)
    assert other.wait(timeout=120) == 0
    workspace = Workspace.open(root)
    there = numbers(workspace)
    assert set(seen) | set(range(30, 45)) <= set(there)
    assert set(there) <= set(seen) | {max(seen) + 1} | set(range(30, 45))
    again = begun("One", 0, 30)  # every form once more
    assert again.wait(timeout=120) == 0
    workspace = Workspace.open(root)
    assert numbers(workspace) == list(range(45))
    assert workspace.read("decisions").height == 45
