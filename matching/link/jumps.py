"""A program as the numbers that the kernel runs on: conditions as jumps and tables, weights as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from matching.link.coding import Coder, Features, Lane
from matching.link.conditions import Atom, Condition, Else, Joined, Kind, Open, Test
from matching.link.kernel import ACCEPT, BIT, BY_JUMPS, FORGET, UNKNOWN, Code
from matching.link.program import CompiledComparison, Frequency, Program

__all__ = ["assemble"]

Truth = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
_TABLE_BITS = 12
"""Exact atoms up to which a comparison gets a table: 4 kB, within reach of the processor."""
_EPSILON = 1e-9
"""Similarities are sums of a few fractions: their rounding is far below this."""
_FIELDS = 10
"""Numbers of a step: see kernel.Code."""


@dataclass(slots=True)
class _Steps:
    """Steps in the making. A step's number is its place; jumps go forward only."""

    lanes: dict[str, Lane]
    rows: list[list[int]] = field(default_factory=list)
    atoms: list[Atom | None] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def add(self, kind: int, *, x: int = 0, atom: Atom | None = None) -> int:
        row = [0] * _FIELDS
        row[0], row[1] = kind, x
        if atom is not None:
            row[1] = self.lanes[atom.left].first if atom.left else 0
            row[2] = self.lanes[atom.right].first if atom.right else 0
            row[3] = int(self.lanes[atom.left or atom.right].width > 1)
        self.rows.append(row)
        self.atoms.append(atom)
        self.limits.append(_farthest(atom) if atom else 0.0)
        return len(self.rows) - 1

    def condition(
        self, condition: Condition, bits: Mapping[Atom, int]
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Steps of one condition; gives the jumps (step, field) still to be set, if true and if false."""
        if isinstance(condition, Joined):
            first = self.condition(condition.left, bits)
            # AND goes on where the first part is true, OR where it is false
            self.aim(first[0] if condition.both else first[1], len(self.rows))
            second = self.condition(condition.right, bits)
            if condition.both:
                return second[0], first[1] + second[1]
            return first[0] + second[0], second[1]
        if isinstance(condition, Open):
            maybe = condition.maybe if condition.maybe and self._alike(condition.maybe) else None
            step = self.add(UNKNOWN if maybe is None else int(maybe.kind), atom=maybe)
            return [(step, 4)], [(step, 5)]
        assert isinstance(condition, Test)  # ELSE stands alone
        step = self.add(BIT, x=bits[condition.atom])
        yes, no = [(step, 4)], [(step, 5)]
        return (yes, no) if condition.wanted else (no, yes)

    def _alike(self, atom: Atom) -> bool:
        """Both columns are coded in one way."""
        return self.lanes[atom.left].width == self.lanes[atom.right].width

    def behind(self, begin: int, words: int) -> np.ndarray:
        """For every word, the first step from `begin` on that it does not tell."""
        word, at = np.arange(words), np.full(words, begin, dtype=np.int64)
        for number in range(begin, len(self.rows) if words else begin):
            kind, bit, _, _, yes, no, *_ = self.rows[number]
            here = at == number
            if kind == BIT:
                at[here] = np.where(word[here] >> bit & 1, yes, no)
            elif kind == FORGET:
                at[here] = no
        return at

    def placed(self, features: Features) -> np.ndarray:
        """All steps, with where the answers about values lie."""
        for row, atom in zip(self.rows, self.atoms, strict=True):
            if atom is not None:
                row[6:8] = features.place(atom.left, atom.left_of, atom.kind)
                row[8:10] = features.place(atom.right, atom.right_of, atom.kind)
        return np.array(self.rows, dtype=np.int64).reshape(-1, _FIELDS)

    def aim(self, jumps: list[tuple[int, int]], target: int) -> None:
        for step, place in jumps:
            self.rows[step][place] = target


def _farthest(atom: Atom) -> float:
    """How far two values may be apart for a likeness to hold."""
    return 1.0 - atom.limit + _EPSILON if atom.kind == Kind.JARO_WINKLER else atom.limit


def assemble(coder: Coder, features: Features) -> Code:
    """The program of a coder with what is known about values."""
    program = coder.program
    steps, exact = _Steps(coder.lanes), _Steps(coder.lanes)
    words = [{atom: bit for bit, atom in enumerate(c.exact)} for c in program.comparisons]
    for atom in (atom for bits in words for atom in bits):
        exact.add(int(atom.kind), atom=atom)
    begin = [_comparison(steps, *each) for each in zip(program.comparisons, words, strict=True)]
    tables = [_table(*each) for each in zip(program.comparisons, words, strict=True)]
    starts = [steps.behind(a, len(level)) for a, (level, _) in zip(begin, tables, strict=True)]
    weight, most, share = _weights(program)
    frequencies = _frequencies(program)
    columns = program.frequency_columns
    return Code(
        exact=exact.placed(features),
        first=_begins(words),
        table=np.concatenate([level for level, _ in tables]),
        table_most=np.concatenate([top for _, top in tables]),
        table_start=np.concatenate(starts),
        table_begin=np.where(
            [len(level) for level, _ in tables], _begins([x for x, _ in tables])[:-1], -1
        ),
        steps=steps.placed(features),
        limit=np.array(steps.limits, dtype=np.float64),
        begin=np.array(begin, dtype=np.int64),
        weight=weight,
        most=most,
        share=share,
        known=features.known,
        share_column=np.array([columns.index(f.column) for f in frequencies], dtype=np.int64),
        share_log2_u=np.array([f.log2_u for f in frequencies], dtype=np.float64),
        share_weight=np.array([f.weight for f in frequencies], dtype=np.float64),
        share_log2_minimum=np.array([f.log2_minimum for f in frequencies], dtype=np.float64),
        prior=program.prior_bits,
    )


def _frequencies(program: Program) -> list[Frequency]:
    """All term-frequency adjustments in the order of their numbers in `Code.share`."""
    return [x.frequency for c in program.comparisons for x in c.levels if x.frequency]


def _comparison(steps: _Steps, comparison: CompiledComparison, bits: Mapping[Atom, int]) -> int:
    """Code of one comparison: each level's condition, then its acceptance; gives where it begins."""
    begin, missed, unsure = len(steps.rows), list[tuple[int, int]](), False
    for level in comparison.levels:
        steps.aim(missed, len(steps.rows))
        if unsure:
            steps.aim([(steps.add(FORGET), 5)], len(steps.rows))
        true, false = list[tuple[int, int]](), list[tuple[int, int]]()
        if not isinstance(level.condition, Else):
            true, false = steps.condition(level.condition, bits)
        accept = steps.add(ACCEPT, x=level.number)
        steps.aim(true, accept)
        missed = [*false, (accept, 5)]
        unsure = _has_open(level.condition)
    return begin


def _begins(parts: Sequence[Sized]) -> np.ndarray:
    """Where each part begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


def _table(comparison: CompiledComparison, bits: Mapping[Atom, int]) -> tuple[Levels, Floats]:
    """For every word of exact atoms the level, or BY_JUMPS where other parts count, and its most."""
    if len(bits) > _TABLE_BITS:
        return np.zeros(0, dtype=np.int8), np.zeros(0)
    words = np.arange(1 << len(bits))
    holds = {atom: words >> bit & 1 != 0 for atom, bit in bits.items()}
    level, most = np.full(len(words), BY_JUMPS, dtype=np.int8), np.full(len(words), -np.inf)
    surely_here, maybe_here = (np.ones(len(words), dtype=np.bool_) for _ in range(2))
    for graded in comparison.levels:
        surely, maybe = _truth(graded.condition, holds, len(words))
        level[surely_here & surely] = graded.number
        reached = maybe_here & maybe
        most[reached] = np.maximum(most[reached], graded.most)
        surely_here &= ~maybe
        maybe_here &= ~surely
    return level, most


def _truth(condition: Condition, holds: Mapping[Atom, Truth], words: int) -> tuple[Truth, Truth]:
    """For every word, whether a condition surely holds, and whether it may."""
    always = np.ones(words, dtype=np.bool_)
    if isinstance(condition, Else):
        return always, always
    if isinstance(condition, Open):
        return ~always, always
    if isinstance(condition, Test):
        found = holds[condition.atom] if condition.wanted else ~holds[condition.atom]
        return found, found
    (one, may_one), (two, may_two) = (
        _truth(c, holds, words) for c in (condition.left, condition.right)
    )
    if condition.both:
        return one & two, may_one & may_two
    return one | two, may_one | may_two


def _has_open(condition: Condition) -> bool:
    if isinstance(condition, Joined):
        return _has_open(condition.left) or _has_open(condition.right)
    return isinstance(condition, Open)


def _weights(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`weight`, `most` and `share` of Code."""
    size = max(x.number for c in program.comparisons for x in c.levels) + 2
    shape = (len(program.comparisons), size)
    weight, most, share = np.zeros(shape), np.full(shape, -np.inf), np.full(shape, -1)
    number = 0
    for c, comparison in enumerate(program.comparisons):
        for level in comparison.levels:
            weight[c, level.number + 1], most[c, level.number + 1] = level.weight, level.most
            if level.frequency:
                share[c, level.number + 1] = number
                number += 1
    return weight, most, share.astype(np.int64)
