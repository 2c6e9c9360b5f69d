"""Figures of faults, integrity and hostile input for docs/performance.md, from `benchmarks/results/*.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flows.docs.markdown import grid

__all__ = ["security_tables"]

Document = dict[str, Any]


def security_tables(documents: dict[str, Document]) -> Iterator[str]:
    """A line for each measured part; nothing where nothing was measured."""
    lines = [
        line
        for name, document in documents.items()
        for begin, told in _PARTS.items()
        if name == begin or (begin.endswith("-") and name.startswith(begin))
        for line in told(document)
    ]
    if lines:
        yield "\n".join(grid(["nothing lost, nothing out", "measured"], lines))


def _faults(found: Document) -> Iterator[list[str]]:
    if points := found.get("points"):
        whole = len(points["shares"]) == int(points["asked"]["parts"])
        which = "every operation" if whole else f"{len(points['shares'])} of {points['asked']['parts']} parts of all operations"  # fmt: skip
        what = f"{which} of a whole run of {found['people']} people fails or dies, then it is run again"
        yield [
            what,
            f"{points['points']:,} points, {points['points_wrong']} with a difference afterwards",
        ]
    if killed := found.get("killed"):
        wrong = len(killed["whole_runs"]["wrong"]) + len(killed["phases"]["wrong"])
        yield ["killed at random moments of whole runs", f"{killed['kills']} kills, {wrong} differences afterwards"]  # fmt: skip
    if cases := found.get("cases"):
        wrong = sum(bool(case["wrong"]) for case in cases["named"].values())
        yield ["disks, databases, clocks, signals, helpers that go away", f"{len(cases['named'])} cases, {wrong} with a difference afterwards"]  # fmt: skip


def _flips(found: Document) -> Iterator[list[str]]:
    said = f"{found['found_by_verify']:,} of {found['flips']:,} by `verify`, {found['found_by_reader']:,} by who reads next"
    yield [f"one random bit in any of {found['files']:,} durable files", said]


def _fuzz(found: Document) -> Iterator[list[str]]:
    what = f"mutated inputs at {len(found['targets'])} targets"
    yield [what, f"{found['cases']:,} cases, {found['failures']} crashed, hung or took too much"]


def _egress(found: Document) -> Iterator[list[str]]:
    packets = sum(each["packets_out"] for each in found["commands"])
    what = "the demo and the whole test suite in a network of their own"
    yield [what, f"{packets} packets tried to leave"]


def _encryption(found: Document) -> Iterator[list[str]]:
    what = f"linking {found['rows']:,} rows with encryption and checks, beside plain tables that nobody checks"
    clock = f"{found['seconds']:.0f} s and {found['plain_seconds']:.0f} s: {found['cost_percent']:+.1f} %"
    vary = max(100 * (max(runs) / min(runs) - 1) for runs in found["runs"].values())
    processors = f"of processors' time {found['processor_cost_percent']:+.1f} %"
    yield [what, f"{clock}; {processors}; runs of one kind vary by {vary:.0f} %"]


_PARTS: dict[str, Callable[[Document], Iterator[list[str]]]] = {
    "egress": _egress,
    "encryption-": _encryption,
    "faults": _faults,
    "flips": _flips,
    "fuzz": _fuzz,
}
"""Beginning of a result's name -> its lines."""
