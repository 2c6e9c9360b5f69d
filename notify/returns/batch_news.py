"""Rows of ACK, PROOF and DESTROY: news of batches and letter versions, held against the released manifests.

A handful of rows a batch, so they are read one by one. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from matching.store import OperatorError, Workspace
from matching.tables import TABLES
from notify.returns.known import BatchOut
from notify.returns.reading import FLAW, ROW_NO
from notify.returns.schemas import Return

__all__ = ["ROWS_MOST", "BatchNews", "batch_news"]

ROWS_MOST = 100_000
"""A vendor has a few versions a batch; more rows than this is another file under this header."""
_EVENT_ID_LENGTH = 25
_DIGEST_LETTERS = frozenset("0123456789abcdef")


@dataclass(slots=True)
class BatchNews:
    """Events of the rows, rows set aside, and what disagrees in words (numbers, never people)."""

    events: list[dict[str, Any]] = field(default_factory=list)
    aside: list[dict[str, Any]] = field(default_factory=list)
    named: list[str] = field(default_factory=list)

    def set_aside(self, row: Mapping[str, Any], reason: str) -> None:
        """Keep the row as what changes nothing; `piece_id` is what it names."""
        name = row.get("file") or row.get("letter_version") or row.get("batch_id")
        self.aside.append({ROW_NO: row[ROW_NO], "piece_id": name, "reason": reason})

    def tell(self, row: Mapping[str, Any], kind: str, of: str, day: date, detail: str) -> None:
        """`of` is the batch or letter version that the event is of."""
        said = {"kind": kind, "channel": "mail", "piece_id": of, "batch_id": of}
        self.events.append({ROW_NO: row[ROW_NO], **said, "dated_on": day, "detail": detail})


def batch_news(
    workspace: Workspace,
    rows: pl.DataFrame,
    schema: Return,
    *,
    batches: Mapping[str, BatchOut],
    today: date,
) -> tuple[BatchNews, pl.DataFrame]:
    """What the rows say, and the same as events with ids. Raises OperatorError for a file far too long."""
    if rows.height > ROWS_MOST:
        raise OperatorError(
            f"{rows.height} rows of {schema.kind}: more than any vendor has batches"
        )
    news = BatchNews()
    sound = [row for row in rows.iter_rows(named=True) if not _faulty(news, row, schema)]
    {"ACK": _acknowledged, "PROOF": _proofed, "DESTROY": _destroyed}[schema.kind](
        news, sound, batches, today
    )
    return news, _with_ids(workspace, news)


def _faulty(news: BatchNews, row: Mapping[str, Any], schema: Return) -> bool:
    reason = row[FLAW] or next(filter(None, _faults(row, schema)), "")
    if reason:
        news.set_aside(row, reason)
    return bool(reason)


def _faults(row: Mapping[str, Any], schema: Return) -> Iterator[str]:
    for name, column in schema.columns.items():
        value = row[name]
        if value is None:
            yield "missing_value" if column.needed else ""
        elif column.codes and value not in column.codes:
            yield "no_such_code"
        elif column.type in {"date", "moment"} and _day(value) is None:
            yield "no_such_day"
        elif column.type == "integer" and not (value.isascii() and value.isdigit()):
            yield "no_number"
        elif column.type == "digest" and not (
            len(value) == 64 and set(value.lower()) <= _DIGEST_LETTERS
        ):
            yield "no_digest"


def _day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _acknowledged(
    news: BatchNews, rows: Sequence[Mapping[str, Any]], batches: Mapping[str, BatchOut], today: date
) -> None:
    """One event a mail file, where all its rows agree with the manifest; else all are set aside."""
    by_file: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        by_file.setdefault((row["file"], row["sha256"].lower()), []).append(row)
    for (file, digest), group in by_file.items():
        batch = next((b for b in batches.values() if digest in b.digests), None)
        meant = batch or next((b for b in batches.values() if b.batch_id in file), None)
        if meant is None:
            _all_aside(news, group, "unknown_file")
            continue
        wrong = (
            []
            if batch
            else [f"sha256={digest}, manifest={' or '.join(meant.digests) or 'unreadable'}"]
        )
        wrong += _disagreements(group, meant)
        if wrong:
            _all_aside(news, group, "batch_mismatch:" + "; ".join(wrong))
            news.named += [f"batch {meant.batch_id}: {words}" for words in wrong]
            continue
        day = max(d for row in group if (d := _day(row["received_at"])) is not None)
        reason = _out_of_time(day, meant.exported_on, today)
        if reason:
            _all_aside(news, group, reason)
            continue
        first = group[0]
        detail = f"{int(first['rows_read'])}/{int(first['rows_rejected'])}"
        for row in group:
            news.tell(row, "accepted", meant.batch_id, day, detail)


def _disagreements(group: Sequence[Mapping[str, Any]], batch: BatchOut) -> list[str]:
    """`number=read, manifest=said` of each number that differs.

    A version's count may be with the seeds, which look like any row, or without: over all versions either none
    of them is counted or every one.
    """
    found = []
    for name in ("rows_read", "rows_rejected"):
        values = sorted({int(row[name]) for row in group})
        if len(values) > 1:
            found.append(f"{name}={' and '.join(map(str, values))} in one file")
    read, rejected = int(group[0]["rows_read"]), int(group[0]["rows_rejected"])
    if rejected > read:
        found.append(f"rows_rejected={rejected}, rows_read={read}")
    if batch.total is None:
        return (
            found
            if read >= batch.pieces
            else [*found, f"rows_read={read}, exported={batch.pieces}"]
        )
    if read != batch.total:
        found.append(f"rows_read={read}, manifest={batch.total}")
    return found + _versions(group, batch.by_version or {}, batch.seeds or 0)


def _versions(group: Sequence[Mapping[str, Any]], said: Mapping[str, int], seeds: int) -> list[str]:
    counts = {row["letter_version"]: int(row["letter_count"]) for row in group}
    found = []
    if len(counts) < len(group):
        found.append(f"letter_version={len(group)} rows, {len(counts)} versions")
    over = {version: counts.get(version, 0) - said.get(version, 0) for version in {*counts, *said}}
    seeds_too = sum(over.values()) == seeds
    return found + [
        f"{version}={counts.get(version, 0)}, manifest={said.get(version, 0)}"
        for version, more in sorted(over.items())
        if more and not (seeds_too and 0 < more <= seeds)
    ]


def _proofed(
    news: BatchNews, rows: Sequence[Mapping[str, Any]], batches: Mapping[str, BatchOut], today: date
) -> None:
    versions = {version for b in batches.values() for version in b.by_version or ()}
    for row in rows:
        day = _day(row["approved_at"])
        if versions and row["letter_version"] not in versions:
            news.set_aside(row, "unknown_version")
        elif day is None or day > today:
            news.set_aside(row, "after_today")
        else:
            news.tell(row, "proofed", row["letter_version"], day, row["proof_sha256"].lower())


def _destroyed(
    news: BatchNews, rows: Sequence[Mapping[str, Any]], batches: Mapping[str, BatchOut], today: date
) -> None:
    for row in rows:
        batch, day = batches.get(row["batch_id"]), _day(row["destroyed_on"])
        reason = (
            "unknown_batch"
            if batch is None or day is None
            else _out_of_time(day, batch.exported_on, today)
        )
        if reason or day is None:
            news.set_aside(row, reason)
        else:
            detail = f"{row['what']}:{int(row['pieces'])}:{row['certificate_id']}"
            news.tell(row, "destroyed", row["batch_id"], day, detail)


def _out_of_time(day: date, exported_on: Any, today: date) -> str:
    return "before_export" if day < exported_on else "after_today" if day > today else ""


def _all_aside(news: BatchNews, rows: Sequence[Mapping[str, Any]], reason: str) -> None:
    for row in rows:
        news.set_aside(row, reason)


def _with_ids(workspace: Workspace, news: BatchNews) -> pl.DataFrame:
    """The events as columns; rows of one mail file tell one event, its first row bears it."""
    columns = {**TABLES["events"].polars, ROW_NO: pl.Int64()}
    told = [{name: event.get(name) for name in columns} for event in news.events]
    frame = pl.DataFrame(told, schema=columns, orient="row")
    text = pl.concat_str("kind", "piece_id", "dated_on", "detail", separator="|")
    names = frame.select(name=text)["name"]
    return frame.with_columns(event_id=workspace.keys.mint("event", names, length=_EVENT_ID_LENGTH))
