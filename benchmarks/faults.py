"""Everything made to fail on purpose, and the run called again: equal tables, nobody lost, nothing twice.

    python -m benchmarks.faults [--only points|killed|cases] [--every K] [--points N] [--each-way] [--share I/N]
                                [--kills N] [--case WORDS] [--seed S] [--people 500] [--json]

Every operation of a whole run (files, syncs, renames, commits, locks, processes) fails, one way after the other in
turn or `--each-way`; kills fall at random moments; named cases are the surroundings. `--every K` takes each K-th
operation, from the seed on; `--points N` so many in all. `--share I/N` does the I-th of N equal parts of the points;
the result adds up the shares of one seed, which several processes may do at once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.faulting.points import WAYS, Point, Undisturbed
from benchmarks.results import FOLDER, record
from matching.files import locked

__all__ = ["all_points", "fast_folder", "sample", "summary", "world_of"]

FOLLOW_EVERY = 50
"""Of the points, so many go on to the end of the whole run: nine seconds each."""
SLOW = ("standardise", "report")
"""Three seconds each, whatever there is to do."""
RESULT = FOLDER / "faults.json"
TOLD = 40
"""Findings that a result lists."""


def all_points(world: Undisturbed, ways: Iterable[str]) -> list[tuple[int, int, str]]:
    """Phase, operation, way: each operation in each way."""
    return [
        (number, which, way)
        for number, phase in enumerate(world.phases)
        for which in range(len(phase.operations))
        for way in ways
    ]


def sample(world: Undisturbed, points: int, seed: int) -> list[tuple[int, int, str]]:
    """So many points, drawn from every phase, the ways in turn; of slow phases one each."""
    chance, chosen = random.Random(seed), set[tuple[int, int, str]]()
    numbers = list(range(len(world.phases)))
    quick = [number for number in numbers if world.phases[number].name not in SLOW]
    for turn in itertools.count():
        if len(chosen) == points:
            return sorted(chosen)
        number = numbers[turn] if turn < len(numbers) else quick[turn % len(quick)]
        which = chance.randrange(len(world.phases[number].operations))
        chosen.add((number, which, WAYS[(turn + number) % len(WAYS)]))
    raise AssertionError


def summary(points: list[Point]) -> dict[str, Any]:
    """Points by kind, way and how they ended; what was wrong, in words."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for point in points:
        table[f"{point.kind} {point.way}"][point.ended] += 1
    wrong = [f"{p.phase} {p.number} {p.kind} {p.way}: {each}" for p in points for each in p.wrong]
    return {
        "points": len(points),
        "by_kind": dict(sorted(Counter(p.kind for p in points).items())),
        "by_phase": dict(sorted(Counter(p.phase for p in points).items())),
        "outcomes": {name: dict(sorted(found.items())) for name, found in sorted(table.items())},
        "points_wrong": sum(bool(p.wrong) for p in points),
        "wrong": wrong[:TOLD],
    }


def world_of(folder: Path, people: int) -> Undisturbed:
    """The undisturbed run of an incident of that many people."""
    from benchmarks.faulting.incident import made

    return Undisturbed.ran(made(folder, people))


def cases(world: Undisturbed, some: str = "") -> dict[str, Any]:
    """Every named case: seconds, and what was wrong."""
    from benchmarks.faulting import clocks, cluster, other_runs, processes, surroundings

    told = {}
    every = (surroundings.CASES, clocks.CASES, other_runs.CASES, processes.CASES, cluster.CASES)
    for name, case in {name: case for cases in every for name, case in cases.items()}.items():
        if some not in name:
            continue
        began = time.perf_counter()
        try:
            found = case(world)
        except Exception as error:  # noqa: BLE001 - a case that breaks is a finding, the others go on
            found = [f"{type(error).__name__}: {error}"[:600]]
        told[name] = {"seconds": round(time.perf_counter() - began, 1), "wrong": found[:TOLD]}
    return told


def chosen_points(world: Undisturbed, options: argparse.Namespace) -> list[tuple[int, int, str]]:
    """As the command line says."""
    if options.points:
        return sample(world, options.points, options.seed)
    if options.each_way:
        every = all_points(world, WAYS)
    else:
        operations = enumerate(all_points(world, [""]))
        every = [(p, n, WAYS[(turn + options.seed) % len(WAYS)]) for turn, (p, n, _) in operations]
    every = every[options.seed % options.every :: options.every]
    part, parts = map(int, options.share.split("/"))
    return every[part - 1 :: parts]


def points_of(world: Undisturbed, options: argparse.Namespace) -> dict[str, Any]:
    """The operations that the command line names, each failed."""
    from benchmarks.faulting.points import tried

    found = list(tried(world, chosen_points(world, options), follow_every=FOLLOW_EVERY))
    asked = {
        name: getattr(options, name) for name in ("people", "seed", "every", "points", "each_way")
    }
    told = {**summary(found), "operations": sum(len(phase.operations) for phase in world.phases)}
    return {
        "asked": {**asked, "parts": options.share.split("/")[1]},
        "shares": {options.share: told},
    }


def kills_of(world: Undisturbed, options: argparse.Namespace) -> dict[str, Any]:
    """Half of them several in each whole run, half each in a phase of its own."""
    from benchmarks.faulting.killing import killed_in_phases, killed_on_the_way

    whole = killed_on_the_way(world, options.kills - options.kills // 2, options.seed)
    phases = killed_in_phases(world, options.kills // 2, options.seed)
    return {"kills": whole["kills"] + phases["kills"], "whole_runs": whole, "phases": phases}


def cases_of(world: Undisturbed, options: argparse.Namespace) -> dict[str, Any]:
    """Every named case, or those with `--case` in their names."""
    return {"named": cases(world, options.case)}


PARTS: dict[str, Callable[[Undisturbed, argparse.Namespace], dict[str, Any]]] = {
    "points": points_of,
    "killed": kills_of,
    "cases": cases_of,
}


def main() -> None:
    """Parse the command line, break everything, write the result: of each part the one that was measured last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(PARTS), default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--case", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each-way", action="store_true")
    parser.add_argument("--share", default="1/1")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with fast_folder() as folder:
        world = world_of(folder, options.people)
        about = {"people": options.people, "operations": sum(len(p.operations) for p in world.phases)}  # fmt: skip
        for part, measure in PARTS.items():
            if options.only in {"", part}:
                began = time.perf_counter()
                measured = measure(world, options)
                keep(about, part, {**measured, "seconds": round(time.perf_counter() - began, 1)})
    if options.json:
        print(RESULT.read_text())
    sys.stdout.flush()
    os._exit(0)  # DuckDB's binding prints a page about leaks on the way out


def keep(about: dict[str, Any], part: str, measured: dict[str, Any]) -> None:
    """Put what was measured into the result, beside other parts, shares and cases; one process at a time."""
    with locked(RESULT.with_suffix(".lock"), wait=True):
        found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        before = found.get(part, {})
        if part == "points":
            asked = measured.pop("asked")
            others = before.get("shares", {}) if before.get("asked") == asked else {}
            shares = {**others, **measured.pop("shares")}
            shares = dict(sorted(shares.items(), key=lambda each: int(each[0].split("/")[0])))
            measured = {"asked": asked, **added_up(shares), "shares": shares}
        elif part == "cases":
            measured["named"] = {**before.get("named", {}), **measured["named"]}
        record("faults", {**{name: found[name] for name in PARTS if name in found}, **about, part: measured})  # fmt: skip


def added_up(shares: dict[str, Any]) -> dict[str, Any]:
    """Totals over the shares that were measured."""
    kinds = sum((Counter(each["by_kind"]) for each in shares.values()), Counter[str]())
    return {
        "points": sum(each["points"] for each in shares.values()),
        "points_wrong": sum(each["points_wrong"] for each in shares.values()),
        "by_kind": dict(sorted(kinds.items())),
    }


@contextmanager
def fast_folder() -> Iterator[Path]:
    """In memory where there is some: a run syncs six hundred times, and nothing here needs to survive."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="affected-faults-", dir=memory if os.access(memory, os.W_OK) else None,
        ignore_cleanup_errors=True,
    ) as name:  # fmt: skip
        yield Path(name)


if __name__ == "__main__":
    main()
