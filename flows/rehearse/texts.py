"""Columns of texts held by number: what repeats is spelt once, and a fault adds a word.

A row costs four bytes until it is written, and a fault costs what the struck rows cost. Parquet
takes the numbers as they are (its dictionary pages); other formats look the words up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from matching.compiling import compiled

__all__ = ["Codes", "Spell", "Texts"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.int32]
Spell = Callable[[pl.Series], pl.Series]

_MISSING: Final = pl.Series([None], dtype=pl.String)


@dataclass(slots=True)
class Texts:
    """One text per row: `code` is its position in `words`, or -1 where it is missing.

    Methods that take rows change `code` in place; `words` are shared and never changed. `repeats`
    says that a word may stand in the list twice, as after a fault.
    """

    code: Codes
    words: pl.Series
    repeats: bool = False

    @classmethod
    def of(cls, code: Ints | Bools, words: pl.Series, *, repeats: bool = False) -> Self:
        """These words of the list, one per row."""
        return cls(code.astype(np.int32), words, repeats)

    @classmethod
    def dense(cls, values: pl.Series) -> Self:
        """A word for each row; nulls are missing."""
        column = cls.missing(len(values))
        column.put(np.arange(len(values)), values)
        return column

    @classmethod
    def missing(cls, size: int) -> Self:
        """Nothing on any row."""
        return cls(np.full(size, -1, dtype=np.int32), pl.Series([], dtype=pl.String))

    @classmethod
    def spread(cls, size: int, rows: Ints, values: pl.Series) -> Self:
        """`size` rows that are missing but for `values` at `rows`."""
        column = cls.missing(size)
        column.put(rows, values)
        return column

    @classmethod
    def spelt(cls, code: Ints, spell: Callable[[Ints], pl.Series]) -> Self:
        """Words made only for the numbers in use: `spell` gets those, each once."""
        new, used = _first_seen(code.astype(np.int32), int(code.max(initial=-1)) + 1)
        return cls(new, spell(used))

    def __len__(self) -> int:
        return len(self.code)

    def rows(self, at: Ints | slice) -> Self:
        """These rows; of a slice a view."""
        self.words = self.words.rechunk()
        return type(self)(self.code[at], self.words, self.repeats)

    @classmethod
    def stacked(cls, parts: list[Texts]) -> Self:
        """The rows of one part after those of another."""
        starts = np.cumsum([0] + [len(part.words) for part in parts[:-1]])
        code = [
            np.where(part.code < 0, -1, part.code + start) if start else part.code
            for part, start in zip(parts, starts, strict=True)
        ]
        words = pl.concat([part.words.alias("words") for part in parts])
        return cls(np.concatenate(code).astype(np.int32), words, True)

    def put(self, rows: Ints, values: pl.Series) -> None:
        """Other texts on these rows, one each; nulls are missing."""
        code = len(self.words) + np.arange(len(values), dtype=np.int32)
        if values.null_count():
            known = values.is_not_null().to_numpy()
            code = np.where(known, len(self.words) - 1 + np.cumsum(known), -1).astype(np.int32)
            values = values.drop_nulls()
        self.code[rows] = code
        self._append(values)

    def set(self, rows: Ints, word: str) -> None:
        """The same text on all these rows."""
        self.code[rows] = len(self.words)
        self._append(pl.Series([word]))

    def blank(self, rows: Ints | Bools) -> None:
        """Nothing on these rows."""
        self.code[rows] = -1

    def change(self, rows: Ints, new: Spell) -> None:
        """Each of these rows spelt anew, as chance has it; missing ones stay so."""
        rows = rows[self.code[rows] >= 0]
        if len(rows):
            self.put(rows, new(self.text(rows)))

    def respell(self, rows: Ints, new: Spell) -> None:
        """The words of these rows spelt anew, each always alike."""
        code, used = _first_seen(self.code[rows], len(self.words))
        self.code[rows] = np.where(code < 0, -1, code + len(self.words))
        self._append(new(self._spelt(used)))

    def text(self, rows: Ints) -> pl.Series:
        """The texts of rows none of which is missing."""
        return self._spelt(self.code[rows])

    def _append(self, words: pl.Series) -> None:
        self.words = pl.concat([self.words, words.alias(self.words.name)])
        self.repeats = True

    def _spelt(self, code: Ints | Codes) -> pl.Series:
        """The words with these numbers; one chunk, as looking up in several is ten times slower."""
        self.words = self.words.rechunk()
        return self.words[code]  # a third of the time of `gather` for a few

    def series(self) -> pl.Series:
        """The texts in full."""
        column = self.compact()
        words = pl.concat([column.words, _MISSING.alias(column.words.name)], rechunk=True)
        return words[column.code]  # -1 is the last one

    def compact(self) -> Self:
        """The same texts with only those words that are used."""
        code, used = _first_seen(self.code, len(self.words))
        return type(self)(code, self._spelt(used), self.repeats)

    def arrow(self) -> pa.DictionaryArray:
        """The numbers and the words in use, each word once.

        A fault may make a word that is there already, and Parquet's writer gives its dictionary
        up at the first word that comes twice.
        """
        column = self.compact()
        code, words = column.code, column.words.to_arrow(compat_level=pl.CompatLevel.oldest())
        gone = code < 0
        if column.repeats:
            once = words.dictionary_encode()
            code, words = np.append(once.indices.to_numpy(), np.int32(-1))[code], once.dictionary
        numbers = pa.array(code, mask=gone if gone.any() else None)
        return pa.DictionaryArray.from_arrays(numbers, words, safe=False)


@compiled
def _first_seen(code: Codes, size: int) -> tuple[Codes, Ints]:
    """New numbers in the order in which `size` words are first seen, and the words seen.

    In that order most words lie beside those of the rows around when they are copied into lines.
    """
    place = np.full(size, -1, np.int32)
    used = np.empty(min(size, len(code)), np.int64)
    new = np.empty(len(code), np.int32)
    seen = 0
    for row in range(len(code)):
        word = code[row]
        if word < 0:
            new[row] = -1
            continue
        if place[word] < 0:
            place[word] = seen
            used[seen] = word
            seen += 1
        new[row] = place[word]
    return new, used[:seen]
