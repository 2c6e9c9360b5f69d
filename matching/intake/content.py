"""Delivered bytes: a file, or a member of an archive, always as it was before it was packed.

Offsets, sizes and digests are of the unpacked bytes. Nothing is unpacked to a place with a name:
what needs to be read out of order is spooled to a file that is unlinked before its first byte.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from matching.errors import OperatorError
from matching.intake.packed import archives
from matching.intake.packed.archives import EncryptedMember
from matching.intake.packed.streams import Damage, Stream
from matching.intake.packed.unpack import Damaged

__all__ = [
    "Content",
    "EncryptedMember",
    "Skipped",
    "encrypted_how",
    "is_encrypted",
    "members",
    "skipped",
]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """One run of delivered bytes. `members`: the way into archives, outermost first; none: the file itself.

    Compressed bytes are read unpacked, whatever packed them. An encrypted member has no plain bytes:
    `size` and `sha256` are those of the encrypted ones, opening it raises EncryptedMember.
    """

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, with the way into it: what messages show."""
        return archives.shown(self.path, self.members)

    def open(self) -> io.BufferedIOBase | BinaryIO:
        """The bytes from the first on; seeks forwards, and back at the price of unpacking again."""
        return archives.stream(self.path, self.members)

    def open_random(self) -> BinaryIO:
        """The same, for readers that jump: a real file."""
        return archives.random(self.path, self.members)

    def head(self, size: int) -> bytes:
        """The first bytes."""
        if size <= archives.HEAD_BYTES:
            return archives.head(self.path, self.members)[:size]
        with self.open() as stream:
            return stream.read(size)

    def size(self) -> int:
        """Bytes, unpacked."""
        return self._summary().size if self._is_packed() else self.path.stat().st_size

    def sha256(self) -> str:
        """Hex SHA-256 of the bytes, unpacked."""
        return self._summary().sha256

    def damage(self) -> Damage | None:
        """Where a damaged archive ends its bytes before their time. Reads them once."""
        return self._summary().damage if self._is_packed() else None

    def _is_packed(self) -> bool:
        return bool(self.members) or archives.is_compressed(self.path)

    def _summary(self) -> _Summary:
        return _summary(self, archives.stamp(self.path))


@dataclass(frozen=True, slots=True)
class _Summary:
    size: int
    sha256: str
    damage: Damage | None


@lru_cache(maxsize=200_000)
def _summary(content: Content, _stamp: tuple[int, ...]) -> _Summary:
    """One pass over the bytes, once in a process."""
    digest, size = hashlib.sha256(), 0
    if archives.is_locked(content.path, content.members):
        try:
            for chunk in archives.stored(content.path, content.members):
                digest.update(chunk)
                size += len(chunk)
        except Damaged:
            raise OperatorError(
                f"{content.name}: its archive is damaged before its end; deliver it again"
            ) from None
        return _Summary(size, digest.hexdigest(), None)
    with content.open() as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
        damage = stream.damage if isinstance(stream, Stream) else None
    return _Summary(size, digest.hexdigest(), damage)


def members(path: Path, wanted: str) -> Iterator[Content]:
    """What an entry means: the file itself where it is no archive, else members whose way in matches `wanted`.

    `wanted` is a glob over the names on the way, joined by `!`, as in `outer.zip!inner/*.csv`; `*` crosses
    folders and archives; empty means all. A workbook is no archive. Folders, links, what a desktop leaves
    behind and empty members are never meant: `skipped` names them.
    """
    for member in archives.listing(path):
        if not member.reason and _is_wanted(path, member.way, wanted):
            yield Content(path, member.way)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A member that is listed and not read, and why: `reason` of zips.Entry."""

    content: Content
    reason: str


def skipped(path: Path) -> list[Skipped]:
    """Members that no entry can mean, with the reason."""
    return [Skipped(Content(path, m.way), m.reason) for m in archives.listing(path) if m.reason]


def _is_wanted(path: Path, way: tuple[str, ...], wanted: str) -> bool:
    return not wanted or fnmatchcase("!".join(way) if way else path.name, wanted)


def is_encrypted(content: Content) -> bool:
    """The bytes show that they are encrypted: a member of a zip, age, OpenPGP, OpenSSL, an Office password."""
    return bool(encrypted_how(content))


def encrypted_how(content: Content) -> str:
    """The same in a word or two; empty where no sign of it is seen."""
    return archives.encrypted_how(content.path, content.members)
