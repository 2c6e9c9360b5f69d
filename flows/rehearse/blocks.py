"""One block of a rehearsal: a few ten thousand people and every row about them, as frames.

Blocks know nothing of each other, so they can be made in any order and by several processes; row
numbers and row ids are given when a block is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from io import BytesIO
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.charts import chart_frame
from flows.rehearse.homes import make_homes
from flows.rehearse.leaked import LEAKED_FILES, delivered, patient_frames, split_rows
from flows.rehearse.others import OTHER_ROWS_SHARE, other_frames
from flows.rehearse.people import make_people
from flows.rehearse.pools import load_pools
from flows.rehearse.practices import Practices, make_practices
from flows.rehearse.profiles import PROFILES, ProfileName
from flows.rehearse.records import Block
from flows.rehearse.related import relations
from flows.rehearse.visits import leaked_rows, make_memberships, share_out

__all__ = ["BlockTables", "Plan", "make_block", "practices_of"]

Ints = NDArray[np.int64]
BLOCK_PEOPLE: Final = 50_000  # about 300 MB while a block is made; larger gains no speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one call makes: small, so that it travels to other processes."""

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


@dataclass(slots=True)
class BlockTables:
    """The rows of one block: each delivered frame beside the truth about its rows."""

    related: pl.DataFrame
    charts: tuple[pl.DataFrame, pl.DataFrame]
    leaked: list[tuple[pl.DataFrame, pl.DataFrame]]

    def packed(self) -> list[bytes]:
        """Arrow bytes for another process: pickling the frames takes four times as long."""
        frames = [self.related, *self.charts, *(f for pair in self.leaked for f in pair)]
        return [_arrow(frame) for frame in frames]

    @classmethod
    def unpacked(cls, parts: list[bytes]) -> Self:
        """The tables of `packed`."""
        related, charts, told, *rest = (pl.read_ipc(part) for part in parts)
        return cls(related, (charts, told), list(zip(rest[::2], rest[1::2], strict=True)))


def _arrow(frame: pl.DataFrame) -> bytes:
    buffer = BytesIO()
    frame.write_ipc(buffer)
    return buffer.getvalue()


def practices_of(plan: Plan) -> Practices:
    """The practices of this plan, the same in every process."""
    profile = PROFILES[plan.profile]
    return make_practices(profile, load_pools().places, people=plan.people, seed=plan.seed)


def make_block(plan: Plan, practices: Practices, index: int) -> BlockTables:
    """Make block `index` of the plan, from its own seed."""
    block = _block(plan, practices, index)
    rng = np.random.default_rng((plan.seed, 1 + index, 2))
    members = make_memberships(rng, block)
    total = share_out(plan.charts, index, plan.blocks)
    charts = chart_frame(block, rng, members, total=total)
    rng = np.random.default_rng((plan.seed, 1 + index, 3))
    total = share_out(plan.leaked, index, plan.blocks)
    others = round(total * OTHER_ROWS_SHARE)
    rows = split_rows(rng, leaked_rows(rng, members, total - others))
    extras = other_frames(
        block.pools, practices, rng, size=others, has_ssn=block.profile.has_ssn,
        first_no=plan.people + (plan.leaked // plan.blocks + 1) * index,
    )  # fmt: skip
    leaked = [
        _mixed(rng, kind, patient_frames(block, rng, members, rows[kind], kind), extras[kind])
        for kind in range(len(LEAKED_FILES))
    ]
    related = relations(block.people, first_no=block.first_no, breach=block.breach)
    return BlockTables(related, charts, leaked)


def _first_of(plan: Plan, index: int) -> int:
    """Number of the first person of a block; blocks are of nearly equal size."""
    return plan.people * index // plan.blocks


def _day(day: date) -> int:
    return (day - date(1970, 1, 1)).days


def _block(plan: Plan, practices: Practices, index: int) -> Block:
    rng = np.random.default_rng((plan.seed, 1 + index, 1))
    pools, profile = load_pools(), PROFILES[plan.profile]
    breach, first_no = _day(profile.breach_start), _first_of(plan, index)
    size = _first_of(plan, index + 1) - first_no
    people = make_people(rng, pools, size=size, breach=breach, today=_day(profile.as_of))
    homes = make_homes(
        rng, pools, people, practices, first_no=first_no, breach=breach,
        moved_share=profile.moved_share,
    )  # fmt: skip
    return Block(
        first_no=first_no, people=people, homes=homes, pools=pools, practices=practices,
        profile=profile, breach=breach, today=_day(profile.as_of),
    )  # fmt: skip


def _mixed(
    rng: np.random.Generator,
    kind: int,
    own: tuple[pl.DataFrame, pl.DataFrame],
    other: tuple[pl.DataFrame, pl.DataFrame],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Patients' and other rows in one random order, with the columns of the file."""
    file = LEAKED_FILES[kind]
    told = own[1].with_columns(true_role=pl.lit("patient"), exclusion=pl.lit(None, pl.String))
    order = rng.permutation(len(own[0]) + len(other[0]))
    rows = pl.concat([own[0], other[0]], how="diagonal")
    truth = pl.concat([told, other[1]], how="diagonal_relaxed")
    return delivered(rows, file)[order], truth[order]
