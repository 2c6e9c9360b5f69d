"""The key file of an incident, outside every workspace: in clear, or wrapped for named people.

It holds the id_key, shared by all workspaces of the incident, and for each store (a workspace's random
id) the store key that wraps that workspace's data keys. From the first person on everything in it is
age-encrypted to each person's recipient; the list of people stands inside once more, so that nobody is
added by a mere edit. Written whole under a lock (mode 0600); what stood there before is overwritten.
While a store key is being replaced both stand in it, the new one first.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyrage

from matching.errors import OperatorError
from matching.files import locked, sync
from matching.guarded import refuse_unsafe, warn_of_parents
from matching.openers import Person, identity_of
from matching.ring import KEY_BYTES
from matching.shred import replace_shredding, settle, shred

__all__ = ["KeyFile", "Secrets", "default_key_file", "holding_key_file", "load_or_make"]

SCHEMA = "affected.keys/2"
_FIRST_FORM = {"store_key", "id_key"}
"""In clear, from before workspaces had stores: its id_key still names people, its store_key opens nothing."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a key file keeps."""

    id_key: bytes = field(repr=False)
    stores: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict, repr=False)

    def with_store(self, store_id: str, *store_keys: bytes) -> Secrets:
        """With these keys for a store, the one in force first; without any it is dropped."""
        others = {name: keys for name, keys in self.stores.items() if name != store_id}
        return replace(self, stores={**others, store_id: store_keys} if store_keys else others)

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        stores = {name: [key.hex() for key in keys] for name, keys in self.stores.items()}
        return {"id_key": self.id_key.hex(), "stores": stores}

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> Secrets:
        """From `dump`, or from the first form: `{"store_key", "id_key"}`."""
        found = stored.get("stores", {})
        stores = {name: tuple(map(_key, keys)) for name, keys in found.items()}
        return cls(_key(stored["id_key"]), stores)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file as it was read. `people`: name -> person; nobody: it is in clear."""

    path: Path
    people: Mapping[str, Person]
    stored: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> KeyFile:
        """Without opening it. Raises OperatorError where it is missing, damaged or others can read it."""
        try:
            refuse_unsafe(path, what="key file")
            warn_of_parents(path, what="key file")
            text = path.read_text(encoding="utf-8")
            stored = json.loads(text)
            if stored.keys() != _FIRST_FORM and text != _written(stored):
                raise _damaged(path)
            found = stored.get("people", {})
            people = {name: Person(name, **said) for name, said in found.items()}
        except FileNotFoundError:
            raise OperatorError(
                f"key file {path}: not found; put the incident's key there"
            ) from None
        except IsADirectoryError:
            raise OperatorError(
                f"key file {path}: is a folder; put the key there as a file"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _damaged(path) from None
        return cls(path, people, stored)

    def open(self) -> tuple[Secrets, str]:
        """What it keeps, and who opened it (nobody in particular while it is in clear).

        Raises OperatorError where nobody's identity or passphrase is at hand, or it is damaged.
        """
        try:
            if not self.people and "sealed" not in self.stored:
                return Secrets.parse(self.stored.get("secrets", self.stored)), ""
            identity, name = identity_of(self.people, self.path)
            sealed = base64.b64decode(self.stored["sealed"], validate=True)
            inside = json.loads(pyrage.decrypt(sealed, [identity]))
            said = {name: person.recipient for name, person in self.people.items()}
            if inside["people"] != said:
                raise OperatorError(
                    f"key file {self.path}: its list of people was altered; restore it from its backup"
                )
            return Secrets.parse(inside), name
        except (ValueError, KeyError, TypeError, AttributeError, pyrage.DecryptError):
            raise _damaged(self.path) from None


def write_key_file(path: Path, kept: Secrets, people: Mapping[str, Person]) -> None:
    """Replace the key file, the caller holding its lock; old bytes and torn drafts are overwritten."""
    shred_drafts(path)
    replace_shredding(path, _text(kept, people))


def drop_key_file(path: Path) -> None:
    """Overwrite and unlink the key file, the caller holding its lock."""
    shred_drafts(path)
    shred(path)


def shred_drafts(path: Path) -> None:
    """Overwrite what a killed writer left beside a file; `replacing` names drafts so."""
    for draft in path.parent.glob(f".{path.name}.*"):
        if draft.name != f".{path.name}.lock":
            settle(draft, path)


@contextmanager
def holding_key_file(path: Path) -> Iterator[None]:
    """Hold the lock of a key file: one process at a time changes it, others wait."""
    with locked(path.with_name(f".{path.name}.lock"), wait=True):
        yield


def load_or_make(
    path: Path, *, incident_id: str, synthetic: bool, people: Mapping[str, Person] | None = None
) -> bool:
    """See that the key file is there (mode 0600), the caller holding its lock; says whether it was made.

    A synthetic incident's id_key follows from its id, so that two rehearsals have equal ids.
    """
    if path.exists():
        return False
    if people:
        identity_of(people, path)  # whoever makes it can open it, or it is not made
    derived = hashlib.sha256(b"synthetic:" + incident_id.encode()).digest()
    kept = Secrets(derived if synthetic else secrets.token_bytes(KEY_BYTES))
    shred_drafts(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(_text(kept, people or {}))
    try:
        os.link(draft, path)  # fails when another process was first: never two keys
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync(path.parent)
    return True


def default_key_file(incident_id: str) -> Path:
    """Where the key of an incident lives unless `[security] key_file` says otherwise."""
    data_home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = os.environ.get("AFFECTED_KEYS") or str(Path(data_home) / "affected" / "keys")
    return Path(folder) / f"{incident_id}.json"


def _text(kept: Secrets, people: Mapping[str, Person]) -> str:
    if not people:
        return _written({"schema": SCHEMA, "secrets": kept.dump()})
    said = {name: person.recipient for name, person in people.items()}
    inside = json.dumps({**kept.dump(), "people": said}).encode()
    sealed = pyrage.encrypt(inside, [person.encrypts_to for person in people.values()])
    listed = {
        name: {"recipient": person.recipient, "identity": person.identity}
        for name, person in people.items()
    }
    document = {"schema": SCHEMA, "people": listed, "sealed": base64.b64encode(sealed).decode()}
    return _written(document)


def _written(document: Mapping[str, Any]) -> str:
    """The text of a key file with the digest of all else in it: a slip shows before it is used."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    return json.dumps({**rest, "sha256": digest}, indent=1) + "\n"


def _key(text: str) -> bytes:
    key = bytes.fromhex(text)
    if len(key) != KEY_BYTES:
        raise ValueError("no 256 bits")
    return key


def _damaged(path: Path) -> OperatorError:
    return OperatorError(f"key file {path}: damaged; restore it from its backup")
