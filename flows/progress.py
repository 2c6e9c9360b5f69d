"""One screen while a round runs: step, rows a second, time left, memory, disk. Quiet where nobody looks.

Shown on a terminal's standard error only; pipes, files, cron and `--json` into a file stay as they are. `NO_COLOR`
is honoured. It reads what the process does and changes nothing: a run with the screen and one without are the same.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flows.measure import disk_gib, memory_gib
from matching.log import watching_rows

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

__all__ = ["Screen", "begun", "ended", "shown"]

SECONDS_A_MILLION = {
    "intake": 4.2, "standardise": 8.9, "link": 19.5, "people": 4.4, "owners": 4.1, "counts": 1.0, "duties": 0.7,
    "packets": 3.0, "notices": 3.0, "batches": 12.0, "report": 0.2,
}  # fmt: skip
"""Seconds of a step by million rows of both sides, from `benchmarks.pipeline` at 15 million a side; what a machine
has done so far corrects them."""
LEAST_S = 0.4
"""What a step takes at least: reading settings and tables that are small."""
EVERY_S = 0.5
DISK_EVERY = 10
"""Looks at memory between two at the disk, which walks the workspace."""
MILLION = 1_000_000


@dataclass(slots=True)
class Screen:
    """What is known of a run. `rows` of both sides as the files' sizes foretell them, until intake counted."""

    steps: Sequence[str]
    rows: float
    root: Path
    done: list[tuple[str, float, int, bool]] = field(default_factory=list)
    step: str = ""
    began: float = 0.0
    written: int = 0
    memory: float = 0.0
    disk: float = 0.0

    def begin(self, step: str) -> None:
        """A step starts."""
        self.step, self.began, self.written = step, time.monotonic(), 0

    def end(self, *, skipped: bool) -> None:
        """The step is over; a skipped one says nothing of the machine's speed."""
        self.done.append((self.step, time.monotonic() - self.began, self.written, skipped))
        self.step = ""

    def add(self, table: str, rows: int) -> None:
        """A part was written."""
        del table
        self.written += rows

    def left_s(self) -> float:
        """Seconds until the last step ends, by those that are over: what they took against what was foretold."""
        over = [(name, took) for name, took, _, skipped in self.done if not skipped]
        foretold = sum(self._foretold(name) for name, _ in over)
        speed = sum(took for _, took in over) / foretold if foretold else 1.0
        before = {name for name, *_ in self.done}
        later = [name for name in self.steps if name not in before and name != self.step]
        now = 0.0
        if self.step:
            now = max(self._foretold(self.step) * speed - (time.monotonic() - self.began), 0.0)
        return now + speed * sum(map(self._foretold, later))

    def _foretold(self, step: str) -> float:
        return LEAST_S + SECONDS_A_MILLION.get(step, 1.0) * self.rows / MILLION

    def drawn(self) -> Group:
        """The screen as it is now."""
        from rich.console import Group  # noqa: PLC0415 - only where somebody looks
        from rich.table import Table  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("step", "seconds", "rows written", "rows/s"):
            table.add_column(name, justify="left" if name == "step" else "right")
        for name, took, rows, skipped in self.done:
            if skipped:
                table.add_row(name, "unchanged", "", "", style="dim")
            else:
                table.add_row(name, *_line(took, rows))
        if self.step:
            took = time.monotonic() - self.began
            table.add_row(f"[bold cyan]{self.step}[/]", *_line(took, self.written))
        state = f"about {clock(self.left_s())} left" if self.done or self.step else "starting"
        held = f"memory {self.memory:.1f} GiB   workspace {self.disk:.1f} GiB on disk"
        return Group(table, f"{state}   {held}")


_screens: list[Screen] = []
"""The screen of this process, if there is one; a step that starts in a thread of Prefect finds it here."""


def begun(step: str) -> None:
    """A step starts, wherever it runs in this process."""
    for screen in _screens:
        screen.begin(step)


def ended(*, skipped: bool) -> None:
    """It is over."""
    for screen in _screens:
        screen.end(skipped=skipped)


@contextmanager
def shown(
    steps: Sequence[str],
    *,
    rows: Callable[[], float],
    root: Path,
    console: Console | None = None,
) -> Iterator[None]:
    """Show the screen while the block runs, where standard error is a terminal; else do nothing.

    `rows` foretells rows of both sides; it is asked only where somebody looks. Steps log no counts meanwhile.
    """
    if console is None and not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    console = console or Console(stderr=True)
    screen = Screen(steps=steps, rows=rows(), root=root)
    over = threading.Event()
    log = logging.getLogger("affected")
    level = log.level
    log.setLevel(logging.WARNING)
    with Live(screen.drawn(), console=console, auto_refresh=False, transient=True) as live:
        watch = threading.Thread(target=_watch, args=(screen, live, over), daemon=True)
        _screens.append(screen)
        watch.start()
        try:
            with watching_rows(screen.add):
                yield
        finally:
            over.set()
            watch.join()
            _screens.remove(screen)
            log.setLevel(level)


def _watch(screen: Screen, live: Live, over: threading.Event) -> None:
    looks = 0
    while not over.wait(EVERY_S):
        screen.memory = memory_gib()
        if looks % DISK_EVERY == 0:
            screen.disk = disk_gib(screen.root)
        looks += 1
        live.update(screen.drawn(), refresh=True)


def _line(took: float, rows: int) -> tuple[str, str, str]:
    return clock(took), f"{rows:,}" if rows else "", f"{rows / took:,.0f}" if rows and took else ""


def clock(seconds: float) -> str:
    """`47 s`, `12 min 5 s`, `3 h 20 min`: no more exact than a guess is."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
