"""The only code that reads and writes tables: encrypted Parquet parts under one manifest a table.

A part appears whole (temp file, fsync, rename) and a table changes as a whole, when its manifest is
replaced. Every read checks the parts' SHA-256 first: one flipped byte in Parquet gives wrong values
silently. `content_digest` is over the logical rows and the same for any split into parts;
`file_sha256` is over the bytes as stored. Each part has its own key, so a part put in another's
place does not open. What a table holds now, and every other durable file, is named by the audit log
(`evidence`): a manifest that is not the one named last is refused. Longer than most modules: one class owns
one directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from sqlite3 import DatabaseError
from threading import Lock
from typing import Any

import polars as pl
from cryptography.exceptions import InvalidTag

from matching.errors import (
    ApprovalMissing,
    CheckFailed,
    IntegrityError,
    OperatorError,
    TryAgainLater,
    UsageError,
)
from matching.evidence import CLOSED, Evidence, check_pages
from matching.files import (
    digest_of,
    drop_drafts,
    locked,
    placed,
    refuse_link,
    replacing,
    rows_hash,
    sha256_file,
)
from matching.guarded import refuse_unsafe
from matching.keyfile import KeyFile, default_key_file, holding_key_file, load_or_make
from matching.keys import Keys
from matching.log import log_counts, rows_written, warn_once
from matching.manifest import Manifest, Part
from matching.openers import Person
from matching.opening import (
    ENCRYPTED,
    PLAIN,
    found_store,
    key_file_of,
    make_folders,
    new_identity,
    open_keys,
    read_identity,
    refuse_exposed,
    refuse_occupied,
)
from matching.purged import purged
from matching.schema import Keep, Kind, Table
from matching.scratch import empty, entries_of, removed, scratch_folder
from matching.signing import fingerprint, public_key, signature
from matching.tables import KEEP, TABLES

__all__ = [
    "CLOSED",
    "COMPLETE",
    "NOTE",
    "ROWS_PER_PART",
    "ApprovalMissing",
    "CheckFailed",
    "Evidence",
    "IntegrityError",
    "Manifest",
    "OperatorError",
    "Part",
    "TryAgainLater",
    "UsageError",
    "Workspace",
    "Writer",
    "check_pages",
    "digest_of",
    "drop_drafts",
    "fingerprint",
    "locked",
    "log_counts",
    "public_key",
    "replacing",
    "sha256_file",
    "signature",
]

ROWS_PER_PART = 1_000_000
"""About 100 MB of the widest table a part: small enough to hold, large enough to compress."""
_NOBODY_ELSE = 0o077
"""Mask of whoever opens a workspace: what SQLite, DuckDB and Prefect make is its owner's alone, too."""
NOTE = ".note"
"""End of the name of what lies beside a finished part: sealed, so that a run believes no other."""
COMPLETE = "tables/complete.json"
_PARTS_AS_ONE = 16
"""More parts than these are read side by side: one plan of a thousand one-row parts takes 6 s, its parts 0.5 s."""
_FILES_PER_LINE = 1000
"""Files that one line of the audit log names: 100 kB."""


@dataclass(slots=True)
class Workspace:
    """One incident's directory, opened with its keys. Safe to open several times.

    `complete` reads the last finished round's set of tables while another round is being written.
    """

    root: Path
    identity: dict[str, Any]
    keys: Keys = field(repr=False)
    complete: bool = False
    inbox_parts: Mapping[str, int] | None = None
    scratch_in: str = "disk"
    _checked: set[tuple[str, int, int]] = field(default_factory=set, repr=False)
    evidence: Evidence = field(init=False, repr=False)
    """The audit log, and which durable file is which."""
    _outputs: _Unrecorded = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kept = not self.identity.get("branch")
        self.evidence = Evidence(self.root, self.keys.signing_key(), kept=kept)
        self._outputs = _Unrecorded()

    # --- opening ----------------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        root: Path,
        *,
        incident_id: str,
        synthetic: bool,
        key_file: Path | None = None,
        people: Mapping[str, Person] | None = None,
        encryption: str = ENCRYPTED,
    ) -> tuple[Workspace, bool]:
        """Make the directory (0700) or open it; also says whether a key file was made just now.

        `people`: whom a new key file is wrapped for; nobody: it is in clear.
        """
        os.umask(_NOBODY_ELSE)
        path = key_file or default_key_file(incident_id)
        if root.resolve() in path.resolve().parents:
            raise OperatorError(f"key file {path}: lies inside the workspace; put it elsewhere")
        if encryption == PLAIN and not synthetic:
            raise OperatorError(f"workspace {root}: without encryption only where synthetic = true")
        made = False
        if not (root / "workspace.json").exists():
            with holding_key_file(path):
                made = load_or_make(
                    path, incident_id=incident_id, synthetic=synthetic, people=people
                )
                if not (root / "workspace.json").exists():  # another process may have been first
                    refuse_occupied(root)
                    make_folders(root)
                    identity = new_identity(path, incident_id, synthetic, encryption)
                    founded, keys = found_store(root, identity, KeyFile.read(path))
                    cls(root, founded, keys)._begin()
        make_folders(root)
        return cls.open(root), made

    @classmethod
    def open(cls, root: Path, *, complete: bool = False) -> Workspace:
        """Raises OperatorError where it is no workspace or its key does not fit."""
        os.umask(_NOBODY_ELSE)
        with suppress(FileNotFoundError):
            refuse_unsafe(root, what="workspace")
        identity = read_identity(root)
        refuse_exposed(root)
        newer = [
            n
            for n, v in identity["schema_versions"].items()
            if n in TABLES and v > TABLES[n].schema_version
        ]
        if newer:
            raise OperatorError(
                f"workspace {root}: written by a newer version ({', '.join(newer)}); upgrade"
            )
        keys = open_keys(root, identity)
        if identity["encryption"] == PLAIN:
            warn_once(
                f"affected: WITHOUT ENCRYPTION: whoever reads {root} reads every row; made-up people only"
            )
        opened = cls(root, identity, keys, complete)
        if opened.evidence.kept:
            opened.evidence.head()  # signed with this incident's key
        return opened

    def _begin(self) -> None:
        """Write workspace.json, last of all: with it this is a workspace."""
        self.evidence.begin(self.incident_id)
        said = {
            "workspace.json": json.dumps(self.identity, indent=1).encode(),
            "evidence/signing_key.pem": public_key(self),
        }
        self.evidence.put("workspace", said, incident=self.incident_id)

    @property
    def synthetic(self) -> bool:
        """Outputs may be plain and approvals given in one go."""
        return bool(self.identity["synthetic"])

    @property
    def incident_id(self) -> str:
        """The incident's id."""
        return str(self.identity["incident_id"])

    @property
    def store_id(self) -> str:
        """Random id by which the key file knows this workspace."""
        return str(self.identity["store_id"])

    @property
    def key_file(self) -> Path:
        """Where the incident's key file is looked for."""
        return key_file_of(self.identity)

    @property
    def encrypted(self) -> bool:
        """Tables are closed; False only in a synthetic incident that asked for it."""
        return bool(self.identity["encryption"] != PLAIN)

    @property
    def purged(self) -> frozenset[str]:
        """Tables whose rows are gone on purpose, by signed certificates; their manifests stay."""
        return purged(self)

    @property
    def out(self) -> Path:
        """What leaves the house."""
        return self.root / "out"

    # --- reading ----------------------------------------------------------------------------

    def manifest(self, name: str) -> Manifest | None:
        """The table's manifest; None where it was never written. Raises IntegrityError if damaged."""
        of_set = self.complete and TABLES[name].kind is Kind.STEP
        shown = COMPLETE if of_set else self._manifest_name(name)
        data = self.evidence.read(shown)
        if data is None:
            return None
        try:
            stored = json.loads(data)
            if of_set and name not in stored:
                return None
            found = Manifest.from_json(stored[name] if of_set else stored)
            if found.table != name:
                raise ValueError("another table's")
            return found
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IntegrityError(f"{shown}: damaged; restore it from a copy") from None

    def has(self, name: str) -> bool:
        """The table was written."""
        return self.manifest(name) is not None

    def stamp(self, name: str) -> tuple[int, int, int]:
        """Another one whenever the table was written since: costs one look at its manifest's file."""
        return _stamp(self.root / self._manifest_name(name))

    def complete_stamp(self) -> tuple[int, int, int]:
        """Another one whenever a round was completed since."""
        return _stamp(self.root / COMPLETE)

    def digest(self, name: str) -> str | None:
        """content_digest of the table as this round sees it; None where it was never written."""
        manifest = self._seen(name)
        return manifest.content_digest if manifest else None

    def first_rows_digest(self, name: str, rows: int) -> str | None:
        """content_digest of the table's first rows where they end with a part, else of the whole table."""
        manifest, before = self._seen(name), 0
        for number, part in enumerate(manifest.parts if manifest else (), 1):
            before += part.rows
            if manifest and before == rows:
                first = manifest.parts[:number]
                return Manifest(name, manifest.schema_version, first).content_digest
        return self.digest(name)

    def rows(self, name: str) -> int:
        """Rows of the table; 0 where it was never written."""
        manifest = self._seen(name)
        return manifest.rows if manifest else 0

    def size(self, name: str) -> int:
        """Bytes of the table's parts on disk."""
        manifest = self._seen(name)
        folder = self._folder(name)
        return sum((folder / p.file).stat().st_size for p in (manifest.parts if manifest else ()))

    def scan(self, name: str) -> pl.LazyFrame:
        """The table as a lazy frame, parts checked first; empty where it was never written.

        Raises IntegrityError naming the file whose bytes changed.
        """
        manifest = self._seen(name)
        if manifest is None or not manifest.parts:
            return TABLES[name].empty().lazy()
        return pl.concat([self._scan_part(name, part) for part in manifest.parts])

    def parts(self, name: str) -> Iterator[pl.DataFrame]:
        """The table part by part, for work that must not hold it whole."""
        return (rows.collect() for _, rows in self.lazy_parts(name))

    def lazy_parts(self, name: str, *, start: int = 0) -> list[tuple[Part, pl.LazyFrame]]:
        """Each part from `start` on with its rows, for work that needs not read them all."""
        manifest = self._seen(name)
        parts = manifest.parts[start:] if manifest else ()
        return [(part, self._scan_part(name, part)) for part in parts]

    def rows_between(self, name: str, start: int, stop: int) -> pl.LazyFrame:
        """Rows start..stop - 1 in the order of the parts; other parts are not opened."""
        manifest = self._seen(name)
        found, before = [TABLES[name].empty().lazy()], 0
        for part in manifest.parts if manifest else ():
            low, high = max(start - before, 0), min(stop - before, part.rows)
            if low < high:
                found.append(self._scan_part(name, part).slice(low, high - low))
            before += part.rows
        return pl.concat(found[1:] or found)

    def read(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """The table in memory, sorted by its key."""
        manifest = self._seen(name)
        if manifest is None or len(manifest.parts) <= _PARTS_AS_ONE:
            frame = self.scan(name)
            return (frame.select(columns) if columns else frame).collect()
        parts = (rows for _, rows in self.lazy_parts(name))
        return pl.concat(pl.collect_all([r.select(columns) if columns else r for r in parts]))

    def _seen(self, name: str) -> Manifest | None:
        manifest = self.manifest(name)
        limit = (self.inbox_parts or {}).get(name)
        if manifest is None or limit is None:
            return manifest
        return Manifest(name, manifest.schema_version, manifest.parts[:limit])

    def _scan_part(self, name: str, part: Part) -> pl.LazyFrame:
        path = self._folder(name) / part.file
        self.check_part(name, part)
        if part.data_key == PLAIN and not self.encrypted:
            return pl.scan_parquet(path)
        key = self._part_key(name, part.file, part.data_key)
        return pl.scan_parquet(path, decryption=pl.ParquetDecryptionProperties(footer_key=key))

    def read_note(self, name: str, note: Path) -> tuple[Part, dict[str, Any] | None]:
        """What was noted beside a finished part of a table. Raises IntegrityError where a bit changed."""
        try:
            stored = json.loads(self.keys.decrypt(_sealed_as(note), note.read_bytes()))
            return Part(**stored["part"]), stored["noted"]
        except (OSError, InvalidTag, ValueError, KeyError, TypeError):
            shown = f"{TABLES[name].kind}/{name}/{note.name}"
            raise IntegrityError(f"{shown}: damaged; run again, the part is made anew") from None

    def check_part(self, name: str, part: Part) -> None:
        """Raise IntegrityError where a part is missing or its bytes are not the manifest's."""
        path = self._folder(name) / part.file
        shown = f"{TABLES[name].kind}/{name}/{part.file}"
        refuse_link(self.root, shown)
        try:
            stat = path.stat()
        except FileNotFoundError:
            if name in self.purged:
                raise OperatorError(f"table '{name}': purged; see evidence/purge-*.json") from None
            raise IntegrityError(f"{shown}: missing") from None
        seen = (str(path), stat.st_mtime_ns, stat.st_size)
        if seen in self._checked:
            return
        if sha256_file(path) != part.file_sha256:
            raise IntegrityError(f"{shown}: bytes changed since written")
        self._checked.add(seen)

    # --- writing ----------------------------------------------------------------------------

    def write(self, name: str, frame: pl.DataFrame | pl.LazyFrame) -> None:
        """Replace the table by these rows, sorted by its key."""
        table = TABLES[name]
        rows = table.conform(frame.lazy()).sort(table.key, nulls_last=True).collect()
        with self.writer(name) as writer:
            for index, start in enumerate(range(0, max(rows.height, 1), ROWS_PER_PART)):
                writer.put(index, rows.slice(start, ROWS_PER_PART))

    @contextmanager
    def writer(self, name: str, *, resume_key: str = "") -> Iterator[Writer]:
        """Write a table part by part; it changes when the block ends without an error.

        With a `resume_key` (a digest of all that the rows depend on) parts that a killed run
        finished are kept: `has(index)` says which.
        """
        if TABLES[name].kind is Kind.REFERENCE and self.has(name):
            raise TryAgainLater(f"reference table {name} is frozen")
        writer = Writer(self, TABLES[name], resume_key or token_hex(4))
        yield writer
        self._publish(name, writer.finished())

    def append(self, name: str, frame: pl.DataFrame) -> int:
        """Append rows to an inbox table as one part, atomically; gives the number of its parts."""
        table = TABLES[name]
        if table.kind is not Kind.INBOX:
            raise UsageError(f"{name} is no inbox table")
        rows = table.conform(frame.lazy()).sort(table.key).collect()
        with locked(self._folder(name) / ".lock", wait=True):
            drop_drafts(self._folder(name))
            old = self.manifest(name)
            parts = old.parts if old else ()
            if rows.is_empty():
                return len(parts)
            part = self.put_part(name, f"part-{len(parts):06d}-{token_hex(4)}.parquet", rows)
            self._publish(name, (*parts, part))
            return len(parts) + 1

    def publish_complete(self) -> None:
        """Make the present set of tables the one that readers see, and drop what nobody sees."""
        current = {}
        for name, table in TABLES.items():
            manifest = self.manifest(name) if table.kind is Kind.STEP else None
            if manifest is not None:
                current[name] = manifest.stored()
        data = json.dumps(current).encode()
        self.evidence.put("complete", {COMPLETE: data}, tables=len(current))
        for name, stored in current.items():
            wanted = {part["file"] for part in stored["parts"]}
            for path in self._folder(name).glob("part-*"):
                if path.name.removesuffix(NOTE) not in wanted:
                    path.unlink(missing_ok=True)

    def put_part(self, name: str, file: str, rows: pl.DataFrame) -> Part:
        """Write one encrypted part: temp file, fsync, rename."""
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        data_key = self.keys.ring.newest(KEEP[name]).id if self.encrypted else PLAIN
        closing = None
        if self.encrypted:
            key = self._part_key(name, file, data_key)
            closing = pl.ParquetEncryptionProperties(footer_key=key)
        with replacing(folder / file) as draft:
            # a third faster than zstd at its fastest, for a third more bytes
            rows.write_parquet(draft, encryption=closing, compression="lz4")
            digest = sha256_file(draft)
        rows_written(name, rows.height)
        return Part(file, rows.height, digest, rows_hash(rows), data_key)

    def _publish(self, name: str, parts: tuple[Part, ...]) -> None:
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        manifest = Manifest(name, TABLES[name].schema_version, parts)
        data = json.dumps(manifest.stored()).encode()
        said = {self._manifest_name(name): data}
        self.evidence.put("table", said, table=name, rows=manifest.rows)

    def drop(self, name: str, *, act: str = "drop", by: str = "") -> None:
        """Take a table away for good, and say so in the audit log: then it is not missing."""
        manifest = self._manifest_name(name)
        with self.evidence.recording(act, files={manifest: ""}, by=by, table=name):
            (self.root / manifest).unlink(missing_ok=True)
        shutil.rmtree(self._folder(name), ignore_errors=True)

    def _manifest_name(self, name: str) -> str:
        return f"{TABLES[name].kind}/{name}/manifest.json"

    def _folder(self, name: str) -> Path:
        return self.root / TABLES[name].kind / name

    def _part_key(self, name: str, file: str, data_key: str) -> bytes:
        return self.keys.ring.key_for(data_key, f"{TABLES[name].kind}/{name}/{file}")

    # --- for workers elsewhere ----------------------------------------------------------------

    def branch(self, root: Path) -> Workspace:
        """A directory of the same store for workers elsewhere; whoever opens it brings the key."""
        root.mkdir(exist_ok=True, mode=0o700)
        identity = {**self.identity, "key_file": "", "branch": True}
        self.keys.ring.save(root, self.keys.store_key)
        with replacing(root / "workspace.json") as draft:
            draft.write_text(json.dumps(identity, indent=1))
        return Workspace(root, identity, self.keys)

    def lend(self, name: str, branch: Workspace) -> None:
        """Let a branch have this table as it is now: links, or copies on another disk."""
        manifest = self.manifest(name)
        parts = manifest.parts if manifest else ()
        (branch._folder(name)).mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in parts:
            try:
                branch.check_part(name, part)
            except IntegrityError:
                placed(self._folder(name) / part.file, branch._folder(name) / part.file)
        branch._publish(name, parts)

    # --- files that leave the house, scratch --------------------------------------------------

    def put_output(
        self, relative: str, data: bytes, *, personal: bool, synced: bool = True
    ) -> Path:
        """Write a file below `out/`; gives its path. `synced` as in `replacing`.

        A file with a person's data is plain only in a synthetic incident, else AES-256-GCM under
        the incident's key with `.enc` at its end (`affected` opens it) until a recipient's key exists.
        """
        sealed = personal and not self.synthetic
        target = self.out / (relative + ".enc" if sealed else relative)
        keep = keep_of_output(relative)
        stored = self.keys.encrypt(f"out/{relative}", data, keep=keep) if sealed else data
        name = f"out/{target.relative_to(self.out).as_posix()}"
        digest = hashlib.sha256(stored).hexdigest()
        if self._outputs.collecting and self.evidence.recorded(name) in ("", digest):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replacing(target, synced=synced) as draft:
                draft.write_bytes(stored)
            self._outputs.add(name, digest)
        else:
            self.evidence.put("file", {name: stored})
        return target

    def get_output(self, relative: str) -> bytes:
        """Read back what `put_output` wrote, plain or not."""
        plain = self.evidence.read(f"out/{relative}") if (self.out / relative).exists() else None
        if plain is not None:
            return plain
        sealed = self.evidence.read(f"out/{relative}.enc")
        if sealed is None:
            self.evidence.read(f"out/{relative}")  # says so where it should be there
            raise FileNotFoundError(f"out/{relative}")
        return self.keys.decrypt(f"out/{relative}", sealed)

    @contextmanager
    def recording_outputs(self) -> Iterator[None]:
        """Files that `put_output` writes in this block are recorded together at its end: for folders of many.

        Killed in the block they are unrecorded: who finds a folder so must write it anew (`is_recorded`).
        """
        self._outputs.enter()
        try:
            yield
        finally:
            written = sorted(self._outputs.leave().items())
            for start in range(0, len(written), _FILES_PER_LINE):
                some = dict(written[start : start + _FILES_PER_LINE])
                with self.evidence.recording("files", files=some):
                    pass  # they stand already

    def is_recorded(self, relative: str) -> bool:
        """A file below `out/` is there as it was recorded, plain or sealed."""
        return any(self.evidence.intact(f"out/{relative}{end}") for end in ("", ".enc"))

    def was_recorded(self, relative: str) -> bool:
        """A file below `out/` was written whole and recorded, whatever became of it."""
        names = (f"out/{relative}", f"out/{relative}.enc")
        return not self.evidence.kept or any(self.evidence.was_written(name) for name in names)

    def drop_outputs(self, relative: str) -> None:
        """Remove a file or folder below `out/`, and say so in the audit log."""
        path, name = self.out / relative, f"out/{relative}"
        gone = (
            {
                file: ""
                for file, digest in self.evidence.outputs().items()
                if digest and (file == name or file.startswith(f"{name}/"))
            }
            if self.evidence.kept
            else {}
        )
        with self.evidence.recording("removed", files=gone) if gone else nullcontext():
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def printed_head(self) -> dict[str, Any]:
        """Where the audit log ends now, and whose signature its head bears: to be printed in what leaves."""
        head = self.evidence.head()
        return {"lines": head.lines, "head": head.hash, "signed_by": fingerprint(self)}

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Write to a SQLite file of the workspace for a while; gives its state before: new, open or closed.

        Open: whoever wrote to it last was killed; look whether it is whole. Raises IntegrityError where it is
        closed and another than it was left. One writer at a time: the caller holds a lock. A block that
        raises something else than damage has closed the file, too; one that is killed has not.
        """
        state = self.evidence.database(name)
        with self.evidence.recording(f"{name} opened", database=name, leave_open=True):
            pass
        try:
            yield state
        except (IntegrityError, DatabaseError):
            raise
        except Exception:
            self._close(name)
            raise
        self._close(name)

    def _close(self, name: str) -> None:
        with self.evidence.recording(f"{name} closed", database=name):
            pass

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder for spill, gone afterwards whatever happens; in memory where that is asked for.

        Raises TryAgainLater where all went well but the folder cannot be removed.
        """
        folder = scratch_folder(self.root, self.store_id, self.scratch_in) / token_hex(6)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        except BaseException:
            removed(folder)
            raise
        if not removed(folder):
            raise TryAgainLater(
                f"scratch {folder.name}: cannot be removed;"
                f" see to the disk, then affected purge {self.root} --scratch"
            )

    def scratch_entries(self) -> list[str]:
        """What lies in scratch, on disk and in memory: names of our making."""
        return [path.name for path in entries_of(self.root, self.store_id)]

    def purge_scratch(self) -> int:
        """Empty scratch, on disk and in memory; gives the number of entries removed."""
        return empty(self.root, self.store_id)

    def drop_left(self, *, outputs: bool) -> None:
        """Drop drafts that killed commands left; far below `out/`, where packets may be 400,000 files, only if asked."""
        drop_drafts(self.root)
        for folder in self.root.iterdir():
            if folder.is_dir() and (outputs or folder != self.out):
                drop_drafts(folder, below=True)
        if not outputs:  # a step writes out/report.html and out/duties/
            for folder in (self.out, *self.out.iterdir()):
                if folder.is_dir():
                    drop_drafts(folder)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def keep_of_output(relative: str) -> Keep:
    """What was handed over proves what was told; letters to look at and dry runs are drafts."""
    top, *below = Path(relative).parts
    batch = top == "letters" and len(below) > 1 and below[0] != "proofs"
    drafts = top == "email" or (top == "letters" and not batch)
    return Keep.WORKING if drafts else Keep.EVIDENCE


@dataclass(slots=True)
class Writer:
    """Parts of one table in the making. `put` the same index twice and the later one counts.

    A part may bear its own `key`, a digest of all that its rows depend on: it is then found again
    whatever its index, so that a later round works only on what is new.
    """

    workspace: Workspace
    table: Table
    resume_key: str
    _parts: dict[int, Part] = field(default_factory=dict)
    _noted: dict[int, dict[str, Any]] = field(default_factory=dict)

    def _file(self, index: int, key: str) -> str:
        name = key[:24] if key else f"{self.resume_key[:12]}-{index:05d}"
        return f"part-{name}.parquet"

    def _note(self, file: str) -> Path:
        return self.workspace._folder(self.table.name) / f"{file}{NOTE}"

    def has(self, index: int, *, key: str = "") -> bool:
        """A run before finished this part under the same key, and it is whole."""
        if index in self._parts:
            return True
        note = self._note(self._file(index, key))
        if not note.exists():
            return False
        try:
            part, noted = self.workspace.read_note(self.table.name, note)
            self.workspace.check_part(self.table.name, part)
        except IntegrityError:
            return False
        if noted is not None:
            self._noted[index] = noted
        self._parts[index] = part
        return True

    def put(
        self,
        index: int,
        rows: pl.DataFrame,
        *,
        key: str = "",
        noted: Mapping[str, Any] | None = None,
    ) -> None:
        """Write part `index` (0, 1, ... in key order); rows must be sorted by the table's key.

        `noted`: what a later run should know of the part without reading it; sealed beside it.
        """
        checked = self.table.conform(rows.lazy()).collect()
        nulls = self.table.null_keys(checked)
        if nulls:
            raise AssertionError(f"table '{self.table.name}': nulls in {nulls}")
        file = self._file(index, key)
        part = self.workspace.put_part(self.table.name, file, checked)
        text = json.dumps({"part": asdict(part), "noted": None if noted is None else dict(noted)})
        note, keep = self._note(file), KEEP[self.table.name]
        sealed = self.workspace.keys.encrypt(_sealed_as(note), text.encode(), keep=keep)
        with replacing(note) as draft:
            draft.write_bytes(sealed)
        if noted is not None:
            self._noted[index] = dict(noted)
        self._parts[index] = part

    def take(self, index: int, other: Writer, *, key: str = "") -> bool:
        """Have a part that another writer of the same keys finished; False where it has none whole."""
        if self.has(index, key=key):
            return True
        if not other.has(index, key=key):
            return False
        file = self._file(index, key)
        self._note(file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (file, f"{file}{NOTE}"):
            placed(other._note(file).with_name(name), self._note(file).with_name(name))
        return self.has(index, key=key)

    def size(self, index: int) -> int:
        """Bytes of a part that was put or found finished."""
        folder = self.workspace._folder(self.table.name)
        return (folder / self._parts[index].file).stat().st_size

    def noted(self, index: int) -> Mapping[str, Any]:
        """What was noted with a part that was put or found finished."""
        return self._noted[index]

    def scan(self, index: int) -> pl.LazyFrame:
        """Rows of a part that was put or found finished."""
        return self.workspace._scan_part(self.table.name, self._parts[index])

    def finished(self) -> tuple[Part, ...]:
        """Non-empty parts in order."""
        return tuple(part for _, part in sorted(self._parts.items()) if part.rows)


@dataclass(slots=True)
class _Unrecorded:
    """Files below `out/` that threads wrote within `recording_outputs` and nobody recorded yet."""

    blocks: int = 0
    files: dict[str, str] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    @property
    def collecting(self) -> bool:
        return self.blocks > 0

    def enter(self) -> None:
        with self.guard:
            self.blocks += 1

    def add(self, name: str, digest: str) -> None:
        with self.guard:
            assert self.blocks, "a thread wrote on after its block recorded what was written"
            self.files[name] = digest

    def leave(self) -> dict[str, str]:
        with self.guard:
            self.blocks -= 1
            written, self.files = self.files, {}
        return written


def _sealed_as(note: Path) -> str:
    """What a note is encrypted for: its name, which is unique among parts of one content."""
    return f"note/{note.parent.name}/{note.name}"
