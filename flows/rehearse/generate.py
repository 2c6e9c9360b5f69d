"""A whole synthetic incident on disk, made in blocks so that its size does not matter.

Comes in: how many people, a seed and a profile. Goes out: `incident.toml` (last, so that a folder
without it is unfinished), the delivered files, and `truth/`. Every block draws from its own seed:
the same call gives the same bytes, whatever the number of workers.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from flows.rehearse.blocks import Plan, make_block, practices_of
from flows.rehearse.drill import write_drill
from flows.rehearse.incident import incident_text
from flows.rehearse.leaked import LEAKED_FILES
from flows.rehearse.practices import Practices, delegation_rows, roster_rows
from flows.rehearse.profiles import PROFILES, ProfileName
from flows.rehearse.tables import MASTER_FILES, REPEAT, BlockTables, master_path
from flows.rehearse.writers import Sink
from matching.errors import OperatorError

__all__ = ["RehearsalSummary", "rehearse"]

LEAKED_PER_PERSON: Final = 2.6
CHARTS_PER_PERSON: Final = 1.3
WORKERS_MAX: Final = 4  # one writer keeps up with about four
_SUPPRESSED: Final = 6
_MALFORMED: Final = 3  # broken lines at the end of the CSV and the JSONL


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalSummary:
    """How much was written. `leaked_rows` leaves out the repeated file and broken lines."""

    directory: Path
    people: int
    leaked_rows: int
    repeated_rows: int
    malformed_rows: int
    charts_rows: int
    entities: int


@dataclass(slots=True)
class _Sinks:
    leaked: list[Sink]
    masters: list[Sink]
    truth_leaked: Sink
    truth_charts: Sink
    truth_related: Sink


def rehearse(
    directory: Path,
    *,
    people: int,
    seed: int = 1,
    profile: ProfileName = "dental",
    leaked: int | None = None,
    charts: int | None = None,
    drill: bool = False,
    workers: int | None = None,
) -> RehearsalSummary:
    """Write a synthetic incident with its truth into `directory`.

    `leaked` and `charts` are totals of rows (default 2.6 and 1.3 per person). `workers` threads
    make blocks while this one writes them; the default is one per core, at most four. Memory
    does not grow with the size: about 0.6 GiB and 0.4 for each worker. Raises OperatorError when
    the directory holds anything already.
    """
    if people < 100:
        raise OperatorError(f"--people {people}: at least 100 people make a rehearsal")
    if directory.exists() and any(directory.iterdir()):
        raise OperatorError(f"'{directory}' is not empty: name a new directory")
    plan = Plan(
        people=people, seed=seed, profile=profile,
        leaked=round(people * LEAKED_PER_PERSON) if leaked is None else leaked,
        charts=round(people * CHARTS_PER_PERSON) if charts is None else charts,
    )  # fmt: skip
    with ExitStack() as stack:
        sinks = _open(directory, stack)
        for tables in _blocks(plan, workers or min(WORKERS_MAX, os.cpu_count() or 1)):
            _write(sinks, tables)
        _break_lines(sinks)
    entities = _finish(directory, plan, drill=drill)
    return RehearsalSummary(
        directory=directory,
        people=people,
        leaked_rows=sum(s.rows for s in sinks.leaked),
        repeated_rows=sinks.leaked[-1].rows,
        malformed_rows=2 * _MALFORMED,
        charts_rows=sum(s.rows for s in sinks.masters),
        entities=entities,
    )


@cache
def _practices(plan: Plan) -> Practices:
    return practices_of(plan)


def _blocks(plan: Plan, workers: int) -> Iterator[BlockTables]:
    """The blocks in order; one more than there are workers is in hand."""
    practices = _practices(plan)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[BlockTables]] = deque()
        for index in range(plan.blocks):
            waiting.append(pool.submit(make_block, plan, practices, index))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _open(directory: Path, stack: ExitStack) -> _Sinks:
    def sink(path: str, kind: str) -> Sink:
        return stack.enter_context(Sink(directory / path, kind=kind))

    return _Sinks(
        leaked=[sink(f.path, f.format) for f in LEAKED_FILES],
        masters=[sink(master_path(k), "parquet") for k in range(MASTER_FILES)],
        truth_leaked=sink("truth/leaked.parquet", "parquet"),
        truth_charts=sink("truth/charts.parquet", "parquet"),
        truth_related=sink("truth/related.parquet", "parquet"),
    )


def _write(sinks: _Sinks, tables: BlockTables) -> None:
    """Append one block everywhere."""
    sinks.truth_related.append(tables.related, len(tables.related))
    for sink, (charts, told) in zip(sinks.masters, tables.charts, strict=True):
        numbers = pa.array(sink.rows + np.arange(len(charts)))
        sink.append(charts, len(charts))
        sinks.truth_charts.append(told.add_column(1, "row_no", numbers), len(told))
    for sink, (rows, count) in zip(sinks.leaked, tables.leaked, strict=True):
        sink.append(rows, count)
    sinks.truth_leaked.append(tables.leaked_truth, len(tables.leaked_truth))


def _break_lines(sinks: _Sinks) -> None:
    """Lines cut short, at the end of the CSV and of the JSONL."""
    for k in range(_MALFORMED):
        sinks.leaked[0].append(f"A99999{k},T10\n".encode(), 0)
        sinks.leaked[2].append(f'{{"msg_id": "R99999{k}", "practice":\n'.encode(), 0)


def _finish(directory: Path, plan: Plan, *, drill: bool) -> int:
    """Write what is small, the incident file last; give the number of entities."""
    profile, practices = PROFILES[plan.profile], _practices(plan)
    shutil.copyfile(directory / LEAKED_FILES[-1].path, directory / REPEAT)
    roster = roster_rows(practices, profile, seed=plan.seed)
    roster.write_csv(directory / "entities.csv")
    delegation_rows(practices, profile).write_csv(directory / "delegation.csv")
    _suppressions(directory)
    if drill:
        write_drill(directory, profile)
    text = incident_text(profile, repeat=REPEAT)
    (directory / "incident.toml").write_text(text, encoding="utf-8")
    return len(roster)


def _suppressions(directory: Path) -> None:
    """A few leaked accounts that counsel took out: `suppressions.csv`."""
    accounts = pl.scan_parquet(directory / LEAKED_FILES[1].path)
    some = accounts.filter(pl.col("first").is_not_null()).select("pat_id").slice(20, 400).collect()
    picked = some.gather_every(max(1, len(some) // _SUPPRESSED)).head(_SUPPRESSED)
    picked.select(
        record_id="pat_id",
        reason=pl.lit("litigation hold"),
        authority=pl.lit("Counsel memo 12"),
    ).write_csv(directory / "suppressions.csv")
