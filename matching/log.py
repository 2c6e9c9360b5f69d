"""The only way a step speaks about data: how many, never whom."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["forget_said", "log_counts", "rows_written", "warn_once", "watching_rows"]

log = logging.getLogger("affected")


def log_counts(step: str, **rows: int | float) -> None:
    """Write one line of counts to the log."""
    log.info("%s %s", step, " ".join(f"{name}={count}" for name, count in rows.items()))


_SAID: set[str] = set()


def warn_once(line: str) -> None:
    """Say something to the operator once a command, however often its reason is met; no level hides it."""
    if line not in _SAID:
        _SAID.add(line)
        sys.stderr.write(f"{line}\n")


def forget_said() -> None:
    """A new command begins: it says its warnings again."""
    _SAID.clear()


_WATCHERS: list[Callable[[str, int], None]] = []


@contextmanager
def watching_rows(told: Callable[[str, int], None]) -> Iterator[None]:
    """While the block runs, `told` hears of every part this process writes: table and rows. It must be quick."""
    _WATCHERS.append(told)
    try:
        yield
    finally:
        _WATCHERS.remove(told)


def rows_written(table: str, rows: int) -> None:
    """Say that a part of a table is on disk; whoever watches a run hears it."""
    for told in tuple(_WATCHERS):
        told(table, rows)
