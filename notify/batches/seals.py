"""HMAC-SHA256 over millions of texts, compiled: sixteen rows at a time, without holding the interpreter.

No column library has a keyed hash (ADR 0006), and a loop over `hashlib` holds the interpreter, so that only one
of two batches can be sealed at a time. Here each instruction works on the same word of sixteen rows; texts that
are shorter than their neighbours wait. `hmac` of the standard library is the oracle.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.compiling import compiled

__all__ = ["SEPARATOR", "joined", "odd", "seals"]

SEPARATOR = "\x1f"
Words = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]
Ends = npt.NDArray[np.int64]
LANES = 16
"""Rows at a time: a register of 512 bits, or two of 256."""
_BLOCK, _SEAL_BYTES, _ROUNDS = 64, 8, 64
_U = np.uint32


def _cube_root(number: int) -> int:
    root = int(number ** (1 / 3))
    while root**3 > number:
        root -= 1
    while (root + 1) ** 3 <= number:
        root += 1
    return root


_PRIMES = [n for n in range(2, 312) if all(n % p for p in range(2, isqrt(n) + 1))]
_START = np.array([isqrt(p << 64) & 0xFFFFFFFF for p in _PRIMES[:8]], np.uint32)
_CONSTANTS = np.array([_cube_root(p << 96) & 0xFFFFFFFF for p in _PRIMES], np.uint32)
"""FIPS 180-4: first 32 fractional bits of square and cube roots of the first primes."""


@compiled
def _turn(word: Any, bits: Any) -> Any:
    return _U(word >> _U(bits)) | _U(word << _U(32 - bits))


@compiled
def _round(v: Words, w: Words, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, t: Any) -> None:  # fmt: skip  # noqa: PLR0917 - numba passes by position
    """One round on sixteen rows; a..h are the constant places of the eight words in `v`."""
    constant = _CONSTANTS[t]
    for lane in range(LANES):
        x, y = v[e + lane], v[a + lane]
        mixed = _turn(x, 6) ^ _turn(x, 11) ^ _turn(x, 25)
        chosen = (x & v[f + lane]) ^ (~x & v[g + lane])
        t1 = _U(v[h + lane] + mixed + chosen + constant + w[t * LANES + lane])
        mixed = _turn(y, 2) ^ _turn(y, 13) ^ _turn(y, 22)
        most = (y & v[b + lane]) ^ (y & v[c + lane]) ^ (v[b + lane] & v[c + lane])
        v[d + lane] = _U(v[d + lane] + t1)
        v[h + lane] = _U(t1 + mixed + most)


@compiled
def _compress(state: Words, v: Words, w: Words, left: Words) -> None:
    """One block of sixteen rows: `w[: 16 * LANES]` into `state` of the rows that have blocks `left`."""
    for t in range(16, _ROUNDS):
        for lane in range(LANES):
            early, late = w[(t - 15) * LANES + lane], w[(t - 2) * LANES + lane]
            s0 = _turn(early, 7) ^ _turn(early, 18) ^ _U(early >> _U(3))
            s1 = _turn(late, 17) ^ _turn(late, 19) ^ _U(late >> _U(10))
            w[t * LANES + lane] = _U(
                w[(t - 16) * LANES + lane] + s0 + w[(t - 7) * LANES + lane] + s1
            )
    for i in range(8 * LANES):
        v[i] = state[i]
    for t in range(0, _ROUNDS, 8):
        _round(v, w, 0, 16, 32, 48, 64, 80, 96, 112, t)
        _round(v, w, 112, 0, 16, 32, 48, 64, 80, 96, t + 1)
        _round(v, w, 96, 112, 0, 16, 32, 48, 64, 80, t + 2)
        _round(v, w, 80, 96, 112, 0, 16, 32, 48, 64, t + 3)
        _round(v, w, 64, 80, 96, 112, 0, 16, 32, 48, t + 4)
        _round(v, w, 48, 64, 80, 96, 112, 0, 16, 32, t + 5)
        _round(v, w, 32, 48, 64, 80, 96, 112, 0, 16, t + 6)
        _round(v, w, 16, 32, 48, 64, 80, 96, 112, 0, t + 7)
    for i in range(8):
        for lane in range(LANES):
            state[i * LANES + lane] += v[i * LANES + lane] * left[lane]


@compiled
def _load(  # noqa: PLR0917 - numba passes by position
    data: Bytes, start: Any, stop: Any, number: Any, blocks: Any, w: Words, lane: Any
) -> None:
    """Block `number` of the text `data[start:stop]`, padded, as words of its lane."""
    at = start + number * _BLOCK
    if at + _BLOCK <= stop:
        for i in range(16):
            k = at + 4 * i
            high = _U(data[k]) << _U(24) | _U(data[k + 1]) << _U(16)
            w[i * LANES + lane] = high | _U(data[k + 2]) << _U(8) | _U(data[k + 3])
        return
    for i in range(16):
        word = _U(0)
        for j in range(4):
            k = at + 4 * i + j
            byte = _U(data[k]) if k < stop else (_U(0x80) if k == stop else _U(0))
            word = _U(word << _U(8)) | byte
        w[i * LANES + lane] = word
    if number == blocks - 1:
        bits = (stop - start + _BLOCK) * 8  # the key's block went before
        w[14 * LANES + lane] = _U(bits >> 32)
        w[15 * LANES + lane] = _U(bits & 0xFFFFFFFF)


@compiled
def _outer(state: Words, v: Words, w: Words, left: Words, begun: Words) -> None:
    """The second hash of HMAC over the digests of the first."""
    for lane in range(LANES):
        left[lane] = 1
        for i in range(8):
            w[i * LANES + lane] = state[i * LANES + lane]
            state[i * LANES + lane] = begun[i]
            w[(i + 8) * LANES + lane] = 0
        w[8 * LANES + lane] = _U(0x80000000)
        w[15 * LANES + lane] = _U((_BLOCK + 32) * 8)
    _compress(state, v, w, left)


@compiled
def _sealed(data: Bytes, ends: Ends, inner: Words, outer: Words, out: Bytes) -> None:  # noqa: C901 - numba: loops in one piece
    """The first bytes of each text's HMAC; `inner` and `outer` are the states after the key."""
    rows = len(ends) - 1
    state, v = np.empty(8 * LANES, np.uint32), np.empty(8 * LANES, np.uint32)
    w, left = np.empty(_ROUNDS * LANES, np.uint32), np.empty(LANES, np.uint32)
    for first in range(0, rows, LANES):
        used = min(LANES, rows - first)
        most = 0
        for lane in range(LANES):
            for i in range(8):
                state[i * LANES + lane] = inner[i]
        for lane in range(used):
            size = ends[first + lane + 1] - ends[first + lane]
            most = max(most, (size + 9 + _BLOCK - 1) // _BLOCK)
        for number in range(most):
            for lane in range(used):
                start, stop = ends[first + lane], ends[first + lane + 1]
                blocks = (stop - start + 9 + _BLOCK - 1) // _BLOCK
                left[lane] = 1 if number < blocks else 0
                if number < blocks:
                    _load(data, start, stop, number, blocks, w, lane)
            _compress(state, v, w, left)
        _outer(state, v, w, left, outer)
        for lane in range(used):
            for i in range(_SEAL_BYTES):
                word = state[(i >> 2) * LANES + lane]
                out[first + lane, i] = (word >> _U(24 - 8 * (i & 3))) & _U(255)


_KINDS = np.array(
    [4 if n == 31 else 2 if chr(n) in "=+-@" else int(n < 32 or n > 126) for n in range(256)],
    np.int64,
)
"""Of a byte: 1 not printable ASCII, 2 odd at the beginning of a value, 4 the separator (a value begins: 4 >> 1)."""


@compiled
def _odd(data: Bytes, ends: Ends, separators: Any, found: Bytes) -> None:
    """Marks rows with a byte that is no printable ASCII, a value that begins with = + - @, or a separator more."""
    for row in range(len(ends) - 1):
        looked_for, odd, seen = 3, 0, 0
        for at in range(ends[row], ends[row + 1]):
            kind = _KINDS[data[at]]
            odd |= kind & looked_for
            seen += kind >> 2
            looked_for = 1 | (kind >> 1)
        found[row] = odd != 0 or seen != separators


def odd(texts: tuple[Bytes, Ends], columns: int) -> pl.Series:
    """True for rows that must be looked at closely: of that many values one may be what no mail file may hold."""
    data, ends = texts
    found = np.zeros(len(ends) - 1, np.uint8)
    _odd(data, ends, columns - 1, found)
    return pl.Series(found.view(np.bool_))


def joined(rows: pl.DataFrame, columns: tuple[str, ...]) -> tuple[Bytes, Ends]:
    """The columns' values of each row joined by U+001F: bytes of all rows, and where each row ends."""
    texts = pl.concat_str([pl.col(c).fill_null("") for c in columns], separator=SEPARATOR)
    array = rows.select(text=texts)["text"].rechunk().to_arrow().cast(pa.large_string())
    _, ends, data = array.buffers()
    places = np.frombuffer(ends, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data or b"", np.uint8), places


def seals(texts: tuple[Bytes, Ends], key: bytes) -> pl.Series:
    """The first 16 hex digits of each text's HMAC-SHA256."""
    data, ends = texts
    out = np.empty((len(ends) - 1, _SEAL_BYTES), np.uint8)
    _sealed(data, ends, _after_key(key, 0x36), _after_key(key, 0x5C), out)
    places = np.arange(0, out.size + 1, _SEAL_BYTES, dtype=np.int64)
    buffers = [None, pa.py_buffer(places), pa.py_buffer(out)]
    binary = pa.Array.from_buffers(pa.large_binary(), len(out), buffers)
    return pl.Series(values=binary, dtype=pl.Binary).bin.encode("hex")


def _after_key(key: bytes, pad: int) -> Words:
    """SHA-256's state after HMAC's key block; keys of ours have 32 bytes."""
    block = np.full(_BLOCK, pad, np.uint8)
    block[: len(key)] ^= np.frombuffer(key, np.uint8)
    w = np.zeros(_ROUNDS * LANES, np.uint32)
    w[: 16 * LANES : LANES] = block.view(">u4")
    state = np.repeat(_START, LANES)
    left = np.zeros(LANES, np.uint32)
    left[0] = 1
    _compress(state, np.empty_like(state), w, left)
    return state[::LANES].copy()
