"""Trying to open a closed file with every key that is at hand: how purging is proved.

A try is one file with one key, or with none. Only the footer of a part is read: without its key no
column can be found, and each column's key is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matching.keys import MARK_BYTES, NONCE_BYTES
from matching.ring import derive
from matching.store import Workspace

__all__ = ["Tried", "tried"]

_ENDING = ".parquet"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying one file. A file that is not there opens with nothing."""

    tries: int
    failures: int

    @property
    def opened(self) -> bool:
        """Some key opened it."""
        return self.failures < self.tries


def tried(workspace: Workspace, file: str) -> Tried:
    """Try a file, named from the workspace's root, without a key and with every key that is left."""
    path = workspace.root / file
    purpose = file.removesuffix(".enc")
    opens = _part_opens if file.endswith(_ENDING) else _sealed_opens
    results = [opens(path, key, purpose) for key in (None, *_keys(workspace, purpose))]
    return Tried(len(results), results.count(False))


def _keys(workspace: Workspace, purpose: str) -> Iterator[bytes]:
    """Each data key of the ring as it would close this file, then what the other two keys make of it."""
    keys = workspace.keys
    for key in keys.ring.keys:
        yield derive(key.secret, purpose)
    yield derive(keys.store_key, purpose)
    yield derive(keys.id_key, purpose)


def _part_opens(path: Path, key: bytes | None, _: str) -> bool:
    closing = None if key is None else pl.ParquetDecryptionProperties(footer_key=key)
    try:
        pl.scan_parquet(path, decryption=closing).collect_schema()
    except (pl.exceptions.PolarsError, OSError):
        return False
    return True


def _sealed_opens(path: Path, key: bytes | None, purpose: str) -> bool:
    if key is None or not path.exists():
        return False
    data = path.read_bytes()
    mark, nonce = data[:MARK_BYTES], data[MARK_BYTES:][:NONCE_BYTES]
    try:
        AESGCM(key).decrypt(nonce, data[MARK_BYTES + NONCE_BYTES :], mark + purpose.encode())
    except (InvalidTag, ValueError):
        return False
    return True
