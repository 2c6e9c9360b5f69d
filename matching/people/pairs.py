"""What the graph of people is made from: records, groups of equal mentions, kept pairs, decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.people.alike import Alike, read_alike
from matching.people.compiled import NOT_THERE, Ids, Marks, Numbers, Reals
from matching.people.decided import Decided, read_decided
from matching.people.records import Records, read_records
from matching.people.settings import PeopleSettings
from matching.store import Workspace

__all__ = ["MATCH", "REVIEW", "Evidence", "Kept", "read_evidence"]

REVIEW, MATCH = 1, 2
"""Bands as numbers; 0 is below the include threshold."""
_KINDS = ("leaked_leaked", "leaked_master", "master_master")


@dataclass(frozen=True, slots=True)
class Kept:
    """Kept pairs as arrays of record numbers, 21 bytes a pair.

    `band` is that of the settings, lowered by a guard; `held`: a guard says never to merge the two.
    """

    left: Numbers
    right: Numbers
    weight: Reals
    millionths: Numbers
    band: npt.NDArray[np.int8]
    held: Marks

    @classmethod
    def room(cls, rows: int) -> Kept:
        """Arrays to be filled."""
        dtypes = (np.int32, np.int32, np.float64, np.int32, np.int8, np.bool_)
        return cls(*(np.empty(rows, dtype) for dtype in dtypes))  # type: ignore[arg-type]  # as named

    def __len__(self) -> int:
        return len(self.left)

    def _arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (self.left, self.right, self.weight, self.millionths, self.band, self.held)

    def where(self, chosen: Marks | Ids | slice) -> Kept:
        """The pairs chosen by a mask, by number or as a range (a view)."""
        return Kept(*(array[chosen] for array in self._arrays()))  # type: ignore[arg-type]  # same dtypes

    def put(self, start: int, other: Kept) -> None:
        """Overwrite from `start` on."""
        for mine, theirs in zip(self._arrays(), other._arrays(), strict=True):
            mine[start : start + len(other)] = theirs

    def between(self, left: Numbers, right: Numbers) -> Kept:
        """The same evidence between other records."""
        return Kept(left, right, self.weight, self.millionths, self.band, self.held)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that people are told from. `own`: pairs of a group of equal mentions with itself."""

    records: Records
    alike: Alike
    pairs: Kept
    own: Kept
    decided: Decided


def read_evidence(workspace: Workspace, settings: PeopleSettings) -> Evidence:
    """Everything as record numbers; pairs one kind at a time, in the order of their table."""
    records = read_records(workspace)
    alike = read_alike(workspace, records)
    pairs = Kept.room(workspace.rows("pairs"))
    count, own = 0, Kept.room(0)
    for kind in _KINDS:
        found = _read_kind(workspace, settings, records, kind)
        if kind == "leaked_leaked":
            itself = alike.first[found.right] == found.left
            own, found = found.where(itself), found.where(~itself)
        pairs.put(count, found)
        count += len(found)
    return Evidence(records, alike, pairs.where(slice(count)), own, read_decided(workspace))


def _read_kind(workspace: Workspace, settings: PeopleSettings, records: Records, kind: str) -> Kept:
    rows = (
        workspace.scan("pairs")
        .filter(pl.col("kind") == kind)
        .select(
            "left",
            "right",
            "match_weight",
            (pl.col("probability") * 1_000_000).round().cast(pl.Int32).alias("millionths"),
            *_band(settings),
        )
        .collect(engine="streaming")
    )
    left, right, weight, millionths, band, held = (rows[n].to_numpy() for n in rows.columns)
    one = records.chart_numbers if kind == "master_master" else records.mention_numbers
    other = records.mention_numbers if kind == "leaked_leaked" else records.chart_numbers
    found = Kept(one(left), other(right), weight, millionths, band, held)
    known = (found.left != NOT_THERE) & (found.right != NOT_THERE)
    return found if known.all() else found.where(known)


def _band(settings: PeopleSettings) -> tuple[pl.Expr, pl.Expr]:
    """(band, held). A guard's reason (after `;`) may lower a band, never raise it."""
    weight = pl.col("match_weight")
    by_weight = (
        pl.when(weight >= settings.merge_at_bits).then(MATCH)
        .when(weight >= settings.include_at_bits).then(REVIEW).otherwise(0)
    )  # fmt: skip
    band = pl.col("band").cast(pl.String)
    given = pl.when(band == "match").then(MATCH).when(band == "review").then(REVIEW).otherwise(0)
    guarded = pl.col("reasons").cast(pl.String).str.contains(";", literal=True)
    guarded = guarded.fill_null(value=False)
    lowered = pl.when(guarded).then(pl.min_horizontal(by_weight, given)).otherwise(by_weight)
    return lowered.cast(pl.Int8).alias("band"), (guarded & (band != "match")).alias("held")
