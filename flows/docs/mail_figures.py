"""Figures of mail out and mail back for docs/performance.md, from `benchmarks/results/*.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flows.docs.markdown import grid

__all__ = ["mail_tables"]

Document = dict[str, Any]


def mail_tables(documents: dict[str, Document]) -> Iterator[str]:
    """Everyone by letter, then a line for each measured part of mail; nothing where nothing was measured."""
    found = documents.get("mail")
    if found:
        rows = [
            [name, f"{stage['rows']:,}", f"{stage['seconds']:.0f} s", f"{stage['peak_rss_gib']:.1f} GiB"]
            for name, stage in found["stages"].items()
        ]  # fmt: skip
        yield "\n".join(grid(["everyone by letter", "rows", "seconds", "peak memory"], rows))
    lines = [
        line for name, told in _PARTS.items() if name in documents for line in told(documents[name])
    ]
    if lines:
        yield "\n".join(grid(["mail out, mail back", "measured"], lines))


def _batches(found: Document) -> list[list[str]]:
    stage = found["encrypted"]["files"]
    what = "vendor batches: rows sealed, written, compressed, encrypted"
    return [[what, f"{stage['rows_per_s']:,} a second, {stage['peak_rss_gib']:.1f} GiB"]]


def _letters(found: Document) -> list[list[str]]:
    what = "letters, PDF/UA with barcode and QR code"
    return [[what, f"{found['pages_per_s']} pages a second, {found['peak_rss_gib']:.1f} GiB"]]


def _email(found: Document) -> list[list[str]]:
    lines = []
    if rate := found.get("rate"):
        said = f"{rate['ratio']:.2f} of a bare sender's rate ({rate['ours_per_s']:,} and {rate['bare_per_s']:,} a second)"
        lines.append([f"{rate['messages']:,} e-mails over TLS", said])
    if kills := found.get("kills"):
        said = f"{kills['sent_twice']} sent twice, {kills['uncertain']:,} uncertain, {kills['unaccounted']} unaccounted"
        lines.append([f"{kills['people']:,} e-mails, killed {kills['kills']} times", said])
    return lines


def _returns(found: Document) -> list[list[str]]:
    what = f"returns of {found['pieces'] / 1_000_000:.0f}M pieces taken in and folded"
    return [
        [
            what,
            f"{found['events_taken_and_folded_per_s']:,} events a second, {found['peak_rss_gib']:.1f} GiB",
        ]
    ]


def _bounces(found: Document) -> list[list[str]]:
    judged = (("graded by others", found.get("graded")), ("of our own", found.get("own")))
    said = [f"{of['right']} of {of['mails']} {whose}" for whose, of in judged if of]
    return [["returned mail read right", ", ".join(said)]]


_PARTS: dict[str, Callable[[Document], list[list[str]]]] = {
    "batches": _batches,
    "letters": _letters,
    "email": _email,
    "returns": _returns,
    "bounces": _bounces,
}
