"""Memo files beside DBF tables: long texts in blocks, found by number. All memos of a piece at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.intake.content import Content

__all__ = ["Memo", "memo_of"]

_SUFFIXES = (".dbt", ".fpt")
MEMO_BYTES_MAX = 16 << 20
"""A longer memo is a damaged length: texts that people typed are shorter."""
_SIGN_DBASE4 = b"\xff\xff\x08\x00"


@dataclass(frozen=True, slots=True)
class Memo:
    """A memo file: its bytes, mapped and not read, how long its blocks are, and its dialect."""

    data: Any
    block: int
    dialect: str

    def texts(self, numbers: Any) -> tuple[bytes, Any]:
        """The memos of these blocks one after the other, and where each begins and ends; empty where none is."""
        at = numbers * self.block
        there = (numbers > 0) & (at + 8 <= self.data.size)
        at = np.where(there, at, 0)
        first, sizes = (self._counted if self.dialect != "dbase3" else self._ended)(at)
        sizes = np.where(there & (sizes > 0), np.minimum(sizes, self.data.size - first), 0)
        sizes = np.where(sizes > MEMO_BYTES_MAX, 0, sizes)
        edges = np.concatenate(([0], np.cumsum(sizes)))
        places = np.repeat(first - edges[:-1], sizes) + np.arange(edges[-1])
        return self.data[places].tobytes(), edges

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
    data = np.memmap(beside[0], np.uint8, "r")
    if beside[0].suffix.lower() == ".fpt":
        return Memo(data, int.from_bytes(data[6:8].tobytes(), "big") or 1, "foxpro")
    block = int.from_bytes(data[20:22].tobytes(), "little")
    if block >= 64 and data[block : block + 4].tobytes() == _SIGN_DBASE4:
        return Memo(data, block, "dbase4")
    fallback = data[512:516].tobytes() == _SIGN_DBASE4
    return Memo(data, 512, "dbase4" if fallback else "dbase3")
