"""Disks, databases and tables that are not as they should be: each a named case with its check.

In: the undisturbed run, whose disk is put back to some moment. Out: what was not as it should be; nothing where all
is well. A command that meets the trouble says one line and gives its exit code; without it, the same call goes on
to the same tables.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.faulting.calls import Called, called
from benchmarks.faulting.disk import KINDS, Operation
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.states import wrong
from flows.verify import verify
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["CASES", "Case", "at", "bytes_below", "unlike"]

Case = Callable[[Undisturbed], list[str]]


def unlike(ended: Called, code: int, words: str = "") -> list[str]:
    """The call should have ended so, in one line."""
    if ended.code != code or not ended.told_plainly() or words not in ended.said:
        return [f"ended with {ended.code}, not {code} '{words}': {ended.said.strip()[:300]}"]
    return []


def at(world: Undisturbed, name: str) -> int:
    """The number of a phase; its disk is put back."""
    number = next(n for n, phase in enumerate(world.phases) if phase.name == name)
    world.restore(number)
    return number


def bytes_below(folder: Path) -> dict[str, bytes]:
    """Every file's bytes; what SQLite keeps for its readers is no content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".lock"} and not path.name.endswith("-shm")
    }


# --- the disk ---------------------------------------------------------------------------------------


def full_disk(world: Undisturbed) -> list[str]:
    """From some write on there is no space for anything, until somebody frees it."""
    return _everything_fails(world, errno.ENOSPC, {"open", "write", "mkdir", "commit"}, 75, "full")


def read_only_disk(world: Undisturbed) -> list[str]:
    """The disk was mounted again for reading only."""
    return _everything_fails(world, errno.EROFS, set(KINDS) - {"fsync", "lock", "spawn"}, 3, "")


def _everything_fails(
    world: Undisturbed, number: int, kinds: set[str], code: int, words: str
) -> list[str]:
    found = []
    for name in ("duties", "export", "record"):
        which = at(world, name)
        met = []

        def refuse(operation: Operation, met: list[Operation] = met) -> None:
            met.append(operation)
            if len(met) > 3 and operation.kind in kinds:
                if operation.kind == "commit":
                    raise _of_sqlite(number)
                raise OSError(number, os.strerror(number), operation.path)

        found += unlike(world.through(world.phases[which], refuse), code, words)
        found += [f"{name}: {each}" for each in world.again(which)]
    return found


def _of_sqlite(number: int) -> sqlite3.OperationalError:
    full = number == errno.ENOSPC
    error = sqlite3.OperationalError("database or disk is full" if full else "attempt to write a readonly database")  # fmt: skip
    error.sqlite_errorname = "SQLITE_FULL" if full else "SQLITE_READONLY"
    return error


# --- databases --------------------------------------------------------------------------------------


@contextmanager
def impatient() -> Iterator[None]:
    """SQLite waits a fifth of a second for a lock, not half a minute."""
    real = sqlite3.connect

    def connect(*given: Any, **named: Any) -> Any:
        return real(*given, **{**named, "timeout": 0.2})

    with mock.patch.object(sqlite3, "connect", connect):
        yield


def locked_journal(world: Undisturbed) -> list[str]:
    """Another program, a backup say, holds the journal and does not let go."""
    which = at(world, "duties")
    path = world.incident.workspace / "journal.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with impatient():
            found = unlike(called(world.phases[which].arguments), 75, "journal.sqlite: database is locked")  # fmt: skip
    return found + world.again(which)


def damaged_journal(world: Undisturbed) -> list[str]:
    """Its first page is overwritten, or it is cut: nothing is guessed."""
    found = []
    for damage in (
        lambda data: b"\xa5" * 100 + data[100:],
        lambda data: data[: len(data) // 2 - 7],
    ):
        which = at(world, "duties")
        path = world.incident.workspace / "journal.sqlite"
        with closing(sqlite3.connect(path)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        found += unlike(called(world.phases[which].arguments), 7, "journal.sqlite")
        path.write_bytes(whole)
        found += world.again(which)
    return found


# --- tables -----------------------------------------------------------------------------------------


def flipped_bit(world: Undisturbed) -> list[str]:
    """One bit of each table's first part: found by verify; what can be made again is."""
    return _damaged_tables(world, lambda data: data[:60] + bytes([data[60] ^ 4]) + data[61:])


def truncated_table(world: Undisturbed) -> list[str]:
    """Each table's first part loses its last byte."""
    return _damaged_tables(world, lambda data: data[:-1])


def _damaged_tables(world: Undisturbed, damage: Callable[[bytes], bytes]) -> list[str]:
    at(world, "release packets")
    root, found = world.incident.workspace, []
    for name, table in TABLES.items():
        manifest = Workspace.open(root).manifest(name)
        parts = [
            root / table.kind / name / part.file for part in (manifest.parts if manifest else ())
        ]
        if not parts:
            continue
        whole = parts[0].read_bytes()
        _rewritten(parts[0], damage(whole))
        seen = verify(root)
        if not any(parts[0].name in said for said in seen["damaged"]):
            found.append(f"{name}: verify did not find it")
        _rewritten(parts[0], whole)
    return found + wrong(world.incident)


def _rewritten(path: Path, data: bytes) -> None:
    """Another file of the same name: the snapshot's is linked."""
    path.unlink()
    path.write_bytes(data)


def damage_heals(world: Undisturbed) -> list[str]:
    """A step's damaged table is made again; one that came from the world is not, and is refused."""
    at(world, "release packets")
    root = world.incident.workspace
    (part,) = sorted((root / "tables" / "duties").glob("part-*.parquet"))[:1]
    whole = part.read_bytes()
    _rewritten(part, whole[: len(whole) // 2])
    found = unlike(called(["packets", str(root)]), 7, "bytes changed")
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    found += world.again(number)
    (kept,) = sorted((root / "inbox" / "files").glob("part-*.parquet"))[:1]
    whole = kept.read_bytes()
    _rewritten(kept, bytes([whole[0] ^ 1]) + whole[1:])
    found += unlike(called(world.phases[0].arguments), 7, "bytes changed")
    _rewritten(kept, whole)
    return found + world.again(number)


CASES: dict[str, Case] = {
    "full disk": full_disk,
    "read-only disk": read_only_disk,
    "journal locked": locked_journal,
    "journal damaged": damaged_journal,
    "one bit flipped in each table": flipped_bit,
    "each table truncated": truncated_table,
    "a damaged table is made again": damage_heals,
}
