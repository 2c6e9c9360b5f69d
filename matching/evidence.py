"""What was done and what stands in the workspace: every durable file by digest, in a log that cannot be cut.

Each act comes in with the files it is about to replace. The signed head names the act first, then the files
are replaced, then the log gets its line, then the head says that all is done. So a kill leaves either state
and a note of it: files of the act may be the old ones or the new ones, and the next writer says in the log
which. In any other case a file that is not the one the head or the log names last is damaged, put back or
put there: it is refused before use.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from matching.chain import GENESIS, HEAD, INTERRUPTED, LOG, Head, followed, line_of
from matching.errors import IntegrityError
from matching.files import drop_drafts, locked, refuse_link, replacing, sha256_file

__all__ = ["CLOSED", "NEW", "OPEN", "Entry", "Evidence", "check_pages"]

NEW, OPEN, CLOSED = "new", "open", "closed"
"""States of a database: never written; written to now, or a writer was killed; as its digest says."""
Entry = dict[str, Any]
_FIX = "restore it from a copy"


class Evidence:
    """The log of one workspace. Safe to open several times; writers wait for each other.

    Without a `signer` the head's signature is not looked at, and nothing can be recorded. `kept=False` for a
    folder that has no log (a worker's): all is read and nothing recorded.
    """

    def __init__(
        self, root: Path, signer: Ed25519PrivateKey | None = None, *, kept: bool = True
    ) -> None:
        self.root, self._signer, self.kept = root, signer, kept
        self._guard = Lock()
        self._seen: tuple[tuple[int, ...], Head] | None = None
        self._read = (
            0,
            0,
            GENESIS,
        )  # bytes, lines and hash of the log as far as `_outputs` knows it
        self._outputs: dict[str, str] = {}

    # --- reading ----------------------------------------------------------------------------

    def head(self, *, fresh: bool = False) -> Head:
        """The head as it stands. Raises IntegrityError where it is missing, damaged or another's.

        `fresh`: read from disk whatever its times say, which are no finer than a few milliseconds.
        """
        path = self.root / HEAD
        try:
            stat = path.stat()
            key = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            seen = self._seen
            if not fresh and seen is not None and seen[0] == key:
                return seen[1]
            head = Head.decoded(path.read_bytes(), self._signer)
        except FileNotFoundError:
            raise IntegrityError(f"{HEAD}: missing; {_FIX}") from None
        self._seen = (key, head)
        return head

    def read(self, relative: str) -> bytes | None:
        """A durable file's bytes, as they were recorded last; None where there is none, rightly.

        A file below `out/` that nobody recorded is given as it is: a release was killed before it could.
        Raises IntegrityError where the file is not the recorded one.
        """
        path = self.root / relative
        refuse_link(self.root, relative)
        while True:
            head = self.head() if self.kept else None
            data = path.read_bytes() if path.is_file() else None
            if head is None or self._fits(head, relative, _sha256(data)):
                return data
            if self.head(fresh=True) == head:  # no writer came between
                raise IntegrityError(_wrong(relative, data is None, self.recorded(relative)))

    def recorded(self, relative: str) -> str:
        """Digest that a file must have; empty where none is recorded."""
        if not self.kept:
            return ""
        recorded = self.outputs() if relative.startswith("out/") else self.head().files
        return recorded.get(relative, "")

    def intact(self, relative: str) -> bool:
        """The file is there, was recorded, and has the bytes that were."""
        path = self.root / relative
        refuse_link(self.root, relative)
        return path.is_file() and (not self.kept or sha256_file(path) == self.recorded(relative))

    def was_written(self, relative: str) -> bool:
        """The file was recorded, whatever became of it; where the act that was to write it was killed: is it there?"""
        if not self.recorded(relative):
            return False
        return self.head().before.get(relative) != "" or self.intact(relative)

    def outputs(self) -> Mapping[str, str]:
        """Every file below `out/` with the digest recorded last."""
        with self._guard:
            head = self.head()
            size, lines, last = self._read
            data = self._log(size, head.settled_bytes)
            whole = data + head.pending_bytes
            found = list(followed(whole, previous=last, number=lines))
            _refuse_other_end(head, lines + len(found), found[-1][1] if found else last)
            for entry, _ in found:
                self._take(entry)
            settled = found[: len(found) - len(head.pending)]
            if settled:
                self._read = (size + len(data), lines + len(settled), settled[-1][1])
            return self._outputs

    def entries(self) -> list[Entry]:
        """Every line of the log, those of an act under way included (`pending`), each with its `line`.

        Raises IntegrityError where a line is missing, changed or in another's place.
        """
        while True:
            head = self.head(fresh=True)
            path = self.root / LOG
            data = path.read_bytes() if path.exists() else b""
            if self.head(fresh=True) == head:  # no writer came between
                return self._followed(head, data)

    def _followed(self, head: Head, data: bytes) -> list[Entry]:
        settled, rest = data[: head.settled_bytes], data[head.settled_bytes :]
        if len(settled) != head.settled_bytes or not head.pending_bytes.startswith(rest):
            raise IntegrityError(
                f"{LOG}: not as long as its signed head says, or its end changed; {_FIX}"
            )
        whole = settled + head.pending_bytes
        found = list(followed(whole, previous=GENESIS, number=0))
        _refuse_other_end(head, len(found), found[-1][1] if found else GENESIS)
        first = head.lines - len(head.pending)
        return [
            {**entry, "line": number, "hash": digest, "pending": number > first}
            for number, (entry, digest) in enumerate(found, 1)
        ]

    def database(self, name: str) -> str:
        """State of a SQLite file. Raises IntegrityError where it is closed and another than recorded."""
        path = self.root / name
        refuse_link(self.root, name)
        while self.kept:
            head = self.head()
            wanted = head.databases.get(name)
            if wanted == "":
                return OPEN
            if wanted is None and not path.exists():
                return NEW
            if wanted is not None and path.exists() and self._closed(path) == wanted:
                return CLOSED
            if self.head(fresh=True) == head:
                raise IntegrityError(_wrong(name, not path.exists(), wanted or ""))
        return OPEN

    # --- writing ----------------------------------------------------------------------------

    def begin(self, incident: str) -> None:
        """Make the log of a new workspace; an old one stays as it is."""
        with locked(self.root / "evidence" / ".lock", wait=True):
            if not (self.root / HEAD).exists() and not (self.root / LOG).exists():
                self._write(Head(incident=incident))
            self.read("workspace.json")  # it may be missing only before it was recorded

    def append(self, act: str, *, by: str = "", **details: Any) -> str:
        """Record an act that is about no file (ids, counts, digests; never a person's data); gives the head."""
        with self.recording(act, by=by, **details):
            pass
        return self.head().hash

    def put(self, act: str, files: Mapping[str, bytes], *, by: str = "", **details: Any) -> None:
        """Write durable files, whole or not at all, and record them in one line."""
        digests = {name: _sha256(data) for name, data in files.items()}
        with self.recording(act, files=digests, by=by, **details):
            for name, data in files.items():
                target = self.root / name
                refuse_link(self.root, name)
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with replacing(target) as draft:
                    draft.write_bytes(data)

    @contextmanager
    def recording(
        self,
        act: str,
        *,
        files: Mapping[str, str] | None = None,
        database: str = "",
        leave_open: bool = False,
        by: str = "",
        **details: Any,
    ) -> Iterator[str]:
        """Do the act inside the block: it leaves these files with these digests ("": removed).

        `database` is written to in the block, which gets its state before; it is closed afterwards, but with
        `leave_open`. The block must not record anything itself. Where it raises, the next writer notes that
        the act was interrupted.
        """
        if not self.kept:
            yield NEW
            return
        with locked(self.root / "evidence" / ".lock", wait=True):
            drop_drafts(self.root / "evidence")
            head = self._recovered(self.head(fresh=True))
            state = self.database(database) if database else CLOSED
            left = dict(files or {})
            line = line_of(head, act, left, {"by": by, **details})
            begun = head.begun(line, left, {name: self._now(head, name) for name in left})
            if database:
                begun = begun.database(database, "")
            self._write(begun)
            yield state
            self._append(begun)
            settled = begun.settled()
            if database and not leave_open:
                settled = settled.database(database, self._closed(self.root / database))
            self._write(settled)

    # --- inside -----------------------------------------------------------------------------

    def _fits(self, head: Head, relative: str, found: str) -> bool:
        below_out = relative.startswith("out/")
        wanted = (self.outputs() if below_out else head.files).get(relative, "")
        if found == wanted or (below_out and not wanted):
            return True
        return relative in head.before and found == head.before[relative]

    def _log(self, start: int, stop: int) -> bytes:
        path = self.root / LOG
        stop = min(stop, path.stat().st_size) if path.is_file() else start  # a size is only said
        if stop <= start:
            return b""
        with path.open("rb") as log:
            log.seek(start)
            return log.read(stop - start)

    def _take(self, entry: Entry) -> None:
        for name, digest in entry.get("files", {}).items():
            if name.startswith("out/"):
                self._outputs[name] = digest or ""

    def _now(self, head: Head, name: str) -> str:
        """Digest recorded until now of a file that is about to be replaced."""
        return self.outputs().get(name, "") if name.startswith("out/") else head.files.get(name, "")

    def _recovered(self, head: Head) -> Head:
        """The head after an act that was killed; the log then has its line, and one that says what became of it."""
        path = self.root / LOG
        size = path.stat().st_size if path.exists() else 0
        if not head.pending and size == head.size:
            return head
        rest = path.read_bytes()[head.settled_bytes :] if size else b""
        if size < head.settled_bytes or not head.pending_bytes.startswith(rest):
            raise IntegrityError(f"{LOG}: not as long as its signed head says; {_FIX}")
        if rest != head.pending_bytes:
            head = self._interrupted(head)
            self._append(head)
        settled = head.settled()
        self._write(settled)
        return settled

    def _interrupted(self, head: Head) -> Head:
        """With a line more: which files of the pending act are still those from before."""
        if json.loads(head.pending[-1])["act"] == INTERRUPTED:
            return head
        kept = {
            name: digest
            for name, digest in head.before.items()
            if digest == _sha256_of(self.root / name)
        }
        line = line_of(head, INTERRUPTED, kept, {"by": "", "interrupted": head.lines})
        recovered = head.begun(line, kept, {})
        self._write(recovered)
        return recovered

    def _append(self, head: Head) -> None:
        """Give the log its pending lines, whatever part of them it has."""
        path = self.root / LOG
        handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.ftruncate(handle, head.settled_bytes)
            os.lseek(handle, 0, os.SEEK_END)
            left = head.pending_bytes
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        finally:
            os.close(handle)

    def _write(self, head: Head) -> None:
        assert self._signer is not None, "a log without a key is for reading"
        with replacing(self.root / HEAD) as draft:
            draft.write_bytes(head.encoded(self._signer))
        self._seen = None

    def _closed(self, path: Path) -> str:
        """Digest of a SQLite file; empty while pages lie beside it in a log or a journal."""
        for end in ("-wal", "-journal"):
            beside = path.with_name(path.name + end)
            if beside.exists() and beside.stat().st_size:
                return ""
        return _sha256_of(path)


def check_pages(connection: sqlite3.Connection, name: str) -> None:
    """Raise IntegrityError where SQLite finds its own file broken: after a writer was killed."""
    found = connection.execute("pragma integrity_check").fetchall()
    if found != [("ok",)]:
        raise IntegrityError(f"{name}: damaged; {_FIX}")


def _refuse_other_end(head: Head, lines: int, last: str) -> None:
    """Raise IntegrityError where a log that follows does not end with the line that its head names."""
    if (lines, last) != (head.lines, head.hash):
        raise IntegrityError(f"{LOG}: does not end with the line that its head names; {_FIX}")


def _wrong(relative: str, missing: bool, recorded: str) -> str:
    if missing:
        return f"{relative}: missing; {_FIX}"
    if not recorded:
        return (
            f"{relative}: damaged, or put there by something else: not in the audit log; remove it"
        )
    return f"{relative}: damaged, or not the one that the audit log names last; {_FIX}"


def _sha256(data: bytes | None) -> str:
    return hashlib.sha256(data).hexdigest() if data is not None else ""


def _sha256_of(path: Path) -> str:
    return sha256_file(path) if path.is_file() else ""
