"""What an opened workspace does with its keys: closes files, mints ids, seals, signs.

`store_key` wraps the data keys of this workspace (`matching.ring`), which close its files and may be
rotated; `id_key` makes ids, seals and signatures and never changes. Both come from the key file
(`matching.keyfile`), outside the workspace; none is ever printed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matching.keyfile import default_key_file
from matching.ring import Ring, derive
from matching.schema import Keep

__all__ = ["BASE32", "Keys", "default_key_file"]

BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's alphabet: no I, L, O, U."""
_LETTERS = np.frombuffer(BASE32.encode(), dtype=np.uint8)
NONCE_BYTES = 12
_MARK = b"AK2:"
"""Begins what a data key closed; its id follows."""
MARK_BYTES = len(_MARK) + 16
_BLOCK_BYTES = 64
"""Of SHA-256, which HMAC fills with the key."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an opened workspace. The repr shows none. `opened_by`: whose key opened the key file."""

    store_key: bytes = field(repr=False)
    id_key: bytes = field(repr=False)
    ring: Ring = field(default=Ring(""), repr=False)
    opened_by: str = ""

    def derived(self, purpose: str) -> bytes:
        """A 256-bit key for one use, the same for ever: of the incident, whatever is rotated."""
        return derive(self.id_key, purpose)

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

    def encrypt(self, purpose: str, data: bytes, *, keep: Keep = Keep.EVIDENCE) -> bytes:
        """AES-256-GCM bound to its purpose; in front the data key's id and a random nonce."""
        data_key, nonce = self.ring.newest(keep).id, secrets.token_bytes(NONCE_BYTES)
        closing = AESGCM(self.ring.key_for(data_key, purpose))
        mark = _MARK + data_key.encode()
        return mark + nonce + closing.encrypt(nonce, data, mark + purpose.encode())

    def decrypt(self, purpose: str, data: bytes) -> bytes:
        """The other way; raises cryptography's InvalidTag where a bit changed or its key was purged."""
        mark, nonce = data[:MARK_BYTES], data[MARK_BYTES:][:NONCE_BYTES]
        data_key = mark.removeprefix(_MARK).decode("ascii", "replace")
        if len(nonce) < NONCE_BYTES or not mark.startswith(_MARK) or not self.ring.opens(data_key):
            raise InvalidTag
        body = data[MARK_BYTES + NONCE_BYTES :]
        closing = AESGCM(self.ring.key_for(data_key, purpose))
        return closing.decrypt(nonce, body, mark + purpose.encode())


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
