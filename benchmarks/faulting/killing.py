"""Processes killed at moments nobody chose, and the same run called again until it ends.

In: the undisturbed run. Out: how many kills hit, and what was not as it should be afterwards: nothing. Moments are
drawn from a seed, in seconds, so that a kill falls where the machine happens to be.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from typing import Any

from benchmarks.faulting.nursery import Child, Nursery
from benchmarks.faulting.points import CONNECTIONS, Undisturbed
from benchmarks.faulting.states import described, lost_answers, wrong

__all__ = ["killed_in_phases", "killed_on_the_way"]

WHOLE_S = 600.0
"""More than a whole run takes on any machine: past this it hangs."""


def killed_in_phases(world: Undisturbed, kills: int, seed: int) -> dict[str, Any]:
    """Each in a phase of its own, from its beginning; then called again here."""
    chance, found, where, number = random.Random(seed), [], Counter[str](), 0
    phases = [n for n, phase in enumerate(world.phases) if len(phase.operations) > 20]
    with Nursery(world.incident.folder) as nursery:
        lasts = _time_to_begin(nursery)
        while sum(where.values()) < kills:
            phase = world.phases[which := phases[number % len(phases)]]
            number += 1
            world.restore(which)
            child = nursery.begin([{"arguments": phase.arguments, "stop": phase.stop}])
            if _killed(child, lasts + chance.uniform(0.0, phase.seconds)):
                where[phase.name] += 1
            found += [f"{phase.name}: {each}" for each in world.again(which)]
    return {"kills": sum(where.values()), "in": dict(sorted(where.items())), "wrong": found}


def killed_on_the_way(world: Undisturbed, kills: int, seed: int) -> dict[str, Any]:
    """Several in each whole run, from delivered files to recall; each run then goes to its end."""
    chance, found, hit, runs = random.Random(seed), [], 0, 0
    calls = whole_calls(world)
    with Nursery(world.incident.folder) as nursery:
        began = time.monotonic()
        _fresh(world)
        _ended_well(nursery.begin(calls))
        lasts = time.monotonic() - began
        while hit < kills:
            _fresh(world)
            runs, here, done = runs + 1, 0, 0
            while _killed(child := nursery.begin(calls[done:]), chance.uniform(0.1, 0.6) * lasts):
                here, done = here + 1, done + child.done
            found += [f"run {runs}: {each}" for each in _unlike(world, child, here)]
            hit += here
    return {"kills": hit, "runs": runs, "wrong": found}


def whole_calls(world: Undisturbed) -> list[dict[str, Any]]:
    """Each command once, in order."""
    calls: list[dict[str, Any]] = []
    for phase in world.phases:
        if {"arguments": phase.arguments} not in calls:
            calls.append({"arguments": phase.arguments})
    return calls


def _fresh(world: Undisturbed) -> None:
    """Nothing there yet."""
    shutil.rmtree(world.incident.live)
    world.incident.use()
    world.incident.relay.taken.clear()


def _time_to_begin(nursery: Nursery) -> float:
    """Seconds until a child's first command does anything."""
    began = time.monotonic()
    _ended_well(nursery.begin([{"arguments": ["--help"]}]))
    return time.monotonic() - began


def _ended_well(child: Child) -> None:
    code = child.wait(WHOLE_S)
    if code not in {0, 5, 6}:
        raise SystemExit(
            f"undisturbed, a process ended with {code}: {child.said.read_text()[:2000]}"
        )


def _killed(child: Child, after_s: float) -> bool:
    """Whether it still ran after that time; it does not any more."""
    if child.wait(after_s) is not None:
        return False
    child.kill()
    return child.wait(WHOLE_S) == -signal.SIGKILL


def _unlike(world: Undisturbed, child: Child, kills: int) -> list[str]:
    code = child.wait(WHOLE_S)
    if code not in {0, 5, 6}:
        return [f"ended with {code}: {child.said.read_text()[:500]}"]
    taken = world.incident.relay.taken
    twice = len(taken) - len(set(taken))
    expected, found = world.phases[-1].expected, described(world.incident)
    lost = lost_answers(expected, found, connections=CONNECTIONS * max(kills, 1))
    return lost + wrong(world.incident) + ([f"sent twice: {twice}"] if twice else [])
