"""Columns as 64-bit hashes, and dictionaries that know things about each distinct value.

A hash of 0 stands for null. Two of 30 million different values share a 64-bit hash once in 40,000
such tables: equality of hashes is taken for equality of values.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.compiling import compiled
from matching.in_memory import in_memory

__all__ = [
    "GOLDEN",
    "Hashes",
    "Numbering",
    "chain",
    "column_hashes",
    "evaluated",
    "mixed",
    "shapes",
]

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]
_SEED = 17
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2 ** 64 over the golden ratio: multiplying by it spreads neighbouring numbers over all bits."""
_FIRST_SLOTS = 1 << 14
_FULL = 0.6
"""Share of slots in use at which the table doubles: three probes on average."""


def column_hashes(values: pl.Series) -> Hashes:
    """One hash per value; 0 where null."""
    hashed = values.hash(_SEED).to_numpy().copy()
    hashed[hashed == 0] = 1
    if values.null_count():
        hashed[values.is_null().to_numpy()] = 0
    return hashed


def mixed(parts: list[Hashes]) -> Hashes:
    """One hash per row over several parts, in this order; 0 where any part is 0."""
    whole = parts[0]
    for part in parts[1:]:
        whole = _mix(whole, part)
    return whole


@compiled
def _mix(left: Hashes, right: Hashes) -> Hashes:
    """murmur3's finaliser over left * odd + right: every bit of both reaches every bit."""
    mixed = np.zeros(len(left), dtype=np.uint64)
    for i in range(len(left)):
        if left[i] == 0 or right[i] == 0:
            continue
        x = left[i] * GOLDEN + right[i]
        x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
        x = x ^ (x >> np.uint64(33))
        mixed[i] = max(x, np.uint64(1))
    return mixed


@compiled
def chain(whole: Hashes, part: Hashes, odd: np.uint64) -> None:
    """Mix one more column into each row's hash; unlike in `mixed`, 0 is a value like others."""
    for i in range(len(whole)):
        x = whole[i] * odd + part[i]
        x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        whole[i] = x ^ (x >> np.uint64(33))


class Numbering:
    """Numbers 1, 2, ... for values by their hashes in order of first sight; 0 for null.

    Safe to use from several threads. `texts` has the value of number n at index n; row n of `known`
    the values of the given expressions (SQL, 64-bit unsigned, 0 where null) and, if
    wanted, the three words of its shape (see `shapes`).
    """

    def __init__(
        self, expressions: tuple[str, ...] = (), *, shaped: bool = False, column: str = "value"
    ) -> None:
        """`column`: the name by which the expressions know a value."""
        self.expressions = expressions
        self._column = column
        self.known = np.zeros((1, len(expressions) + 3 * shaped), dtype=np.uint64)
        self.texts = pl.Series([None], dtype=pl.String)
        self._shaped = shaped
        self._lock = threading.Lock()
        self._con = in_memory(threads=1) if expressions else None
        self._slots = np.zeros(_FIRST_SLOTS, dtype=np.uint64)
        self._numbers = np.zeros(_FIRST_SLOTS, dtype=np.uint32)
        self._count = 0

    def number(self, hashes: Hashes, values: pl.Series) -> Numbers:
        """A number per row; values that were not seen before get new ones."""
        numbers = np.empty(len(hashes), dtype=np.uint32)
        with self._lock:
            new = []
            done = 0
            while done < len(hashes):
                fresh = np.empty(len(self._slots), dtype=np.int64)
                begun = self._count
                done, self._count = _number(
                    hashes, done, self._slots, self._numbers, self._count, numbers, fresh,
                    int(len(self._slots) * _FULL),
                )  # fmt: skip
                new.append(values.gather(fresh[: self._count - begun]))
                if done < len(hashes):
                    self._grow()
            fresh_texts = pl.concat([values.clear(), *new])
            if len(fresh_texts):
                self._learn(fresh_texts)
        return numbers

    def _learn(self, fresh: pl.Series) -> None:
        """Texts, expressions and shapes of values that were not known before."""
        named = fresh.alias(self._column).to_frame()
        answers = evaluated(self._con, named, self.expressions) if self._con else []
        if self._shaped:
            answers += list(shapes(fresh).T)
        if answers:
            self.known = np.concatenate([self.known, np.column_stack(answers)])
        self.texts = pl.concat([self.texts, fresh]).rechunk()

    def find(self, hashes: Hashes) -> Numbers:
        """A number per row; 0 where null or never seen."""
        return _find(hashes, self._slots, self._numbers)

    def _grow(self) -> None:
        old = self._slots, self._numbers
        self._slots = np.zeros(2 * len(old[0]), dtype=np.uint64)
        self._numbers = np.zeros(2 * len(old[1]), dtype=np.uint32)
        _refill(*old, self._slots, self._numbers)


def evaluated(
    con: duckdb.DuckDBPyConnection, frame: pl.DataFrame, expressions: Sequence[str]
) -> list[Hashes]:
    """Each expression over the rows of a frame, as 64-bit unsigned numbers; 0 where null."""
    each = ", ".join(
        f"coalesce(({e})::ubigint, 0::ubigint) as e{n}" for n, e in enumerate(expressions)
    )
    con.register("frame", frame.to_arrow())
    found = con.execute(f"select {each} from frame").fetchnumpy()
    con.unregister("frame")
    return [np.asarray(found[f"e{n}"], dtype=np.uint64) for n in range(len(expressions))]


def shapes(values: pl.Series) -> npt.NDArray[np.uint64]:
    """Three words a value: its first 8 bytes, the next 8, its length and letters.

    The third word: length in the low 8 bits (255: longer), the set of letters in the other 56 (A-Z,
    0-9, all else folded into twenty).
    """
    texts = values.to_arrow().cast(pa.large_string())
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return _shapes(starts, np.frombuffer(data or b"\0", dtype=np.uint8))


@compiled
def _shapes(starts: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    found = np.zeros((len(starts) - 1, 3), dtype=np.uint64)
    for i in range(len(starts) - 1):
        length = starts[i + 1] - starts[i]
        letters = np.uint64(0)
        for k in range(length):
            byte = np.uint64(data[starts[i] + k])
            if k < 16:
                found[i, k // 8] |= byte << np.uint64(8 * (k % 8))
            if 65 <= byte <= 90:
                place = byte - np.uint64(65)
            elif 48 <= byte <= 57:
                place = byte - np.uint64(22)
            else:
                place = np.uint64(36) + byte % np.uint64(20)
            letters |= np.uint64(1) << place
        found[i, 2] = (letters << np.uint64(8)) | np.uint64(min(length, 255))
    return found


@compiled
def _slot(slots: Hashes, value: np.uint64) -> int:
    """Where the value is, or the empty slot where it belongs."""
    mask = np.uint64(len(slots) - 1)
    at = (value * GOLDEN) >> np.uint64(20) & mask
    while slots[at] != 0 and slots[at] != value:
        at = (at + np.uint64(1)) & mask
    return np.int64(at)  # type: ignore[return-value]  # numba's int() stays unsigned


@compiled
def _number(
    hashes: Hashes, start: int, slots: Hashes, numbers: Numbers, count: int,
    out: Numbers, fresh: npt.NDArray[np.int64], most: int,
) -> tuple[int, int]:  # fmt: skip
    """Number rows from `start` until done or `most` slots are used; `fresh`: rows of new values."""
    begun = count
    for i in range(start, len(hashes)):
        value = hashes[i]
        if value == 0:
            out[i] = 0
            continue
        at = _slot(slots, value)
        if slots[at] == 0:
            if count >= most:
                return i, count
            fresh[count - begun] = i
            count += 1
            slots[at] = value
            numbers[at] = count
        out[i] = numbers[at]
    return len(hashes), count


@compiled
def _find(hashes: Hashes, slots: Hashes, numbers: Numbers) -> Numbers:
    out = np.zeros(len(hashes), dtype=np.uint32)
    for i in range(len(hashes)):
        if hashes[i] != 0:
            out[i] = numbers[_slot(slots, hashes[i])]
    return out


@compiled
def _refill(old_slots: Hashes, old_numbers: Numbers, slots: Hashes, numbers: Numbers) -> None:
    for i in range(len(old_slots)):
        if old_slots[i] != 0:
            at = _slot(slots, old_slots[i])
            slots[at] = old_slots[i]
            numbers[at] = old_numbers[i]
