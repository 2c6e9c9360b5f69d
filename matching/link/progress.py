"""What an operator sees of the linking: how far it is, when it ends, and what it will need.

Counts and sizes only. The forecast is rows times what a row was measured to need.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from matching.errors import TryAgainLater
from matching.link.chunks import Made
from matching.log import log_counts

__all__ = ["Progress", "hashes_bytes", "pairs_bytes", "require_free"]

EVERY_S = 1.0
"""A line a second is what a person can read."""
PAIR_BYTES_AN_IDENTITY = 120
"""Up to 4 pairs at or above the floor, 30 bytes each: 3.0 and 25 measured among 1M identities and 0.5M
charts; more charts make more of both."""
FINGERPRINT_BYTES = 4
"""Of a record's key, kept for late files; hashes do not compress."""
MIB, GIB = 1 << 20, 1 << 30


@dataclass(slots=True)
class Progress:
    """Parts of one kind as they are finished, told by one line of counts now and then.

    May be told by several threads; quiet where there is only one part.
    """

    step: str
    chunks: int
    clock: Callable[[], float] = time.monotonic
    compared: int = 0
    kept: int = 0
    _size: int = 0
    _done: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)
    _started: float = field(init=False)
    _told: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self._told = self.clock()

    def done(self, made: Made) -> None:
        """One more part is finished."""
        with self._lock:
            self._done += 1
            self.compared += made.compared
            self.kept += made.kept
            self._size += made.size
            now = self.clock()
            if self.chunks > 1 and now - self._told >= EVERY_S:
                self._told = now
                self._tell(now - self._started)

    def _tell(self, seconds: float) -> None:
        left = self.chunks - self._done
        log_counts(
            self.step,
            chunks_done=self._done,
            chunks=self.chunks,
            pairs_a_second=round(self.compared / seconds),
            seconds_left=round(seconds / self._done * left),
            disk_mib_expected=round(self._size / self._done * self.chunks / MIB),
        )


def pairs_bytes(identities: int) -> int:
    """Disk that the pairs of so many leaked identities take."""
    return identities * PAIR_BYTES_AN_IDENTITY


def hashes_bytes(records: int, keys: int) -> int:
    """Disk that the fingerprints of so many records take, each by so many blocking keys."""
    return records * keys * FINGERPRINT_BYTES


def require_free(folder: Path, needed: int) -> None:
    """Raise TryAgainLater, before anything is begun, where the disk will not do."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TryAgainLater(
            f"{folder}: linking needs about {needed / GIB:.1f} GiB of disk and {free / GIB:.1f} are"
            " free; free space and run again"
        )
