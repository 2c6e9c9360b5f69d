"""The same rows in another order, or with another number of workers: named cases.

In: the undisturbed run. Out: what differs, which nothing may.
"""

from __future__ import annotations

import shutil

from benchmarks.faulting.calls import called
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.states import described, differences
from benchmarks.faulting.surroundings import Case, at
from matching.schema import Kind
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["CASES"]


def fewer_workers(world: Undisturbed) -> list[str]:
    """One thread makes what two make."""
    world.restore(0)
    arguments = list(world.phases[0].arguments)
    arguments[arguments.index("--workers") + 1] = "1"
    ended = called(arguments)
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    found = [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    step_tables = {n: d for n, d in world.phases[number].expected["tables"].items() if TABLES[n].kind is Kind.STEP}  # fmt: skip
    made = {n: d for n, d in described(world.incident)["tables"].items() if n in step_tables}
    return found + differences({"t": step_tables}, {"t": made})


def another_order(world: Undisturbed) -> list[str]:
    """The same rows delivered in another order: the same people, counts and duties."""
    from tests.flow.test_order import partition, shuffle_rows

    at(world, "release packets")
    one = Workspace.open(world.incident.workspace)
    before = (partition(one), one.digest("counts"), one.digest("duties"), one.digest("leaked"))
    source = world.incident.folder / "shuffled"
    shutil.copytree(world.incident.file.parent, source, dirs_exist_ok=True)
    shuffle_rows(source)
    world.restore(0)
    arguments = list(world.phases[0].arguments)
    arguments[1] = str(source / "incident.toml")
    ended = called(arguments)
    other = Workspace.open(world.incident.workspace)
    after = (partition(other), other.digest("counts"), other.digest("duties"), other.digest("leaked"))  # fmt: skip
    names = ("people", "counts", "duties")
    found = [n for n, a, b in zip(names, before, after, strict=False) if a != b]
    found += [] if before[3] != after[3] else ["the rows did not move"]
    return found + ([] if ended.well else [f"ended with {ended.code}"])


CASES: dict[str, Case] = {
    "another worker count": fewer_workers,
    "another order of rows": another_order,
}
