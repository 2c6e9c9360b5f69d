"""The incident's keys: made outside the workspace, never written into it, never printed.

`store_key` encrypts tables and may be rotated; `id_key` makes ids and seals and never changes.
Synthetic incidents derive the id_key from their id, so that two rehearsals have equal ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matching.errors import OperatorError

__all__ = ["BASE32", "Keys", "default_key_file"]

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet: no I, L, O, U."""
_LETTERS = np.frombuffer(BASE32.encode(), dtype=np.uint8)
_NONCE_BYTES = 12
_BLOCK_BYTES = 64
"""Of SHA-256, which HMAC fills with the key."""


def default_key_file(incident_id: str) -> Path:
    """Where the key of an incident lives unless `[security] key_file` says otherwise."""
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = os.environ.get("AFFECTED_KEYS") or str(Path(data_home) / "affected" / "keys")
    return Path(folder) / f"{incident_id}.json"


@dataclass(frozen=True, slots=True)
class Keys:
    """Both 256-bit keys. The repr shows neither."""

    store_key: bytes = field(repr=False)
    id_key: bytes = field(repr=False)

    @classmethod
    def load_or_make(cls, path: Path, *, incident_id: str, synthetic: bool) -> tuple[Keys, bool]:
        """The incident's keys and whether they were made just now (mode 0600)."""
        if path.exists():
            return cls.load(path), False
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        derived = hashlib.sha256(b"synthetic:" + incident_id.encode()).digest()
        keys = cls(secrets.token_bytes(32), derived if synthetic else secrets.token_bytes(32))
        text = json.dumps({"store_key": keys.store_key.hex(), "id_key": keys.id_key.hex()})
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(text)
        os.link(draft, path)  # fails when another process was first: never two keys
        draft.unlink()
        return keys, True

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Raises OperatorError where the file is missing or damaged."""
        try:
            stored = json.loads(path.read_text())
            return cls(bytes.fromhex(stored["store_key"]), bytes.fromhex(stored["id_key"]))
        except FileNotFoundError:
            raise OperatorError(
                f"key file {path}: not found; put the incident's key there"
            ) from None
        except IsADirectoryError:
            raise OperatorError(
                f"key file {path}: is a folder; put the key there as a file"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise OperatorError(f"key file {path}: damaged; restore it from its backup") from None

    def derived(self, purpose: str) -> bytes:
        """A 256-bit key for one use of the store key (HKDF-expand, one block, RFC 5869)."""
        return hmac.digest(self.store_key, purpose.encode() + b"\x01", "sha256")

    def seal_key(self, batch_id: str) -> bytes:
        """HKDF-SHA256(id_key, info = "seal:" + batch_id), no salt: travels in the batch manifest."""
        extracted = hmac.digest(bytes(32), self.id_key, "sha256")
        return hmac.digest(extracted, f"seal:{batch_id}".encode() + b"\x01", "sha256")

    def signing_key(self) -> Ed25519PrivateKey:
        """The incident's Ed25519 key, made from the id_key: the same for every packet and year."""
        extracted = hmac.digest(bytes(32), self.id_key, "sha256")
        return Ed25519PrivateKey.from_private_bytes(
            hmac.digest(extracted, b"signature\x01", "sha256")
        )

    def mint(self, purpose: str, names: pl.Series, *, length: int) -> pl.Series:
        """Ids of `length` base32 characters and a check, one per name: repeatable, not guessable.

        A loop over hashlib, because no column library has a keyed hash (ADR 0006): 1.2 s a million.
        HMAC (RFC 2104) is two hashes, each begun with the key: both beginnings are made once.
        """
        if names.is_empty():
            return pl.Series(names.name, [], dtype=pl.String)
        inner, outer = _beginnings(self.id_key)
        inner.update(purpose.encode() + b"\x00")
        begin, end = inner.copy, outer.copy
        digests = bytearray()
        for name in names.to_list():
            first, second = begin(), end()
            first.update(name.encode())
            second.update(first.digest())
            digests += second.digest()[:length]
        symbols = np.frombuffer(digests, dtype=np.uint8).reshape(-1, length) & 31
        return _written(_with_check(symbols)).alias(names.name)

    def encrypt(self, purpose: str, data: bytes) -> bytes:
        """AES-256-GCM with a random nonce in front, bound to its purpose."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.derived(purpose)).encrypt(nonce, data, purpose.encode())

    def decrypt(self, purpose: str, data: bytes) -> bytes:
        """The other way; raises cryptography's InvalidTag where a bit changed."""
        nonce, body = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        return AESGCM(self.derived(purpose)).decrypt(nonce, body, purpose.encode())


def _with_check(symbols: np.ndarray) -> np.ndarray:
    """Append a Luhn mod 32 check symbol: finds every single slip and most swaps of neighbours."""
    doubled = symbols.astype(np.int64).copy()
    odd = slice(symbols.shape[1] - 1, None, -2)
    doubled[:, odd] *= 2
    total = (doubled // 32 + doubled % 32).sum(axis=1)
    check = (-total % 32).astype(np.uint8)
    return np.concatenate([symbols, check[:, None]], axis=1)


def _written(symbols: np.ndarray) -> pl.Series:
    rows, width = symbols.shape
    ends = np.arange(0, (rows + 1) * width, width, dtype=np.int64)
    texts = pa.py_buffer(_LETTERS[symbols].tobytes())
    return pl.Series(pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), texts))


def _beginnings(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """Both hashes of HMAC-SHA256 after their share of the key."""
    block = key.ljust(_BLOCK_BYTES, b"\x00")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in block)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in block)),
    )
