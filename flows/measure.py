"""Peak memory (PSS summed over the process tree) and disk of a run.

PSS counts each shared page once in all, so that a pool of workers is not counted several times.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

__all__ = ["PeakMemory", "disk_gib", "memory_gib"]

GIB = 1 << 30
EVERY_S = 0.5
"""Often enough to see a step's peak; a sample of a few processes costs about a millisecond."""


class PeakMemory:
    """Samples this process and its children in the background while the block runs."""

    def __init__(self) -> None:
        self.gib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.gib = max(self.gib, memory_gib())
            if self._stop.wait(EVERY_S):
                return


def memory_gib() -> float:
    """What this process and its children hold now."""
    me = psutil.Process()
    return sum(map(_pss, [me, *me.children(recursive=True)])) / GIB


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def disk_gib(folder: Path) -> float:
    """Bytes of all files below a folder, in GiB."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a temp file renamed while we look
            continue
    return total / GIB
