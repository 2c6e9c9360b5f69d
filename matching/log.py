"""The only way a step speaks about data: how many, never whom."""

from __future__ import annotations

import logging
import sys

__all__ = ["forget_said", "log_counts", "warn_once"]

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
