"""keys.json of a workspace: its data keys, each wrapped by the store key that the key file holds.

A data key is 256 random bits of one class (`working` or `evidence`) and generation; what is written
is closed with the newest of its class. Wrapping (AES-256-GCM) binds a key to its store, class and
generation, and the whole file bears a MAC, so that no entry can be taken out, put in or altered
unseen. Dropping a class is what makes its tables unreadable for ever.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from matching.errors import IntegrityError, OperatorError
from matching.schema import Keep
from matching.shred import replace_shredding

__all__ = ["FILE", "DataKey", "Ring", "WrongStoreKey"]

FILE = "keys.json"
SCHEMA = "affected.ring/1"
_ID_BYTES, _NONCE_BYTES, KEY_BYTES = 8, 12, 32


class WrongStoreKey(OperatorError):
    """The store key that was brought is not the one that this ring is wrapped by."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One data key."""

    id: str
    keep: Keep
    generation: int
    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls, keep: Keep, generation: int) -> DataKey:
        """256 new random bits."""
        return cls(secrets.token_hex(_ID_BYTES), keep, generation, secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Ring:
    """The data keys of one store."""

    store_id: str
    keys: tuple[DataKey, ...] = ()

    @classmethod
    def fresh(cls, store_id: str) -> Ring:
        """The first generation of every class."""
        return cls(store_id, tuple(DataKey.fresh(keep, 1) for keep in Keep))

    # --- what is closed with what -------------------------------------------------------------

    def newest(self, keep: Keep) -> DataKey:
        """The key for what is written now. Raises OperatorError where the class was purged."""
        found = [key for key in self.keys if key.keep is keep]
        if not found:
            raise OperatorError(f"{FILE}: the {keep} keys were purged; nothing can be written")
        return max(found, key=lambda key: key.generation)

    def key_for(self, data_key: str, purpose: str) -> bytes:
        """The key of one file. Raises OperatorError where its data key was purged."""
        return derive(self._secret(data_key), purpose)

    def opens(self, data_key: str) -> bool:
        """The key of that id is still here."""
        return any(key.id == data_key for key in self.keys)

    def _secret(self, data_key: str) -> bytes:
        for key in self.keys:
            if key.id == data_key:
                return key.secret
        raise OperatorError(
            f"{FILE}: data key {data_key} is not there: what it closed was"
            " purged, or keys.json is an old copy"
        )

    # --- changes -------------------------------------------------------------------------------

    def renewed(self) -> Ring:
        """With a new generation of every class that was not purged, beside the older ones."""
        kept = [keep for keep in Keep if any(key.keep is keep for key in self.keys)]
        last = max((key.generation for key in self.keys), default=0)
        fresh = (DataKey.fresh(keep, last + 1) for keep in kept)
        return Ring(self.store_id, (*self.keys, *fresh))

    def without(self, gone: Iterable[Keep]) -> Ring:
        """Without the keys of these classes, of whatever generation."""
        dropped = frozenset(gone)
        return Ring(self.store_id, tuple(key for key in self.keys if key.keep not in dropped))

    # --- the file ------------------------------------------------------------------------------

    def save(self, root: Path, store_key: bytes) -> None:
        """Write keys.json wrapped by this store key; the bytes of the one before are overwritten."""
        replace_shredding(root / FILE, self._text(store_key))

    @classmethod
    def load(cls, root: Path, store_id: str, store_keys: Sequence[bytes]) -> tuple[Ring, bytes]:
        """The ring, and which of the store keys it is wrapped by.

        Raises WrongStoreKey where it is none of them, IntegrityError where the file is damaged.
        """
        damaged = IntegrityError(f"{FILE}: missing or damaged; restore it from a copy")
        try:
            text = (root / FILE).read_text(encoding="utf-8")
            stored = json.loads(text)
            if stored["sha256"] != _digest(stored) or text != _written(stored):
                raise damaged
            checks = [store_check(store_id, key) for key in store_keys]
            if stored["check"] not in checks:
                raise WrongStoreKey(f"{FILE}: wrapped by another store key")
            store_key = store_keys[checks.index(stored["check"])]
            ring = cls(store_id, tuple(_unwrapped(store_id, store_key, e) for e in stored["keys"]))
            mac = _mac(store_key, stored)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            InvalidTag,
        ):
            raise damaged from None
        said = str(stored.get("mac")).encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(said, mac.encode()):
            raise damaged
        return ring, store_key

    def _text(self, store_key: bytes) -> str:
        entries = [_wrapped(self.store_id, store_key, key) for key in self.keys]
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "store_id": self.store_id,
            "check": store_check(self.store_id, store_key),
            "keys": entries,
        }
        closed = {**document, "mac": _mac(store_key, document)}
        return _written({**closed, "sha256": _digest(closed)})


def derive(key: bytes, purpose: str) -> bytes:
    """A 256-bit key for one use (HKDF-expand, one block, RFC 5869)."""
    return hmac.digest(key, purpose.encode() + b"\x01", "sha256")


def store_check(store_id: str, store_key: bytes) -> str:
    """What tells which store key wraps a ring, and nothing about the key."""
    return hashlib.sha256(derive(store_key, f"store check {store_id}")).hexdigest()


def _bound_to(store_id: str, entry: Mapping[str, Any]) -> bytes:
    text = json.dumps([store_id, entry["id"], str(entry["class"]), entry["generation"]])
    return text.encode()


def _wrapped(store_id: str, store_key: bytes, key: DataKey) -> dict[str, Any]:
    entry = {"id": key.id, "class": str(key.keep), "generation": key.generation}
    nonce = secrets.token_bytes(_NONCE_BYTES)
    wrapping = AESGCM(derive(store_key, "wrapping"))
    closed = nonce + wrapping.encrypt(nonce, key.secret, _bound_to(store_id, entry))
    return {**entry, "wrapped": closed.hex()}


def _unwrapped(store_id: str, store_key: bytes, entry: Mapping[str, Any]) -> DataKey:
    closed = bytes.fromhex(entry["wrapped"])
    wrapping = AESGCM(derive(store_key, "wrapping"))
    secret = wrapping.decrypt(
        closed[:_NONCE_BYTES], closed[_NONCE_BYTES:], _bound_to(store_id, entry)
    )
    return DataKey(entry["id"], Keep(entry["class"]), entry["generation"], secret)


def _mac(store_key: bytes, document: Mapping[str, Any]) -> str:
    said = {name: value for name, value in document.items() if name not in {"mac", "sha256"}}
    return hmac.digest(derive(store_key, "ring"), _written(said).encode(), "sha256").hex()


def _digest(document: Mapping[str, Any]) -> str:
    """Tells a slip from another store key without any key; against intent there is the MAC."""
    said = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(_written(said).encode()).hexdigest()


def _written(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
