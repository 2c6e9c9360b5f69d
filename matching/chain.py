"""The chain of the audit log, and its signed head: what is written, and how a reader knows that it is whole.

A line of `evidence/audit.jsonl` comes in as an act with its details and holds the SHA-256 of the line before.
The head goes out signed (Ed25519): lines, bytes and hash of the log, the digest of each durable file outside
`out/`, and the lines of an act that is under way. One flipped bit of either is found: the head's bytes are
compared with how it would be written now, the log's with the hash that the head has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from matching.errors import IntegrityError

__all__ = ["GENESIS", "HEAD", "INTERRUPTED", "LOG", "Head", "followed", "line_of", "signed"]

LOG, HEAD = "evidence/audit.jsonl", "evidence/audit.head.json"
GENESIS = "0" * 64
"""What the first line holds for the hash of the line before."""
SCHEMA = "affected.audit-head/1"
_BYTES_MAX = 1 << 62
"""No log is as long; what is longer is no place in a file."""
INTERRUPTED = "interrupted"
"""Act that says: of the line with this number nobody knows whether it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the log ends (`lines`, `size` in bytes), and what stands in the workspace. An empty digest: no such file.

    `pending`: the last lines, while their act is under way and the log may lack them; `before`: the digests
    that the files of the act had until then. `databases`: "" while one is written to.
    """

    incident: str
    lines: int = 0
    size: int = 0
    hash: str = GENESIS
    files: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)
    pending: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)

    @property
    def pending_bytes(self) -> bytes:
        """The pending lines as the log holds them."""
        return "".join(f"{line}\n" for line in self.pending).encode()

    @property
    def settled_bytes(self) -> int:
        """Bytes of the log before the pending lines."""
        return self.size - len(self.pending_bytes)

    def begun(self, line: str, files: Mapping[str, str], before: Mapping[str, str]) -> Head:
        """With a line whose act begins now; `files` outside `out/` are taken into the head."""
        kept = {**self.files, **{name: d for name, d in files.items() if _in_head(name)}}
        return replace(
            self,
            lines=self.lines + 1,
            size=self.size + len(line.encode()) + 1,
            hash=_hash(line),
            files={name: digest for name, digest in kept.items() if digest},
            pending=(*self.pending, line),
            before=dict(before),
        )

    def settled(self) -> Head:
        """After the log has all lines."""
        return replace(self, pending=(), before={})

    def database(self, name: str, digest: str) -> Head:
        """With another state of a database."""
        return replace(self, databases={**self.databases, name: digest})

    def encoded(self, signer: Ed25519PrivateKey) -> bytes:
        """The bytes of the file."""
        return signed(_body(self), signer)

    @classmethod
    def decoded(cls, data: bytes, signer: Ed25519PrivateKey | None) -> Head:
        """From the bytes of the file; without a `signer` its signature is not looked at.

        Raises IntegrityError where a bit changed or another key signed it.
        """
        try:
            stored = json.loads(data)
            body = stored["body"]
            said = {name: value for name, value in body.items() if name != "schema"}
            head = cls(**{**said, "pending": tuple(said["pending"])})
            same = _is_sound(head) and data == (
                _written(body, stored["signature"]) if signer is None else head.encoded(signer)
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            same = False
        if not same:
            raise IntegrityError(
                f"{HEAD}: damaged, or not signed with this incident's key; restore it from a copy"
            )
        return head


def _is_sound(head: Head) -> bool:
    """Every field is of its kind: whoever has no key to check the signature with reads them, too."""
    texts = [head.incident, head.hash, *head.pending]
    for named in (head.files, head.databases, head.before):
        texts += [*named, *named.values()]
    numbers = (head.lines - len(head.pending), head.settled_bytes)
    return all(isinstance(text, str) for text in texts) and all(
        type(number) is int and 0 <= number < _BYTES_MAX for number in numbers
    )


def signed(body: Mapping[str, Any], signer: Ed25519PrivateKey) -> bytes:
    """A JSON document with its Ed25519 signature, which is over the body in canonical form."""
    return _written(body, signer.sign(_canonical(body)).hex())


def line_of(head: Head, act: str, files: Mapping[str, str], details: Mapping[str, Any]) -> str:
    """The next line of the log: when, what, by whom, which files it left (null: none), what came before."""
    entry: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "act": act,
        **details,
        "previous": head.hash,
    }
    if files:
        entry["files"] = {name: digest or None for name, digest in files.items()}
    return json.dumps(entry, sort_keys=True)


def followed(data: bytes, *, previous: str, number: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line of a stretch of the log with its hash; `number` lines came before it.

    Raises IntegrityError at the first line that does not follow from the one before.
    """
    for place, line in enumerate(data.split(b"\n")[:-1], number + 1):
        try:
            entry = json.loads(line)
            follows = entry["previous"] == previous and isinstance(entry.get("files", {}), dict)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            follows = False
        if not follows:
            raise IntegrityError(
                f"{LOG}: line {place} does not follow from the one before; restore it from a copy"
            )
        previous = hashlib.sha256(line).hexdigest()
        yield entry, previous


def _in_head(name: str) -> bool:
    """Files below `out/` are many and stand in the log only."""
    return not name.startswith("out/")


def _body(head: Head) -> dict[str, Any]:
    names = ("incident", "lines", "size", "hash", "files", "databases", "before")
    said = {name: getattr(head, name) for name in names}
    return {**said, "pending": list(head.pending), "schema": SCHEMA}


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _written(body: Mapping[str, Any], signature: str) -> bytes:
    return b'{"body":%b,"signature":"%b"}\n' % (_canonical(body), signature.encode())


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()
