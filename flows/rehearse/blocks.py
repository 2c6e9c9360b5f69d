"""One block of a rehearsal: a few ten thousand people and every row about them.

Blocks know nothing of each other, so they can be made in any order and several at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flows.rehearse.charts import chart_columns, chart_desk
from flows.rehearse.days import day_number
from flows.rehearse.facts import fact_texts
from flows.rehearse.homes import make_homes
from flows.rehearse.leaked import (
    LEAKED_FILES,
    file_rows,
    leaked_desk,
    patient_columns,
)
from flows.rehearse.others import OTHER_ROWS_SHARE, Others, make_others
from flows.rehearse.people import make_people
from flows.rehearse.pools import load_pools
from flows.rehearse.practices import Practices, make_practices
from flows.rehearse.profiles import PROFILES, ProfileName
from flows.rehearse.records import Block, Sheet, record_texts
from flows.rehearse.related import relations
from flows.rehearse.tables import (
    MASTER_FILES,
    BlockTables,
    Told,
    chart_tables,
    leaked_part,
    leaked_truth,
    others_told,
    patients_told,
)
from flows.rehearse.texts import Texts
from flows.rehearse.visits import (
    Visits,
    chart_rows,
    leaked_rows,
    make_memberships,
    share_out,
)

__all__ = ["Plan", "make_block", "practices_of"]

Ints = NDArray[np.int64]
BLOCK_PEOPLE: Final = 100_000  # half of it costs a tenth more time, twice as much twice the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one call makes."""

    people: int
    seed: int
    profile: ProfileName
    leaked: int
    charts: int
    block_people: int = BLOCK_PEOPLE

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return -(-self.people // self.block_people)


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a block's rows are about, before they are written: charts, then each leaked file."""

    charts: Visits
    copy: Ints  # of each chart
    leaked: list[Visits]
    others: Others


def practices_of(plan: Plan) -> Practices:
    """The practices of this plan."""
    profile = PROFILES[plan.profile]
    return make_practices(profile, load_pools().places, people=plan.people, seed=plan.seed)


def make_block(plan: Plan, practices: Practices, index: int) -> BlockTables:
    """Make block `index` of the plan, from its own seed."""
    block = _block(plan, practices, index)
    rng = np.random.default_rng((plan.seed, 1 + index, 2))
    draft = _draft(plan, block, rng, index)
    sheet = _sheet(block, draft)
    texts = record_texts(block, rng, sheet)
    records = [{c: text.rows(span) for c, text in texts.items()} for span in sheet.spans()]
    facts = fact_texts(block)
    leaked = [
        _leaked_rows(block, rng, draft, kind, records=records[1 + kind], facts=facts)
        for kind in range(len(LEAKED_FILES))
    ]
    first = [total * index // plan.blocks for total in file_rows(plan.leaked)]
    return BlockTables(
        related=relations(block.people, first_no=block.first_no, breach=block.breach),
        charts=_charts(block, rng, draft, records[0], facts),
        leaked=[
            leaked_part(file, columns, first=start, header=index == 0)
            for file, (columns, _), start in zip(LEAKED_FILES, leaked, first, strict=True)
        ],
        leaked_truth=leaked_truth([told for _, told in leaked], first, practices.entity_id),
    )


def _first_of(plan: Plan, index: int) -> int:
    """Number of the first person of a block; blocks are of nearly equal size."""
    return plan.people * index // plan.blocks


def _block(plan: Plan, practices: Practices, index: int) -> Block:
    rng = np.random.default_rng((plan.seed, 1 + index, 1))
    pools, profile = load_pools(), PROFILES[plan.profile]
    breach, first_no = day_number(profile.breach_start), _first_of(plan, index)
    size, today = _first_of(plan, index + 1) - first_no, day_number(profile.as_of)
    people = make_people(rng, pools, size=size, breach=breach, today=today)
    homes = make_homes(
        rng, pools, people, practices, first_no=first_no, breach=breach,
        moved_share=profile.moved_share,
    )  # fmt: skip
    return Block(
        first_no=first_no, people=people, homes=homes, pools=pools, practices=practices,
        profile=profile, breach=breach, today=today,
    )  # fmt: skip


def _draft(plan: Plan, block: Block, rng: np.random.Generator, index: int) -> _Draft:
    members = make_memberships(rng, block)
    rows, copy = chart_rows(rng, members, share_out(plan.charts, index, plan.blocks))
    file = block.practices.owner[members.practice[rows]] % MASTER_FILES
    order = np.argsort(file.astype(np.int8), kind="stable")
    sizes = [share_out(total, index, plan.blocks) for total in file_rows(plan.leaked)]
    others = make_others(
        block.pools, block.practices, rng, size=round(sum(sizes) * OTHER_ROWS_SHARE),
        first_no=plan.people + (plan.leaked // plan.blocks + 1) * index,
    )  # fmt: skip
    own = np.maximum(0, sizes - np.bincount(others.file, minlength=len(sizes)))
    shown = leaked_rows(rng, members, int(own.sum()))
    return _Draft(
        charts=members.visits(rows[order]),
        copy=copy[order],
        leaked=[members.visits(at) for at in np.split(shown, np.cumsum(own)[:-1])],
        others=others,
    )


def _sheet(block: Block, draft: _Draft) -> Sheet:
    """Charts speak of the practice that keeps them now, leaked rows of the one that wrote them."""
    rates = block.profile.rates
    visits = [draft.charts, *draft.leaked]
    practice = [block.practices.owner[draft.charts.practice], *(v.practice for v in draft.leaked)]
    return Sheet(
        who=np.concatenate([v.who for v in visits]),
        practice=np.concatenate(practice),
        desks=(chart_desk(rates), *(leaked_desk(file, rates) for file in LEAKED_FILES)),
        sizes=tuple(len(v.who) for v in visits),
    )


def _charts(
    block: Block,
    rng: np.random.Generator,
    draft: _Draft,
    records: dict[str, Texts],
    facts: dict[str, Texts],
) -> list[tuple[pa.Table, pa.Table]]:
    visits = draft.charts
    known = records | {name: text.rows(visits.who) for name, text in facts.items()}
    columns = chart_columns(block, rng, known, visits, draft.copy)
    file = block.practices.owner[visits.practice] % MASTER_FILES
    return chart_tables(columns, file, block.first_no + visits.who)


def _leaked_rows(
    block: Block,
    rng: np.random.Generator,
    draft: _Draft,
    kind: int,
    *,
    records: dict[str, Texts],
    facts: dict[str, Texts],
) -> tuple[dict[str, Texts], Told]:
    """Patients' and other rows of one file in one random order, and the truth about them."""
    visits, others = draft.leaked[kind], draft.others
    own, guardian = patient_columns(block, rng, kind, visits, records=records, facts=facts)
    at = np.flatnonzero(others.file == kind)
    order = rng.permutation(len(guardian) + len(at))
    wanted = [c for c, _ in LEAKED_FILES[kind].layout() if c in own or c in others.columns]
    columns = {
        name: Texts.stacked([_or_missing(own, name, len(guardian)),
                             _or_missing(others.columns, name, len(others.file)).rows(at).compact()])
        .rows(order)
        for name in wanted
    }  # fmt: skip
    owner = block.practices.owner
    patients = patients_told(block.first_no + visits.who, guardian, owner[visits.practice])
    return columns, Told.stacked([patients, others_told(others, owner).rows(at)]).rows(order)


def _or_missing(columns: dict[str, Texts], name: str, size: int) -> Texts:
    return columns[name] if name in columns else Texts.missing(size)
