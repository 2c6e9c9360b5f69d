"""The engine behind the thresholds page: loaded in the background, one set of weights tried at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from threading import Lock, Thread, Timer

import polars as pl

from flows.thresholds import curve
from matching.costs import Costs
from matching.errors import OperatorError
from matching.link.settings import Matching
from matching.log import log_counts
from matching.store import Workspace
from matching.tuning import Numbers, Thresholds, Tuning, numbers_of_run

__all__ = ["Bench", "Edits"]

Edits = tuple[tuple[str, int, float], ...]
"""(comparison, code of the level in vectors, bits), sorted."""
_KEPT = 2
"""Sets of weights whose counts are kept beside the round's: 40 MB each."""


class Bench:
    """Numbers at any thresholds and weights. Threads of several people use it at once.

    Until `ready` only the round's own thresholds have numbers. `failed`: why they never will be.
    """

    def __init__(
        self, workspace: Workspace, matching: Matching, costs: Costs, *, owner_on: date | None
    ) -> None:
        self._workspace, self.matching, self._costs, self._owner_on = (
            workspace,
            matching,
            costs,
            owner_on,
        )
        self._tuning: Tuning | None = None
        self._tried: dict[Edits, Tuning] = {}
        self._counting: set[Edits] = set()
        self._lock, self._turn = Lock(), Lock()
        self._begun = False
        self.failed = ""

    @cached_property
    def of_run(self) -> Numbers:
        """The round's numbers at its own thresholds, from its tables."""
        return numbers_of_run(self._workspace, self.matching, self._costs)

    @cached_property
    def curve(self) -> pl.DataFrame:
        """People, links, pairs and expected errors by merge threshold, as `affected thresholds` shows them."""
        return curve(self._workspace)

    @property
    def ready(self) -> bool:
        """Other thresholds can be looked up."""
        return self._tuning is not None

    @property
    def tuning(self) -> Tuning:
        """The round in memory. Raises OperatorError until it is there."""
        if self._tuning is None:
            raise OperatorError("other thresholds are being prepared; ask again in a minute")
        return self._tuning

    def begin(self, *, after_s: float) -> None:
        """Load in the background, a moment later; again: nothing."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
        timer = Timer(after_s, self.load)
        timer.daemon = True
        timer.start()

    def load(self) -> None:
        """Read the round."""
        try:
            with self._turn:
                self._tuning = Tuning.load(
                    self._workspace, self.matching, self._costs, owner_on=self._owner_on
                )
        except Exception as error:
            self.failed = str(error) if isinstance(error, OperatorError) else type(error).__name__
            raise
        log_counts("tune", cells=len(self._tuning.read.cells.entity))

    def numbers(self, at: Thresholds, edits: Edits = ()) -> Numbers:
        """Raises OperatorError where these weights are not counted yet."""
        if not edits and at == Thresholds.of(self.matching):
            return self.of_run
        return self._of(edits).numbers(at)

    def counted(self, edits: Edits) -> bool:
        """These weights were counted."""
        return not edits or edits in self._tried

    def count(self, edits: Edits) -> None:
        """Count other weights in the background; `counted` says when it is done. Again: nothing."""
        with self._lock:
            if self.counted(edits) or edits in self._counting:
                return
            self._counting.add(edits)
        Thread(target=self._count, args=(edits,), name="weights", daemon=True).start()

    def _count(self, edits: Edits) -> None:
        try:
            with self._turn:
                found = self.tuning.reweighed({(name, code): bits for name, code, bits in edits})
            with self._lock:
                for old in self._oldest():
                    del self._tried[old]
                self._tried[edits] = found
        finally:
            with self._lock:
                self._counting.discard(edits)

    def _oldest(self) -> Sequence[Edits]:
        return list(self._tried)[: max(0, len(self._tried) - _KEPT + 1)]

    def _of(self, edits: Edits) -> Tuning:
        if not edits:
            return self.tuning
        try:
            return self._tried[edits]
        except KeyError:
            raise OperatorError(
                "these weights are being counted; ask again in a few seconds"
            ) from None
