"""What ran, what was approved: the truth lives here, in SQLite inside the workspace.

Holds names, digests and times; never a person's data. WAL with synchronous FULL: a committed row
survives a power cut. On a local disk only (WAL is not safe on network filesystems). Every commit is an act of
the audit log, which knows the file's digest afterwards: a row that was added, changed or taken away by other
means, and one flipped bit, are found before anything is read.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from matching.errors import IntegrityError, OperatorError, TryAgainLater
from matching.evidence import CLOSED, NEW, check_pages
from matching.files import digest_of, replacing
from matching.store import Workspace
from matching.typed_files import parse_json

__all__ = ["JOURNAL", "Approval", "Done", "Journal", "step_manifest"]

JOURNAL = "journal.sqlite"

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

KEYS = {"steps": 1, "approvals": 3, "exports": 1}
"""How many columns of each table, the first ones, are its key."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished step: the digest of all it depended on, and its tables' content digests."""

    step: str
    version: int
    inputs: str
    outputs: dict[str, str]
    seconds: float
    round: int
    manifest: bytes = b""
    """The step's signed manifest, which goes to `evidence/steps/`; not a column."""


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


def _digests(text: object) -> dict[str, str]:
    """Names and their digests. Raises IntegrityError: of a file whose writer was killed nobody knows the digest."""
    try:
        found = parse_json(str(text))
        if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
            return found
    except ValueError:
        pass
    raise IntegrityError(f"{JOURNAL}: a row that is none of ours; restore it from a copy")


def step_manifest(step: str) -> str:
    """Where the signed manifest of a step is kept."""
    return f"evidence/steps/{step}.json"


def row_name(table: str, row: Sequence[Any]) -> str:
    """How the audit log names a row: its table and its key."""
    return "/".join([table, *(str(value) for value in row[: KEYS[table]])])


class Journal:
    """Opened for each use and closed again: several processes may hold it at once; writers wait."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.root / JOURNAL
        self._root, self._evidence = workspace.root, workspace.evidence

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        state = self._evidence.database(JOURNAL)
        with self._connected(state, reading=True) as connection:
            yield connection

    @contextmanager
    def _writing(
        self,
        act: str,
        table: str,
        row: Sequence[Any],
        *,
        gone: bool = False,
        files: Mapping[str, str] | None = None,
        **details: Any,
    ) -> Iterator[sqlite3.Connection]:
        """One row and one act of the audit log: its line is there before the commit, the file's digest after."""
        content = "" if gone else digest_of(*row)
        with (
            self._evidence.recording(
                act, files=files, database=JOURNAL, row=row_name(table, row), content=content,
                **details,
            ) as state,
            self._connected(state) as connection,
        ):  # fmt: skip
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")
            connection.execute("pragma wal_checkpoint(truncate)")

    @contextmanager
    def _connected(self, state: str, *, reading: bool = False) -> Iterator[sqlite3.Connection]:
        path = ":memory:" if reading and state == NEW else self.path
        try:
            connection = sqlite3.connect(path, timeout=30, isolation_level=None)
            try:
                if state != CLOSED or not reading:
                    connection.execute("pragma journal_mode = wal")
                    connection.execute("pragma synchronous = full")
                    connection.executescript(SCHEMA)
                if state != CLOSED:
                    check_pages(connection, JOURNAL)
                yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise _told(self.path, error) from None
        except UnicodeDecodeError:  # what SQLite says quotes bytes of the file
            raise IntegrityError(f"{self.path.name}: damaged; restore it from a copy") from None

    def done(self, step: str) -> Done | None:
        """What the journal knows of a step; None where it never finished."""
        with self._reading() as connection:
            row = connection.execute(
                "select step, version, inputs, outputs, seconds, round from steps where step = ?",
                (step,),
            ).fetchone()
        return Done(row[0], row[1], row[2], _digests(row[3]), row[4], row[5]) if row else None

    def commit(self, done: Done) -> None:
        """Record that a step finished, with its signed manifest. Calling it twice changes nothing."""
        row = [
            done.step, done.version, done.inputs, json.dumps(done.outputs), done.seconds, done.round
        ]  # fmt: skip
        name = step_manifest(done.step)
        files = {name: hashlib.sha256(done.manifest).hexdigest()} if done.manifest else {}
        with self._writing("step", "steps", row, files=files, round=done.round) as connection:
            connection.execute("insert or replace into steps values (?, ?, ?, ?, ?, ?)", row)
            if done.manifest:
                (self._root / name).parent.mkdir(exist_ok=True, mode=0o700)
                with replacing(self._root / name) as draft:
                    draft.write_bytes(done.manifest)

    def forget(self, step: str) -> None:
        """The step never finished, as far as the next run knows; for measurements of resuming."""
        with self._writing("forget step", "steps", [step], gone=True) as connection:
            connection.execute("delete from steps where step = ?", (step,))

    def approve(self, gate: str, subject: str, *, by: str, note: str, at: datetime) -> None:
        """Record an approval; the same person approving the same subject twice counts once."""
        if any((a.subject, a.by) == (subject, by) for a in self.approvals(gate)):
            return
        row = [gate, subject, by, note, at.isoformat()]
        with self._writing("approval", "approvals", row, by=by) as connection:
            connection.execute("insert or replace into approvals values (?, ?, ?, ?, ?)", row)

    def approvals(self, gate: str | None = None) -> list[Approval]:
        """Approvals in the order they were given."""
        with self._reading() as connection:
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
        row = [batch, state, content, json.dumps(files, sort_keys=True), at.isoformat()]
        with self._writing(state, "exports", row) as connection:
            connection.execute("insert or replace into exports values (?, ?, ?, ?, ?)", row)

    def rows(self) -> dict[str, str]:
        """Every row by the name that the audit log has for it, with its digest there."""
        found = {}
        with self._reading() as connection:
            for table in KEYS:
                for row in connection.execute(f"select * from {table}"):
                    found[row_name(table, row)] = digest_of(*row)
        return found

    def export_states(self) -> dict[str, str]:
        """Batch -> exporting or exported."""
        return {batch: state for batch, (state, _) in self.exports().items()}

    def exports(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Batch -> its state and the digests of the files that its manifest cannot list."""
        with self._reading() as connection:
            rows = connection.execute("select batch, state, files from exports order by batch")
            return {batch: (state, _digests(files)) for batch, state, files in rows.fetchall()}
