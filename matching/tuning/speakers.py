"""Who speaks for which covered entity: owners that leaked rows name, entities of charts, where records live.

Reads `row_owners`, `charts`, `entities`, `leaked`, `leaked_std` and `charts_std`. Everything by record number,
about 11 bytes a record. Entity 0 is the union of all: every mention speaks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.compiling import compiled
from matching.owners.ladder import FENCES, LADDER
from matching.people.compiled import NOT_THERE
from matching.people.records import Records
from matching.person_numbers import batches
from matching.store import Workspace
from matching.succession import legal_owner
from matching.tables import UNOWNED

__all__ = [
    "CHART",
    "CHARTED",
    "DOUBTFUL",
    "FENCED",
    "ROW",
    "SETTLED",
    "SURE",
    "UNION",
    "Speakers",
    "read_speakers",
    "says_of",
]

UNION = 0
"""Number of the union of all entities."""
ROW, SURE, CHART = 1, 2, 4
"""What a record says of an entity: its row names it, and no other; it is a chart there."""
SETTLED, FENCED, DOUBTFUL, CHARTED = 1, 2, 4, 8
"""Of a mention: it has a confirmed owner; by the vendor's own account number; free text names it too thinly to tell whom.
CHARTED instead of these: the record is a chart."""
_CHART_RUNG = LADDER[-1]
UNKNOWN, FOREIGN = "UNK", "ZZ"
"""States of people of unknown residence, and abroad (as in `counts`)."""
_MILITARY = ("AA", "AE", "AP")
"""Armed-forces addresses: unknown residence, not a state."""


@compiled
def says_of(says: int, flags: int) -> int:
    """What a row says of an entity; whom it names too thinly to tell it confirms nowhere."""
    return ROW if flags & DOUBTFUL else says | ROW


@dataclass(frozen=True, slots=True)
class Speakers:
    """`entity[start[r] : start[r + 1]]` and `says` are what mention r names; `chart_entity` by chart.

    `flags`: SETTLED, FENCED, DOUBTFUL by mention. `state`: place in `states` by record. `entities`: ids by
    number, the union's empty.
    """

    start: npt.NDArray[np.int32]
    entity: npt.NDArray[np.int32]
    says: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]
    chart_entity: npt.NDArray[np.int32]
    state: npt.NDArray[np.uint8]
    entities: tuple[str, ...]
    states: tuple[str, ...]


def read_speakers(workspace: Workspace, records: Records, *, owner_on: date | None) -> Speakers:
    """What all included records say; charts count for the legal owner on `owner_on`."""
    roster = workspace.read("entities")
    owner = legal_owner(roster, on=owner_on)
    codes = pl.Enum(["", *sorted({*roster["entity_id"].to_list(), UNOWNED})])
    mentions = records.first_chart
    flags = np.zeros(mentions, np.uint8)
    at, entity, says = [], [], []
    for rows in batches(_named(workspace, codes)):
        place = records.mention_numbers(rows["mention_id"].to_numpy())
        known = place != NOT_THERE
        sure, fenced = rows["sure"].to_numpy()[known], rows["fenced"].to_numpy()[known]
        place = place[known]
        flags[place[sure]] |= SETTLED
        flags[place[fenced]] |= FENCED
        at.append(place)
        entity.append(rows["code"].to_numpy()[known].astype(np.int32))
        says.append(np.where(sure, ROW | SURE, ROW).astype(np.uint8))
    doubtful = workspace.scan("leaked").filter(pl.col("doubtful")).select("mention_id").collect()
    doubted = records.mention_numbers(doubtful["mention_id"].to_numpy())
    flags[doubted[doubted != NOT_THERE]] |= DOUBTFUL
    place = np.concatenate([np.empty(0, np.int32), *at])
    order = np.argsort(place, kind="stable")
    states, state = _states(workspace, records)
    return Speakers(
        np.searchsorted(place[order], np.arange(mentions + 1)).astype(np.int32),
        np.concatenate([np.empty(0, np.int32), *entity])[order],
        np.concatenate([np.empty(0, np.uint8), *says])[order],
        flags,
        _charts(workspace, records, owner.cast(codes)),
        state,
        tuple(codes.categories.to_list()),
        states,
    )


def _named(workspace: Workspace, codes: pl.Enum) -> pl.LazyFrame:
    """mention_id, code, sure, fenced of every owner that the row itself names; linked charts speak elsewhere."""
    return workspace.scan("row_owners").filter(pl.col("basis") != _CHART_RUNG).select(
        "mention_id",
        code=pl.col("entity_id").cast(codes).to_physical(),
        sure=pl.col("status") == "confirmed",
        fenced=pl.col("basis").is_in(FENCES),
    )  # fmt: skip


def _charts(workspace: Workspace, records: Records, owner: pl.Expr) -> npt.NDArray[np.int32]:
    """Entity of each chart; -1 where unknown."""
    found = np.full(len(records) - records.first_chart, -1, np.int32)
    charts = workspace.scan("charts").select(
        "chart_id", code=owner.to_physical().cast(pl.Int32).fill_null(-1)
    )
    for rows in batches(charts):
        place = records.chart_numbers(rows["chart_id"].to_numpy())
        known = place != NOT_THERE
        found[place[known] - records.first_chart] = rows["code"].to_numpy()[known]
    return found


def _states(
    workspace: Workspace, records: Records
) -> tuple[tuple[str, ...], npt.NDArray[np.uint8]]:
    """(states by number, number by record): UNK where no address says."""
    found = np.zeros(len(records), np.uint8)
    names = [UNKNOWN]
    number = {UNKNOWN: 0}
    abroad = pl.col("country").fill_null("US") != "US"
    state = pl.when(abroad).then(pl.lit(FOREIGN)).otherwise(pl.col("state"))
    state = state.replace(_MILITARY, [UNKNOWN] * len(_MILITARY))
    for table, key, numbers in (
        ("leaked_std", "mention_id", records.mention_numbers),
        ("charts_std", "chart_id", records.chart_numbers),
    ):
        rows_of = workspace.scan(table).select(key, state=state).drop_nulls("state")
        for rows in batches(rows_of):
            for name in sorted(set(rows["state"].unique().to_list()) - set(number)):
                number[name] = len(names)
                names.append(name)
            place = numbers(rows[key].to_numpy())
            codes = rows["state"].replace_strict(number, return_dtype=pl.UInt8).to_numpy()
            known = place != NOT_THERE
            found[place[known]] = codes[known]
    return tuple(names), found
