"""Files of a workspace that somebody damaged: head and log of the audit, keys, identity, manifests, rounds, journal.

Each case is tried as it is and, where it is still JSON, with all digests and chains made to fit again, as somebody
without the keys can. It must be refused in one line, or say exactly what the sound file says.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, overload
from unittest import mock

import polars as pl

from flows import purge_all, rounds
from flows.journal import JOURNAL, Done, Journal, step_manifest
from flows.step_manifest import differences, step_manifest_of
from matching import keyfile, ring
from matching.chain import HEAD, LOG, Head
from matching.chain import signed as signed_body
from matching.errors import IntegrityError, OperatorError
from matching.evidence import Evidence
from matching.manifest import Manifest, Part
from matching.opening import open_keys, read_identity
from matching.purged import signed, signed_text
from matching.store import COMPLETE, Workspace, _sealed_as
from tests.fuzz.engine import Mutator
from tests.fuzz.oracle import Target, clean, refusal

__all__ = ["TARGETS"]

INCIDENT = "fuzz-2026-03"
TABLE, STEP = "identities", "people"
ROUND, STEP_FILE, PURGE = "runs/1.json", step_manifest(STEP), "evidence/purge-leak.json"
MANIFEST, NOTE = f"tables/{TABLE}/manifest.json", f"tables/{TABLE}/part-000000-0000.parquet.note"
KEY_FILE = "key.json"
"""Beside the other files here; a real one lies outside of every workspace."""
MOMENT = datetime(2026, 3, 20, 12, tzinfo=UTC)
DONE = Done(STEP, 3, "1" * 64, {TABLE: "2" * 64}, 1.5, 1)
ROWS = pl.DataFrame({"mention_id": [3, 1, 2], "identity_id": [1, 1, 2]})


# --- a small sound workspace -----------------------------------------------------------------


class _Repeatable:
    """Random bytes that are the same in every process, so that a case is."""

    def __init__(self) -> None:
        self.number = count()

    def __call__(self, size: int) -> bytes:
        return hashlib.shake_256(b"%d" % next(self.number)).digest(size)


@cache
def sound() -> dict[str, bytes]:
    """The files of a workspace with a table, a round, a step, an approval, an output and a purging."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="fuzz", dir=place))
    clock = mock.Mock(now=lambda _: MOMENT)
    try:
        with (
            mock.patch("random._urandom", _Repeatable()),
            mock.patch("matching.chain.datetime", clock),
        ):
            _fill(folder / "w", folder / KEY_FILE)
        files = {
            path.relative_to(folder / "w").as_posix(): path.read_bytes()
            for path in sorted((folder / "w").rglob("*"))
            if path.is_file() and not path.name.endswith((".lock", "-wal", "-shm"))
        }
        return files | {KEY_FILE: (folder / KEY_FILE).read_bytes()}
    finally:
        shutil.rmtree(folder)


def _fill(root: Path, key_file: Path) -> None:
    workspace, _ = Workspace.create(
        root, incident_id=INCIDENT, synthetic=True, key_file=key_file, encryption="none"
    )
    workspace.write(TABLE, ROWS)
    workspace.publish_complete()
    note = json.dumps({"part": PART, "noted": {"rows": 3}}).encode()
    (root / NOTE).write_bytes(workspace.keys.encrypt(_sealed_as(root / NOTE), note))
    started = rounds.Round(
        1, "incident.toml", {"incident": {"id": INCIDENT}}, "3" * 64, {"facts": 2}
    )
    rounds.save(workspace, started)
    journal = Journal(workspace)
    manifest = step_manifest_of(workspace, DONE, settings="4" * 64)
    journal.commit(Done(*(getattr(DONE, name) for name in Done.__slots__[:-1]), manifest))
    journal.approve("owners", "5" * 64, by="A. Okafor", note="seen", at=MOMENT)
    journal.exporting("B1", content="6" * 64, at=MOMENT)
    workspace.put_output("report.html", b"<p>12</p>", personal=False)
    said = {
        "scope": "leak",
        "store_id": workspace.store_id,
        "tables": [{"table": "leaked", "rows": 3}],
        "done_at": "2026-03-20",
    }
    (root / PURGE).write_text(signed_text(workspace, said))


OUTPUT = hashlib.sha256(b"<p>12</p>").hexdigest()
PART = {
    "file": "part-000000-0000.parquet",
    "rows": 3,
    "file_sha256": "7" * 64,
    "rows_hash": "8" * 64,
}


class _Sample(Sequence[bytes]):
    """A sound file, made when it is first asked for."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(at, slice):
            return [sound()[name] for name in self.names[at]]
        return sound()[self.names[at]]

    def __len__(self) -> int:
        return len(self.names)


# --- cases -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Standing:
    """The workspace in a folder of the campaign, opened while it was sound."""

    root: Path
    workspace: Workspace

    @property
    def keys(self) -> Path:
        return self.root.parent / KEY_FILE


_STANDING: dict[Path, Standing] = {}


def standing(folder: Path) -> Standing:
    """Laid anew once in a folder."""
    if folder not in _STANDING:
        os.umask(0o077)
        root = folder / "w"
        for name, data in sound().items():
            path = folder / name if name == KEY_FILE else root / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(data)
        with _key_file(folder / KEY_FILE):
            _STANDING[folder] = Standing(root, Workspace.open(root))
    return _STANDING[folder]


@contextmanager
def _key_file(path: Path) -> Iterator[None]:
    """The workspace was made elsewhere; where its key file is follows the environment."""
    with mock.patch.dict(os.environ, {"AFFECTED_KEY_FILE": str(path)}):
        yield


Read = Callable[[Standing, bytes], object]
Refit = Callable[[Standing, Any], bytes]


def _tried(
    data: Sequence[bytes], folder: Path, *, name: str, read: Read, refit: Refit | None = None
) -> int:
    """Each case, and the same made to fit: refused, or what the sound file says. The sound file stands afterwards."""
    place = standing(folder)
    path = place.keys if name == KEY_FILE else place.root / name
    refused = 0
    with _key_file(place.keys):
        wanted = read(place, sound()[name])
        try:
            for one in data:
                for case in (one, *_fitting(place, one, refit)):
                    path.write_bytes(case)
                    try:
                        found = read(place, case)
                    except OperatorError as error:
                        refusal(error)
                        refused += case is one
                        continue
                    assert found == wanted, "a damaged file says something else and was believed"
        finally:
            path.write_bytes(sound()[name])
    return refused


def _fitting(place: Standing, one: bytes, refit: Refit | None) -> Iterator[bytes]:
    if refit is not None:
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError, IndexError):
            yield refit(place, json.loads(one))


# --- the audit log ---------------------------------------------------------------------------


def _head(place: Standing, data: bytes) -> object:
    with_key = Head.decoded(data, place.workspace.keys.signing_key())
    with suppress(OperatorError):
        assert Head.decoded(data, None) == with_key
    return with_key


def _head_without_key(place: Standing, data: bytes) -> object:
    """Nobody's signature is looked at: an altered head is believed by whoever has no key, and ends no reader."""
    try:
        evidence = Evidence(place.root)
        for name in (MANIFEST, "workspace.json", "out/report.html"):
            evidence.read(name)
        evidence.entries()
        evidence.database(JOURNAL)
    except OperatorError as error:
        refusal(error)
    return None


def _refit_head(_: Standing, stored: Any) -> bytes:
    body = json.dumps(stored["body"], sort_keys=True, separators=(",", ":")).encode()
    return b'{"body":%b,"signature":"%b"}\n' % (body, str(stored["signature"]).encode())


def _log(place: Standing, _: bytes) -> object:
    def told(look: Callable[[Evidence], object]) -> object:
        return look(Evidence(place.root, place.workspace.keys.signing_key()))

    names = ("out/report.html", "out/x")
    outputs = told(
        lambda evidence: {**evidence.outputs(), **{n: evidence.recorded(n) for n in names}}
    )
    assert outputs == {"out/report.html": OUTPUT, "out/x": ""}, (
        "what is behind the end was believed"
    )
    return told(Evidence.entries)


def _chained(data: Sequence[bytes], folder: Path) -> int:
    """Mutated lines of a log in which every line follows from the one before; its head is the old one."""
    refused = _tried(data, folder, name=LOG, read=_log)
    anew = []
    for one in data:
        previous, lines = "0" * 64, []
        for line in one.split(b"\n"):
            with suppress(ValueError, TypeError, RecursionError):
                lines.append(json.dumps({**json.loads(line), "previous": previous}, sort_keys=True))
                previous = hashlib.sha256(lines[-1].encode()).hexdigest()
        anew.append("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    return refused + 0 * _tried(anew, folder, name=LOG, read=_log)


# --- keys and identity -----------------------------------------------------------------------


def _identity(place: Standing, _: bytes) -> object:
    return read_identity(place.root)


def _opened(place: Standing, _: bytes) -> object:
    keys = open_keys(place.root, place.workspace.identity)
    return keys.store_key, keys.id_key, keys.ring.store_id, keys.ring.keys


def _refit_key_file(_: Standing, stored: Any) -> bytes:
    return keyfile._written(stored).encode("utf-8", "surrogatepass")


def _refit_ring(_: Standing, stored: Any) -> bytes:
    rest = {name: value for name, value in stored.items() if name != "sha256"}
    return ring._written({**rest, "sha256": ring._digest(rest)}).encode("utf-8", "surrogatepass")


# --- tables ----------------------------------------------------------------------------------


def _manifest(place: Standing, _: bytes) -> object:
    workspace = Workspace(place.root, place.workspace.identity, place.workspace.keys)
    return workspace.manifest(TABLE)


def _complete(place: Standing, _: bytes) -> object:
    seen = Workspace(place.root, place.workspace.identity, place.workspace.keys, complete=True)
    return seen.manifest(TABLE)


def _of_a_worker(place: Standing, _: bytes) -> object:
    """A worker's folder has no log: what a manifest says there is of the right kinds, or it is refused."""
    identity = {**place.workspace.identity, "branch": True}
    found = Workspace(place.root, identity, place.workspace.keys).manifest(TABLE)
    assert isinstance(found, Manifest)
    assert isinstance(found.schema_version, int)
    assert found.table == TABLE
    for part in found.parts:
        assert isinstance(part, Part)
        assert isinstance(part.rows, int)
        assert part.rows >= 0
        assert all(
            isinstance(v, str) for v in (part.file, part.file_sha256, part.rows_hash, part.data_key)
        )
        assert "/" not in part.file
        with suppress(OperatorError):
            place.workspace.check_part(TABLE, part)
    assert len(found.content_digest) == 64
    return None


def _note(place: Standing, _: bytes) -> object:
    return place.workspace.read_note(TABLE, place.root / NOTE)


# --- rounds, steps, purgings -----------------------------------------------------------------


def _round(place: Standing, _: bytes) -> object:
    return rounds.latest(place.root)


def _step(place: Standing, data: bytes) -> object:
    found = differences(place.workspace, data, DONE, tables=[TABLE])
    clean(" ".join(found))
    if found in (["damaged"], ["not signed with this incident's key"]):
        raise IntegrityError(found[0])
    return found


def _refit_signature(_: Standing, stored: Any) -> bytes:
    """Signed by somebody else."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return signed_body(stored["body"], Ed25519PrivateKey.from_private_bytes(bytes(32)))


def _certificate(place: Standing, _: bytes) -> object:
    found = signed(place.workspace.keys, place.root / PURGE)
    if found is None:
        raise IntegrityError("not signed")
    return found


def _without_keys(place: Standing, data: bytes) -> object:
    """With the keys gone no signature can be checked: a certificate is read as it is, and ends no reader."""
    bare = place.root.parent / "bare"
    (bare / "evidence").mkdir(parents=True, exist_ok=True)
    (bare / "evidence" / "purge-all.json").write_bytes(data)
    found = purge_all.certificate_without_keys(bare)
    assert found is None or isinstance(found, Mapping)
    return None


# --- the journal -----------------------------------------------------------------------------


def _journal(place: Standing, _: bytes) -> object:
    """Closed: the recorded bytes or none."""
    try:
        return _said(Journal(place.workspace))
    finally:
        _clear(place)


def _open_journal(place: Standing, _: bytes) -> object:
    """Its writer was killed: SQLite reads what is there, and we what SQLite gives."""
    head = place.workspace.evidence.head()
    opened = mock.Mock(database=lambda _: "open", head=lambda **_: head)
    journal = Journal(place.workspace)
    journal._evidence = opened
    for look in (_said, _done):
        try:
            look(journal)
        except OperatorError as error:
            refusal(error)
    _clear(place)
    return None


def _said(journal: Journal) -> object:
    return journal.rows(), journal.approvals(), journal.exports()


def _done(journal: Journal) -> object:
    return journal.done(STEP)


def _clear(place: Standing) -> None:
    for end in ("-wal", "-shm", "-journal"):
        (place.root / f"{JOURNAL}{end}").unlink(missing_ok=True)


JSON_TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"0", b"-1", b"1e999", b"NaN", b"{}", b"[]", b'""', b"\\ud800",
    b"[" * 2_000, b'{"a":' * 2_000, b"9" * 5_000, b'"files":{}', b'"files":[1]', b'"pending":["x"]', b'"pending":[]', b'"before":null',
    b'"people":{"x":{}}', b'"sealed":"AA=="', b'"store_id":', b'"previous":', b'"tables":[]', b"../../x", b"\n", b" ", HEAD.encode(),
)  # fmt: skip
PAGE_TOKENS = (b"\x0d", b"\x0a", b"\x05", b"\x02", b"\x00\x00", b"\xff\xff\xff\xff", b"SQLite format 3\x00", b"create table x (y)",
    b"{}", b"[", b"{", b"null", b"approvals", b"steps", b"\x81\x80")  # fmt: skip


def _target(
    name: str,
    file: str,
    read: Read,
    refit: Refit | None = None,
    *,
    text: bool = True,
    batch: int = 50,
) -> Target:
    tokens = JSON_TOKENS if text else PAGE_TOKENS
    mutator = Mutator(_Sample(file), tokens, text=text)
    return Target(name, mutator, partial(_tried, name=file, read=read, refit=refit), batch)


TARGETS = (
    _target("audit head", HEAD, _head, _refit_head),
    _target("audit head without a key", HEAD, _head_without_key, _refit_head),
    Target("audit log", Mutator(_Sample(LOG), JSON_TOKENS), _chained, batch=50),
    _target("identity", "workspace.json", _identity),
    _target("key file", KEY_FILE, _opened, _refit_key_file),
    _target("data keys", ring.FILE, _opened, _refit_ring),
    _target("table manifest", MANIFEST, _manifest),
    _target("table manifest of a worker", MANIFEST, _of_a_worker),
    _target("finished set", COMPLETE, _complete),
    _target("note of a part", NOTE, _note, text=False),
    _target("round", ROUND, _round),
    _target("step manifest", STEP_FILE, _step, _refit_signature),
    _target("purge certificate", PURGE, _certificate),
    _target("purge certificate without keys", PURGE, _without_keys),
    _target("journal", JOURNAL, _journal, text=False),
    _target("open journal", JOURNAL, _open_journal, text=False),
)
