"""What the letters of two values rule out, from the three words of their shapes (see `hashing.shapes`)."""

from __future__ import annotations

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]

__all__ = ["HEAD", "LONG", "fewest_edits", "most_similar", "places"]

LONG = 255
"""Length of values whose length is not known exactly."""
HEAD = 16
"""Bytes of a value that its shape holds."""


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def _ones(x: np.uint64) -> int:
    """Number of bits that are set."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]  # signed: numba's int() of an unsigned number stays unsigned


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def most_similar(
    head_a: np.uint64, rest_a: np.uint64, head_b: np.uint64, rest_b: np.uint64
) -> float:
    """An upper bound of Jaro-Winkler: no letter that the other lacks can match; no transpositions."""
    long_a, long_b = np.int64(rest_a & np.uint64(255)), np.int64(rest_b & np.uint64(255))
    if long_a == LONG or long_b == LONG or long_a == 0 or long_b == 0:
        return 1.0
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    matches = min(long_a - _ones(letters_a & ~letters_b), long_b - _ones(letters_b & ~letters_a))
    if matches <= 0:
        return 0.0
    jaro = (matches / long_a + matches / long_b + 1.0) / 3.0
    differing, prefix = head_a ^ head_b, 0
    while prefix < 4 and prefix < min(long_a, long_b):
        if (differing >> np.uint64(8 * prefix)) & np.uint64(255) != 0:
            break
        prefix += 1
    return jaro + prefix * 0.1 * (1.0 - jaro)


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def fewest_edits(rest_a: np.uint64, rest_b: np.uint64) -> int:
    """A lower bound of Levenshtein's and Damerau's distances: one edit removes one missing letter."""
    long_a, long_b = np.int64(rest_a & np.uint64(255)), np.int64(rest_b & np.uint64(255))
    letters_a, letters_b = rest_a >> np.uint64(8), rest_b >> np.uint64(8)
    apart = 0 if long_a == LONG or long_b == LONG else abs(long_a - long_b)
    return max(apart, _ones(letters_a & ~letters_b), _ones(letters_b & ~letters_a))  # type: ignore[return-value]  # numba's integers


@njit(cache=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator,unused-ignore]  # numba
def places(differing: np.uint64) -> int:
    """Bytes that are not 0."""
    places = 0
    while differing != 0:
        if differing & np.uint64(255) != 0:
            places += 1
        differing >>= np.uint64(8)
    return places
