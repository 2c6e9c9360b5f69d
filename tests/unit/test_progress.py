"""The screen while a round runs: what it shows, what it foretells, and that pipes see nothing."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from flows import progress
from flows.progress import Screen, clock, shown
from matching.log import rows_written

STEPS = ("intake", "standardise", "link")


def screen(monkeypatch: pytest.MonkeyPatch, rows: float = 2_000_000) -> tuple[Screen, list[float]]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return Screen(steps=STEPS, rows=rows, root=Path()), now


def text(made: Screen) -> str:
    console = Console(file=io.StringIO(), width=100, no_color=True)
    console.print(made.drawn())
    return console.file.getvalue()


def test_time_left_follows_what_the_machine_did(monkeypatch) -> None:
    """Twice as slow as foretold so far: the rest will be, too."""
    made, now = screen(monkeypatch)
    whole = made.left_s()
    foretold = {name: made._foretold(name) for name in STEPS}
    assert whole == pytest.approx(sum(foretold.values()))
    made.begin("intake")
    now[0] = 2 * foretold["intake"]
    made.end(skipped=False)
    assert made.left_s() == pytest.approx(2 * (foretold["standardise"] + foretold["link"]))
    made.begin("standardise")
    now[0] += foretold["standardise"]
    assert made.left_s() == pytest.approx(foretold["standardise"] + 2 * foretold["link"])
    now[0] += 100 * foretold["standardise"]
    assert made.left_s() == pytest.approx(2 * foretold["link"]), "never less than what follows"


def test_before_the_first_step_it_says_that_it_starts(monkeypatch) -> None:
    made, _ = screen(monkeypatch)
    assert "starting" in text(made)


def test_a_skipped_step_says_nothing_of_the_speed(monkeypatch) -> None:
    made, _ = screen(monkeypatch)
    made.begin("intake")
    made.end(skipped=True)
    assert made.left_s() == pytest.approx(made._foretold("standardise") + made._foretold("link"))
    assert "unchanged" in text(made)


def test_rows_and_rows_a_second_are_shown(monkeypatch) -> None:
    made, now = screen(monkeypatch)
    made.begin("intake")
    made.add("leaked", 300_000)
    made.add("charts", 100_000)
    now[0] = 4.0
    said = text(made)
    assert "400,000" in said
    assert "100,000" in said
    assert "about" in said
    assert "memory" in said


def test_pipes_see_nothing(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    asked: list[int] = []
    with shown(STEPS, rows=lambda: asked.append(1) or 1.0, root=tmp_path):
        progress.begun("intake")
        rows_written("leaked", 10)
        progress.ended(skipped=False)
    assert capsys.readouterr() == ("", "")
    assert asked == []


@pytest.mark.parametrize("colour", [True, False])
def test_a_terminal_sees_steps_and_no_color_is_honoured(tmp_path, monkeypatch, colour) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard")
    with shown(STEPS, rows=lambda: 1e6, root=tmp_path, console=terminal):
        progress.begun("intake")
        rows_written("leaked", 1_234)
        progress.time.sleep(0.2)
        progress.ended(skipped=False)
        progress.time.sleep(0.1)
    said = terminal.file.getvalue()
    assert "intake" in said
    assert "1,234" in said
    assert ("\x1b[1;36m" in said) == colour
    rows_written("leaked", 1)
    assert progress._screens == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.4, "59 s"), (725, "12 min 5 s"), (12_030, "3 h 20 min")],
)
def test_times_are_read_at_a_glance(seconds: float, words: str) -> None:
    assert clock(seconds) == words
