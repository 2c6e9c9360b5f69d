"""The USPS Intelligent Mail barcode (USPS-B-3200): 31 digits become 65 bars, whole columns at a time.

A tracking code (20 digits: barcode id, service type, mailer, serial number) and a routing code (0, 5, 9 or 11
digits of ZIP and delivery point) come in; the letters A, D, F and T of the bars go out, or the return code with
which USPS's own encoder refuses. A bar is a glyph of the font `Notice Bars`, which draws it to measure.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["BARS", "REFUSALS", "encode"]

BARS = 65
"""Bars of every code."""
REFUSALS: Final = {
    9: "the tracking code has not 20 digits",
    10: "the tracking code holds something else than digits",
    11: "the second digit of the tracking code is above 4",
    12: "the routing code has not 0, 5, 9 or 11 digits",
    13: "the routing code holds something else than digits",
}
"""Return code of the USPS encoder -> what is wrong."""
_TRACKING, _ROUTING = 20, 11
_BEFORE = {0: 0, 5: 1, 9: 100_001, 11: 1_000_100_001}
"""Added to a routing code of so many digits, so that each length has numbers of its own."""
_LIMBS, _LIMB_BITS = 4, 26
"""The payload has 102 bits: four limbs, the highest first, which leave room to multiply by 1365."""
_LIMB = np.uint64((1 << _LIMB_BITS) - 1)
_BITS = 102
_CRC_START, _CRC_POLYNOMIAL, _CRC_BITS = 0x7FF, 0xF35, 11
_STATES = np.frombuffer(b"TDAF", dtype=np.uint8)
"""Neither, descender, ascender, both."""
_PLACES = np.array([
    (7, 2, 4, 3), (1, 10, 0, 0), (9, 12, 2, 8), (5, 5, 6, 11), (8, 9, 3, 1), (0, 1, 5, 12), (2, 5, 1, 8),
    (4, 4, 9, 11), (6, 3, 8, 10), (3, 9, 7, 6), (5, 11, 1, 4), (8, 5, 2, 12), (9, 10, 0, 2), (7, 1, 6, 7),
    (3, 6, 4, 9), (0, 3, 8, 6), (6, 4, 2, 7), (1, 1, 9, 9), (7, 10, 5, 2), (4, 0, 3, 8), (6, 2, 0, 4),
    (8, 11, 1, 0), (9, 8, 3, 12), (2, 6, 7, 7), (5, 1, 4, 10), (1, 12, 6, 9), (7, 3, 8, 0), (5, 8, 9, 7),
    (4, 6, 2, 10), (3, 4, 0, 5), (8, 4, 5, 7), (7, 11, 1, 9), (6, 0, 9, 6), (0, 6, 4, 8), (2, 1, 3, 2),
    (5, 9, 8, 12), (4, 11, 6, 1), (9, 5, 7, 4), (3, 3, 1, 2), (0, 7, 2, 0), (1, 3, 4, 1), (6, 10, 3, 5),
    (8, 7, 9, 4), (2, 11, 5, 6), (0, 8, 7, 12), (4, 2, 8, 1), (5, 10, 3, 0), (9, 3, 0, 9), (6, 5, 2, 4),
    (7, 8, 1, 7), (5, 0, 4, 5), (2, 3, 0, 10), (6, 12, 9, 2), (3, 11, 1, 6), (8, 8, 7, 9), (5, 4, 0, 11),
    (1, 5, 2, 2), (9, 1, 4, 12), (8, 3, 6, 6), (7, 0, 3, 7), (4, 7, 7, 5), (0, 12, 1, 11), (2, 9, 9, 0),
    (6, 8, 5, 3), (3, 10, 8, 2),
])  # fmt: skip
"""USPS-B-3200 table 22: of each bar the character and bit of its descender, then of its ascender."""

Words = npt.NDArray[np.uint64]


def encode(tracking: pl.Series, routing: pl.Series) -> pl.DataFrame:
    """`bars, code`, a row for each pair: 65 letters and 0, or null and a key of REFUSALS.

    A null routing code is one of no digits; a null tracking code is refused.
    """
    numbers = pl.DataFrame({"tracking": tracking.fill_null(""), "routing": routing.fill_null("")})
    codes = numbers.select(code=_code())["code"]
    good = numbers.filter(codes == 0)
    bars = pl.Series("bars", [None] * numbers.height, dtype=pl.String)
    bars = bars.scatter((codes == 0).arg_true(), _bars(good))
    return pl.DataFrame({"bars": bars, "code": codes})


def _code() -> pl.Expr:
    tracking, routing = pl.col("tracking"), pl.col("routing")
    return (  # in the order of the USPS encoder, to which blanks at the ends are no digits
        pl.when(tracking.str.strip_chars().str.len_chars() != _TRACKING)
        .then(9)
        .when(~tracking.str.contains(r"^[0-9]*$"))
        .then(10)
        .when(tracking.str.slice(1, 1) > "4")
        .then(11)
        .when(~routing.str.len_chars().is_in(list(_BEFORE)))
        .then(12)
        .when(~routing.str.contains(r"^[0-9]*$"))
        .then(13)
        .otherwise(0)
        .cast(pl.Int8)
    )


def _bars(good: pl.DataFrame) -> pl.Series:
    """The bars of codes that are right."""
    if good.is_empty():
        return pl.Series([], dtype=pl.String)
    payload = _payload(good)
    check = _check_sequence(payload)
    characters = _characters(_codewords(payload, check), check)
    descends = characters[:, _PLACES[:, 0]] >> _PLACES[:, 1].astype(np.uint64) & np.uint64(1)
    ascends = characters[:, _PLACES[:, 2]] >> _PLACES[:, 3].astype(np.uint64) & np.uint64(1)
    letters = np.ascontiguousarray(_STATES[(descends + np.uint64(2) * ascends).astype(np.intp)])
    rows = letters.view(f"S{BARS}").ravel().tolist()
    return pl.Series(rows, dtype=pl.Binary).cast(pl.String)


def _payload(good: pl.DataFrame) -> Words:
    """The digits as one number a row: first the routing code, then the tracking code, its second digit to base 5."""
    lengths = good["routing"].str.len_chars()
    before = lengths.replace_strict(_BEFORE, return_dtype=pl.UInt64)
    routing = good["routing"].str.pad_start(_ROUTING, "0").cast(pl.UInt64) + before
    digits = np.frombuffer("".join(good["tracking"].to_list()).encode(), dtype=np.uint8) - np.uint8(
        ord("0")
    )
    rows = digits.reshape(-1, _TRACKING).astype(np.uint64)
    payload = np.zeros((good.height, _LIMBS), dtype=np.uint64)
    start = routing.to_numpy()
    payload[:, 3], payload[:, 2] = start & _LIMB, start >> np.uint64(_LIMB_BITS)
    for place in range(_TRACKING):
        carry = rows[:, place]
        base = np.uint64(5 if place == 1 else 10)
        for limb in range(_LIMBS - 1, -1, -1):
            total = payload[:, limb] * base + carry
            payload[:, limb], carry = total & _LIMB, total >> np.uint64(_LIMB_BITS)
    return payload


def _check_sequence(payload: Words) -> Words:
    """The 11-bit frame check over the 102 bits, the highest first."""
    check = np.full(len(payload), _CRC_START, dtype=np.uint64)
    top, mask = np.uint64(_CRC_BITS - 1), np.uint64((1 << _CRC_BITS) - 1)
    for bit in range(_BITS - 1, -1, -1):
        limb, shift = _LIMBS - 1 - bit // _LIMB_BITS, np.uint64(bit % _LIMB_BITS)
        differs = (payload[:, limb] >> shift ^ check >> top) & np.uint64(1)
        check = (check << np.uint64(1) ^ differs * np.uint64(_CRC_POLYNOMIAL)) & mask
    return check


def _codewords(payload: Words, check: Words) -> Words:
    """Ten codewords: base 636 for the last, base 1365 for the others; the first and last bear marks."""
    rest = payload.copy()
    words = np.zeros((len(payload), 10), dtype=np.uint64)
    for place in range(9, 0, -1):
        base = np.uint64(636 if place == 9 else 1365)
        remainder = np.zeros(len(payload), dtype=np.uint64)
        for limb in range(_LIMBS):
            total = remainder << np.uint64(_LIMB_BITS) | rest[:, limb]
            rest[:, limb], remainder = total // base, total % base
        words[:, place] = remainder
    words[:, 0] = rest[:, 3]
    words[:, 9] *= np.uint64(2)  # J is even, so that a code read upside down is noticed
    words[:, 0] += (check >> np.uint64(10)) * np.uint64(659)
    return words


def _characters(words: Words, check: Words) -> Words:
    """Codewords as 13-bit characters, turned over where their bit of the check is set."""
    marks = check[:, None] >> np.arange(10, dtype=np.uint64) & np.uint64(1)
    return _TABLE[words.astype(np.intp)] ^ marks * np.uint64(0x1FFF)


def _n_of_13(ones: int) -> list[int]:
    """Characters with so many bits set: pairs of mirror images from the front, palindromes from the back."""
    pairs: list[int] = []
    same: list[int] = []
    for value in range(1 << 13):
        mirrored = int(f"{value:013b}"[::-1], 2)
        if value.bit_count() != ones or mirrored < value:
            continue
        if mirrored == value:
            same.append(value)
        else:
            pairs += [value, mirrored]
    return [*pairs, *reversed(same)]


_TABLE = np.array(_n_of_13(5) + _n_of_13(2), dtype=np.uint64)
"""1,287 characters of five bits, then 78 of two: one for each codeword."""
