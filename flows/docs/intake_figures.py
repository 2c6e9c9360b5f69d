"""Figures of taking in for docs/performance.md, from `benchmarks/results/*.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flows.docs.markdown import grid

__all__ = ["intake_tables"]

Document = dict[str, Any]


def intake_tables(documents: dict[str, Document]) -> Iterator[str]:
    """A line for each measured part of taking in; nothing where nothing was measured."""
    lines = [
        line for name, told in _PARTS.items() if name in documents for line in told(documents[name])
    ]
    if lines:
        yield "\n".join(grid(["taking in", "measured"], lines))


def _csv(found: Document) -> Iterator[list[str]]:
    what = f"CSV of {found['rows']:,} rows into encrypted tables, every byte accounted for"
    yield [what, f"{found['rows_per_s']:,} rows a second, {found['peak_rss_gib']:.1f} GiB"]


def _sql(found: Document) -> Iterator[list[str]]:
    for name, what in (("mysqldump", "mysqldump, extended inserts"), ("pg_dump", "pg_dump, COPY")):
        best = found[name]["best"]
        said = f"{best['both_mb_per_s']:.0f} MB a second to text frames, {best['peak_rss_gib']:.1f} GiB"
        yield [what, f"{said}; whole intake {found[name]['intake']['mb_per_s']:.0f} MB a second"]


def _json(found: Document) -> Iterator[list[str]]:
    for name, what in (("lines", "NDJSON"), ("document", "one JSON document")):
        one = found[name]
        said = f"{one['rows_per_s']:,} rows a second, {one['ratio']:.1f} times a loop of json.loads"
        yield [f"{what}, {found['bytes_a_row']} bytes a row", said]


def _sheets(found: Document) -> Iterator[list[str]]:
    what = f"XLSX of {found['rows']:,} rows and {found['columns']} columns"
    yield [what, f"{found['rows_per_s']:,} rows a second, {found['peak_rss_gib']:.1f} GiB"]


def _hostile(found: Document) -> Iterator[list[str]]:
    cases = found["cases"].values()
    slowest = max(case["seconds"] for case in cases)
    widest = max(case["peak_rss_gib"] for case in cases)
    yield [
        f"{len(cases)} hostile files (lines of 10 GB, bombs, a million columns ...)",
        f"refused or read in {slowest:.0f} s and {widest:.1f} GiB at most",
    ]


def _columns(found: Document) -> Iterator[list[str]]:
    every = found["all"]
    said = f"{every['right']:.1%} right, {every['wrong_unmarked']} wrong and unmarked"
    yield [f"columns proposed under renamed headers ({every['fields']:,})", said]


def _free_text(found: Document) -> Iterator[list[str]]:
    for way, what in (("with_model", "with the model"), ("without_model", "by lists")):
        for name, texts in found[way].items():
            if isinstance(texts, dict) and "ssn" in texts:
                told = ", ".join(
                    f"{kind} {texts[kind]['recall']:.1%}"
                    for kind in ("ssn", "phone", "email", "mrn", "name")
                )
                yield [f"found in {texts['texts']:,} {name} notes and transcripts, {what}", told]


_PARTS = {
    "intake": _csv, "sql": _sql, "json_text": _json, "sheets": _sheets, "hostile": _hostile,
    "columns": _columns, "free_text": _free_text,
}  # fmt: skip
