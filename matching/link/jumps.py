"""A program as the numbers that the kernel runs on: conditions as jumps, weights as tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from matching.link.coding import Coder, Lane
from matching.link.conditions import Atom, Condition, Else, Joined, Open, Test
from matching.link.kernel import ACCEPT, FORGET, UNKNOWN, Code
from matching.link.program import CompiledComparison, Frequency, Program

__all__ = ["assemble", "frequencies_of"]

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
        self.limits.append(atom.limit if atom else 0.0)
        return len(self.rows) - 1

    def condition(
        self, condition: Condition
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Steps of one condition; gives the jumps (step, field) still to be set, if true and if false."""
        if isinstance(condition, Joined):
            first = self.condition(condition.left)
            # AND goes on where the first part is true, OR where it is false
            self.aim(first[0] if condition.both else first[1], len(self.rows))
            second = self.condition(condition.right)
            if condition.both:
                return second[0], first[1] + second[1]
            return first[0] + second[0], second[1]
        if isinstance(condition, Open):
            kind = UNKNOWN if condition.maybe is None else int(condition.maybe.kind)
            step = self.add(kind, atom=condition.maybe)
            return [(step, 4)], [(step, 5)]
        assert isinstance(condition, Test)  # ELSE stands alone
        step = self.add(int(condition.atom.kind), atom=condition.atom)
        yes, no = [(step, 4)], [(step, 5)]
        return (yes, no) if condition.wanted else (no, yes)

    def aim(self, jumps: list[tuple[int, int]], target: int) -> None:
        for step, place in jumps:
            self.rows[step][place] = target


def assemble(coder: Coder) -> Code:
    """The program of a coder with all that is known about values by now."""
    program = coder.program
    steps = _Steps(coder.lanes)
    begin = [_comparison(steps, comparison) for comparison in program.comparisons]
    features = coder.features()
    for row, atom in zip(steps.rows, steps.atoms, strict=True):
        if atom is not None:
            row[6:8] = features.place(atom.left, atom.left_of, atom.kind)
            row[8:10] = features.place(atom.right, atom.right_of, atom.kind)
    weight, most, share = _tables(program)
    frequencies = frequencies_of(program)
    order = _cheapest_first(program)
    ceilings = most.max(axis=1)
    after = np.zeros(len(order))
    for place, c in enumerate(order):
        after[c] = ceilings[order[place + 1 :]].sum()
    columns = program.frequency_columns
    return Code(
        steps=np.array(steps.rows, dtype=np.int64),
        limit=np.array(steps.limits, dtype=np.float64),
        begin=np.array(begin, dtype=np.int64),
        weight=weight,
        most=most,
        share=share,
        known=features.known,
        order=order,
        most_after=after,
        share_column=np.array([columns.index(f.column) for f in frequencies], dtype=np.int64),
        share_log2_u=np.array([f.log2_u for f in frequencies], dtype=np.float64),
        share_weight=np.array([f.weight for f in frequencies], dtype=np.float64),
        share_log2_minimum=np.array([f.log2_minimum for f in frequencies], dtype=np.float64),
        prior=program.prior_bits,
    )


def frequencies_of(program: Program) -> list[Frequency]:
    """All term-frequency adjustments in the order of their numbers in `Code.share`."""
    return [x.frequency for c in program.comparisons for x in c.levels if x.frequency]


def _comparison(steps: _Steps, comparison: CompiledComparison) -> int:
    """Code of one comparison: each level's condition, then its acceptance; gives where it begins."""
    begin, missed, unsure = len(steps.rows), list[tuple[int, int]](), False
    for level in comparison.levels:
        steps.aim(missed, len(steps.rows))
        if unsure:
            steps.aim([(steps.add(FORGET), 5)], len(steps.rows))
        true, false = list[tuple[int, int]](), list[tuple[int, int]]()
        if not isinstance(level.condition, Else):
            true, false = steps.condition(level.condition)
        accept = steps.add(ACCEPT, x=level.number)
        steps.aim(true, accept)
        missed = [*false, (accept, 5)]
        unsure = _has_open(level.condition)
    return begin


def _has_open(condition: Condition) -> bool:
    if isinstance(condition, Joined):
        return _has_open(condition.left) or _has_open(condition.right)
    return isinstance(condition, Open)


def _tables(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def _cheapest_first(program: Program) -> np.ndarray:
    """Comparisons by their number of atoms: often enough the dear ones need not be read any more."""
    costs = [len(c.atoms) for c in program.comparisons]
    return np.array(sorted(range(len(costs)), key=lambda c: (costs[c], c)), dtype=np.int64)
