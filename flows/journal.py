"""What ran, what was approved: the truth lives here, in SQLite inside the workspace.

Holds names, digests and times; never a person's data. WAL with synchronous FULL: a committed row
survives a power cut. On a local disk only (WAL is not safe on network filesystems).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from matching.errors import IntegrityError, OperatorError, TryAgainLater

__all__ = ["Approval", "Done", "Journal"]

SCHEMA = """
create table if not exists steps (
    step text primary key,
    version integer not null,
    inputs text not null,
    outputs text not null,
    seconds real not null,
    round integer not null
);
create table if not exists approvals (
    gate text not null,
    subject text not null,
    by text not null,
    note text not null,
    approved_at text not null,
    primary key (gate, subject, by)
);
create table if not exists exports (
    batch text primary key,
    state text not null,
    content text not null,
    files text not null,
    changed_at text not null
);
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step: the digest of all it depended on, and its tables' content digests."""

    step: str
    version: int
    inputs: str
    outputs: dict[str, str]
    seconds: float
    round: int


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval of one subject at one gate."""

    gate: str
    subject: str
    by: str
    note: str
    approved_at: str


def _told(path: Path, error: sqlite3.DatabaseError) -> OperatorError:
    """Damage, a missing right, or a disk that is full or a lock that is held: each has its own fix."""
    code = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT")
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return OperatorError(f"{path}: {error}; give this user the right to write it")
    if code.startswith(("SQLITE_FULL", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR")):
        return TryAgainLater(f"{path.name}: {error}; free space or wait, then call again")
    return IntegrityError(f"{path.name}: {error}; restore it from a copy")


class Journal:
    """Opened for each use and closed again: several processes may hold it at once."""

    def __init__(self, root: Path) -> None:
        self.path = root / "journal.sqlite"

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = full")
                connection.executescript(SCHEMA)
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise _told(self.path, error) from None

    def done(self, step: str) -> Done | None:
        """What the journal knows of a step; None where it never finished."""
        with self._connected() as connection:
            row = connection.execute(
                "select step, version, inputs, outputs, seconds, round from steps where step = ?",
                (step,),
            ).fetchone()
        return Done(row[0], row[1], row[2], json.loads(row[3]), row[4], row[5]) if row else None

    def commit(self, done: Done) -> None:
        """Record that a step finished. Calling it twice changes nothing."""
        with self._connected() as connection:
            connection.execute(
                "insert or replace into steps values (?, ?, ?, ?, ?, ?)",
                (
                    done.step,
                    done.version,
                    done.inputs,
                    json.dumps(done.outputs),
                    done.seconds,
                    done.round,
                ),
            )

    def approve(self, gate: str, subject: str, *, by: str, note: str, at: datetime) -> None:
        """Record an approval; the same person approving the same subject twice counts once."""
        with self._connected() as connection:
            connection.execute(
                "insert or ignore into approvals values (?, ?, ?, ?, ?)",
                (gate, subject, by, note, at.isoformat()),
            )

    def approvals(self, gate: str | None = None) -> list[Approval]:
        """Approvals in the order they were given."""
        with self._connected() as connection:
            rows = connection.execute(
                "select gate, subject, by, note, approved_at from approvals"
                " where ?1 is null or gate = ?1 order by approved_at, gate, by",
                (gate,),
            ).fetchall()
        return [Approval(*row) for row in rows]

    def exporting(self, batch: str, *, content: str, at: datetime) -> None:
        """A batch's files are about to be written; its folder counts for nothing until `exported`."""
        self._export(batch, "exporting", content, {}, at)

    def exported(self, batch: str, *, content: str, files: Mapping[str, str], at: datetime) -> None:
        """A batch's files are out. `files`: digests as stored of those its manifest cannot list."""
        self._export(batch, "exported", content, files, at)

    def _export(
        self, batch: str, state: str, content: str, files: Mapping[str, str], at: datetime
    ) -> None:
        with self._connected() as connection:
            connection.execute(
                "insert or replace into exports values (?, ?, ?, ?, ?)",
                (batch, state, content, json.dumps(files, sort_keys=True), at.isoformat()),
            )

    def export_states(self) -> dict[str, str]:
        """Batch -> exporting or exported."""
        return {batch: state for batch, (state, _) in self.exports().items()}

    def exports(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Batch -> its state and the digests of the files that its manifest cannot list."""
        with self._connected() as connection:
            rows = connection.execute("select batch, state, files from exports order by batch")
            return {batch: (state, json.loads(files)) for batch, state, files in rows.fetchall()}
