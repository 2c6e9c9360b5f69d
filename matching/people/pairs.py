"""What the graph of people is made from: records, groups of equal mentions, kept pairs, decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.bands import BANDS, band_number
from matching.link.guards import action_of
from matching.people.alike import Alike, read_alike
from matching.people.compiled import NOT_THERE, Ids, Marks, Numbers, Reals
from matching.people.decided import Decided, read_decided
from matching.people.records import Records, read_records
from matching.people.settings import PeopleSettings
from matching.store import Workspace

__all__ = ["MATCH", "REVIEW", "Evidence", "Kept", "read_evidence"]

REVIEW, MATCH = BANDS.index("review"), BANDS.index("match")
"""Bands as numbers; 0 is below the include threshold."""
_KINDS = ("leaked_leaked", "leaked_master", "master_master")


@dataclass(frozen=True, slots=True)
class Kept:
    """Kept pairs as arrays of record numbers, 23 bytes a pair.

    `band` is that of the settings, as guards leave it; `held`: a guard says never to merge the two by
    their pair; `apart`: nor by anything that lies between them.
    """

    left: Numbers
    right: Numbers
    weight: Reals
    millionths: Numbers
    band: npt.NDArray[np.int8]
    held: Marks
    apart: Marks

    @classmethod
    def room(cls, rows: int) -> Kept:
        """Arrays to be filled."""
        dtypes = (np.int32, np.int32, np.float64, np.int32, np.int8, np.bool_, np.bool_)
        return cls(*(np.empty(rows, dtype) for dtype in dtypes))  # type: ignore[arg-type]  # as named

    def __len__(self) -> int:
        return len(self.left)

    def _arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        return (
            self.left, self.right, self.weight, self.millionths, self.band, self.held, self.apart
        )  # fmt: skip

    def where(self, chosen: Marks | Ids | slice) -> Kept:
        """The pairs chosen by a mask, by number or as a range (a view)."""
        return Kept(*(array[chosen] for array in self._arrays()))  # type: ignore[arg-type]  # same dtypes

    def put(self, start: int, other: Kept) -> None:
        """Overwrite from `start` on."""
        for mine, theirs in zip(self._arrays(), other._arrays(), strict=True):
            mine[start : start + len(other)] = theirs

    def between(self, left: Numbers, right: Numbers) -> Kept:
        """The same evidence between other records."""
        return replace(self, left=left, right=right)


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
    left, right, weight, millionths, band, held, apart = (rows[n].to_numpy() for n in rows.columns)
    one = records.chart_numbers if kind == "master_master" else records.mention_numbers
    other = records.mention_numbers if kind == "leaked_leaked" else records.chart_numbers
    found = Kept(one(left), other(right), weight, millionths, band, held, apart)
    known = (found.left != NOT_THERE) & (found.right != NOT_THERE)
    return found if known.all() else found.where(known)


def _band(settings: PeopleSettings) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """(band, held, apart) by the settings' thresholds and what guards said of the pair."""
    action = action_of(pl.col("reasons"))
    band = band_number(
        action,
        include_at_bits=settings.include_at_bits, merge_at_bits=settings.merge_at_bits,
    )  # fmt: skip
    apart = (action == "veto").fill_null(value=False)
    return band.alias("band"), action.is_not_null().alias("held"), apart.alias("apart")
