"""The incident's signature: Ed25519, checkable with openssl. On what leaves the house and on the evidence.

The key is the incident's own. Its fingerprint is in the notice letter and in the letter with the passphrase,
which travels by another way than the packet, and in the report.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from matching.keys import Keys

__all__ = ["fingerprint", "public_key", "signature"]

_GROUP, _SHOWN = 4, 32


class _HasKeys(Protocol):
    @property
    def keys(self) -> Keys: ...


def signature(workspace: _HasKeys, data: bytes) -> bytes:
    """64 bytes; the same for the same data."""
    return workspace.keys.signing_key().sign(data)


def public_key(workspace: _HasKeys) -> bytes:
    """PEM, as `openssl pkeyutl -verify -pubin` reads it."""
    return _public(workspace, Encoding.PEM)


def fingerprint(workspace: _HasKeys) -> str:
    """The first 128 bits of SHA-256 over the key in DER, in groups of four hex digits."""
    digest = hashlib.sha256(_public(workspace, Encoding.DER)).hexdigest()[:_SHOWN]
    return " ".join(digest[start : start + _GROUP] for start in range(0, _SHOWN, _GROUP))


def _public(workspace: _HasKeys, encoding: Encoding) -> bytes:
    key = workspace.keys.signing_key().public_key()
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
