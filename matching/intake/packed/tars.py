"""What is in a tar, and where. As for a zip: nothing extracted, no name a path, no link followed."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

from matching.intake.packed.unpack import DAMAGED, STEP, TRUNCATED
from matching.intake.packed.zips import MEMBERS_MAX, Directory, Entry, Unreadable, distinct

__all__ = ["is_tar", "sparse_chunks", "tar_directory"]

HEADER_BYTES_MAX = 1 << 20
"""One read of tarfile: names and attributes of one member. A longer one is an attack on memory."""
_BLOCK = 512
_TYPES = {
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symbolic_link",
    tarfile.LNKTYPE: "hard_link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "device",
}


def is_tar(head: bytes) -> bool:
    """The first block is a header with a sound checksum."""
    block = head[:_BLOCK]
    if len(block) < _BLOCK or not any(block):
        return False
    try:
        said = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return said == sum(block[:148]) + sum(block[156:]) + 8 * 32


def tar_directory(file: BinaryIO) -> Directory:
    """Entries of a tar. Raises Unreadable: too many, a header too large."""
    size = file.seek(0, io.SEEK_END)
    entries: list[Entry] = []
    damage, at = "", 0
    file.seek(0)
    try:
        with tarfile.open(fileobj=cast("BinaryIO", _Headers(file)), mode="r:") as archive:
            while info := archive.next():
                archive.members = []  # type: ignore[attr-defined]  # it would keep them all
                entries.append(_entry(info, size))
                if info.offset_data < at:
                    raise tarfile.ReadError  # going backwards for ever
                at = info.offset_data
                if len(entries) > MEMBERS_MAX:
                    raise Unreadable(
                        f"holds more than {MEMBERS_MAX:,} members; unpack it and name its files in path"
                    )
                if at + (0 if info.issparse() else info.size) > size and info.isreg():
                    damage = TRUNCATED
                    break
        damage = damage or _end_damage(file, entries, size)
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError):
        damage = DAMAGED
    return Directory(distinct(entries), damage)


def sparse_chunks(file: BinaryIO, start: int) -> Iterator[bytes]:
    """A member that was packed without its holes, with them; `start`: where its data begin."""
    with file, tarfile.open(fileobj=cast("BinaryIO", _Headers(file)), mode="r:") as archive:
        while info := archive.next():
            archive.members = []  # type: ignore[attr-defined]
            member = archive.extractfile(info) if info.offset_data == start else None
            if member:
                yield from iter(partial(member.read, STEP), b"")
                return


class _Headers:
    """The archive as tarfile may read it: no header larger than HEADER_BYTES_MAX at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """Bytes of a header or of a sparse member."""
        if not 0 <= size <= HEADER_BYTES_MAX:
            raise Unreadable(
                f"has a header of more than {HEADER_BYTES_MAX:,} bytes; have it packed again and deliver that"
            )
        return self._file.read(size)


def _entry(info: tarfile.TarInfo, size: int) -> Entry:
    sparse = info.issparse()
    packed = info.size if not sparse else 0
    reason = _TYPES.get(info.type, "") or ("" if info.isreg() else "device")
    return Entry(
        name=info.name,
        start=info.offset_data,
        packed=min(packed, max(size - info.offset_data, 0)),
        size=info.size,
        sparse=sparse,
        reason=reason or ("" if info.size else "empty"),
    )


def _end_damage(file: BinaryIO, entries: list[Entry], size: int) -> str:
    """A tar ends with blocks of zeros and nothing else; without, more may have followed."""
    if not entries:
        return TRUNCATED
    last = entries[-1]
    at = last.start + -(-last.packed // _BLOCK) * _BLOCK
    if last.sparse:
        return ""
    if at + _BLOCK > size:
        return TRUNCATED
    file.seek(at)
    while block := file.read(STEP):
        if block.strip(b"\0"):
            return DAMAGED  # a header that is none, or a second archive behind the first
    return ""
