"""The only code that reads and writes tables: encrypted Parquet parts under one manifest a table.

A part appears whole (temp file, fsync, rename) and a table changes as a whole, when its manifest is
replaced. Every read checks the parts' SHA-256 first: one flipped byte in Parquet gives wrong values
silently. `content_digest` is over the logical rows and the same for any split into parts;
`file_sha256` is over the bytes as stored. Each part has its own key, so a part put in another's
place does not open. Longer than most modules: one class owns one directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import polars as pl

from matching.errors import (
    ApprovalMissing,
    CheckFailed,
    IntegrityError,
    OperatorError,
    TryAgainLater,
    UsageError,
)
from matching.files import digest_of, drop_drafts, locked, placed, replacing, rows_hash, sha256_file
from matching.keys import Keys, default_key_file
from matching.log import log_counts
from matching.manifest import Manifest, Part
from matching.schema import Kind, Table
from matching.tables import TABLES

__all__ = [
    "ROWS_PER_PART",
    "ApprovalMissing",
    "CheckFailed",
    "IntegrityError",
    "Manifest",
    "OperatorError",
    "Part",
    "TryAgainLater",
    "UsageError",
    "Workspace",
    "Writer",
    "digest_of",
    "drop_drafts",
    "locked",
    "log_counts",
    "replacing",
    "sha256_file",
]

ROWS_PER_PART = 1_000_000
"""About 100 MB of the widest table a part: small enough to hold, large enough to compress."""
_FOLDERS = ("tables", "inbox", "reference", "runs", "logs", "scratch", "prefect", "out", "evidence")


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
    _checked: set[tuple[str, int, int]] = field(default_factory=set, repr=False)

    # --- opening ----------------------------------------------------------------------------

    @classmethod
    def create(
        cls, root: Path, *, incident_id: str, synthetic: bool, key_file: Path | None = None
    ) -> tuple[Workspace, bool]:
        """Make the directory (0700) or open it; also says whether a key was made just now."""
        path = key_file or default_key_file(incident_id)
        if root.resolve() in path.resolve().parents:
            raise OperatorError(f"key file {path}: lies inside the workspace; put it elsewhere")
        keys, made = Keys.load_or_make(path, incident_id=incident_id, synthetic=synthetic)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in _FOLDERS:
            (root / folder).mkdir(exist_ok=True, mode=0o700)
        target = root / "workspace.json"
        if target.exists():
            return cls.open(root), made
        if any(p.name not in _FOLDERS for p in root.iterdir()):
            raise OperatorError(
                f"workspace {root}: not empty and no workspace; name another --workspace"
            )
        versions = {name: table.schema_version for name, table in TABLES.items()}
        identity = {
            "schema": "affected.workspace/1",
            "incident_id": incident_id,
            "synthetic": synthetic,
            "key_file": str(path),
            "key_check": hashlib.sha256(keys.derived("key check")).hexdigest(),
            "schema_versions": versions,
        }
        with replacing(target) as draft:
            draft.write_text(json.dumps(identity, indent=1))
        return cls(root, identity, keys), made

    @classmethod
    def open(cls, root: Path, *, complete: bool = False) -> Workspace:
        """Raises OperatorError where it is no workspace or its key does not fit."""
        try:
            identity = json.loads((root / "workspace.json").read_text())
        except FileNotFoundError:
            raise OperatorError(
                f"workspace {root}: no workspace.json; run `affected run` first"
            ) from None
        except ValueError:
            raise IntegrityError(f"workspace {root}: workspace.json is damaged") from None
        if (root.stat().st_mode & 0o077) != 0:
            raise OperatorError(f"workspace {root}: others can read it; chmod 700")
        newer = [
            n
            for n, v in identity["schema_versions"].items()
            if n in TABLES and v > TABLES[n].schema_version
        ]
        if newer:
            raise OperatorError(
                f"workspace {root}: written by a newer version ({', '.join(newer)}); upgrade"
            )
        named = os.environ.get("AFFECTED_KEY_FILE") or identity["key_file"]
        key_file = Path(named) if named else default_key_file(identity["incident_id"])
        keys = Keys.load(key_file)
        if hashlib.sha256(keys.derived("key check")).hexdigest() != identity["key_check"]:
            raise OperatorError(f"key file {key_file}: the key of another workspace")
        return cls(root, identity, keys, complete)

    @property
    def synthetic(self) -> bool:
        """Outputs may be plain and approvals given in one go."""
        return bool(self.identity["synthetic"])

    @property
    def incident_id(self) -> str:
        """The incident's id."""
        return str(self.identity["incident_id"])

    @property
    def out(self) -> Path:
        """What leaves the house."""
        return self.root / "out"

    # --- reading ----------------------------------------------------------------------------

    def manifest(self, name: str) -> Manifest | None:
        """The table's manifest; None where it was never written. Raises IntegrityError if damaged."""
        of_set = self.complete and TABLES[name].kind is Kind.STEP
        path = (
            self.root / "tables" / "complete.json"
            if of_set
            else self._folder(name) / "manifest.json"
        )
        if not path.exists():
            return None
        try:
            stored = json.loads(path.read_text())
            stored = stored.get(name) if of_set else stored
            return Manifest.from_json(stored) if stored else None
        except (ValueError, TypeError, KeyError, AttributeError):
            shown = path.relative_to(self.root)
            raise IntegrityError(f"{shown}: damaged; restore it from a copy") from None

    def has(self, name: str) -> bool:
        """The table was written."""
        return self.manifest(name) is not None

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

    def lazy_parts(self, name: str) -> list[tuple[Part, pl.LazyFrame]]:
        """Each part with its rows, for work that needs not read them all."""
        manifest = self._seen(name)
        parts = manifest.parts if manifest else ()
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
        frame = self.scan(name)
        return (frame.select(columns) if columns else frame).collect()

    def _seen(self, name: str) -> Manifest | None:
        manifest = self.manifest(name)
        limit = (self.inbox_parts or {}).get(name)
        if manifest is None or limit is None:
            return manifest
        return Manifest(name, manifest.schema_version, manifest.parts[:limit])

    def _scan_part(self, name: str, part: Part) -> pl.LazyFrame:
        path = self._folder(name) / part.file
        self.check_part(name, part)
        key = pl.ParquetDecryptionProperties(footer_key=self._part_key(name, part.file))
        return pl.scan_parquet(path, decryption=key)

    def check_part(self, name: str, part: Part) -> None:
        """Raise IntegrityError where a part is missing or its bytes are not the manifest's."""
        path = self._folder(name) / part.file
        try:
            stat = path.stat()
        except FileNotFoundError:
            raise IntegrityError(f"{TABLES[name].kind}/{name}/{part.file}: missing") from None
        seen = (str(path), stat.st_mtime_ns, stat.st_size)
        if seen in self._checked:
            return
        if sha256_file(path) != part.file_sha256:
            raise IntegrityError(
                f"{TABLES[name].kind}/{name}/{part.file}: bytes changed since written"
            )
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
                current[name] = asdict(manifest)
        with replacing(self.root / "tables" / "complete.json") as draft:
            draft.write_text(json.dumps(current))
        for name, stored in current.items():
            wanted = {part["file"] for part in stored["parts"]}
            for path in self._folder(name).glob("part-*"):
                if path.name.removesuffix(".json") not in wanted:
                    path.unlink(missing_ok=True)

    def put_part(self, name: str, file: str, rows: pl.DataFrame) -> Part:
        """Write one encrypted part: temp file, fsync, rename."""
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = pl.ParquetEncryptionProperties(footer_key=self._part_key(name, file))
        with replacing(folder / file) as draft:
            # a third faster than zstd at its fastest, for a third more bytes
            rows.write_parquet(draft, encryption=key, compression="lz4")
            digest = sha256_file(draft)
        return Part(file, rows.height, digest, rows_hash(rows))

    def _publish(self, name: str, parts: tuple[Part, ...]) -> None:
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        manifest = Manifest(name, TABLES[name].schema_version, parts)
        with replacing(folder / "manifest.json") as draft:
            draft.write_text(json.dumps(asdict(manifest)))

    def _folder(self, name: str) -> Path:
        return self.root / TABLES[name].kind / name

    def _part_key(self, name: str, file: str) -> bytes:
        return self.keys.derived(f"{TABLES[name].kind}/{name}/{file}")

    # --- for workers elsewhere ----------------------------------------------------------------

    def branch(self, root: Path) -> Workspace:
        """A directory of the same incident for workers elsewhere; whoever opens it brings the key."""
        root.mkdir(exist_ok=True, mode=0o700)
        identity = {**self.identity, "key_file": ""}
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
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(target, synced=synced) as draft:
            draft.write_bytes(self.keys.encrypt(f"out/{relative}", data) if sealed else data)
        return target

    def get_output(self, relative: str) -> bytes:
        """Read back what `put_output` wrote, plain or not."""
        plain = self.out / relative
        if plain.exists():
            return plain.read_bytes()
        return self.keys.decrypt(
            f"out/{relative}", plain.with_name(plain.name + ".enc").read_bytes()
        )

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder for spill, gone afterwards whatever happens."""
        folder = self.root / "scratch" / token_hex(6)
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def purge_scratch(self) -> int:
        """Empty `scratch/`, and drop drafts that killed commands left; gives the entries removed there."""
        drop_drafts(self.root, below=True)
        entries = list((self.root / "scratch").iterdir())
        for entry in entries:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return len(entries)


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
        return self.workspace._folder(self.table.name) / f"{file}.json"

    def has(self, index: int, *, key: str = "") -> bool:
        """A run before finished this part under the same key, and it is whole."""
        if index in self._parts:
            return True
        note = self._note(self._file(index, key))
        if not note.exists():
            return False
        stored = json.loads(note.read_text())
        sealed = bytes.fromhex(stored.pop("noted", ""))
        part = Part(**stored)
        try:
            self.workspace.check_part(self.table.name, part)
        except IntegrityError:
            return False
        if sealed:
            self._noted[index] = json.loads(self.workspace.keys.decrypt(note.name, sealed))
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
        note, stored = self._note(file), asdict(part)
        if noted is not None:
            sealed = self.workspace.keys.encrypt(note.name, json.dumps(noted).encode())
            stored["noted"] = sealed.hex()
            self._noted[index] = dict(noted)
        with replacing(note) as draft:
            draft.write_text(json.dumps(stored))
        self._parts[index] = part

    def take(self, index: int, other: Writer, *, key: str = "") -> bool:
        """Have a part that another writer of the same keys finished; False where it has none whole."""
        if self.has(index, key=key):
            return True
        if not other.has(index, key=key):
            return False
        file = self._file(index, key)
        self._note(file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (file, f"{file}.json"):
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
