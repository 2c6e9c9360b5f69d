"""The incident's signature on what leaves: Ed25519, checkable with openssl.

The key is the incident's own. Its fingerprint is in the notice letter and in the letter with the passphrase,
which travels by another way than the packet.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from matching.store import Workspace

__all__ = ["fingerprint", "public_key", "signature"]

_GROUP, _SHOWN = 4, 32


def signature(workspace: Workspace, data: bytes) -> bytes:
    """64 bytes; the same for the same data."""
    return workspace.keys.signing_key().sign(data)


def public_key(workspace: Workspace) -> bytes:
    """PEM, as `openssl pkeyutl -verify -pubin` reads it."""
    return _public(workspace, Encoding.PEM)


def fingerprint(workspace: Workspace) -> str:
    """The first 128 bits of SHA-256 over the key in DER, in groups of four hex digits."""
    digest = hashlib.sha256(_public(workspace, Encoding.DER)).hexdigest()[:_SHOWN]
    return " ".join(digest[start : start + _GROUP] for start in range(0, _SHOWN, _GROUP))


def _public(workspace: Workspace, encoding: Encoding) -> bytes:
    key = workspace.keys.signing_key().public_key()
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
