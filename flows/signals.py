"""A service's end and a closed terminal end a run as Ctrl-C does: everything on the way out is tidied up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

__all__ = ["ending_in_order"]

ENDING = (signal.SIGTERM, signal.SIGHUP)
OF_A_SIGNAL = 128
"""A shell's exit code for a process that a signal ended is this and its number."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn these signals into SystemExit while the block runs, so that scratch is emptied.

    Python answers a signal between two of its own instructions: a long call of DuckDB or polars is
    finished first. What a kill -9 leaves behind is emptied when the next run starts.
    """

    def end(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(OF_A_SIGNAL + number)

    before: dict[signal.Signals, Any] = {}
    with suppress(ValueError):  # signals belong to the main thread
        for number in ENDING:
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
