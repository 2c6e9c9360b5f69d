"""HMAC-SHA256 of millions of short texts, compiled: the ids of `Keys.mint`, several times as fast.

A text is a file's digest, a row and a role; what all texts of a file begin with is hashed once
(ADR 0012). `Keys.mint` says what an id is and is this module's oracle.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.compiling import compiled
from matching.keys import BASE32

__all__ = ["Rows", "mint_rows"]

Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
_BLOCK = 64
_U = np.uint32
_AT_ONCE = 250_000
_SYMBOLS = 13
_PURPOSE = b"person"


def _cube_root(number: int) -> int:
    root = int(number ** (1 / 3))
    while root**3 > number:
        root -= 1
    while (root + 1) ** 3 <= number:
        root += 1
    return root


_PRIMES = [n for n in range(2, 312) if all(n % p for p in range(2, isqrt(n) + 1))]
_START = np.array([isqrt(p << 64) & 0xFFFFFFFF for p in _PRIMES[:8]], np.uint32)
_ROUNDS = np.array([_cube_root(p << 96) & 0xFFFFFFFF for p in _PRIMES], np.uint32)
"""FIPS 180-4: first 32 fractional bits of square and cube roots of the first primes."""
_LETTERS = np.frombuffer(BASE32.encode(), np.uint8)


@compiled
def _turn(word: Any, bits: int) -> Any:
    return _U(word >> _U(bits)) | _U(word << _U(32 - bits))


@compiled
def _compress(state: Words, w: Words) -> None:
    """One block of SHA-256: `w[:16]` into `state`; the rest of `w` is scratch."""
    for i in range(16, 64):
        s0 = _turn(w[i - 15], 7) ^ _turn(w[i - 15], 18) ^ _U(w[i - 15] >> _U(3))
        s1 = _turn(w[i - 2], 17) ^ _turn(w[i - 2], 19) ^ _U(w[i - 2] >> _U(10))
        w[i] = _U(w[i - 16] + s0 + w[i - 7] + s1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for i in range(64):
        mixed = _turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)
        t1 = _U(h + mixed + ((e & f) ^ (~e & g)) + _ROUNDS[i] + w[i])
        mixed = _turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)
        t2 = _U(mixed + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f, e, d, c, b, a = g, f, e, _U(d + t1), c, b, a, _U(t1 + t2)
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


@compiled
def _absorb(state: Words, data: Bytes, size: int, w: Words) -> None:
    """Whole blocks of `data[:size]` into the state."""
    for start in range(0, size, 64):
        for i in range(16):
            k = start + 4 * i
            high = _U(data[k]) << _U(24) | _U(data[k + 1]) << _U(16)
            w[i] = high | _U(data[k + 2]) << _U(8) | _U(data[k + 3])
        _compress(state, w)


@compiled
def _padded(data: Bytes, size: Any, total: Any) -> Any:
    """End of the message: a bit, zeros, the length of all `total` bytes; gives the padded size."""
    end = (size + 9 + 63) // 64 * 64
    data[size] = 0x80
    for i in range(size + 1, end - 8):
        data[i] = 0
    for i in range(8):
        data[end - 1 - i] = (total * 8 >> 8 * i) & 255
    return end


@compiled
def _written(state: Words, out: Bytes) -> None:
    """Symbols and check symbol (Luhn mod 32) of a digest, as letters."""
    total = np.int64(0)
    for i in range(_SYMBOLS):
        symbol = (state[i >> 2] >> _U(24 - 8 * (i & 3))) & _U(31)
        out[i] = _LETTERS[symbol]
        doubled = np.int64(symbol) * (2 if (_SYMBOLS - 1 - i) % 2 == 0 else 1)
        total += doubled // 32 + doubled % 32
    out[_SYMBOLS] = _LETTERS[-total % 32]


@compiled
def _copy(source: Words, target: Words) -> None:
    for i in range(len(target)):
        target[i] = source[i]


class _Texts(NamedTuple):
    """Short texts as one table of bytes, and the length of each."""

    table: Bytes
    size: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: list[bytes]) -> _Texts:
        table = np.zeros((len(texts), max(map(len, texts), default=0)), np.uint8)
        for n, text in enumerate(texts):
            table[n, : len(text)] = np.frombuffer(text, np.uint8)
        return cls(table, np.array([len(text) for text in texts], np.int64))


class _Begun(NamedTuple):
    """What texts share: states after the key, `inner` also after whole blocks of a file's prefix.

    `taken`: bytes in `inner`; `rest`: what is left of the prefix; `role`: ends of texts.
    """

    inner: Words
    outer: Words
    taken: npt.NDArray[np.int64]
    rest: _Texts
    role: _Texts


class Rows(NamedTuple):
    """One text each: place of its file, row, place of its role."""

    file: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    role: npt.NDArray[np.int64]


@compiled
def _append(data: Bytes, size: int, texts: _Texts, n: Any) -> Any:
    """Text n behind `data[:size]`; gives the new size."""
    for i in range(texts.size[n]):
        data[size + i] = texts.table[n, i]
    return size + texts.size[n]


@compiled
def _append_number(data: Bytes, size: Any, number: Any) -> Any:
    """The number in decimal digits behind `data[:size]`; gives the new size."""
    digits = 1
    while number >= 10**digits:
        digits += 1
    for i in range(digits):
        data[size + digits - 1 - i] = 48 + number // 10**i % 10
    return size + digits


@compiled
def _mint(begun: _Begun, rows: Rows, out: Bytes) -> None:
    """Letters of each row's id."""
    w, data, state = np.empty(64, np.uint32), np.empty(256, np.uint8), np.empty(8, np.uint32)
    for n in range(len(rows.row)):
        file = rows.file[n]
        size = _append(data, 0, begun.rest, file)
        size = _append_number(data, size, rows.row[n])
        size = _append(data, size, begun.role, rows.role[n])
        _copy(begun.inner[file], state)
        _absorb(state, data, _padded(data, size, begun.taken[file] + size), w)
        for i in range(32):
            data[i] = (state[i >> 2] >> _U(24 - 8 * (i & 3))) & _U(255)
        _copy(begun.outer, state)
        _absorb(state, data, _padded(data, 32, _BLOCK + 32), w)
        _written(state, out[n])


def mint_rows(id_key: bytes, digests: list[str], rows: Rows, *, roles: list[str]) -> pl.Series:
    """Person ids of `digest:row:role`, one each; files and roles are places in their lists."""
    begun = _begun(id_key, digests, roles)
    out = np.empty((len(rows.row), _SYMBOLS + 1), np.uint8)

    def part(start: int) -> None:
        at = slice(start, start + _AT_ONCE)
        _mint(begun, Rows(*(column[at] for column in rows)), out[at])

    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        list(pool.map(part, range(0, len(out), _AT_ONCE)))
    return _as_series(out)


def _begun(id_key: bytes, digests: list[str], roles: list[str]) -> _Begun:
    outer, keyed = (_pad_state(id_key, pad) for pad in (0x5C, 0x36))
    prefixes = [_PURPOSE + b"\x00" + digest.encode() + b":" for digest in digests]
    whole = [len(prefix) // _BLOCK * _BLOCK for prefix in prefixes]
    inner = np.tile(keyed, (len(digests), 1))
    for n, prefix in enumerate(prefixes):
        _absorb(inner[n], np.frombuffer(prefix, np.uint8), whole[n], np.empty(64, np.uint32))
    rest = _Texts.of([p[size:] for p, size in zip(prefixes, whole, strict=True)])
    taken = np.array(whole, np.int64) + _BLOCK
    return _Begun(inner, outer, taken, rest, _Texts.of([f":{role}".encode() for role in roles]))


def _pad_state(key: bytes, pad: int) -> Words:
    """SHA-256's state after HMAC's key block; keys of ours have 32 bytes."""
    block = np.full(_BLOCK, pad, np.uint8)
    block[: len(key)] ^= np.frombuffer(key, np.uint8)
    state = _START.copy()
    _absorb(state, block, _BLOCK, np.empty(64, np.uint32))
    return state


def _as_series(letters: Bytes) -> pl.Series:
    rows, width = letters.shape
    ends = np.arange(0, width * (rows + 1), width, dtype=np.int64)
    buffers = pa.py_buffer(ends), pa.py_buffer(letters)
    return pl.Series("minted", pa.LargeStringArray.from_buffers(rows, *buffers), dtype=pl.String)
