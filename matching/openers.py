"""Who opens a key file: people with an age identity of theirs, or with a passphrase.

A person with a passphrase has an age identity, too, which is kept in the key file under that passphrase
(age's scrypt). So whoever opens a key file can add, remove and rotate for all, with nobody else's
secret. Secrets come from files that the environment names, or are typed; never an argument's value,
never printed, never part of a message.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import re
import sys
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from matching.errors import OperatorError
from matching.guarded import refuse_unsafe

__all__ = [
    "IDENTITY_FILE",
    "PASSPHRASE_FILE",
    "Person",
    "identity_of",
    "recipient_from",
    "secret_from_file",
    "sound_recipient",
    "with_passphrase",
]

IDENTITY_FILE, PASSPHRASE_FILE = "AFFECTED_IDENTITY_FILE", "AFFECTED_PASSPHRASE_FILE"
LETTERS_MIN = 12
"""Of a passphrase: age's scrypt makes each guess cost about a second of one core."""
RECKONINGS, RECKON_AGAIN_S = 50, 0.1
"""Five seconds of asking again: needed when ten busy processes shared a core."""
_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_SEEN: dict[str, Any] = {}
"""Identities that a passphrase opened in this process: scrypt takes a second, and each step opens anew."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the key file is wrapped for. `identity`: closed with that person's passphrase."""

    name: str
    recipient: str
    identity: str = field(default="", repr=False)

    @property
    def by(self) -> str:
        """How that person opens it: `identity` or `passphrase`."""
        return "passphrase" if self.identity else "identity"

    @property
    def encrypts_to(self) -> Any:
        """What age encrypts to."""
        return pyrage.x25519.Recipient.from_str(self.recipient)


def recipient_from(text: str, *, said_in: str) -> str:
    """The one age recipient (`age1...`) in a text; comments and blank lines do not count."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if len(found) != 1 or not sound_recipient(found[0]):
        raise OperatorError(
            f"{said_in}: no age recipient (age1...), or with a slip; copy it from age-keygen"
        )
    return found[0]


def sound_recipient(text: str) -> bool:
    """It is an age X25519 recipient, its check included."""
    try:
        return bool(_RECIPIENT.fullmatch(text) and pyrage.x25519.Recipient.from_str(text))
    except pyrage.RecipientError:
        return False


def with_passphrase(name: str, passphrase: str) -> Person:
    """A person who opens with this passphrase. Raises OperatorError where it is too short."""
    if len(passphrase) < LETTERS_MIN:
        raise OperatorError(f"passphrase of {name}: shorter than {LETTERS_MIN} letters; take more")
    identity = pyrage.x25519.Identity.generate()
    closed = pyrage.passphrase.encrypt(str(identity).encode(), _composed(passphrase))
    return Person(name, str(identity.to_public()), base64.b64encode(closed).decode())


def secret_from_file(path: Path, *, said_in: str) -> str:
    """The text of a file that only its owner can read, without the line break at its end."""
    try:
        refuse_unsafe(path, what=said_in)
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (FileNotFoundError, NotADirectoryError):
        raise OperatorError(f"{said_in}: {path}: not found; name the file") from None
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"{said_in}: {path}: cannot be read as text; correct it") from None
    if not text.strip():
        raise OperatorError(f"{said_in}: {path}: is empty; put the secret there")
    return text


def identity_of(people: Mapping[str, Person], key_file: Path) -> tuple[Any, str]:
    """The identity that opens the key file, and whose it is.

    Tried in order: AFFECTED_IDENTITY_FILE, AFFECTED_PASSPHRASE_FILE, a prompt where a person sits at a
    terminal. Raises OperatorError where none of them is of anybody here.
    """
    whom = ", ".join(sorted(people))
    said = []
    if named := os.environ.get(IDENTITY_FILE):
        found = _by_identity_file(Path(named), people)
        if found:
            return found
        said.append(f"{IDENTITY_FILE} is of nobody whom it is for")
    if named := os.environ.get(PASSPHRASE_FILE):
        found = _by_passphrase(secret_from_file(Path(named), said_in=PASSPHRASE_FILE), people)
        if found:
            return found
        said.append(f"{PASSPHRASE_FILE} opens nothing in it")
    if not said and sys.stdin.isatty() and any(person.identity for person in people.values()):
        found = _by_prompt(people, key_file)
        if found:
            return found
        said.append("that passphrase opens nothing in it")
    why = "; ".join(said) or f"set {IDENTITY_FILE} or {PASSPHRASE_FILE}"
    raise OperatorError(f"key file {key_file}: closed to all but {whom}: {why}")


def _by_identity_file(path: Path, people: Mapping[str, Person]) -> tuple[Any, str] | None:
    names = {person.recipient: person.name for person in people.values()}
    for line in secret_from_file(path, said_in=IDENTITY_FILE).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                identity = pyrage.x25519.Identity.from_str(line.strip())
            except pyrage.IdentityError:
                raise OperatorError(
                    f"{IDENTITY_FILE}: {path}: holds no age identity; give the file of age-keygen"
                ) from None
            name = names.get(str(identity.to_public()))
            if name is not None:
                return identity, name
    return None


def _composed(passphrase: str) -> str:
    """One form of letters with marks: keyboards and editors differ, and the bytes would not open it."""
    return unicodedata.normalize("NFC", passphrase)


def _by_passphrase(typed: str, people: Mapping[str, Person]) -> tuple[Any, str] | None:
    """Whose it is. As it was typed, too: it closed files before there was one form."""
    for passphrase in dict.fromkeys((_composed(typed), typed)):
        found = _opened_by(passphrase, people)
        if found is not None:
            return found
    return None


def _opened_by(passphrase: str, people: Mapping[str, Person]) -> tuple[Any, str] | None:
    for person in people.values():
        if not person.identity:
            continue
        seen = hashlib.sha256(f"{person.identity}\n{passphrase}".encode()).hexdigest()
        if seen not in _SEEN:
            try:
                opened = _decrypted(base64.b64decode(person.identity), passphrase)
                _SEEN[seen] = pyrage.x25519.Identity.from_str(opened.decode())
            except (pyrage.DecryptError, pyrage.IdentityError, ValueError):
                continue
        if str(_SEEN[seen].to_public()) == person.recipient:
            return _SEEN[seen], person.name
    return None


def _decrypted(closed: bytes, passphrase: str) -> bytes:
    """What a passphrase closed. age first times a small scrypt, and refuses what it reckons takes too long.

    On a busy machine that reckoning goes wrong by far: it is asked again before it is believed.
    """
    for _ in range(RECKONINGS):
        try:
            opened: bytes = pyrage.passphrase.decrypt(closed, passphrase)
        except pyrage.DecryptError as error:
            if "Excessive work" not in str(error):
                raise
            time.sleep(RECKON_AGAIN_S)
        else:
            return opened
    raise OperatorError("passphrase: this machine is too slow or too busy for it; try again")


def _by_prompt(people: Mapping[str, Person], key_file: Path) -> tuple[Any, str] | None:
    """Asked once per process and key file: what was typed opens it again without a question."""
    for person in people.values():
        if (typed := _SEEN.get(f"typed:{person.identity}")) is not None:
            return typed, person.name
    passphrase = getpass.getpass(f"Passphrase for {key_file}: ", stream=sys.stderr)
    found = _by_passphrase(passphrase, people)
    if found:
        _SEEN[f"typed:{people[found[1]].identity}"] = found[0]
    return found
