"""What must hold whatever comes in: an end, counted rows or one operator's line, and nobody's data in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matching.errors import OperatorError
from tests.fuzz.engine import CANARIES, Mutator

__all__ = ["CASES", "FILES", "MESSAGE_MAX", "Check", "Target", "clean", "refusal"]

MESSAGE_MAX = 20_000
"""Characters of all problems of one file: a message never repeats its input."""
CASES = 20_000
FILES = 1_000
"""Of whole files of a format whose rows have CASES in another target: each takes a hundred times as long as a row."""
Check = Callable[[Sequence[bytes], Path], int]
"""Try a batch of inputs in a folder of its own; returns how many were refused; raises where the oracle does not hold."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test. `batch`: cases a check takes at once; `in_test`: cases of `make test`."""

    name: str
    mutator: Mutator
    check: Check
    batch: int = 1
    in_test: int = CASES


def refusal(error: OperatorError) -> None:
    """Hold an operator's message to its promise: bounded, printable, nobody's data."""
    said = str(error)
    assert said.strip(), "an error without words"
    clean(said)


def clean(said: str) -> None:
    """No message carries a value of the data or a control sign that a terminal obeys."""
    assert len(said) < MESSAGE_MAX, f"a message of {len(said)} characters"
    lowered = said.lower()
    assert not any(canary.lower() in lowered for canary in CANARIES), "a canary in a message"
    strange = [sign for sign in said if not sign.isprintable() and sign != "\n"]
    assert not strange, f"control signs in a message: {strange[:3]!r}"
