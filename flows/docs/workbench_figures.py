"""Tables of the workbench for docs/performance.md: what a hand waits for, and how far look-ups are from runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flows.docs.figures import MILLION
from flows.docs.markdown import grid

__all__ = ["workbench_tables"]

_NUMBERS = ("confirmed", "expected", "upper")


def workbench_tables(documents: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A table a kind of result that is there."""
    for name, found in sorted(documents.items()):
        if name.startswith("workbench-"):
            yield "\n".join(
                grid(
                    [f"workbench, {found['rows'] / MILLION:.1f}M leaked rows", "measured"],
                    _hand(found),
                )
            )
    for name, found in sorted(documents.items()):
        if name.startswith("lookups-"):
            heads = [f"look-ups beside runs, {found['people']:,} people", *_NUMBERS]
            yield "\n".join(grid(heads, _beside(found)))
    if "intervals" in documents:
        yield "\n".join(
            grid(
                ["intervals of simulated reviews", "true", "covered"],
                _covered(documents["intervals"]),
            )
        )


def _hand(found: dict[str, Any]) -> list[list[str]]:
    slider, weights, key = found["slider_ms"], found["weights_s"], found["key_ms"]
    return [
        ["first page after start", f"{found['first_page_s']:.1f} s"],
        ["other thresholds can be looked up", f"{found['ready_s']:.0f} s after start"],
        ["from a slider to every number", f"{slider['median']:.0f} ms, {slider['most']:.0f} ms at most of {slider['count']}"],
        ["other weight of a level, to the numbers", f"{weights['median']:.1f} s, {weights['most']:.1f} s at most of {weights['count']}"],
        ["next pair after a key", f"{key['median']:.0f} ms, 95th {key['p95']:.0f} ms of {key['count']}"],
        ["memory of the server", f"{found['peak_pss_gib']:.2f} GiB at most, {found['memory_after_gib']:.2f} after"],
    ]  # fmt: skip


def _beside(found: dict[str, Any]) -> list[list[str]]:
    """Relative errors in percent: the union, and 95 of 100 entities with 500 people or more."""
    rows = []
    for one in found["sets"]:
        label = f"{one['include']:g} / {one['merge']:g} / {one['attribute']:g} bits"
        label += f", {one['weights']} weight" if one["weights"] else ""
        rows.append([
            label,
            *(f"{one['union'][n]:.2%}; entities {one['entities'][n]['p95']:.2%}; lines {one['lines'][n][0]} of {one['lines'][n][1]}"
              for n in _NUMBERS),
        ])  # fmt: skip
    return rows


def _covered(found: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name.replace("_", " "),
            f"{one['true']:,}",
            f"{one['covered']:.1%} of {found['reviews']:,}",
        ]
        for name, one in found.items()
        if isinstance(one, dict) and "covered" in one
    ]
