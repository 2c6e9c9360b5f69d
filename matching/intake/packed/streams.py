"""Plain bytes of delivered files and members as files that are read forwards, as often as asked.

A run decodes once from the front. Closed, it is kept a while with the last KEPT_BYTES that it gave, so that
who reads on from a little before (the next portion of a table) does not decode all of it again. Memory:
RUNS_KEPT runs of KEPT_BYTES, and what a decoder needs. Random access goes to a file that has no name.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from matching.errors import OperatorError, TryAgainLater
from matching.intake.packed.unpack import (
    PLACE_MAX,
    STEP,
    TRUNCATED,
    WINDOW_BYTES_MAX,
    Chunks,
    Damaged,
    NeedsMemory,
)

__all__ = ["Damage", "Limits", "Scratch", "Stream", "ranged", "spilling_to"]

FOLDER: Path | None = None
"""Where files without a name lie; None: TMPDIR."""


@contextmanager
def spilling_to(folder: Path) -> Iterator[None]:
    """Files without a name lie in this folder's file system for the while."""
    global FOLDER  # noqa: PLW0603 - one step at a time; readers of any thread have no workspace
    before, FOLDER = FOLDER, folder
    try:
        yield
    finally:
        FOLDER = before


KEPT_BYTES = 48 << 20
"""A portion ends up to two blocks of 16 MiB before what was read last, and a record before those."""
RUNS_KEPT = 3
_COPY_BYTES = 16 << 20
FREE_BYTES_MIN = 1 << 30
"""Left on the disk for everybody else."""
RATIO_MAX = 500
"""Dumps of the same few statements come to 100:1, seldom to 300:1 with xz; zeros to 1000:1 with gzip and to
7000:1 and more with the others. A bomb below this is as large as its own file lets it be."""
RATIO_FROM_BYTES = 64 << 20
"""Whatever a smaller one claims, it does no harm."""
MEMBER_BYTES_MAX = 128 << 30
"""Unpacked: at 250 MB/s nine minutes; the largest table of a hospital that is known is a tenth of it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Where the bytes end before their time: offset in the unpacked stream, and why."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may give. `packed`: bytes that it is made from; `name`: what messages show."""

    name: str
    packed: int

    def check(self, given: int) -> None:
        """Raise OperatorError where it is a bomb."""
        if given > MEMBER_BYTES_MAX:
            raise OperatorError(
                f"{self.name}: unpacks to more than {MEMBER_BYTES_MAX >> 30} GiB;"
                " if that is sound, unpack it and name the unpacked file in path"
            )
        if given > RATIO_FROM_BYTES and given > RATIO_MAX * self.packed:
            raise OperatorError(
                f"{self.name}: unpacks to more than {RATIO_MAX} times its {self.packed:,} bytes, as a zip"
                " bomb does; if that is sound, unpack it and name the unpacked file in path"
            )


class _Run:
    """Chunks decoded once, from the front; the last ones are kept."""

    def __init__(self, chunks: Iterator[bytes], limits: Limits) -> None:
        self._chunks = chunks
        self._limits = limits
        self._kept: list[bytes] = []
        self.kept_from = 0
        self.reached = 0
        self.ended = False
        self.damage: Damage | None = None
        self.refused: OperatorError | None = None

    def read(self, at: int, size: int) -> bytes:
        """Bytes from `at` on, which is not before `kept_from`: as many as asked for, fewer at the end."""
        while self.reached < at + size and not self.ended:
            self._decode(at)
        found, begin = [], self.kept_from
        for chunk in self._kept:
            low, high = max(at - begin, 0), min(at + size - begin, len(chunk))
            if low < high:
                found.append(chunk[low:high] if high - low < len(chunk) else chunk)
            begin += len(chunk)
        return found[0] if len(found) == 1 else b"".join(found)

    def _decode(self, needed: int) -> None:
        """The next chunks; forgets old ones that lie more than KEPT_BYTES back, if not needed."""
        if self.refused:
            raise self.refused
        try:
            found = self._next()
        except OperatorError as refused:
            self.refused = refused
            raise
        if found:
            self._kept.append(found)
            self.reached += len(found)
        while self._kept and (end := self.kept_from + len(self._kept[0])) <= min(
            needed, self.reached - KEPT_BYTES
        ):
            del self._kept[0]
            self.kept_from = end

    def _next(self) -> bytes:
        """About STEP bytes, fewer at the end."""
        pieces: list[bytes] = []
        size = 0
        try:
            while size < STEP:
                chunk = next(self._chunks, b"")
                if not chunk:
                    self.ended = True
                    break
                pieces.append(chunk)
                size += len(chunk)
                self._limits.check(self.reached + size)
        except Damaged as damage:
            self.ended, self.damage = True, Damage(self.reached + size, damage.reason)
        except NeedsMemory:
            raise OperatorError(
                f"{self._limits.name}: needs more than {WINDOW_BYTES_MAX >> 20} MiB of memory to unpack;"
                " unpack it and name the unpacked file in path"
            ) from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Runs:
    """Runs that nobody reads now, the last used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Hashable, _Run]] = []

    def take(self, key: Hashable, at: int) -> _Run | None:
        """The one that has come furthest of those that still have `at`."""
        with self._lock:
            fit = [
                (run.reached, place)
                for place, (of, run) in enumerate(self._waiting)
                if of == key and run.kept_from <= at
            ]
            return self._waiting.pop(max(fit)[1])[1] if fit else None

    def give(self, key: Hashable, run: _Run) -> None:
        """Keep it, and no more than RUNS_KEPT; one that was refused begins again."""
        if run.refused:
            return
        with self._lock:
            self._waiting.append((key, run))
            del self._waiting[:-RUNS_KEPT]


_RUNS = _Runs()


class Stream(io.BufferedIOBase):
    """Unpacked bytes as a file. Seeks everywhere; far back it decodes again from the front.

    `damage` is known once the end was read: bytes that could be read before it were given.
    """

    def __init__(self, key: Hashable, chunks: Chunks, limits: Limits) -> None:
        self._key = key
        self._make = chunks
        self._limits = limits
        self._run: _Run | None = None
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    @property
    def damage(self) -> Damage | None:
        """Where it ended before its time."""
        return self._run.damage if self._run else None

    def tell(self) -> int:
        """Offset, unpacked."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """To any place; to the end by reading."""
        if whence == io.SEEK_END:
            offset += self._drain().reached
        elif whence == io.SEEK_CUR:
            offset += self._at
        self._at = max(offset, 0)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for, fewer at the end."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(STEP), b""))
        self._skip()
        found = self._ready().read(self._at, size)
        self._at += len(found)
        return found

    def read1(self, size: int = -1, /) -> bytes:
        """The same."""
        return self.read(STEP if size < 0 else size)

    def close(self) -> None:
        """Keep the run for who reads on."""
        if not self.closed and self._run:
            _RUNS.give(self._key, self._run)
            self._run = None
        super().close()

    def _skip(self) -> None:
        """Decode up to here without holding what lies before."""
        run = self._ready()
        while run.reached < self._at and not run.ended:
            run.read(run.reached, 1)

    def _drain(self) -> _Run:
        run = self._ready()
        while not run.ended:
            run.read(run.reached, 1)
        return run

    def _ready(self) -> _Run:
        if self._run and self._run.kept_from > self._at:
            _RUNS.give(self._key, self._run)
            self._run = None
        if self._run is None:
            self._run = _RUNS.take(self._key, self._at) or _Run(self._make(), self._limits)
        return self._run


def ranged(path: Path, start: int, size: int) -> Iterator[bytes]:
    """A stretch of a file in chunks. Raises Damaged where the file ends before."""

    def read(size: int, at: int) -> bytes:  # opened for each: runs that wait hold no file
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), size, at)

    return _stretch(read, start, size)


def _stretch(read: Callable[[int, int], bytes], start: int, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = read(min(STEP, size), start) if 0 <= start < PLACE_MAX else b""
        if not chunk:
            raise Damaged(TRUNCATED)
        start, size = start + len(chunk), size - len(chunk)
        yield chunk


class Scratch:
    """Unpacked bytes in a file that has no name: gone when nobody holds it, also after a kill."""

    def __init__(self, stream: Stream, name: str) -> None:
        with tempfile.TemporaryFile(dir=FOLDER) as file:
            while chunk := stream.read(_COPY_BYTES):
                _refuse_full(file.fileno(), len(chunk), name)
                file.write(chunk)
            file.flush()
            self._descriptor = os.dup(file.fileno())
        self.size = stream.tell()
        self.damage = stream.damage

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def open(self) -> BinaryIO:
        """A file of its own, from the first byte; what it reads stays there as long as it is open."""
        return Path(f"/proc/self/fd/{self._descriptor}").open("rb")

    def chunks(self, start: int, size: int) -> Iterator[bytes]:
        """A stretch of it. Raises Damaged where it ends before."""
        yield from _stretch(lambda size, at: os.pread(self._descriptor, size, at), start, size)


def _refuse_full(descriptor: int, needed: int, name: str) -> None:
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize < FREE_BYTES_MIN + needed:
        raise TryAgainLater(
            f"{name}: no room to unpack it for a moment; free some disk, or set TMPDIR to a folder with more"
        )
