"""Mutated inputs: sound samples and the words of a format in, cases out; the same number gives the same case.

A case is named by target, seed and number alone, so a failing one can be made again on any machine. Most cases
change little, because what is nearly sound goes deepest; a few are very long or in another encoding.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

__all__ = ["CANARIES", "Mutator"]

CANARIES = ("Wrenquist", "943-55-0187", "943550187")
"""A made-up person in every sample: in no message, whatever becomes of the rest."""
LONG = 70_000
"""Above every buffer of 64 KiB; rarely met, because each such case costs as much as a hundred others."""
COMMON = (
    b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xfe\xff", b"\n", b"\r", b"\r\n", b"\t", b" ", b'"', b"'", b"\\", b",", b";", b"\x1a", b"\x7f",
    "\u2028".encode(), "\u202e".encode(), "\u0000".encode(), "\u00a0".encode(), "\U0001f600".encode(), "é".encode(),
    "ﬁ".encode(), "İ".encode(), "ß".encode(), "\u0345".encode(), b"-1", b"0", b"99999999999999999999", b"1e999",
    b"NaN", b"-0.0", b"%s%n", b"{}", b"${x}", b"../../x", b"=1+1", b"NULL",
)  # fmt: skip
EXTREMES = (
    b"0",
    b"-1",
    b"255",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"9223372036854775808",
    b"1e309",
    b"",
)
_DIGITS = re.compile(rb"\d+")


@dataclass(frozen=True, slots=True)
class Mutator:
    """`samples`: sound inputs; `tokens`: words of the format; `text`: whole cases are sometimes re-encoded."""

    samples: Sequence[bytes]
    tokens: Sequence[bytes] = ()
    text: bool = True

    def case(self, seed: int, number: int) -> bytes:
        """One input."""
        random = Random((seed << 40) + number)
        data = bytearray(random.choice(self.samples))
        edits = 1 + min(int(random.expovariate(0.6)), 12)
        for _ in range(edits):
            random.choice(_EDITS)(self, random, data)
        odd = random.random()
        if odd < 0.002:
            _long(self, random, data)
        elif self.text and odd > 0.99:
            return _recoded(random, bytes(data))
        return bytes(data)

    def word(self, random: Random) -> bytes:
        """One of the format's words more often than one that any parser may stumble over."""
        words = self.tokens if self.tokens and random.random() < 0.7 else COMMON
        return random.choice(words)


def _place(random: Random, data: bytearray) -> int:
    return random.randrange(len(data) + 1)


def _stretch(random: Random, data: bytearray) -> slice:
    start = _place(random, data)
    return slice(start, start + min(int(random.expovariate(0.1)) + 1, 400))


def _flip(_: Mutator, random: Random, data: bytearray) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set(_: Mutator, random: Random, data: bytearray) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _cut(_: Mutator, random: Random, data: bytearray) -> None:
    del data[_stretch(random, data)]


def _end(_: Mutator, random: Random, data: bytearray) -> None:
    """A truncated delivery."""
    if random.random() < 0.3:
        del data[_place(random, data) :]


def _double(_: Mutator, random: Random, data: bytearray) -> None:
    piece = data[_stretch(random, data)]
    at = _place(random, data)
    data[at:at] = piece * random.choice((1, 1, 1, 2, 9))


def _insert(mutator: Mutator, random: Random, data: bytearray) -> None:
    at = _place(random, data)
    data[at:at] = mutator.word(random) * random.choice((1, 1, 1, 1, 2, 30))


def _replace(mutator: Mutator, random: Random, data: bytearray) -> None:
    data[_stretch(random, data)] = mutator.word(random)


def _splice(mutator: Mutator, random: Random, data: bytearray) -> None:
    other = random.choice(mutator.samples)
    cut = random.randrange(len(other) + 1)
    data[_place(random, data) :] = other[cut:]


def _move(_: Mutator, random: Random, data: bytearray) -> None:
    where = _stretch(random, data)
    piece = data[where]
    del data[where]
    at = _place(random, data)
    data[at:at] = piece


def _number(_: Mutator, random: Random, data: bytearray) -> None:
    found = list(_DIGITS.finditer(data))
    if found:
        start, end = random.choice(found).span()
        data[start:end] = random.choice(EXTREMES)


def _long(mutator: Mutator, random: Random, data: bytearray) -> None:
    word = mutator.word(random) or b"x"
    at = _place(random, data)
    data[at:at] = word * (LONG // len(word))


def _recoded(random: Random, data: bytes) -> bytes:
    """The whole in another encoding, or with another one's mark."""
    encoding = random.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "cp037", "mark"))
    if encoding == "mark":
        return random.choice((codecs.BOM_UTF16_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8)) + data
    return data.decode("utf-8", "replace").encode(encoding, "replace")


_EDITS: Sequence[Callable[[Mutator, Random, bytearray], None]] = (
    _flip, _flip, _set, _cut, _cut, _end, _double, _insert, _insert, _insert, _insert, _replace, _replace, _splice,
    _move, _number,
)  # fmt: skip
