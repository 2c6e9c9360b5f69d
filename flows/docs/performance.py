"""The tables of docs/performance.md, from `benchmarks/results/*.json`: nothing is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from flows.docs import ROOT
from flows.docs.figures import MILLION, NO_RESULTS, documents_of, machine_of, with_region
from flows.docs.intake_figures import intake_tables
from flows.docs.mail_figures import mail_tables
from flows.docs.markdown import grid
from flows.docs.security_figures import security_tables
from flows.docs.workbench_figures import workbench_tables

__all__ = ["performance_page", "tables_of"]

Documents = dict[str, dict[str, Any]]


def performance_page() -> str:
    """docs/performance.md as it should be now."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    return with_region(page, tables_of(ROOT / "benchmarks" / "results"))


def tables_of(results: Path) -> str:
    """Whole incidents, links beside Splink, what follows people; growth where two sizes are there."""
    documents = documents_of(results)
    parts = [
        *_incidents(documents),
        *_links(documents),
        *_tuning(documents),
        *_pages(documents),
        *workbench_tables(documents),
        *intake_tables(documents),
        *mail_tables(documents),
        *security_tables(documents),
    ]
    return "\n\n".join(parts) + "\n" if parts else NO_RESULTS


def _of(documents: Documents, begin: str) -> list[dict[str, Any]]:
    found = [document for name, document in documents.items() if name.startswith(begin)]
    return sorted((d for d in found if "rows" in d), key=lambda d: d["rows"])


def _millions(rows: int) -> str:
    return f"{rows / MILLION:g}M"


def _surroundings(document: dict[str, Any]) -> str:
    versions = document["versions"]
    libraries = ", ".join(f"{name} {versions[name]}" for name in sorted(versions))
    return f"{machine_of(document)}; {libraries}."


def _incidents(documents: Documents) -> Iterator[str]:
    runs = _of(documents, "pipeline-")
    if not runs:
        return
    heads = ["leaked rows x charts", "until", "minutes", "peak memory", "peak disk"]
    rows = [
        [
            f"{_millions(run['rows'])} x {_millions(run['charts'])}", run["until"] or "batches",
            f"{run['seconds'] / 60:.1f}", f"{run['peak_rss_gib']:.1f} GiB",
            f"{run['peak_disk_gib']:.1f} GiB",
        ]
        for run in runs
    ]  # fmt: skip
    yield "A whole incident, encrypted, model given:\n\n" + "\n".join(grid(heads, rows))
    steps = [step["name"] for step in runs[-1]["steps"] if step["name"] != "report"]
    by_step = [
        [name, *(_step(run, name) for run in runs)] for name in steps
    ]  # seconds and memory of each step at each size
    heads = ["step", *(f"{_millions(run['rows'])}: seconds, memory" for run in runs)]
    yield "\n".join(grid(heads, by_step)) + f"\n\n{_surroundings(runs[-1])}"
    yield from _growth("Whole incident", runs)


def _step(run: dict[str, Any], name: str) -> str:
    found = [step for step in run["steps"] if step["name"] == name]
    return f"{found[0]['seconds']:.0f} s, {found[0]['peak_rss_gib']:.1f} GiB" if found else ""


def _links(documents: Documents) -> Iterator[str]:
    runs = _of(documents, "link-")
    if not runs:
        return
    heads = [
        "link step, rows a side", "model", "seconds", "pairs/s/core", "peak memory", "disk",
        "Splink seconds", "Splink / ours",
    ]  # fmt: skip
    rows = [
        [
            _millions(run["rows"]), run["model"], f"{run['seconds']:.0f}",
            f"{run['pairs_per_s_and_core']:,}", f"{run['peak_rss_gib']:.1f} GiB",
            f"{run['disk_gib']:.1f} GiB", _if(run, "peer_seconds", "{:.0f}"), _if(run, "ratio", "{:.1f}"),
        ]
        for run in runs
    ]  # fmt: skip
    yield "\n".join(grid(heads, rows)) + f"\n\n{_surroundings(runs[-1])}"
    yield from _growth("Link", [run for run in runs if run["model"] == runs[-1]["model"]])


def _if(document: dict[str, Any], name: str, form: str) -> str:
    return form.format(document[name]) if name in document else "not measured"


def _growth(what: str, runs: list[dict[str, Any]]) -> Iterator[str]:
    """Seconds at a size over seconds at the size before."""
    for less, more in pairwise(runs):
        ratio = more["seconds"] / less["seconds"]
        times = more["rows"] / less["rows"]
        yield (
            f"{what}, growth from {_millions(less['rows'])} to {_millions(more['rows'])}"
            f" ({times:g} times the rows): {ratio:.2f} times the seconds."
        )


def _tuning(documents: Documents) -> Iterator[str]:
    found = documents.get("thresholds")
    if found:
        rows = [
            ["re-scoring every kept pair", f"{found['rescore_s']:.2f} s"],
            ["merge tree, once", f"{found['tree_s']:.1f} s"],
        ]
        yield "\n".join(grid([f"{found['pairs'] / MILLION:.0f}M kept pairs", "measured"], rows))


def _pages(documents: Documents) -> Iterator[str]:
    """The report and the statement for a regulator: made, and shown by a browser."""
    for name, found in sorted(documents.items()):
        if name.startswith("report-"):
            rows = [
                [
                    page,
                    f"{found[page]['seconds']:.1f} s",
                    f"{found[page]['bytes'] / 1000:,.0f} kB",
                    f"{found[page]['dom_content_loaded_ms']:.0f} ms",
                ]
                for page in ("report", "statement")
            ]
            heads = [f"{found['people'] / MILLION:.1f}M people", "made in", "size", "DOMContentLoaded"]  # fmt: skip
            yield "\n".join(grid(heads, rows)) + f"\n\n{_surroundings(found)}"
