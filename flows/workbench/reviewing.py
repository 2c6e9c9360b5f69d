"""Review at the desk: what pages of review share, loaded once behind the first page. No web in here.

One object a server. Threads of several reviewers use it at once; what is written goes through `Answers`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock, Thread
from time import monotonic
from typing import TypeVar

from flows.audit import audit
from matching.errors import OperatorError
from matching.link.settings import Matching
from matching.log import log_counts
from matching.review.agreement import (
    Agreement,
    Disagreement,
    agreement,
    disagreements,
    looked_twice,
)
from matching.review.answers import Answers, Pair, pair_of
from matching.review.practices import Practices
from matching.review.queue import Asked, Queue, gather
from matching.review.shown import Showing, Shown
from matching.store import Workspace

__all__ = ["Reviewing", "fewest_merges", "fewest_splits"]

T = TypeVar("T")
AHEAD = 4
"""Pairs read beforehand: the next, and those after it for a reviewer with quick fingers."""


@dataclass
class Reviewing:
    """`ready` once everything is loaded; before it, pages say so and ask again. `failed`: why it never will be."""

    workspace: Workspace
    matching: Matching
    failed: str = ""
    _answers: Answers | None = None
    _queue: Queue | None = None
    _showing: Showing | None = None
    _practices: Practices | None = None
    _revealed: dict[str, set[Pair]] = field(default_factory=dict)
    _keeps_revealing: set[str] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _thread: Thread | None = None
    _round: tuple[int, int, int] | None = None

    def begin(self) -> None:
        """Load in the background; again: nothing."""
        with self._lock:
            if self._thread is None and not self.ready:
                self._thread = Thread(target=self.load, name="review", daemon=True)
                self._thread.start()

    def load(self) -> None:
        """Everything, in the order in which it is asked for. Seconds at 15 million rows a side."""
        started = monotonic()
        try:
            self._round = self.workspace.complete_stamp()
            if not self.workspace.has("members"):
                raise OperatorError("no people yet: run the incident until the step people")
            self._answers = Answers(self.workspace)
            showing = Showing(self.workspace, self.matching)
            gathered = gather(self.workspace)
            showing.know(gathered.persons)
            self._showing = showing
            self._queue = Queue(self._answers, gathered)
            showing.ahead([asked.pair for asked in gathered.asked[:AHEAD]])
            if self.workspace.has("row_owners"):
                self._practices = Practices(self.workspace)
            log_counts("review", pairs=len(gathered.asked), seconds=round(monotonic() - started))
        except OperatorError as error:
            self.failed = str(error)

    @property
    def ready(self) -> bool:
        """Pairs can be shown."""
        return self._queue is not None

    @property
    def answers(self) -> Answers:
        """Raises OperatorError before it is loaded."""
        return _there(self._answers)

    @property
    def queue(self) -> Queue:
        """Raises OperatorError before it is loaded."""
        return _there(self._queue)

    @property
    def showing(self) -> Showing:
        """Raises OperatorError before it is loaded."""
        return _there(self._showing)

    @property
    def practices(self) -> Practices | None:
        """Practice names; None until they are loaded, which is last."""
        return self._practices

    def _keep_up(self) -> None:
        """Load anew in the background once another round is complete; until then what was loaded is shown."""
        with self._lock:
            idle = self._thread is None or not self._thread.is_alive()
            if idle and self._round != self.workspace.complete_stamp():
                self._thread = Thread(target=self.load, name="review", daemon=True)
                self._thread.start()

    # --- one reviewer -----------------------------------------------------------------------

    def before(self, by: str) -> tuple[Asked, Shown] | None:
        """What this reviewer has before them, and the next read ahead; None where nothing waits."""
        self._keep_up()
        self.answers.refresh()
        asked = self.queue.current(by)
        if asked is None:
            return None
        shown = self.showing.pair(asked.pair)
        self.showing.ahead([pair for pair in self.queue.coming(by, AHEAD) if pair != asked.pair])
        return asked, shown

    def answer(self, by: str, pair: Pair, value: str, *, note: str, once: str) -> None:
        """Take an answer: a second one where another decided the pair, which changes nothing by itself."""
        self.answers.refresh()
        held = self.queue.held(by)
        again = held is not None and held.pair == pair and held.why in ("again", "adjudicate")
        found = self.answers.on(pair)
        second = not again and self.queue.is_second(pair, by)
        if not again and not second and found is not None and found.by != by:
            self.queue.answered(by, pair)
            raise OperatorError(
                "somebody else has decided this pair meanwhile; the next one is shown"
            )
        subject = "second" if second else "pair"
        self.answers.answer(pair, value, by=by, note=note, once=once, subject=subject)  # type: ignore[arg-type]  # one of the two
        self.queue.answered(by, pair)

    def undo(self, by: str, *, once: str) -> None:
        """Take the reviewer's last answer back, and put its pair before them again."""
        pairs = self.answers.undo(by=by, once=once)
        if pairs:
            self.queue.show(by, self.queue.find(pairs[0]) or Asked(pairs[0], "again"))

    def choose(self, by: str, pair: Pair, why: str) -> None:
        """Put a pair before the reviewer that they chose themselves: again, or adjudicate."""
        self.queue.show(by, Asked(pair_of(*pair), why))

    # --- unmasked ---------------------------------------------------------------------------

    def may_see(self, by: str, shown: Shown) -> bool:
        """The reviewer has revealed this pair, or reveals every pair for now: then this one is audited, too."""
        if shown.pair in self._revealed.get(by, ()):
            return True
        if by not in self._keeps_revealing:
            return False
        self.reveal(by, shown)
        return True

    def reveal(self, by: str, shown: Shown, *, every: bool | None = None) -> None:
        """Show this pair's values to this reviewer from now on; the audit log says so first, by ids only.

        `every`: from now on reveal each pair as it is shown, or stop doing so.
        """
        with self._lock:
            if shown.pair not in self._revealed.setdefault(by, set()):
                audit(self.workspace, "reveal", by=by, left=shown.pair[0], right=shown.pair[1])
                self._revealed[by].add(shown.pair)
            if every is not None:
                (self._keeps_revealing.add if every else self._keeps_revealing.discard)(by)

    def reveals_every(self, by: str) -> bool:
        """The reviewer asked for every pair unmasked."""
        return by in self._keeps_revealing

    def mask_again(self, by: str) -> None:
        """Nothing is unmasked to this reviewer any more."""
        with self._lock:
            self._keeps_revealing.discard(by)
            self._revealed.pop(by, None)

    # --- reviewers together -----------------------------------------------------------------

    def agreed(self) -> tuple[Agreement, list[Disagreement]]:
        """How far two reviewers agree, and the pairs on which they do not that nobody settled."""
        twice = looked_twice(self.workspace, self.answers)
        return agreement(twice), disagreements(self.answers, twice)


def fewest_splits(
    one: Collection[int], other: Collection[int], linked: Collection[Pair]
) -> list[tuple[Pair, str]]:
    """Decisions that part two sets of records: one for each link between them, none where there is no link.

    Where nothing links the two directly, one decision between their first records says it.
    """
    if not one or not other or set(one) & set(other):
        raise OperatorError("to split, choose some records and leave some")
    across = [
        pair for left in sorted(one) for right in sorted(other)
        if (pair := pair_of(left, right)) in linked
    ]  # fmt: skip
    return [(pair, "no") for pair in across or [pair_of(min(one), min(other))]]


def fewest_merges(records: Sequence[int], person: Mapping[int, str]) -> list[tuple[Pair, str]]:
    """Decisions that make one person of these records: a chain over the persons they are now, one link each."""
    first: dict[str, int] = {}
    for record in sorted(records):
        first.setdefault(person.get(record) or str(record), record)
    chain = list(first.values())
    if len(chain) < 2:
        raise OperatorError("to merge, choose records of two persons or more")
    return [(pair_of(left, right), "match") for left, right in pairwise(chain)]


def _there(found: T | None) -> T:
    if found is None:
        raise OperatorError("still loading; try again in a moment")
    return found
