"""Weights of levels that people set by hand, put into a model without touching the frozen one.

An edit names a comparison, the code of a level in comparison vectors (level + 1; 0 is missing and has no
weight) and the bits of that level. Its m is set, its u stays: term frequencies are measured from u, so that an
edited model weighs a pair exactly as the kept vectors re-scored by these bits do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from math import isfinite, log2
from typing import Any

from matching.errors import OperatorError
from matching.link.vectors import graded
from matching.model.files import faults

__all__ = ["Edit", "canonical", "edit_faults", "edited", "level_bits"]

Edit = tuple[str, int, float]
"""Comparison, code of the level in vectors, bits."""
_SAME_BITS = 1e-9
"""Weights have nine decimals: what is nearer is no edit."""


def level_bits(model: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Bits of every level of a trained model, by comparison and code in vectors."""
    return {
        (comparison["output_column_name"], code): log2(level["m_probability"])
        - log2(level["u_probability"])
        for comparison in model["comparisons"]
        for code, level in enumerate(graded(comparison), 1)
    }


def edited(model: dict[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    """The model with these weights; itself where there are none.

    Raises OperatorError naming every edit that the model cannot hold.
    """
    found = edit_faults(model, edits)
    if found:
        raise OperatorError("; ".join(found))
    return _edited(model, edits) if edits else model


def edit_faults(model: dict[str, Any], edits: Sequence[Edit]) -> list[str]:
    """What keeps the edits out of the model, one text each: unknown level, no number, m above 1, twice."""
    most = _most_bits(model)
    found = []
    for name, code, bits in edits:
        place = f"weight of '{name}', level {code}"
        if (name, code) not in most:
            found.append(f"{place}: the model has no such level")
        elif not isfinite(bits):
            found.append(f"{place}: no number")
        elif bits > most[name, code] + _SAME_BITS:
            found.append(f"{place}: at most {most[name, code]:.3f} bits, where m is 1")
    places = [(name, code) for name, code, _ in edits]
    if len(set(places)) < len(places):
        found.append("a level is given two weights; give it one")
    return found or faults(_edited(model, edits))


def canonical(model: dict[str, Any], edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """The edits in order, the last of a level, without those that change nothing of the model."""
    own = level_bits(model)
    last = {(name, code): float(bits) for name, code, bits in edits}
    return tuple(
        (name, code, bits)
        for (name, code), bits in sorted(last.items())
        if abs(bits - own.get((name, code), float("inf"))) > _SAME_BITS
    )


def _most_bits(model: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Bits where m is 1: more agreement than always there cannot be."""
    return {
        (comparison["output_column_name"], code): -log2(level["u_probability"])
        for comparison in model["comparisons"]
        for code, level in enumerate(graded(comparison), 1)
    }


def _edited(model: dict[str, Any], edits: Sequence[Edit]) -> dict[str, Any]:
    made = deepcopy(model)
    comparisons = {each["output_column_name"]: each for each in made["comparisons"]}
    for name, code, bits in edits:
        level = graded(comparisons[name])[code - 1]
        level["m_probability"] = min(level["u_probability"] * 2.0**bits, 1.0)
    return made
