"""A whole synthetic incident on disk, made in blocks so that its size does not matter.

Comes in: how many people, a seed and a profile. Goes out: `incident.toml` (last, so that a folder
without it is unfinished), the delivered files, and `truth/`. Every block draws from its own seed:
the same call gives the same bytes, whatever the number of processes.
"""

from __future__ import annotations

import multiprocessing
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from flows.rehearse.blocks import BlockTables, Plan, make_block, practices_of
from flows.rehearse.drill import write_drill
from flows.rehearse.incident import incident_text
from flows.rehearse.leaked import LEAKED_FILES
from flows.rehearse.practices import Practices, delegation_rows, roster_rows
from flows.rehearse.profiles import PROFILES, ProfileName
from flows.rehearse.writers import Sink
from matching.errors import OperatorError

__all__ = ["RehearsalSummary", "rehearse"]

LEAKED_PER_PERSON: Final = 2.6
CHARTS_PER_PERSON: Final = 1.3
MASTER_FILES: Final = 4
REPEAT: Final = "leak/waitlist_copy.tsv"
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
    workers: int = 1,
) -> RehearsalSummary:
    """Write a synthetic incident with its truth into `directory`.

    `leaked` and `charts` are totals of rows (default 2.6 and 1.3 per person). `workers` processes
    make the blocks, each in half a gibibyte: more than one pays only on idle cores (on two busy
    ones it took longer). Raises OperatorError when the directory holds anything already.
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
        for tables in _blocks(plan, workers):
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


def _work(plan: Plan, index: int) -> list[bytes]:
    return make_block(plan, _practices(plan), index).packed()


def _blocks(plan: Plan, workers: int) -> Iterator[BlockTables]:
    """The blocks in order; with several processes, one more than they are is in hand."""
    if workers <= 1:
        yield from (make_block(plan, _practices(plan), k) for k in range(plan.blocks))
        return
    spawn = multiprocessing.get_context("spawn")  # a forked polars may wait for ever
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        waiting: deque[Future[list[bytes]]] = deque()
        for index in range(plan.blocks):
            waiting.append(pool.submit(_work, plan, index))
            if len(waiting) > workers:
                yield BlockTables.unpacked(waiting.popleft().result())
        while waiting:
            yield BlockTables.unpacked(waiting.popleft().result())


def _open(directory: Path, stack: ExitStack) -> _Sinks:
    def sink(path: str, kind: str) -> Sink:
        return stack.enter_context(Sink(directory / path, kind=kind))

    return _Sinks(
        leaked=[sink(f.path, f.format) for f in LEAKED_FILES],
        masters=[sink(_master_path(k), "parquet") for k in range(MASTER_FILES)],
        truth_leaked=sink("truth/leaked.parquet", "parquet"),
        truth_charts=sink("truth/charts.parquet", "parquet"),
        truth_related=sink("truth/related.parquet", "parquet"),
    )


def _master_path(index: int) -> str:
    return f"masters/charts-{index + 1}.parquet"


def _write(sinks: _Sinks, tables: BlockTables) -> None:
    """Append one block everywhere."""
    sinks.truth_related.append(tables.related)
    _write_charts(sinks, *tables.charts)
    for kind, (frame, truth) in enumerate(tables.leaked):
        _write_leaked(sinks, kind, frame, truth)


def _write_charts(sinks: _Sinks, frame: pl.DataFrame, truth: pl.DataFrame) -> None:
    """Each owner's charts go to one of the master files."""
    file = truth["owner"].to_numpy() % MASTER_FILES
    for k, sink in enumerate(sinks.masters):
        at = np.flatnonzero(file == k)
        numbers = sink.rows + np.arange(len(at))
        sink.append(frame[at])
        told = truth[at].select(
            file=pl.lit(_master_path(k)), row_no=pl.Series(numbers), person="person",
            entity_id="entity_id",
        )  # fmt: skip
        sinks.truth_charts.append(told)


def _write_leaked(sinks: _Sinks, kind: int, frame: pl.DataFrame, truth: pl.DataFrame) -> None:
    """Number the rows of one file, write them and the truth about them."""
    file, sink = LEAKED_FILES[kind], sinks.leaked[kind]
    first = sink.rows
    ids = pl.Series(100_000 + first + np.arange(len(frame))).cast(pl.String)
    letter = file.path.removeprefix("leak/")[0].upper()
    sink.append(frame.with_columns((letter + ids).alias(str(file.columns["record_id"]))))
    sinks.truth_leaked.append(_truth(truth, file.path, first))
    if kind == len(LEAKED_FILES) - 1:
        copy = _truth(truth, REPEAT, first)
        sinks.truth_leaked.append(copy.with_columns(exclusion=pl.lit("repeated_file")))


def _truth(truth: pl.DataFrame, path: str, first: int) -> pl.DataFrame:
    """One row per person named on a row: the patient and, on some, the guarantor."""
    rows = truth.with_columns(file=pl.lit(path), row_no=pl.Series(first + np.arange(len(truth))))
    named = rows.select("file", "row_no", "person", "entity_ids", "exclusion", role="true_role")
    guarantors = rows.filter(pl.col("guardian") >= 0).select(
        "file", "row_no", "entity_ids", "exclusion", person="guardian", role=pl.lit("guarantor")
    )
    columns = ["file", "row_no", "role", "person", "entity_ids", "exclusion"]
    return pl.concat([named.select(columns), guarantors.select(columns)]).sort(
        "row_no", "role", descending=[False, True]
    )


def _break_lines(sinks: _Sinks) -> None:
    """Lines cut short, at the end of the CSV and of the JSONL."""
    for k in range(_MALFORMED):
        sinks.leaked[0].append_raw(f"A99999{k},T10\n")
        sinks.leaked[2].append_raw(f'{{"msg_id": "R99999{k}", "practice":\n')


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
