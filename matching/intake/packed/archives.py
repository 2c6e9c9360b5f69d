"""The way into delivered files: archives in archives, compressed files, and what is refused of them.

Comes in: a path and the members on the way. Goes out: streams of plain bytes, and the list of all members
with the reason why one is not read. What a file is, its first bytes say, never its name. Compression is no
step of the way: `a.csv.gz` is read as `a.csv` would be, and `b.tar.gz` as `b.tar`. Caps: see `streams` for
ratio and bytes of a member, `zips` for members and names; DEPTH_MAX and MEMBERS_BYTES_MAX stand here.
Longer than most modules: opening a member and listing members descend the same way and refuse the same.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

from matching.errors import OperatorError
from matching.intake.packed.signs import compression, encryption, is_tar, is_zip
from matching.intake.packed.streams import (
    RATIO_FROM_BYTES,
    RATIO_MAX,
    Limits,
    Scratch,
    Stream,
    ranged,
)
from matching.intake.packed.tars import sparse_chunks, tar_directory
from matching.intake.packed.unpack import (
    DAMAGED,
    TRUNCATED,
    Chunks,
    Damaged,
    NeedsMemory,
    checked,
    decoded,
    method_name,
)
from matching.intake.packed.zips import (
    MEMBERS_MAX,
    Directory,
    Entry,
    Unreadable,
    is_document,
    place_of,
    way_shown,
    zip_directory,
)

__all__ = [
    "EncryptedMember",
    "Member",
    "encrypted_how",
    "head",
    "inside",
    "inside_stream",
    "is_compressed",
    "is_locked",
    "listing",
    "random",
    "shown",
    "stamp",
    "stored",
    "stream",
]

HEAD_BYTES = 1024
"""The header of a tar has 512; every other sign is shorter."""
DEPTH_MAX = 4
"""Archives in archives. A mail gateway's zip of a backup's tar of a vendor's zip is three."""
LAYERS_MAX = 2
"""Compressions of one file: a web server that packs what is packed makes two."""
MEMBERS_BYTES_MAX = 1 << 40
"""All members of one delivered file, unpacked."""
SCRATCHES_KEPT = 8
Way = tuple[str, ...]
"""Names of members, outermost first."""


class EncryptedMember(OperatorError):
    """The bytes cannot be read without a key that is not ours."""

    def __init__(self, name: str, how: str) -> None:
        super().__init__(
            f"{name}: encrypted ({how}); deliver it decrypted, or say secured = "
            '"encrypted_key_safe", "encrypted_key_lost" or "unknown"'
        )


@dataclass(frozen=True, slots=True)
class Member:
    """One member at the end of a way in. `reason`: why it is not read; empty where it is."""

    way: Way
    size: int
    reason: str = ""
    encrypted: bool = False


class _Plain:
    """A delivered file as it is."""

    damage = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def open(self) -> BinaryIO:
        return self._path.open("rb")

    def chunks(self, start: int, size: int) -> Iterator[bytes]:
        return ranged(self._path, start, size)


def stream(path: Path, way: Way) -> Stream | BinaryIO:
    """The plain bytes from the first on. Raises EncryptedMember, at the first read."""
    if not way and not _layers(path, way):
        return path.open("rb")
    return Stream(_key(path, way), partial(_plain, path, way), _limits(path, way))


def random(path: Path, way: Way) -> BinaryIO:
    """The plain bytes as a real file that jumps."""
    return _base(path, way).open()


def head(path: Path, way: Way) -> bytes:
    """The first HEAD_BYTES plain bytes; fewer where there are no more."""
    return _head(path, way, stamp(path))


def stored(path: Path, way: Way) -> Iterator[bytes]:
    """The bytes of an encrypted member as they lie in their archive; of a file, those of the file."""
    if not way:
        yield from _Plain(path).chunks(0, path.stat().st_size)
        return
    entry, base = _entry(path, way), _base(path, way[:-1])
    yield from base.chunks(_begin(base, entry), entry.packed)


def is_compressed(path: Path) -> bool:
    """The delivered file itself is compressed."""
    return bool(_layers(path, ()))


def is_locked(path: Path, way: Way) -> bool:
    """A member of an encrypted zip: no plain bytes."""
    return bool(way) and _entry(path, way).encrypted


def inside(path: Path, way: Way) -> tuple[Entry, ...]:
    """Members of a workbook, which is a zip to be read as one file; none of anything else."""
    if not is_zip(head(path, way)):
        return ()
    try:
        with _base(path, way).open() as file:
            return zip_directory(file).entries
    except Unreadable as refused:
        raise OperatorError(f"{shown(path, way)}: {refused}") from None


def inside_stream(path: Path, way: Way, entry: Entry) -> Stream:
    """The plain bytes of such a member."""
    name = shown(path, (*way, entry.name))
    base = _base(path, way)
    return Stream(
        (_key(path, way), entry.name),
        lambda: _member(base, entry, name),
        Limits(name, max(entry.packed, 1)),
    )


def encrypted_how(path: Path, way: Way) -> str:
    """How it is encrypted, in a word or two; empty where it is not, as far as its bytes show."""
    if is_locked(path, way):
        return "a member of an encrypted zip"
    return encryption(head(path, way), partial(random, path, way))


def listing(path: Path) -> tuple[Member, ...]:
    """Every member of a delivered file, those of archives in it too; one without a way if it is no archive.

    Raises OperatorError where a cap is passed or nothing of an archive can be read.
    """
    return _listing(path, stamp(path))


@lru_cache(maxsize=64)
def _listing(path: Path, _stamped: Hashable) -> tuple[Member, ...]:
    found: list[Member] = []
    for member in _walked(path, ()):
        found.append(member)
        if len(found) > MEMBERS_MAX:
            raise OperatorError(
                f"{path.name}: holds more than {MEMBERS_MAX:,} members; unpack it and name its files in path"
            )
    _refuse_total(path, sum(member.size for member in found if member.way))
    return tuple(found)


def _refuse_total(path: Path, total: int) -> None:
    packed = path.stat().st_size
    if total > MEMBERS_BYTES_MAX:
        raise OperatorError(
            f"{path.name}: its members unpack to more than {MEMBERS_BYTES_MAX >> 30} GiB;"
            " unpack it and name its files in path"
        )
    if total > RATIO_FROM_BYTES and total > RATIO_MAX * packed:
        raise OperatorError(
            f"{path.name}: its members unpack to more than {RATIO_MAX} times its {packed:,} bytes, as a zip"
            " bomb does; if that is sound, unpack it and name its files in path"
        )


def _walked(path: Path, way: Way) -> Iterator[Member]:
    directory = _directory(path, way)
    if directory is None:
        yield Member(way, _entry(path, way).size if way else path.stat().st_size)
        return
    if len(way) >= DEPTH_MAX:
        raise OperatorError(
            f"{shown(path, way)}: archives in archives more than {DEPTH_MAX} deep; unpack the outer ones"
            " and name what was in them in path"
        )
    for entry in directory.entries:
        inner = (*way, entry.name)
        if entry.reason or entry.encrypted:
            yield Member(inner, entry.size, entry.reason, entry.encrypted)
        else:
            Limits(shown(path, inner), max(entry.packed, 1)).check(
                0 if entry.sparse else entry.size
            )
            yield from _walked(path, inner)


def shown(path: Path, way: Way) -> str:
    """File and way in as messages show them."""
    return way_shown(path.name, way)


def stamp(path: Path) -> tuple[int, ...]:
    """Changes when the file does."""
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _key(path: Path, way: Way) -> Hashable:
    return (path, stamp(path), way)


def _directory(path: Path, way: Way) -> Directory | None:
    return _read_directory(path, way, stamp(path))


@lru_cache(maxsize=64)
def _read_directory(path: Path, way: Way, _stamped: Hashable) -> Directory | None:
    """What is in it; None where it is no archive."""
    first = head(path, way)
    read = zip_directory if is_zip(first) else tar_directory if is_tar(first) else None
    if read is None:
        return None
    base = _base(path, way)
    try:
        with base.open() as file:
            directory = read(file)
    except Unreadable as refused:
        raise OperatorError(f"{shown(path, way)}: {refused}") from None
    if read is zip_directory and is_document(directory):
        return None
    return _with_damage(directory, shown(path, way), base.damage.reason if base.damage else "")


def _with_damage(directory: Directory, name: str, damage: str) -> Directory:
    """What the archive lacks is said with its last readable member."""
    readable = [i for i, entry in enumerate(directory.entries) if not entry.reason]
    damage = damage or directory.damage
    if not damage:
        return directory
    if not readable:
        raise OperatorError(f"{name}: damaged, and nothing in it can be read; deliver it again")
    entries = list(directory.entries)
    entries[readable[-1]] = replace(entries[readable[-1]], damage=damage)
    return Directory(tuple(entries), damage)


def _entry(path: Path, way: Way) -> Entry:
    directory = _directory(path, way[:-1])
    entry = directory.named.get(way[-1]) if directory else None
    if entry is None:
        raise OperatorError(f"{shown(path, way)}: no such member; correct member")
    return entry


def _limits(path: Path, way: Way) -> Limits:
    packed = _entry(path, way).packed if way else path.stat().st_size
    return Limits(shown(path, way), packed or path.stat().st_size)


@lru_cache(maxsize=4096)
def _head(path: Path, way: Way, _stamped: Hashable) -> bytes:
    return _first(partial(_plain, path, way), shown(path, way))


def _first(chunks: Chunks, name: str) -> bytes:
    found = b""
    try:
        for chunk in chunks():
            found += chunk
            if len(found) >= HEAD_BYTES:
                break
    except Damaged:
        pass
    except NeedsMemory:
        raise OperatorError(
            f"{name}: needs too much memory to unpack; unpack it and name the file in path"
        ) from None
    return found[:HEAD_BYTES]


def _plain(path: Path, way: Way) -> Iterator[bytes]:
    chunks: Chunks = partial(_raw, path, way)
    for name in _layers(path, way):
        chunks = partial(decoded, chunks, name)
    return chunks()


def _layers(path: Path, way: Way) -> tuple[str, ...]:
    return _found_layers(path, way, stamp(path))


@lru_cache(maxsize=4096)
def _found_layers(path: Path, way: Way, _stamped: Hashable) -> tuple[str, ...]:
    """Compressions around the plain bytes, outermost first."""
    chunks: Chunks = partial(_raw, path, way)
    names: list[str] = []
    while name := compression(_first(chunks, shown(path, way))):
        names.append(name)
        if len(names) > LAYERS_MAX:
            raise OperatorError(
                f"{shown(path, way)}: compressed more than {LAYERS_MAX} times over; unpack it and name the"
                " unpacked file in path"
            )
        chunks = partial(decoded, chunks, name)
    return tuple(names)


def _raw(path: Path, way: Way) -> Iterator[bytes]:
    """The bytes of a file, or of a member as its archive gives them."""
    if not way:
        return _Plain(path).chunks(0, path.stat().st_size)
    entry, name = _entry(path, way), shown(path, way)
    if entry.encrypted:
        raise EncryptedMember(name, "a member of an encrypted zip")
    base = _base(path, way[:-1])
    if entry.sparse:
        return sparse_chunks(base.open(), entry.start)
    return _after(_member(base, entry, name), entry.damage)


def _member(base: _Plain | Scratch, entry: Entry, name: str) -> Iterator[bytes]:
    begin = _begin(base, entry)
    if begin < 0:
        raise Damaged(DAMAGED)
    chunks: Chunks = partial(base.chunks, begin, entry.packed)
    if entry.method:
        method = method_name(entry.method)
        if not method:
            raise OperatorError(
                f"{name}: packed by method {entry.method} of zip, which is not read; unpack it and name the"
                " file in path"
            )
        found = decoded(chunks, method)
    else:
        found = chunks()
    if entry.crc is not None:
        yield from checked(found, entry.crc, entry.size)
        return
    yield from found
    if entry.packed < entry.size:
        raise Damaged(TRUNCATED)


def _begin(base: _Plain | Scratch, entry: Entry) -> int:
    if not entry.local_header:
        return entry.start
    with base.open() as file:
        return place_of(file, entry)


def _after(chunks: Iterator[bytes], damage: str) -> Iterator[bytes]:
    yield from chunks
    if damage:
        raise Damaged(damage)


_SCRATCHES: OrderedDict[Hashable, Scratch] = OrderedDict()
_LOCK = threading.Lock()


def _base(path: Path, way: Way) -> _Plain | Scratch:
    """The plain bytes for who jumps: the file itself, else unpacked to a file without a name."""
    if not way and not _layers(path, way):
        return _Plain(path)
    key = _key(path, way)
    with _LOCK:
        found = _SCRATCHES.get(key)
        if found:
            _SCRATCHES.move_to_end(key)
            return found
    with stream(path, way) as source:
        assert isinstance(source, Stream)
        found = Scratch(source, shown(path, way))
    with _LOCK:
        _SCRATCHES[key] = found
        while len(_SCRATCHES) > SCRATCHES_KEPT:
            _SCRATCHES.popitem(last=False)
    return found
