"""Records as numbers: one short row of 32-bit lanes each, so that a pair costs a few cache lines.

A column that levels read as text and that repeats its values is numbered through a dictionary: one
lane, and its text is found again by number. Any other column is a 64-bit hash in two lanes, with the
six lanes of its shape behind where levels ask for likeness; where its text is needed all the same, that
is kept beside. 0 is null in every lane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.conditions import Kind
from matching.link.hashing import Hashes, Numbering, column_hashes, shapes
from matching.link.program import Program, compile_model, model_columns
from matching.model.frequencies import OTHERS

__all__ = ["Coded", "Coder", "Features", "Lane"]

REPEATING = 0.25
"""Distinct values per row up to which a column is numbered: a dictionary of more would not be smaller
than the texts themselves, and would not stay in the processor's cache."""

Lanes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a column lies in a row: first lane, and number of lanes (1, 2, or 8 with its shape)."""

    first: int
    width: int


@dataclass(slots=True)
class Coded:
    """Rows of one side.

    `lanes` rows x lanes; `shares` rows x term-frequency columns, log2, NaN where unknown; `texts` the
    columns that have no dictionary.
    """

    lanes: Lanes
    shares: npt.NDArray[np.float64]
    texts: dict[str, pl.Series] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.lanes)

    def part(self, start: int, stop: int) -> Coded:
        """Records start..stop - 1, without a copy."""
        texts = {column: values.slice(start, stop - start) for column, values in self.texts.items()}
        return Coded(self.lanes[start:stop], self.shares[start:stop], texts)


@dataclass(frozen=True, slots=True)
class Features:
    """What is known about distinct values: the tables of all dictionaries end to end."""

    known: npt.NDArray[np.uint64]
    numberings: dict[str, Numbering]
    begin: dict[int, int]

    def place(self, column: str, expression: str, kind: Kind) -> tuple[int, int]:
        """Where the answer for value 0 of a column lies, and how far it is from value to value."""
        numbering = self.numberings.get(column)
        if numbering is None:
            return 0, 0
        stride = numbering.known.shape[1]
        shaped = len(numbering.expressions)
        inside = shaped if kind >= Kind.JARO_WINKLER else 0
        if expression:
            inside = numbering.expressions.index(expression)
        return self.begin[id(numbering)] + inside, stride


class Coder:
    """Codes any number of frames of both sides alike. Safe to use from several threads.

    The model is compiled here, because what may be asked of a column depends on how it is coded; no
    result does.
    """

    def __init__(
        self, settings: dict[str, Any], frequencies: pl.DataFrame, *, sample: pl.DataFrame
    ) -> None:
        """`sample` rows show which columns repeat their values."""
        coded = self.repeating = _repeating(settings, sample)
        self.program = compile_model(settings, coded=coded)
        program = self.program
        self.columns = tuple(dict.fromkeys((*program.compared_columns, *program.text_columns)))
        self._numberings = _numberings(program, coded & set(self.columns))
        self.lanes = self._place()
        self._shares = {
            column: _Shares(frequencies, column) for column in program.frequency_columns
        }

    def _place(self) -> dict[str, Lane]:
        placed, at = {}, 0
        likened = [a for a in self.program.atoms if a.kind >= Kind.JARO_WINKLER]
        shaped = {column for atom in likened for column in (atom.left, atom.right)}
        for column in self.columns:
            width = 1 if column in self._numberings else 8 if column in shaped else 2
            if width > 1 and column not in self.program.compared_columns:
                continue
            placed[column] = Lane(at, width)
            at += width
        return placed

    def features(self) -> Features:
        """What is known now about all values that were coded so far."""
        distinct = list({id(n): n for n in self._numberings.values()}.values())
        tables = [n.known for n in distinct]
        begins = np.cumsum([0, *(table.size for table in tables)])
        begin = {id(n): int(at) for n, at in zip(distinct, begins, strict=False)}
        known = np.concatenate([np.zeros(1, dtype=np.uint64)[:0], *(t.reshape(-1) for t in tables)])
        return Features(known, self._numberings, begin)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a frame must have."""
        return tuple(dict.fromkeys((*self.columns, *self._shares)))

    @property
    def width(self) -> int:
        """Lanes of a row."""
        return sum(lane.width for lane in self.lanes.values())

    @property
    def text_beside(self) -> tuple[str, ...]:
        """Columns whose text is kept row by row."""
        return tuple(c for c in self.program.text_columns if c not in self._numberings)

    def empty(self, rows: int) -> Coded:
        """Room for a side of that many rows."""
        shares = np.empty((rows, len(self._shares)))
        return Coded(np.empty((rows, self.width), dtype=np.uint32), shares)

    def code(self, frame: pl.DataFrame, hashes: dict[str, Hashes]) -> Coded:
        """Rows of one frame; `hashes` are those of its columns, made here where they are not there."""
        coded = self.empty(frame.height)
        for column in self.needed:
            if column not in hashes:
                hashes[column] = column_hashes(frame[column])
        for column, lane in self.lanes.items():
            if column in self._numberings:
                numbers = self._numberings[column].number(hashes[column], frame[column])
                coded.lanes[:, lane.first] = numbers
            else:
                halves = hashes[column].view(np.uint32).reshape(-1, 2)
                coded.lanes[:, lane.first : lane.first + 2] = halves
                if lane.width > 2:
                    shape = shapes(frame[column]).view(np.uint32)
                    coded.lanes[:, lane.first + 2 : lane.first + lane.width] = shape
        for number, (column, shares) in enumerate(self._shares.items()):
            coded.shares[:, number] = shares.of(hashes[column])
        coded.texts = {column: frame[column] for column in self.text_beside}
        return coded

    def text(self, coded: Coded, column: str, rows: npt.NDArray[Any]) -> pl.Series:
        """The column's text at these rows."""
        numbering = self._numberings.get(column)
        if numbering is None:
            return coded.texts[column].gather(rows)
        return numbering.texts.gather(coded.lanes[rows, self.lanes[column].first])


class _Shares:
    """log2 of a value's share; a row without a value gives the share of all that are not listed."""

    def __init__(self, frequencies: pl.DataFrame, column: str) -> None:
        listed = frequencies.filter(pl.col("field") == column)
        named = listed.filter(pl.col("value") != OTHERS)
        others = listed.filter(pl.col("value") == OTHERS)["frequency"]
        self._numbering = Numbering()
        numbers = self._numbering.number(column_hashes(named["value"]), named["value"])
        self._log2 = np.full(named.height + 1, math.log2(others[0]) if len(others) else math.nan)
        self._log2[numbers] = np.log2(named["frequency"].to_numpy())
        self._numbering.texts = pl.Series([], dtype=pl.String)

    def of(self, hashes: Hashes) -> npt.NDArray[np.float64]:
        shares = self._log2[self._numbering.find(hashes)]
        shares[hashes == 0] = math.nan
        return shares


def _repeating(settings: dict[str, Any], sample: pl.DataFrame) -> set[str]:
    """Columns to number: of columns that are compared with each other, all or none."""
    columns = model_columns(settings)
    plain = compile_model(settings)
    chosen: set[str] = set()
    for group in _groups(plain, columns):
        shares = [_distinct_share(sample[column]) for column in group]
        if max(shares) <= REPEATING:
            chosen |= set(group)
    return chosen


def _distinct_share(values: pl.Series) -> float:
    known = values.drop_nulls()
    return known.n_unique() / max(len(known), 1)


def _numberings(program: Program, coded: set[str]) -> dict[str, Numbering]:
    """One dictionary for columns that are compared with each other."""
    chosen: dict[str, Numbering] = {}
    for group in _groups(program, program.compared_columns + program.text_columns):
        if not set(group) <= coded:
            continue
        mine = [a for a in program.atoms if a.left in group or a.right in group]
        expressions = [a.left_of for a in mine if a.left in group and a.left_of]
        expressions += [a.right_of for a in mine if a.right in group and a.right_of]
        shaped = any(a.kind >= Kind.JARO_WINKLER for a in mine)
        numbering = Numbering(tuple(dict.fromkeys(expressions)), shaped=shaped)
        chosen |= dict.fromkeys(group, numbering)
    return chosen


def _groups(program: Program, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Columns that some atom holds equal with each other, directly or through others."""
    group = {column: {column} for column in columns}
    for atom in program.atoms:
        if atom.kind == Kind.EQUAL and group[atom.left] is not group[atom.right]:
            joined = group[atom.left] | group[atom.right]
            group |= dict.fromkeys(joined, joined)
    return [tuple(sorted(g)) for g in {id(g): g for g in group.values()}.values()]
