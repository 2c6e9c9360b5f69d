"""Everything that touches the disk or starts a process, counted, and told of before it happens.

In: a folder. Out: one `Operation` to the watcher for each write, rename, link, removal, folder, sync,
lock, commit and start of a process that concerns that folder; in the order in which they happen. The
watcher may raise what the system would have raised: the operation then never happens. Wrapped where our
code calls: `os`, `open`, polars' writers, SQLite's statements, `subprocess`. What a library writes by
itself (SQLite's file, DuckDB's spill) is met by the full disk of the scenarios and by kills.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import multiprocessing.util
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

__all__ = ["KINDS", "Operation", "Refused", "refusal", "watched"]

KINDS = (
    "open", "write", "rename", "link", "unlink", "mkdir", "rmdir", "fsync", "lock", "commit", "spawn",
)  # fmt: skip
_BY_PATH = {
    "replace": "rename", "rename": "rename", "link": "link", "symlink": "link", "unlink": "unlink",
    "remove": "unlink", "mkdir": "mkdir", "rmdir": "rmdir", "truncate": "write",
}  # fmt: skip
_BY_HANDLE = {"fsync": "fsync", "fdatasync": "fsync", "write": "write", "sendfile": "write"}
_FRAME_WRITERS = (
    (pl.DataFrame, ("write_parquet", "write_csv", "write_ipc", "write_ndjson")),
    (pl.LazyFrame, ("sink_parquet", "sink_csv", "sink_ipc", "sink_ndjson")),
)
_CHANGES = ("insert", "update", "delete", "replace", "commit", "create", "drop")
_SQLITE = {"EIO": ("SQLITE_IOERR_WRITE", "disk I/O error"), "ENOSPC": ("SQLITE_FULL", "database or disk is full")}  # fmt: skip
_OTHERS = {
    ("spawn", "EIO"): "EAGAIN",
    ("spawn", "ENOSPC"): "ENOMEM",
    ("lock", "ENOSPC"): "ENOLCK",
}
"""What the system says instead where a process cannot start, or a lock cannot be had."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing about to happen: the kind, and on which file."""

    kind: str
    path: str


Watcher = Callable[[Operation], None]
"""Called before each operation, one at a time."""


class Refused(OSError):
    """An error that the harness made, not the machine."""


def refusal(operation: Operation, name: str) -> Exception:
    """What the system would raise at this operation: `name` is EIO or ENOSPC."""
    import errno

    if operation.kind == "commit":
        code, said = _SQLITE[name]
        failed = sqlite3.OperationalError(said)
        failed.sqlite_errorname = code
        return failed
    number = getattr(errno, _OTHERS.get((operation.kind, name), name))
    return Refused(number, os.strerror(number), operation.path)


@dataclass(slots=True)
class _Watch:
    """Who is told, of what below which folder; one operation at a time."""

    folder: str
    tell: Watcher
    after_half: Callable[[Operation], None] | None
    lock: Any
    busy: Any

    def of(self, path: Any) -> str | None:
        """The path where it lies below the folder and this thread is not inside an operation already."""
        if getattr(self.busy, "on", False):
            return None
        try:
            text = os.fsdecode(
                Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else path
            )
        except (TypeError, OSError):
            return None
        whole = os.path.abspath(text)  # noqa: PTH100 - links stay links
        return whole if whole.startswith(self.folder) else None

    def told(self, kind: str, path: str, call: Callable[[], Any], *, alone: bool = True) -> Any:
        """Tell, then do; `alone` keeps other threads' operations out until it is done."""
        with self.lock:
            self.busy.on = True
            try:
                self.tell(Operation(kind, path))
                if alone:
                    return call()
            finally:
                self.busy.on = False
        return call()


@contextmanager
def watched(folder: Path, tell: Watcher, *, after_half: Watcher | None = None) -> Iterator[None]:
    """Tell the watcher of every operation below the folder while the block runs.

    `after_half` is called once more within each write, when half of it is in the file.
    """
    watch = _Watch(f"{folder.absolute()}/", tell, after_half, threading.RLock(), threading.local())
    kept: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        kept.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    try:
        _wrap_os(watch, put)
        _wrap_open(watch, put)
        _wrap_frames(watch, put)
        _wrap_sqlite(watch, put)
        _wrap_starts(watch, put)
        yield
    finally:
        for owner, name, value in reversed(kept):
            setattr(owner, name, value)


Put = Callable[[Any, str, Any], None]


def _wrap_os(watch: _Watch, put: Put) -> None:
    for name, kind in _BY_PATH.items():
        put(os, name, _by_path(watch, getattr(os, name), kind))
    for name, kind in _BY_HANDLE.items():
        put(os, name, _by_path(watch, getattr(os, name), kind))
    put(os, "open", _opened(watch, os.open))
    put(fcntl, "flock", _flocked(watch, fcntl.flock))


def _by_path(watch: _Watch, real: Callable[..., Any], kind: str) -> Callable[..., Any]:
    def call(first: Any, *rest: Any, **named: Any) -> Any:
        below = named.get("dir_fd")
        inside = None if below is None else Path(f"/proc/self/fd/{below}").resolve()
        where = first if inside is None else inside / os.fsdecode(first)
        path = watch.of(where)
        if path is None:
            return real(first, *rest, **named)
        return watch.told(kind, path, lambda: real(first, *rest, **named))

    return call


def _opened(watch: _Watch, real: Callable[..., int]) -> Callable[..., int]:
    def call(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        below = watch.of(path) if writing and named.get("dir_fd") is None else None
        if below is None:
            return real(path, flags, *rest, **named)
        return int(watch.told("open", below, lambda: real(path, flags, *rest, **named)))

    return call


def _flocked(watch: _Watch, real: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    def call(handle: Any, how: int) -> None:
        path = watch.of(handle if isinstance(handle, int) else handle.fileno())
        if path is None or how & fcntl.LOCK_UN:
            real(handle, how)
        else:  # it may wait for another thread, which must be able to go on
            watch.told("lock", path, lambda: real(handle, how), alone=False)

    return call


def _wrap_open(watch: _Watch, put: Put) -> None:
    real = io.open

    class Watched(io.FileIO):
        """A file whose every write is told of."""

        def write(self, data: Any) -> int:
            path = watch.of(self.fileno())
            if path is None:
                return super().write(data)
            return int(watch.told("write", path, lambda: self._in_halves(path, bytes(data))))

        def _in_halves(self, path: str, data: bytes) -> int:
            if watch.after_half is None or len(data) < 2:
                return super().write(data)
            done = super().write(data[: len(data) // 2])
            watch.after_half(Operation("write", path))
            return done + super().write(data[done:])

    def call(
        file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
        newline: Any = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        below = watch.of(file) if set(mode) & set("wax+") and not isinstance(file, int) else None
        if below is None or opener is not None:
            return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        plain = mode.replace("b", "").replace("t", "")
        raw = watch.told("open", below, lambda: Watched(file, plain, closefd))
        if buffering == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    put(io, "open", call)
    put(builtins, "open", call)


def _wrap_frames(watch: _Watch, put: Put) -> None:
    for owner, names in _FRAME_WRITERS:
        for name in names:
            put(owner, name, _frame_writer(watch, getattr(owner, name)))


def _frame_writer(watch: _Watch, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(frame: Any, target: Any = None, *rest: Any, **named: Any) -> Any:
        path = watch.of(target) if isinstance(target, str | Path) else None
        if path is None:
            return real(frame, target, *rest, **named)

        def written() -> Any:
            made = real(frame, target, *rest, **named)
            if watch.after_half is not None:
                _shown_half(Path(path), watch.after_half)
            return made

        return watch.told("write", path, written)

    return call


def _wrap_sqlite(watch: _Watch, put: Put) -> None:
    real, telling = sqlite3.connect, _telling(watch)

    def connect(database: Any, *rest: Any, **named: Any) -> Any:
        below = watch.of(database) if str(database) != ":memory:" else None
        if below is None:
            return real(database, *rest, **named)
        made = watch.told("open", below, lambda: real(database, *rest, factory=telling, **named))
        made.file = below
        return made

    put(sqlite3, "connect", connect)


def _telling(watch: _Watch) -> type[Any]:
    """Connections that tell of each statement that changes the file, and of each commit."""

    class Telling(sqlite3.Connection):
        file: str | None = None

        def execute(self, sql: str, *rest: Any) -> Any:
            return self._told(sql, lambda: super(Telling, self).execute(sql, *rest))

        def executemany(self, sql: str, rows: Any) -> Any:
            return self._told(sql, lambda: super(Telling, self).executemany(sql, rows))

        def executescript(self, sql: str) -> Any:
            return self._told(sql, lambda: super(Telling, self).executescript(sql))

        def commit(self) -> None:
            self._told("commit", super().commit)

        def _told(self, sql: str, call: Callable[[], Any]) -> Any:
            changing = sql.lstrip().lower().startswith(_CHANGES)
            if self.file is None or not changing or getattr(watch.busy, "on", False):
                return call()
            return watch.told("commit", self.file, call)

    return Telling


def _wrap_starts(watch: _Watch, put: Put) -> None:
    """Processes belong to the run wherever their program lies."""
    executed = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def execute(self: Any, args: Any, *rest: Any) -> Any:
        return watch.told("spawn", "process", lambda: executed(self, args, *rest))

    spawned = multiprocessing.util.spawnv_passfds  # type: ignore[attr-defined]
    put(subprocess.Popen, "_execute_child", execute)
    put(
        multiprocessing.util,
        "spawnv_passfds",
        lambda path, args, fds: watch.told("spawn", "process", lambda: spawned(path, args, fds)),
    )


def _shown_half(path: Path, after_half: Watcher) -> None:
    """The file as it was when half of it was written."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    after_half(Operation("write", str(path)))
    path.write_bytes(whole)
