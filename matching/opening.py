"""How a folder becomes a workspace, is found to be one, and finds its keys.

The key file's store key opens keys.json, whose keys open the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Any

from matching.chain import HEAD
from matching.errors import IntegrityError, OperatorError
from matching.evidence import Evidence
from matching.guarded import refuse_unsafe, warn_of_parents
from matching.keyfile import (
    KeyFile,
    default_key_file,
    write_key_file,
)
from matching.keys import Keys
from matching.ring import KEY_BYTES, Ring, WrongStoreKey, derive
from matching.tables import TABLES

__all__ = [
    "ENCRYPTED", "PLAIN", "found_store", "key_file_of", "make_folders", "new_identity", "open_keys", "read_identity",
    "refuse_exposed", "refuse_occupied",
]  # fmt: skip

ENCRYPTED, PLAIN = "aes-256", "none"
Identity = dict[str, Any]
_STORE_ID_BYTES = 8
_FOLDERS = ("tables", "inbox", "reference", "runs", "logs", "scratch", "prefect", "out", "evidence")
_EXPOSED = (
    "keys.json", "workspace.json", "journal.sqlite", "journal.sqlite-wal", "outbox.sqlite", "outbox.sqlite-wal",
)  # fmt: skip
_BEGINNING = re.compile(
    r"\.?keys\.json(\..+)?|\.workspace\.json\..+|evidence/(\..+|audit\.jsonl|audit\.head\.json|signing_key\.pem)"
)
"""What a workspace that was killed in its first moments has besides empty folders."""


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


def refuse_occupied(root: Path) -> None:
    """Let a new workspace begin only where there is nothing but what a killed beginning left.

    Raises IntegrityError where the audit log knows of a workspace.json that is not there, OperatorError where
    anything else lies in the folder: its keys would be replaced.
    """
    if (root / HEAD).exists():
        Evidence(root).read("workspace.json")
    lying = (path.relative_to(root).as_posix() for path in root.rglob("*"))
    if any(name not in _FOLDERS and not _BEGINNING.fullmatch(name) for name in lying):
        raise OperatorError(
            f"workspace {root}: not empty and no workspace; name another --workspace"
        )


def make_folders(root: Path) -> None:
    """Make what a new workspace consists of; what is there stays."""
    for folder in ("", *_FOLDERS):
        (root / folder).mkdir(parents=True, exist_ok=True, mode=0o700)


def new_identity(path: Path, incident_id: str, synthetic: bool, encryption: str) -> Identity:
    """What workspace.json says of a new workspace, but for its store."""
    return {
        "schema": "affected.workspace/1",
        "incident_id": incident_id,
        "synthetic": synthetic,
        "key_file": str(path),
        "encryption": encryption,
        "schema_versions": {name: table.schema_version for name, table in TABLES.items()},
    }


def refuse_exposed(root: Path) -> None:
    """Raise where a file of the frame is another user's or others can read it."""
    for name in (*_FOLDERS, *_EXPOSED):
        if (root / name).is_symlink():
            raise IntegrityError(
                f"workspace {root}: {name}: a link to elsewhere; put the thing itself there"
            )
    for name in _EXPOSED:
        with suppress(FileNotFoundError):
            refuse_unsafe(root / name, what="file")
    warn_of_parents(root, what="workspace")


def read_identity(root: Path) -> Identity:
    """The workspace's identity, as the audit log has it; a worker's folder has no log."""
    path = root / "workspace.json"
    if not path.exists() and not (root / HEAD).exists():
        raise OperatorError(f"workspace {root}: no workspace.json; run `affected run` first")
    try:
        identity = dict(json.loads(path.read_bytes())) if path.exists() else {}
        if identity and "store_id" not in identity:
            raise OperatorError(
                f"workspace {root}: made before stores had keys of their own; run the incident in a new one"
            )
        if not identity.get("branch"):
            identity = json.loads(Evidence(root).read(path.name) or b"")
        return {**identity, "schema_versions": dict(identity["schema_versions"])}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise IntegrityError(
            f"workspace {root}: workspace.json is damaged; restore it from a copy"
        ) from None


def _key_check_of(store_id: str) -> str:
    return f"key check {store_id}"


def _check(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _another(path: Path) -> OperatorError:
    return OperatorError(f"key file {path}: the key of another workspace")
