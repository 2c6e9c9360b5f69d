"""Memo files beside DBF tables: long texts in blocks, found by number. All memos of a piece at once.

In a sound file no two rows have one block, so that all memos together are no longer than the file. A small file
whose rows all name the same blocks would be a long one when read: beyond `REPEATED_MAX` files each byte is given
once, to the first row that names its block, and the others say whose it is (`Owners`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from matching.intake.content import Content
from matching.intake.packed.archives import stamp

__all__ = ["Memo", "Owners", "memo_of", "owners_of"]

_SUFFIXES = (".dbt", ".fpt")
MEMO_BYTES_MAX = 16 << 20
"""Where a longer memo ends: texts that people typed are shorter, and a damaged length reaches over others."""
REPEATED_MAX = 4
"""Times that a memo file may be read in all: copied rows keep the numbers of their memos, but not that often."""
FREE_BYTES = 1 << 20
"""Read whatever repeats; small files cost nothing."""
_COPIED = 4 << 20
"""Bytes put together at once: their places are sixteen times as long."""
_SIGN_DBASE4 = b"\xff\xff\x08\x00"


@dataclass(frozen=True, slots=True)
class Memo:
    """A memo file: its bytes, mapped and not read, how long its blocks are, and its dialect."""

    data: Any
    block: int
    dialect: str
    stamp: tuple[int, ...] = ()
    """Changes with the file."""

    def texts(self, numbers: Any, until: Any = None) -> tuple[bytes, Any]:
        """The memos of these blocks one after the other, and where each begins and ends; empty where none is.

        `until`: places in the file behind which nothing of a memo is taken.
        """
        first, sizes = self.extents(numbers)
        if until is not None:
            sizes = np.clip(until - first, 0, sizes)
        edges = np.concatenate(([0], np.cumsum(sizes)))
        cuts = np.unique(np.searchsorted(edges, np.arange(0, edges[-1], _COPIED)))
        text = np.empty(edges[-1], np.uint8)
        for low, high in pairwise((*cuts.tolist(), len(sizes))):
            start, end = edges[low], edges[high]
            places = np.repeat(first[low:high] - edges[low:high], sizes[low:high])
            text[start:end] = self.data[places + np.arange(start, end)]
        return text.tobytes(), edges

    def extents(self, numbers: Any) -> tuple[Any, Any]:
        """Where the texts of these blocks begin, and how long they are; 0 where there is none."""
        there = (numbers > 0) & (numbers <= (self.data.size - 8) // self.block)
        at = np.where(there, numbers, 0) * self.block
        first, sizes = (self._counted if self.dialect != "dbase3" else self._ended)(at)
        sizes = np.where(there & (sizes > 0), np.minimum(sizes, self.data.size - first), 0)
        return first, np.minimum(sizes, MEMO_BYTES_MAX)

    def _counted(self, at: Any) -> tuple[Any, Any]:
        """Eight bytes before each text say its length; dBase IV counts them, too."""
        head = self.data[at[:, None] + np.arange(8)] if at.size else np.zeros((0, 8), np.uint8)
        own = np.ascontiguousarray(head[:, 4:8])
        if self.dialect == "foxpro":
            return at + 8, own.view(">u4").ravel().astype(np.int64)
        return at + 8, own.view("<u4").ravel().astype(np.int64) - 8

    def _ended(self, at: Any) -> tuple[Any, Any]:
        """The sign of the end of a file ends each text."""
        ends = np.append(np.flatnonzero(self.data == 0x1A), self.data.size)
        return at, ends[np.searchsorted(ends, at)] - at


@dataclass(frozen=True, slots=True)
class Owners:
    """Who has which block where many name it: sorted block `numbers`, and for each the first place that names it.

    A place is the row times the table's memo fields, and the field.
    """

    numbers: Any
    places: Any
    fields: int

    def texts(self, memo: Memo, numbers: Any, places: Any) -> tuple[bytes, Any, Any]:
        """As `Memo.texts`, each ending where the next one that anybody names begins; and the row that has it."""
        at = np.minimum(np.searchsorted(self.numbers, numbers), self.numbers.size - 1)
        known = self.numbers[at] == numbers
        own = known & (self.places[at] == places)
        ends = np.append(self.numbers[1:] * memo.block, memo.data.size)
        data, edges = memo.texts(np.where(own, numbers, 0), ends[at])
        return data, edges, np.where(known & ~own, self.places[at] // self.fields, -1)


def owners_of(memo: Memo, named: Iterable[Any], fields: int) -> Owners | None:
    """Who has which block; None where the rows name little more than the file has.

    `named`: block numbers of the whole table, runs of rows by fields. Holds two numbers for each block that is named.
    """
    allowed = FREE_BYTES + REPEATED_MAX * memo.data.size
    seen, places = np.zeros(0, np.int64), np.zeros(0, np.int64)
    total = before = 0
    for run in named:
        flat = run.ravel()
        total += int(memo.extents(flat)[1].sum())
        numbers, where = np.unique(flat, return_index=True)
        numbers, kept = np.unique(np.concatenate((seen, numbers)), return_index=True)
        places = np.concatenate((places, before + where))[kept]
        seen = numbers
        before += flat.size
    if total <= allowed:
        return None
    sound = memo.extents(seen)[1] > 0
    return Owners(seen[sound], places[sound], fields)


def memo_of(content: Content) -> Memo | None:
    """The memo file beside a table, whatever the case of its name; None where there is none.

    That of a table in an archive is not looked for.
    """
    if content.members:
        return None
    stem = content.path.stem.lower()
    beside = sorted(
        path
        for path in content.path.parent.iterdir()
        if path.suffix.lower() in _SUFFIXES
        and path.stem.lower() == stem
        and path.stat().st_size >= 512
    )
    if not beside:
        return None
    data, changed = np.memmap(beside[0], np.uint8, "r"), stamp(beside[0])
    if beside[0].suffix.lower() == ".fpt":
        return Memo(data, int.from_bytes(data[6:8].tobytes(), "big") or 1, "foxpro", changed)
    block = int.from_bytes(data[20:22].tobytes(), "little")
    if block >= 64 and data[block : block + 4].tobytes() == _SIGN_DBASE4:
        return Memo(data, block, "dbase4", changed)
    fallback = data[512:516].tobytes() == _SIGN_DBASE4
    return Memo(data, 512, "dbase4" if fallback else "dbase3", changed)
