"""Level weights on trial: whose set is which, and what a model's levels weigh."""

from __future__ import annotations

from threading import Lock
from typing import Any

from flows.workbench.bench import Edits
from matching.link.reference import model_in_force
from matching.link.rescore import model_weights
from matching.link.settings import Matching
from matching.link.vectors import graded
from matching.store import Workspace

__all__ = ["Trials", "levels_shown"]


class Trials:
    """Each person's own set of weights, and the sets before it. In memory: a scenario keeps one for good."""

    def __init__(self) -> None:
        self._sets: dict[str, list[Edits]] = {}
        self._lock = Lock()

    def of(self, by: str) -> Edits:
        """The set in force for somebody; empty at first."""
        with self._lock:
            return self._sets.get(by, [()])[-1]

    def put(self, by: str, edits: Edits) -> None:
        """Another set; `undo` brings the one before back."""
        with self._lock:
            sets = self._sets.setdefault(by, [()])
            if sets[-1] != edits:
                sets.append(edits)

    def undoable(self, by: str) -> int:
        """How often `undo` can be said."""
        with self._lock:
            return len(self._sets.get(by, [()])) - 1

    def undo(self, by: str, *, every: bool) -> Edits:
        """Back to the set before, or to the model's own weights."""
        with self._lock:
            sets = self._sets.setdefault(by, [()])
            del sets[1 if every else max(len(sets) - 1, 1) :]
            return sets[-1]


def levels_shown(workspace: Workspace, matching: Matching, edits: Edits) -> list[dict[str, Any]]:
    """Comparison, code, label, model_bits, bits and edited of every level but the missing one, in model order."""
    settings = model_in_force(workspace, matching)
    weights = model_weights(settings)
    tried = {(name, code): bits for name, code, bits in edits}
    rows = []
    for place, comparison in enumerate(settings["comparisons"]):
        name = weights.names[place]
        for code, level in reversed(list(enumerate(graded(comparison), 1))):
            model = float(weights.bits[place, code])
            bits = tried.get((name, code), model)
            rows.append({
                "comparison": name, "code": code, "label": level["label_for_charts"], "model_bits": model,
                "bits": bits, "edited": (name, code) in tried,
            })  # fmt: skip
    return rows
