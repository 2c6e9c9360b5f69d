"""How a workspace finds its keys: the key file's store key opens keys.json, whose keys open the rest.

A workspace of the first form (one store key for all, no keys.json) is given a store and a ring when it
is opened; what it holds stays as it is, each file under the key it was closed with.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

from matching.errors import OperatorError
from matching.files import replacing
from matching.keyfile import (
    KeyFile,
    default_key_file,
    holding_key_file,
    write_key_file,
)
from matching.keys import Keys
from matching.ring import FILE, KEY_BYTES, Ring, WrongStoreKey, derive
from matching.schema import Keep
from matching.tables import KEEP, TABLES

__all__ = [
    "ENCRYPTED", "PLAIN", "found_store", "key_file_of", "open_keys", "unfinished", "write_identity",
]  # fmt: skip

ENCRYPTED, PLAIN = "aes-256", "none"
Identity = dict[str, Any]
_STORE_ID_BYTES = 8
_AUDIT_HEAD = "audit head"
"""The one use of the first form's store key that closes no file: it sealed the head of the audit log."""


def key_file_of(identity: Identity) -> Path:
    """Where the key file of a workspace is: as the environment says, as it was made, or by default."""
    named = os.environ.get("AFFECTED_KEY_FILE") or identity["key_file"]
    return Path(named) if named else default_key_file(identity["incident_id"])


def open_keys(root: Path, identity: Identity) -> tuple[Keys, Identity]:
    """The keys of a workspace, and its identity as it is afterwards.

    Raises OperatorError where the key file is missing, closed to whoever calls, or of another
    workspace; IntegrityError where keys.json is damaged.
    """
    path = key_file_of(identity)
    if "store_id" not in identity:
        identity = _migrated(root, identity, path)
    kept, opened_by = KeyFile.read(path).open()
    store_id = identity["store_id"]
    if _check(derive(kept.id_key, _key_check_of(store_id))) != identity["key_check"]:
        raise _another(path)
    store_keys = kept.stores.get(store_id)
    if not store_keys:
        raise _another(path)
    try:
        ring, store_key = Ring.load(root, store_id, store_keys)
    except WrongStoreKey:
        raise OperatorError(
            f"key file {path}: an older copy, which opens nothing here any more; take the one in use"
        ) from None
    return Keys(store_key, kept.id_key, ring, opened_by), identity


def found_store(root: Path, identity: Identity, file: KeyFile) -> tuple[Identity, Keys]:
    """Give a workspace a store and its first data keys; the caller holds the key file's lock.

    The key file comes first, keys.json after it; the caller writes workspace.json last: killed in
    between, it is begun anew.
    """
    return _settled(root, identity, file, Ring.fresh(token_hex(_STORE_ID_BYTES)))


def write_identity(root: Path, identity: Identity) -> None:
    """Write workspace.json, whole or not at all."""
    with replacing(root / "workspace.json") as draft:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(identity, indent=1))


def unfinished(path: Path) -> bool:
    """What a killed `found_store` leaves behind in a folder that is no workspace yet."""
    names = (FILE, f".{FILE}", ".workspace.json")
    return path.is_file() and any(path.name == n or path.name.startswith(f"{n}.") for n in names)


def _settled(root: Path, identity: Identity, file: KeyFile, ring: Ring) -> tuple[Identity, Keys]:
    kept, opened_by = file.open()
    store_key = token_bytes(KEY_BYTES)
    write_key_file(file.path, kept.with_store(ring.store_id, store_key), file.people)
    ring.save(root, store_key)
    check = _check(derive(kept.id_key, _key_check_of(ring.store_id)))
    founded = {**identity, "store_id": ring.store_id, "key_check": check}
    return founded, Keys(store_key, kept.id_key, ring, opened_by)


def _migrated(root: Path, identity: Identity, path: Path) -> Identity:
    """A workspace of the first form, with a store of its own from now on."""
    with holding_key_file(path):
        stored: Identity = json.loads((root / "workspace.json").read_text())
        if "store_id" in stored:
            return stored  # another process was first
        file = KeyFile.read(path)
        kept, _ = file.open()
        old = kept.old_store_key
        if old is None or _check(derive(old, "key check")) != identity["key_check"]:
            raise _another(path)
        ring = Ring.of_old_form(token_hex(_STORE_ID_BYTES), old, _evidence_purposes(root))
        founded, _ = _settled(root, {"encryption": ENCRYPTED, **identity}, file, ring)
        write_identity(root, founded)
        return founded


def _evidence_purposes(root: Path) -> Iterator[str]:
    """What the first form's key closed and must outlive it: by the purposes of their keys."""
    yield _AUDIT_HEAD
    for name, table in TABLES.items():
        if KEEP[name] is Keep.EVIDENCE:
            for path in sorted((root / table.kind / name).glob("part-*")):
                is_note = path.name.endswith(".json")
                yield path.name if is_note else f"{table.kind}/{name}/{path.name}"
    for path in sorted((root / "out").rglob("*.enc")):
        yield path.relative_to(root).as_posix().removesuffix(".enc")


def _key_check_of(store_id: str) -> str:
    return f"key check {store_id}"


def _check(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _another(path: Path) -> OperatorError:
    return OperatorError(f"key file {path}: the key of another workspace")
