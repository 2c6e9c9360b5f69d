"""What was purged from a workspace, by the signed certificates in `evidence/`.

A certificate is believed only with the incident's signature: a table that somebody deleted is damaged,
whatever is written beside it. While a purging is under way its plan says the same as its certificate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature

from matching.keys import Keys
from matching.signing import public_key, signature

__all__ = ["CERTIFICATE", "PLAN", "certificates", "purged", "signed", "signed_text"]

CERTIFICATE, PLAN = "purge-{}.json", "purge-{}.begun.json"


class _Opened(Protocol):
    @property
    def root(self) -> Path: ...

    @property
    def store_id(self) -> str: ...

    @property
    def keys(self) -> Keys: ...


def purged(workspace: _Opened) -> frozenset[str]:
    """Names of the tables whose rows are gone on purpose; reading one is no damage, and no reading."""
    return frozenset(table["table"] for said in certificates(workspace) for table in said["tables"])


def certificates(workspace: _Opened) -> list[dict[str, Any]]:
    """The signed certificates of this store, and the plan of a purging under way, in their order."""
    found = [signed(workspace.keys, path) for path in _paths(workspace.root)]
    return [said for said in found if said and said.get("store_id") == workspace.store_id]


def signed(keys: Keys, path: Path) -> dict[str, Any] | None:
    """What a file of ours says; None where it is missing, torn, or not signed by this incident."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        said: dict[str, Any] = stored["said"]
        sealed = bytes.fromhex(stored["signature"])
        keys.signing_key().public_key().verify(sealed, _canonical(said))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, InvalidSignature):
        return None
    return said


def signed_text(workspace: _Opened, said: Mapping[str, Any]) -> str:
    """A document with its Ed25519 signature and the key that checks it, as a file's text."""
    document = {
        "said": said,
        "signature": signature(workspace, _canonical(said)).hex(),
        "public_key": public_key(workspace).decode(),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _canonical(said: Mapping[str, Any]) -> bytes:
    return b"affected.purge\n" + json.dumps(said, sort_keys=True).encode()


def _paths(root: Path) -> Iterator[Path]:
    yield from sorted((root / "evidence").glob("purge-*.json"))
