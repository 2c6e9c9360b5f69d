"""Compressed bytes become chunks of plain ones: gzip, bzip2, xz, zstd, lz4 and the methods of zip.

Comes in: a way to begin reading again. Goes out: chunks of at most STEP bytes. What can be read before
a damage is given whole, to the byte; then Damaged says what was met. No input makes a chunk larger.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa

__all__ = [
    "DAMAGED",
    "PLACE_MAX",
    "STEP",
    "TRUNCATED",
    "WINDOW_BYTES_MAX",
    "Chunks",
    "Damaged",
    "NeedsMemory",
    "checked",
    "compression",
    "decoded",
    "method_name",
]

Chunks = Callable[[], Iterator[bytes]]
"""Begins to read some bytes, from the first on, each time it is called."""

STEP = 1 << 20
"""Most bytes of one chunk: what one call of a decoder may give."""
PLACE_MAX = 1 << 62
"""Beyond what any file has; the system takes no place from 2^63 on."""
PACKED_BYTES = 1 << 16
"""Read at once. A file of tiny gzip members is copied once a member from here: more would be quadratic."""
WINDOW_BYTES_MAX = 256 << 20
"""Memory that a decoder may ask for. xz -9 asks for 65 MiB, zstd --ultra -22 for 128; more only by --long."""
TRUNCATED = "archive_truncated"
DAMAGED = "archive_damaged"
_STEPS = (STEP, 1 << 12, 1 << 4, 1)
"""A decoder that fails gives nothing of its last call: calls near the damage are made again, ever smaller."""
_MAGIC = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_METHODS = {8: "deflate", 12: "bzip2", 14: "lzma", 93: "zstd", 95: "xz"}
_ERRORS = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class Damaged(Exception):
    """The bytes end here for a reason: TRUNCATED or DAMAGED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NeedsMemory(Exception):
    """The decoder would need more than WINDOW_BYTES_MAX."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def compression(head: bytes) -> str:
    """Name of the compression that a file's first bytes show; empty: none."""
    name = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")
    if name == "bzip2" and head[4:10] not in _BZIP2_BLOCKS:
        return ""
    if head[1:4] == b"\x2a\x4d\x18" and head[:1] and head[0] & 0xF0 == 0x50:
        return "zstd"  # a frame to be skipped comes first, as pzstd writes
    return name


def method_name(method: int) -> str:
    """Compression of a zip's member; empty where it is not read."""
    return _METHODS.get(method, "")


def decoded(source: Chunks, name: str) -> Iterator[bytes]:
    """The plain bytes. Raises Damaged after the last readable one, or NeedsMemory."""
    done: list[int] = []
    given, cut = 0, False
    careful = sys.maxsize
    for _ in _STEPS:
        at = 0
        packed = _Source(source(), careful)
        try:
            for chunk in _codec(name)(packed, _Steps(done)):
                if at >= given:
                    yield chunk
                    given += len(chunk)
                at += len(chunk)
        except _ERRORS as error:
            if "memory" in str(error).lower():
                raise NeedsMemory from None
            done.append(at)
            careful = min(careful, packed.given - 2 * PACKED_BYTES)
            cut = cut or "runcated" in str(error)
            continue
        if packed.damage:
            raise Damaged(packed.damage)
        return
    raise Damaged(packed.damage or (TRUNCATED if cut else DAMAGED))


def checked(chunks: Iterator[bytes], crc: int, size: int) -> Iterator[bytes]:
    """The same chunks; Damaged at their end where checksum or size is another one."""
    found, left = 0, size
    for chunk in chunks:
        if len(chunk) > left:
            yield chunk[:left]
            raise Damaged(DAMAGED)
        found, left = zlib.crc32(chunk, found), left - len(chunk)
        yield chunk
    if left or found != crc:
        raise Damaged(DAMAGED)


class _Source(io.RawIOBase):
    """Chunks as a file that is read once. Damage is its end, remembered.

    From byte `careful` on it gives single bytes: a decoder that fails has had none but those it fails at.
    """

    def __init__(self, chunks: Iterator[bytes], careful: int) -> None:
        self._chunks = chunks
        self._careful = careful
        self.given = 0
        self._left = b""
        self.damage = ""
        self.ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Some bytes, at most `size`; none at the end."""
        while not self._left and not self.ended:
            try:
                self._left = next(self._chunks, b"")
            except Damaged as damage:
                self.damage = damage.reason
            self.ended = not self._left
        most = max(self._careful - self.given, 1)
        size = min(size, most) if size >= 0 else most
        found, self._left = self._left[:size], self._left[size:]
        self.given += len(found)
        return found


class _Steps:
    """How many bytes the next call may give: few from where calls before have failed."""

    def __init__(self, done: list[int]) -> None:
        self._done = done
        self._at = 0

    def most(self) -> int:
        """Bytes of the next chunk at most."""
        failed = sum(1 for done in self._done if self._at >= done)
        return _STEPS[min(failed, len(_STEPS) - 1)]

    def gave(self, size: int) -> None:
        """Count a chunk."""
        self._at += size


class _Inflate:
    """zlib's decoder with the face of those of bz2 and lzma."""

    def __init__(self, window: int) -> None:
        self._zlib = zlib.decompressobj(window)
        self._left = b""

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data + self._left

    @property
    def needs_input(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data = self._left + data
        if max_length > 1:
            found = self._zlib.decompress(data, max_length)
            self._left = self._zlib.unconsumed_tail
            return found
        at, found = 0, self._zlib.decompress(b"", 1)
        while not found and at < len(data) and not self.eof:
            # by single bytes: zlib gives nothing of a call that meets a wrong checksum
            found = self._zlib.decompress(data[at : at + 1], 1)
            at += not self._zlib.unconsumed_tail
        self._left = data[at:]
        return found


def _codec(name: str) -> Callable[[_Source, _Steps], Iterator[bytes]]:
    if name in {"zstd", "lz4"}:
        return lambda source, steps: _framed(source, steps, name)
    if name == "lzma":
        return _zip_lzma
    make: dict[str, Callable[[], _Decoder]] = {
        "gzip": lambda: _Inflate(31),
        "deflate": lambda: _Inflate(-15),
        "bzip2": bz2.BZ2Decompressor,
        "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW_BYTES_MAX),
    }
    return lambda source, steps: _streams(source, steps, make[name], many=name != "deflate")


def _streams(
    source: _Source, steps: _Steps, make: Callable[[], _Decoder], *, many: bool
) -> Iterator[bytes]:
    """Compressed streams one after the other, with zero bytes between or after them."""
    data = source.read(PACKED_BYTES)
    while data:
        decoder = make()
        while not decoder.eof:
            if not data and decoder.needs_input:
                data = source.read(PACKED_BYTES)
            ended = source.ended and not data
            found = decoder.decompress(data, steps.most())
            data = b""
            if found:
                steps.gave(len(found))
                yield found
            elif ended and not decoder.eof:
                source.damage = source.damage or TRUNCATED
                return
        if not many:
            return
        data = decoder.unused_data.lstrip(b"\0")
        while not data and not source.ended:
            data = source.read(PACKED_BYTES).lstrip(b"\0")


def _framed(source: _Source, steps: _Steps, name: str) -> Iterator[bytes]:
    """Frames that pyarrow reads."""
    with pa.CompressedInputStream(pa.PythonFile(source, mode="r"), name) as stream:
        while found := stream.read(steps.most()):
            steps.gave(len(found))
            yield found


def _zip_lzma(source: _Source, steps: _Steps) -> Iterator[bytes]:
    """LZMA as zip has it: version, size of the properties, properties, data (APPNOTE 5.8.8)."""
    head = b""
    while len(head) < 9 and (more := source.read(9 - len(head))):
        head += more
    if len(head) < 9:
        source.damage = source.damage or TRUNCATED
        return
    packed, dictionary = struct.unpack("<xxxxBI", head)
    if dictionary > WINDOW_BYTES_MAX:
        raise lzma.LZMAError("memory")
    lzma1 = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": dictionary,
        "lc": packed % 9,
        "lp": packed // 9 % 5,
        "pb": packed // 45,
    }
    yield from _streams(
        source, steps, lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[lzma1]), many=False
    )
