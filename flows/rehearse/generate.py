"""A whole synthetic incident on disk, made in blocks so that its size does not matter.

Comes in: how many people, a seed and a profile. Goes out: `incident.toml` (last, so that a folder
without it is unfinished), the delivered files, and `truth/`. Every block draws from its own seed:
the same call gives the same bytes.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.charts import chart_frame
from flows.rehearse.drill import write_drill
from flows.rehearse.homes import make_homes
from flows.rehearse.incident import incident_text
from flows.rehearse.leaked import LEAKED_FILES, delivered, patient_frames, split_rows
from flows.rehearse.others import OTHER_ROWS_SHARE, other_frames
from flows.rehearse.people import make_people
from flows.rehearse.pools import Pools, load_pools
from flows.rehearse.practices import (
    Practices,
    delegation_rows,
    make_practices,
    roster_rows,
)
from flows.rehearse.profiles import PROFILES, Profile, ProfileName
from flows.rehearse.records import Block
from flows.rehearse.related import relations
from flows.rehearse.visits import leaked_rows, make_memberships, share_out
from flows.rehearse.writers import Sink
from matching.errors import OperatorError

__all__ = ["RehearsalSummary", "rehearse"]

Ints = NDArray[np.int64]

BLOCK_PEOPLE: Final = 50_000  # about 300 MB while a block is written; larger gains no speed
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
class _Plan:
    """What one call makes, the same for every block."""

    pools: Pools
    practices: Practices
    profile: Profile
    seed: int
    people: int
    leaked: int
    charts: int
    breach: int
    blocks: int
    ids: list[int] = field(default_factory=lambda: [0] * len(LEAKED_FILES))


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
) -> RehearsalSummary:
    """Write a synthetic incident with its truth into `directory`.

    `leaked` and `charts` are totals of rows (default 2.6 and 1.3 per person). Raises
    OperatorError when the directory holds anything already.
    """
    if people < 100:
        raise OperatorError(f"--people {people}: at least 100 people make a rehearsal")
    if directory.exists() and any(directory.iterdir()):
        raise OperatorError(f"'{directory}' is not empty: name a new directory")
    plan = _plan(people, seed, PROFILES[profile], leaked, charts)
    roster = roster_rows(plan.practices, plan.profile, seed=seed)
    with ExitStack() as stack:
        sinks = _open(directory, stack)
        for index in range(plan.blocks):
            _write_block(plan, sinks, index)
        _break_lines(sinks)
    shutil.copyfile(directory / LEAKED_FILES[-1].path, directory / REPEAT)
    roster.write_csv(directory / "entities.csv")
    delegation_rows(plan.practices, plan.profile).write_csv(directory / "delegation.csv")
    _suppressions(directory)
    if drill:
        write_drill(directory, plan.profile)
    (directory / "incident.toml").write_text(
        incident_text(plan.profile, repeat=REPEAT), encoding="utf-8"
    )
    return RehearsalSummary(
        directory=directory,
        people=people,
        leaked_rows=sum(s.rows for s in sinks.leaked),
        repeated_rows=sinks.leaked[-1].rows,
        malformed_rows=2 * _MALFORMED,
        charts_rows=sum(s.rows for s in sinks.masters),
        entities=len(roster),
    )


def _plan(
    people: int, seed: int, profile: Profile, leaked: int | None, charts: int | None
) -> _Plan:
    pools = load_pools()
    return _Plan(
        pools=pools,
        practices=make_practices(profile, pools.places, people=people, seed=seed),
        profile=profile,
        seed=seed,
        people=people,
        leaked=round(people * LEAKED_PER_PERSON) if leaked is None else leaked,
        charts=round(people * CHARTS_PER_PERSON) if charts is None else charts,
        breach=(profile.breach_start - date(1970, 1, 1)).days,
        blocks=-(-people // BLOCK_PEOPLE),
    )


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


def _write_block(plan: _Plan, sinks: _Sinks, index: int) -> None:
    """Make one block of people and append everything written about them."""
    first_no = _first_of(plan, index)
    size = _first_of(plan, index + 1) - first_no
    block = _block(plan, index, first_no, size)
    sinks.truth_related.append(relations(block.people, first_no=first_no, breach=plan.breach))
    rng = np.random.default_rng((plan.seed, 1 + index, 2))
    members = make_memberships(rng, block)
    total = share_out(plan.charts, index, plan.blocks)
    _write_charts(sinks, *chart_frame(block, rng, members, total=total))
    rng = np.random.default_rng((plan.seed, 1 + index, 3))
    total = share_out(plan.leaked, index, plan.blocks)
    others = round(total * OTHER_ROWS_SHARE)
    rows = split_rows(rng, leaked_rows(rng, members, total - others))
    extras = other_frames(
        plan.pools, plan.practices, rng, size=others, has_ssn=plan.profile.has_ssn,
        first_no=plan.people + round(plan.leaked * OTHER_ROWS_SHARE) * index,
    )  # fmt: skip
    for kind in range(len(LEAKED_FILES)):
        own = patient_frames(block, rng, members, rows[kind], kind)
        _write_leaked(plan, sinks, rng, kind, own, extras[kind])


def _first_of(plan: _Plan, index: int) -> int:
    """Number of the first person of a block; blocks are of nearly equal size."""
    return plan.people * index // plan.blocks


def _block(plan: _Plan, index: int, first_no: int, size: int) -> Block:
    rng = np.random.default_rng((plan.seed, 1 + index, 1))
    people = make_people(rng, plan.pools, size=size, breach=plan.breach)
    homes = make_homes(
        rng, plan.pools, people, plan.practices, first_no=first_no, breach=plan.breach,
        moved_share=plan.profile.moved_share,
    )  # fmt: skip
    return Block(
        first_no=first_no, people=people, homes=homes, pools=plan.pools,
        practices=plan.practices, profile=plan.profile, breach=plan.breach,
    )  # fmt: skip


def _write_charts(sinks: _Sinks, frame: pl.DataFrame, truth: pl.DataFrame) -> None:
    """Each owner's charts go to one of the master files."""
    file = truth["owner"].to_numpy() % MASTER_FILES
    for k, sink in enumerate(sinks.masters):
        at = np.flatnonzero(file == k)
        numbers = sink.rows + np.arange(len(at))
        sink.append(frame[at])
        sinks.truth_charts.append(
            truth[at].select(
                file=pl.lit(_master_path(k)), row_no=pl.Series(numbers), person="person",
                entity_id="entity_id",
            )
        )  # fmt: skip


def _write_leaked(
    plan: _Plan,
    sinks: _Sinks,
    rng: np.random.Generator,
    kind: int,
    own: tuple[pl.DataFrame, pl.DataFrame],
    other: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    """Shuffle patients' and other rows into one order, write them and their truth."""
    file, sink = LEAKED_FILES[kind], sinks.leaked[kind]
    told = own[1].with_columns(true_role=pl.lit("patient"), exclusion=pl.lit(None, pl.String))
    order = rng.permutation(len(own[0]) + len(other[0]))
    truth = pl.concat([told, other[1]], how="diagonal_relaxed")[order]
    first = sink.rows
    ids = pl.Series("record_id", 100_000 + first + np.arange(len(order))).cast(pl.String)
    rows = pl.concat([own[0], other[0]], how="diagonal")[order].with_columns(
        record_id=file.path[5:6].upper() + ids
    )
    sink.append(delivered(rows, file))
    sinks.truth_leaked.append(_truth(truth, file.path, first))
    if kind == len(LEAKED_FILES) - 1:
        copy = _truth(truth, REPEAT, first)
        sinks.truth_leaked.append(
            copy.with_columns(exclusion=pl.lit("repeated_file"))
        )


def _truth(truth: pl.DataFrame, path: str, first: int) -> pl.DataFrame:
    """One row per person named on a row: the patient and, on some, the guarantor."""
    rows = truth.with_columns(
        file=pl.lit(path), row_no=pl.Series(first + np.arange(len(truth)))
    )
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
        sinks.leaked[0].append_raw(f'A99999{k},T10\n')
        sinks.leaked[2].append_raw(f'{{"msg_id": "R99999{k}", "practice":\n')


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
