"""How a workspace finds its keys: the key file's store key opens keys.json, whose keys open the rest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

from matching.errors import OperatorError
from matching.keyfile import (
    KeyFile,
    default_key_file,
    write_key_file,
)
from matching.keys import Keys
from matching.ring import FILE, KEY_BYTES, Ring, WrongStoreKey, derive

__all__ = [
    "ENCRYPTED", "PLAIN", "found_store", "key_file_of", "open_keys", "unfinished",
]  # fmt: skip

ENCRYPTED, PLAIN = "aes-256", "none"
Identity = dict[str, Any]
_STORE_ID_BYTES = 8


def key_file_of(identity: Identity) -> Path:
    """Where the key file of a workspace is: as the environment says, as it was made, or by default."""
    named = os.environ.get("AFFECTED_KEY_FILE") or identity["key_file"]
    return Path(named) if named else default_key_file(identity["incident_id"])


def open_keys(root: Path, identity: Identity) -> Keys:
    """The keys of a workspace.

    Raises OperatorError where the key file is missing, closed to whoever calls, or of another
    workspace; IntegrityError where keys.json is damaged.
    """
    path = key_file_of(identity)
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
    return Keys(store_key, kept.id_key, ring, opened_by)


def found_store(root: Path, identity: Identity, file: KeyFile) -> tuple[Identity, Keys]:
    """Give a workspace a store and its first data keys; the caller holds the key file's lock.

    The key file comes first, keys.json after it; the caller writes workspace.json last: killed in
    between, it is begun anew.
    """
    ring = Ring.fresh(token_hex(_STORE_ID_BYTES))
    kept, opened_by = file.open()
    store_key = token_bytes(KEY_BYTES)
    write_key_file(file.path, kept.with_store(ring.store_id, store_key), file.people)
    ring.save(root, store_key)
    check = _check(derive(kept.id_key, _key_check_of(ring.store_id)))
    founded = {**identity, "store_id": ring.store_id, "key_check": check}
    return founded, Keys(store_key, kept.id_key, ring, opened_by)


def unfinished(path: Path) -> bool:
    """What a killed `found_store` leaves behind in a folder that is no workspace yet."""
    names = (FILE, f".{FILE}", ".workspace.json")
    return path.is_file() and any(path.name == n or path.name.startswith(f"{n}.") for n in names)


def _key_check_of(store_id: str) -> str:
    return f"key check {store_id}"


def _check(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _another(path: Path) -> OperatorError:
    return OperatorError(f"key file {path}: the key of another workspace")
