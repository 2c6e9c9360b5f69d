"""`affected returns`: a file that came back, read, judged, and appended to the inbox `events`.

A file is taken whole or not at all. Events first, then the rows set aside, then the row of `return_files`: a
call that was killed is made whole by the next, which knows its own events by their ids and their source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import ROWS_PER_PART, Workspace, log_counts
from matching.tables import TABLES
from notify.returns.batch_news import batch_news
from notify.returns.judge import Judged, compact, judged
from notify.returns.known import batches_out
from notify.returns.pieces import BRINGS, typed
from notify.returns.reading import ROW_NO, ReturnedFile

__all__ = ["Taken", "take"]


@dataclass(slots=True)
class Taken:
    """What became of the rows of one file. `before`: it had been taken already, and nothing else is said.

    rows = taken + known + quarantined + seeds_seen + without_news. `events` is how many were appended: a row
    may tell two, and rows that a killed call took are counted in `taken` again, not in `events`.
    """

    file: str
    kind: str
    sha256: str
    rows: int
    events: int = 0
    taken: int = 0
    known: int = 0
    quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seeds_seen: int = 0
    without_news: int = 0
    spoiled_reprints: int = 0
    unusable_addresses: int = 0
    disagreements: list[str] = field(default_factory=list)
    extra_columns: tuple[str, ...] = ()
    before: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON shows it."""
        return asdict(self)


def take(workspace: Workspace, path: Path, *, by: str, today: date, recorded_at: datetime) -> Taken:
    """Append what the file says; the next round reads it. Twice counts once.

    `today` is the last day that news may bear. Raises OperatorError where the file is not whole or of no known
    kind, and then nothing has changed.
    """
    file = ReturnedFile.open(path)
    by_piece = file.schema.kind in BRINGS
    slices = [
        compact(typed(rows, file.schema, today=today)) if by_piece else rows
        for rows in file.slices()
    ]
    found = Taken(path.name, file.schema.kind, file.digest, file.rows, extra_columns=file.extra)
    if _taken_before(workspace, file.digest):
        found.before = True
        return found
    took = _pieces if by_piece else _batches
    took(workspace, slices, file, found, today=today, recorded_at=recorded_at)
    assert _accounted(found) == found.rows, "rows of a returned file are not accounted for"
    row = {
        "file_sha256": found.sha256, "kind": found.kind, "rows": found.rows, "taken": found.taken,
        "known": found.known, "quarantined": found.quarantined, "by": by, "recorded_at": recorded_at,
    }  # fmt: skip
    workspace.append("return_files", TABLES["return_files"].complete(pl.DataFrame([row])))
    log_counts("returns", rows=found.rows, taken=found.taken, quarantined=found.quarantined)
    return found


def _accounted(found: Taken) -> int:
    aside = found.quarantined + found.seeds_seen + found.without_news
    return found.taken + found.known + aside


def _taken_before(workspace: Workspace, digest: str) -> bool:
    files = workspace.scan("return_files").filter(pl.col("file_sha256") == digest)
    return files.collect().height > 0


def _pieces(
    workspace: Workspace,
    slices: list[pl.DataFrame],
    file: ReturnedFile,
    found: Taken,
    *,
    today: date,
    recorded_at: datetime,
) -> None:
    groups = judged(
        workspace, slices, file.schema.kind, batches=batches_out(workspace), digest=file.digest,
        today=today, recorded_at=recorded_at,
    )  # fmt: skip
    aside = [pl.DataFrame(schema={ROW_NO: pl.Int64, "piece_id": pl.String, "reason": pl.String})]
    for group in _appended(workspace, groups):
        found.events += group.events.height
        found.taken += group.taken
        found.known += group.known
        found.seeds_seen += group.seeds
        found.without_news += group.no_news
        found.spoiled_reprints += group.spoiled
        found.unusable_addresses += group.unusable
        aside.append(group.aside)
    _set_aside(workspace, pl.concat(aside), found, recorded_at)


def _batches(
    workspace: Workspace,
    slices: list[pl.DataFrame],
    file: ReturnedFile,
    found: Taken,
    *,
    today: date,
    recorded_at: datetime,
) -> None:
    batches = batches_out(workspace)
    news, told = batch_news(workspace, pl.concat(slices), file.schema, batches=batches, today=today)
    ids = told["event_id"].unique().to_list()
    before = workspace.scan("events").filter(pl.col("event_id").is_in(ids)).collect()
    others = before.filter(pl.col("source_sha256").ne_missing(file.digest))["event_id"].implode()
    known = told["event_id"].is_in(others)
    events = told.with_columns(source_sha256=pl.lit(file.digest), recorded_at=pl.lit(recorded_at))
    new = events.join(before, on="event_id", how="anti").unique("event_id", keep="first")
    _append(workspace, "events", TABLES["events"].complete(new))
    found.events = new.height
    found.known = int(known.sum())
    found.taken = told.height - found.known
    found.disagreements = news.named
    schema = {ROW_NO: pl.Int64, "piece_id": pl.String, "reason": pl.String}
    _set_aside(workspace, pl.DataFrame(news.aside, schema=schema, orient="row"), found, recorded_at)


def _appended(workspace: Workspace, groups: Iterable[Judged]) -> Iterator[Judged]:
    """The groups, each with its events in the inbox or on the way: one is written while the next is judged."""
    with ThreadPoolExecutor(1) as pool:
        writing: Future[None] | None = None
        for group in groups:
            if writing is not None:
                writing.result()
            writing = pool.submit(_append, workspace, "events", group.events)
            yield group
        if writing is not None:
            writing.result()


def _append(workspace: Workspace, name: str, rows: pl.DataFrame) -> None:
    for start in range(0, rows.height, ROWS_PER_PART):
        workspace.append(name, rows.slice(start, ROWS_PER_PART))


def _set_aside(
    workspace: Workspace, aside: pl.DataFrame, found: Taken, recorded_at: datetime
) -> None:
    """Append rows to `quarantine` that a killed call has not appended, and count them by reason."""
    said = workspace.scan("quarantine").filter(pl.col("file_sha256") == found.sha256)
    there = said.select(ROW_NO).collect()
    rows = aside.join(there, on=ROW_NO, how="anti").with_columns(
        file_sha256=pl.lit(found.sha256), recorded_at=pl.lit(recorded_at)
    )
    _append(workspace, "quarantine", TABLES["quarantine"].complete(rows))
    found.quarantined = aside.height
    found.reasons = _by_reason(aside["reason"])


def _by_reason(reasons: Iterable[str]) -> dict[str, int]:
    """Code -> rows, most first; what follows a colon says which numbers and is left out."""
    codes = pl.Series("code", reasons, dtype=pl.String).str.split(":").list.first()
    counted = codes.value_counts().sort(["count", "code"], descending=[True, False])
    return dict(counted.iter_rows())
