"""Every operation of a whole run made to fail, one after the other, and the run called again.

In: an incident. Out: one `Point` for each operation and way of failing: how the call ended, and what differs
afterwards from the run that nothing disturbed. Ways: `EIO` and `ENOSPC` are raised instead of the operation;
`dies` is the disk as it is at that moment (within a write: with half of it), which is what a process leaves
that ends there, `finally` and all.

A point is tried from the beginning of its phase (a step, or a command), and compared at the phase's end: steps are
functions of tables that were found equal. Some are followed to the end of the whole run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.faulting.calls import Called, called
from benchmarks.faulting.disk import Operation, refusal, watched
from benchmarks.faulting.incident import Incident, commands, round_call
from benchmarks.faulting.states import copied, described, differences, lost_answers, wrong
from flows.steps import REPORT, STEPS

__all__ = ["WAYS", "Phase", "Point", "Undisturbed", "tried"]

WAYS = ("EIO", "ENOSPC", "dies")
CONNECTIONS = 10
"""Of a sender, unless the incident says otherwise: so many answers one crash can lose."""
_AT_ONCE = 40
"""States of the disk kept at one time: 6 MB each."""


@dataclass(slots=True)
class Phase:
    """A step or a command: the call that contains it, where it ends, what the disk then holds."""

    name: str
    arguments: list[str]
    stop: str = ""
    step: str = ""
    operations: list[Operation] = field(default_factory=list)
    expected: dict[str, Any] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def reads_files(self) -> bool:
        """It opens the delivered files; later phases read tables."""
        return self.name in {"opening", "intake"}

    @property
    def before(self) -> str:
        """What a second call says that has nothing to do, where it refuses then."""
        return {"recall": "recalled before"}.get(self.name, "nothing says this")


@dataclass(frozen=True, slots=True)
class Point:
    """What became of one operation that failed. `wrong` is empty where all is as it should be."""

    phase: str
    number: int
    kind: str
    way: str
    ended: str
    wrong: tuple[str, ...]


@dataclass(slots=True)
class Undisturbed:
    """The whole run once, with the disk kept as each phase found it."""

    incident: Incident
    phases: list[Phase] = field(default_factory=list)

    @classmethod
    def ran(cls, incident: Incident) -> Undisturbed:
        """Run it; every phase's operations are counted on the way."""
        made = cls(incident)
        shutil.rmtree(incident.live, ignore_errors=True)
        incident.use()
        names = [step.name for step in (*STEPS, REPORT)]
        round_ = round_call(incident)
        begins = ["", *names]
        for step, stop in zip(begins, [*names, ""], strict=True):
            made._add(Phase(step or "opening", round_, stop, step))
        for name, arguments in commands(incident, incident.batches()):
            made._add(Phase(name, arguments))
        return made

    def start(self, number: int) -> Path:
        """The disk as this phase found it."""
        return self.incident.folder / "starts" / str(number)

    def restore(self, number: int) -> None:
        """Begin this phase once more."""
        self.put_back(self.start(number), self.phases[number].taken)

    def put_back(self, state: Path, taken: list[str]) -> None:
        """Make the disk that state; the relay forgets what it took later."""
        copied(state, self.incident.live)
        self.incident.use()
        self.incident.relay.taken[:] = taken

    def _add(self, phase: Phase) -> None:
        self.phases.append(phase)
        phase.taken = list(self.incident.relay.taken)
        copied(self.incident.live, self.start(len(self.phases) - 1))
        began = time.perf_counter()
        ended = self.through(phase, phase.operations.append)
        phase.seconds = time.perf_counter() - began
        if not ended.well:
            raise SystemExit(f"undisturbed, {phase.name} ended with {ended.code}: {ended.said}")
        if found := wrong(self.incident):
            raise SystemExit(f"undisturbed, {phase.name} leaves {', '.join(found)}")
        phase.expected = described(self.incident)

    def through(
        self, phase: Phase, tell: Callable[[Operation], None], after_half: Callable[[Operation], None] | None = None
    ) -> Called:  # fmt: skip
        """Call the phase; the watcher is told from its first operation to its last."""
        inside = [not phase.step]

        def began(step: str) -> None:
            inside[0] = inside[0] or step == phase.step

        def told(operation: Operation) -> None:
            if inside[0]:
                tell(operation)

        def half(operation: Operation) -> None:
            if inside[0] and after_half is not None:
                after_half(operation)

        with watched(self.incident.live, told, after_half=half if after_half else None):
            return called(
                phase.arguments, stop=phase.stop, began=began, opened=not phase.reads_files
            )

    def again(self, number: int) -> list[str]:
        """Call a phase again after something went wrong; gives what is not as it should be."""
        phase = self.phases[number]
        ended = called(phase.arguments, stop=phase.stop, opened=not phase.reads_files)
        if not phase.stop:
            called(["purge", str(self.incident.workspace), "--scratch"])
        if not ended.well and phase.before not in ended.said:
            return [f"again: ended with {ended.code}: {ended.said.strip()}"]
        return self.unlike(number)

    def unlike(self, number: int) -> list[str]:
        """What differs from the undisturbed run at the end of a phase."""
        phase, found = self.phases[number], described(self.incident)
        sending = "outbox" in phase.expected and phase.expected["outbox"]
        if sending:
            differing = lost_answers(phase.expected, found, connections=CONNECTIONS)
        else:
            differing = differences(phase.expected, found)
        taken = self.incident.relay.taken
        twice = (
            [f"sent twice: {len(taken) - len(set(taken))}"] if len(taken) > len(set(taken)) else []
        )
        return differing + wrong(self.incident) + twice

    def to_the_end(self, number: int) -> list[str]:
        """All phases after this one, in whole calls; gives what differs at the end."""
        calls: dict[tuple[str, ...], Phase] = {}
        for phase in self.phases[number:]:
            calls.setdefault(tuple(phase.arguments), phase)
        for phase in calls.values():
            ended = called(phase.arguments)
            if not ended.well and phase.before not in ended.said:
                return [f"{phase.arguments[0]} ended with {ended.code}: {ended.said.strip()}"]
        return self.unlike(len(self.phases) - 1)


def tried(
    world: Undisturbed, chosen: Iterable[tuple[int, int, str]], *, follow_every: int = 0
) -> Iterator[Point]:
    """Try these points: phase, operation, way. Every so many of them go on to the end of the run."""
    by_phase: dict[int, list[tuple[int, str]]] = {}
    for phase, number, way in chosen:
        by_phase.setdefault(phase, []).append((number, way))
    count = 0
    for phase, wanted in sorted(by_phase.items()):
        for point in chain(_refused(world, phase, wanted), _died(world, phase, wanted)):
            count += 1
            if follow_every and count % follow_every == 0 and not point.wrong:
                found = world.to_the_end(phase)
                yield Point(**{**asdict(point), "wrong": tuple(f"at the end: {w}" for w in found)})
            else:
                yield point


def _refused(world: Undisturbed, number: int, wanted: list[tuple[int, str]]) -> Iterator[Point]:
    phase = world.phases[number]
    for which, way in wanted:
        if way == "dies":
            continue
        world.restore(number)
        met: list[Operation] = []

        def refuse(
            operation: Operation, way: str = way, which: int = which, met: list[Operation] = met
        ) -> None:
            met.append(operation)
            if len(met) == which + 1:
                raise refusal(operation, way)

        ended = world.through(phase, refuse)
        kind = met[which].kind if len(met) > which else "none"
        found = (
            []
            if ended.well or ended.told_plainly()
            else [f"ended with {ended.code}: {ended.said.strip()}"]
        )
        how = "absorbed" if ended.well else f"exit {ended.code}"
        if ended.well:
            found += world.unlike(number)
        found += world.again(number)
        yield Point(phase.name, which, kind, way, how, tuple(found))


def _died(world: Undisturbed, number: int, wanted: list[tuple[int, str]]) -> Iterator[Point]:
    """All these moments from few calls: the disk is kept at each, and the call goes on."""
    moments = sorted(which for which, way in wanted if way == "dies")
    for start in range(0, len(moments), _AT_ONCE):
        yield from _died_at(world, number, moments[start : start + _AT_ONCE])


def _died_at(world: Undisturbed, number: int, moments: list[int]) -> Iterator[Point]:
    phase, live = world.phases[number], world.incident.live
    folder, seen = world.incident.folder / "states", 0
    kept: list[tuple[int, str, Path, list[str]]] = []

    def keep(which: int, kind: str) -> None:
        state = folder / f"{which}-{kind}"
        copied(live, state)
        kept.append((which, kind, state, list(world.incident.relay.taken)))

    def tell(operation: Operation) -> None:
        nonlocal seen
        if seen in moments:
            keep(seen, operation.kind)
        seen += 1

    def half(operation: Operation) -> None:
        if seen - 1 in moments:
            keep(seen - 1, "half write")

    world.restore(number)
    world.through(phase, tell, half)
    # connections of a sender share its work as they come: a call may end an operation or two sooner
    if missed := [which for which in moments if which >= seen]:
        found = tuple(world.unlike(number))
        yield from (Point(phase.name, which, "none", "dies", "absorbed", found) for which in missed)
    for which, kind, state, taken in kept:
        world.put_back(state, taken)
        shutil.rmtree(state)
        yield Point(phase.name, which, kind, "dies", "died", tuple(world.again(number)))
