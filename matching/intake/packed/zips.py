"""What is in a zip, and where: entries with the place of their bytes, read by nobody yet.

Comes in: the archive's bytes as a file that jumps. Goes out: a Directory. Nothing is extracted, no name is
ever used as a path, no link is followed. A zip without a sound table of contents is read from its front.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO

from matching.intake.packed.unpack import PLACE_MAX, STEP, TRUNCATED

__all__ = [
    "Directory",
    "Entry",
    "Unreadable",
    "distinct",
    "is_document",
    "place_of",
    "way_shown",
    "zip_directory",
]

MEMBERS_MAX = 100_000
"""Ten times what the largest folders of charts and scans hold; a table of so many takes 0.1 GiB."""
NAME_MAX = 4096
"""Characters: a path on Linux is no longer."""
SHOWN_MAX = 255
"""Characters of a name that messages repeat: one of a file is no longer."""
_NO_FILE_BEARS = re.compile('[<>"\ufffd]')
TABLE_BYTES_MAX = MEMBERS_MAX * 512
"""A zip's table of contents of MEMBERS_MAX entries, long names and extra fields included."""
_LOCAL = struct.Struct("<4s5H3L2H")
_END = struct.Struct("<4s4H2LH")
_COMMENT_MAX = 1 << 16
_AES = 99
_DOCUMENTS = frozenset(
    {"[Content_Types].xml", "xl/workbook.xml", "xl/workbook.bin", "word/document.xml"}
)
_LITTER = {".DS_Store": "finder_data", "Thumbs.db": "finder_data", "desktop.ini": "finder_data"}


class Unreadable(Exception):
    """The archive is refused whole; says why and what to do, without its name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: `start` and `packed` are the place of its bytes in the archive (a zip's: of its local header).

    `reason`: why it is listed and not read: folder, empty, resource_fork, finder_data, symbolic_link,
    hard_link, device; empty where it is read. `size` is what the archive claims. `damage`: what the
    archive lacks from this member on.
    """

    name: str
    start: int
    packed: int
    size: int
    method: int = 0
    crc: int | None = None
    encrypted: bool = False
    sparse: bool = False
    reason: str = ""
    damage: str = ""
    local_header: bool = False


@dataclass(frozen=True)
class Directory:
    """Entries in the order of the archive, by names that are unique. `damage`: not all of it is there."""

    entries: tuple[Entry, ...]
    damage: str = ""

    @cached_property
    def named(self) -> dict[str, Entry]:
        """The entry of each name."""
        return {entry.name: entry for entry in self.entries}


def zip_directory(file: BinaryIO) -> Directory:
    """Entries of a zip. Raises Unreadable: too many, overlapping, split over several files."""
    size = file.seek(0, io.SEEK_END)
    _refuse_oversized(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [_entry(info) for info in archive.infolist()]
            damage = ""
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError, OSError):
        entries, damage = list(_scanned(file, size)), TRUNCATED
    if len(entries) > MEMBERS_MAX:
        raise Unreadable(_too_many(len(entries)))
    if not damage:
        _refuse_overlaps(entries)
    return Directory(distinct(entries), damage)


def way_shown(file: str, way: Iterable[str]) -> str:
    """A file and the way into it as messages show them; of a member whose name no file bears its digest.

    A damaged table of contents takes rows for names, which nobody must read in a log.
    """
    return "!".join((file, *map(_member_shown, way)))


def _member_shown(name: str) -> str:
    if len(name) <= SHOWN_MAX and not _NO_FILE_BEARS.search(name):
        return name
    return f"member {hashlib.sha256(name.encode()).hexdigest()[:8]}"


def distinct(entries: list[Entry]) -> tuple[Entry, ...]:
    """Entries with printable names, the second of one name as `name#2`."""
    seen: dict[str, int] = {}
    found = []
    for entry in entries:
        if len(entry.name) > NAME_MAX:
            raise Unreadable(
                f"a member's name has {len(entry.name):,} characters, more than {NAME_MAX:,}; unpack it and"
                " name its files in path"
            )
        name = "".join(sign if sign.isprintable() else "\ufffd" for sign in entry.name) or "\ufffd"
        seen[name] = seen.get(name, 0) + 1
        name = name if seen[name] == 1 else f"{name}#{seen[name]}"
        found.append(replace(entry, name=name, reason=entry.reason or _litter(entry)))
    return tuple(found)


def is_document(directory: Directory) -> bool:
    """The zip is a workbook or a text document, to be read as one file."""
    names = {entry.name for entry in directory.entries}
    return bool(names & _DOCUMENTS) or {"mimetype", "content.xml"} <= names


def place_of(file: BinaryIO, entry: Entry) -> int:
    """Where a zip's member begins; its local header says how long that is. -1 where there is none."""
    if not 0 <= entry.start < PLACE_MAX:
        return -1
    file.seek(entry.start)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        return -1
    *_, name, extra = _LOCAL.unpack(head)
    return entry.start + _LOCAL.size + int(name) + int(extra)


def _litter(entry: Entry) -> str:
    path = entry.name.replace("\\", "/").split("/")
    if "__MACOSX" in path[:-1] or (path[-1].startswith("._") and entry.size < STEP):
        return "resource_fork"
    return _LITTER.get(path[-1], "") or ("" if entry.size or entry.crc is None else "empty")


def _too_many(count: int) -> str:
    return (
        f"holds {count:,} members, more than {MEMBERS_MAX:,}; unpack it and name its files in path"
    )


def _refuse_oversized(file: BinaryIO, size: int) -> None:
    """Before zipfile reads the table of contents whole."""
    file.seek(max(size - _END.size - _COMMENT_MAX, 0))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return
    _, disk, _, _, count, table, _, _ = _END.unpack_from(tail, at)
    if disk not in {0, 0xFFFF}:
        raise Unreadable(
            "is one part of a split archive; join the parts and name the whole in path"
        )
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if wide >= 0 and len(tail) - wide >= 56:
        count, table = struct.unpack_from("<QQ", tail, wide + 32)
    if count > MEMBERS_MAX and count != 0xFFFF:
        raise Unreadable(_too_many(count))
    if table > TABLE_BYTES_MAX and table != 0xFFFFFFFF:
        raise Unreadable(
            f"has a table of contents of {table:,} bytes, more than {TABLE_BYTES_MAX:,};"
            " unpack it and name its files in path"
        )


def _entry(info: zipfile.ZipInfo) -> Entry:
    encrypted = bool(info.flag_bits & 0x2041) or info.compress_type == _AES
    kind = info.external_attr >> 28 if info.create_system == 3 else 0
    reason = (
        "folder"
        if info.filename.endswith("/")  # `is_dir` takes it that there is a name
        else {0xA: "symbolic_link", 2: "device", 6: "device"}.get(kind, "")
    )
    return Entry(
        name=_decoded_name(info.orig_filename, utf8=bool(info.flag_bits & 0x800)),
        start=info.header_offset,
        packed=info.compress_size,
        size=info.file_size,
        method=info.compress_type,
        crc=info.CRC,
        encrypted=encrypted,
        reason=reason,
        local_header=True,
    )


def _decoded_name(name: str, *, utf8: bool) -> str:
    """Many programs write UTF-8 and do not say so; what is not is code page 437."""
    if utf8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return name


def _refuse_overlaps(entries: list[Entry]) -> None:
    """Members that share bytes: how a bomb of a few KiB claims terabytes."""
    end = -1
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < end:
            raise Unreadable(
                "has members that overlap, as only a zip bomb has; have it packed again and deliver that"
            )
        end = entry.start + _LOCAL.size + entry.packed


def _scanned(file: BinaryIO, size: int) -> Iterator[Entry]:
    """Members by their local headers, one after the other, as far as there are any."""
    at, count = 0, 0
    while at >= 0 and count <= MEMBERS_MAX:
        file.seek(at)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(b"PK\x03\x04"):
            return
        _, _, flags, method, _, _, crc, packed, plain, name_size, extra_size = _LOCAL.unpack(head)
        name = file.read(name_size).decode("utf-8" if flags & 0x800 else "cp437", "replace")
        packed, plain = _wide_sizes(file.read(extra_size), packed, plain)
        start, count = at + _LOCAL.size + name_size + extra_size, count + 1
        entry = Entry(
            name=_decoded_name(name, utf8=bool(flags & 0x800)),
            start=at,
            packed=min(packed, max(size - start, 0)),
            size=plain,
            method=method,
            crc=crc,
            encrypted=bool(flags & 0x41),
            reason="folder" if name.endswith("/") else "",
            local_header=True,
        )
        if flags & 8 and not packed:
            entry, at = _described(file, entry, start, size)
        else:
            at = start + packed if start + packed <= size else -1
        yield entry


def _wide_sizes(extra: bytes, packed: int, plain: int) -> tuple[int, int]:
    """Sizes past 4 GiB are in the extra field of zip64."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1 and length >= 16:
            wide_plain, wide_packed = struct.unpack_from("<QQ", extra, at + 4)
            return (
                wide_packed if packed == 0xFFFFFFFF else packed,
                wide_plain if plain == 0xFFFFFFFF else plain,
            )
        at += 4 + length
    return packed, plain


def _described(file: BinaryIO, entry: Entry, start: int, size: int) -> tuple[Entry, int]:
    """A member whose sizes follow it, and where the next begins; -1 where nobody knows."""
    unknown = replace(entry, packed=max(size - start, 0), crc=None)
    if entry.method != 8 or entry.encrypted:
        return unknown, -1
    file.seek(start)
    end, plain = _inflated(file)
    if end < 0:
        return unknown, -1
    file.seek(end)
    tail = file.read(24)
    mark = 4 if tail.startswith(b"PK\x07\x08") else 0
    if len(tail) < mark + 4:
        return replace(unknown, packed=end - start, size=plain), -1
    crc = int.from_bytes(tail[mark : mark + 4], "little")
    found = replace(entry, packed=end - start, size=plain, crc=crc)
    for width in (4, 8):  # sizes of zip64 are of eight bytes
        after = end + mark + 4 + 2 * width
        file.seek(after)
        if file.read(4) in {b"PK\x03\x04", b"PK\x01\x02"}:
            return found, after
    return found, -1


def _inflated(file: BinaryIO) -> tuple[int, int]:
    """Where a deflated stream ends, and its plain bytes; -1 where it does not."""
    decoder, plain = zlib.decompressobj(-15), 0
    try:
        while not decoder.eof:
            data = decoder.unconsumed_tail or file.read(STEP)
            if not data:
                return -1, plain
            plain += len(decoder.decompress(data, STEP))
    except zlib.error:
        return -1, plain
    return file.tell() - len(decoder.unused_data), plain
