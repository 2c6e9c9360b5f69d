"""The incident in memory, so that other thresholds are a look-up and other weights a matter of seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.costs import Costs
from matching.errors import OperatorError
from matching.link.reference import model_in_force
from matching.link.rescore import KeptVectors, ModelWeights, could_lift, model_weights, rescore
from matching.link.settings import Matching
from matching.people.records import read_records
from matching.reviewed import Strata, reviewed_strata
from matching.store import Workspace
from matching.tuning.changes import STEPS_PER_BIT, Base, Cells, Counted, base_of, cells_of, counted
from matching.tuning.clusters import Clusters, clusters_of
from matching.tuning.errors import Curve, Errors
from matching.tuning.links import Links, read_links
from matching.tuning.numbers import (
    Numbers,
    Thresholds,
    curve_of_run,
    moved,
    numbers_at,
)
from matching.tuning.speakers import Speakers, read_speakers

__all__ = ["Edits", "Tuning", "edited"]

Edits = Mapping[tuple[str, int], float]
"""(comparison, code in the vector: level + 1) -> bits."""


_LIKELY_BITS = 1.0
"""Confirmed merges every link that is right once in three times or more: from here on, by the odds of links below review."""


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of `counts` (those that only other thresholds fill, too) and where each one's number stands.

    `place`: a cell's column, or behind all cells an entity's total; the last place is nobody's.
    """

    frame: pl.DataFrame
    place: npt.NDArray[np.int64]
    first_of_entity: npt.NDArray[np.int64]

    def of(self, by_cell: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """A number by cell as one by row."""
        numbers = by_cell.astype(np.float64)
        totals = np.add.reduceat(numbers, self.first_of_entity) if len(numbers) else numbers
        return np.asarray(np.concatenate([numbers, totals, [0.0]])[self.place])


@dataclass(frozen=True, slots=True)
class _Read:
    """What no threshold and no weight moves."""

    matching: Matching
    costs: Costs
    weights: ModelWeights
    strata: Strata
    clusters: Clusters
    cells: Cells
    base: Base
    rows: _Rows
    curve: Curve


@dataclass(frozen=True, slots=True)
class Tuning:
    """All that look-ups need. Frozen: `reweighed` gives another one that shares what weights do not move.

    Holds about 12 bytes a record, 22 a kept pair and 6 a change (`Counted`).
    """

    read: _Read
    run: Counted
    at_run: dict[str, npt.NDArray[np.float64]]
    now: Counted
    curve: Curve
    errors: Errors
    edits: tuple[tuple[str, int, float], ...] = ()

    @classmethod
    def load(
        cls, workspace: Workspace, matching: Matching, costs: Costs, *, owner_on: date | None = None
    ) -> Tuning:
        """Read a finished round. About a minute at 15 million rows a side; charts count for the owner on `owner_on`."""
        records = read_records(workspace)
        links = read_links(workspace, records)
        speakers = read_speakers(workspace, records, owner_on=owner_on)
        first_chart = records.first_chart
        del records
        clusters = clusters_of(links, speakers, first_chart=first_chart)
        del links
        cells = cells_of(clusters, speakers)
        read = _Read(
            matching=matching, costs=costs,
            weights=model_weights(model_in_force(workspace, matching)),
            strata=reviewed_strata(workspace), clusters=clusters, cells=cells,
            base=base_of(speakers, cells), curve=curve_of_run(workspace),
            rows=_rows(workspace.read("counts"), speakers, cells),
        )  # fmt: skip
        del speakers
        found = _counted(clusters.links, read)
        errors = Errors.of(read.curve, read.strata)
        at_run = _looked_up(read.rows, found, Thresholds.of(matching))
        return cls(read, run=found, at_run=at_run, now=found, curve=read.curve, errors=errors)

    def numbers(self, at: Thresholds) -> Numbers:
        """The whole incident at these thresholds: the round's numbers, and what the thresholds change in them."""
        counts = moved(self.read.rows.frame, _looked_up(self.read.rows, self.now, at), self.at_run)
        return numbers_at(
            counts, self.curve, at, self.read.costs, self.errors,
            labelled=self.read.strata.labelled, exact=self._exact(at),
        )  # fmt: skip

    def reweighed(self, edits: Edits) -> Tuning:
        """The same incident with other bits at some levels; weights that are not named are the model's.

        Raises OperatorError for a comparison or level that the model has not.
        """
        new = edited(self.read.weights, edits)
        links = self.read.clusters.links
        kept = KeptVectors(
            links.vectors, np.maximum(links.pattern, 0), links.weight,
            np.full(len(links), 2, np.uint8),
        )  # fmt: skip
        weight = rescore(
            kept, old=self.read.weights, new=new, include_at_bits=0.0, merge_at_bits=0.0
        ).match_weight
        del kept
        decided = ~links.by_model
        weight[decided] = links.weight[decided]
        found = _counted(links.weighed(weight), self.read)
        named = tuple(sorted((name, code, bits) for (name, code), bits in edits.items()))
        curve = _moved(self.read.curve, self.run, found)
        errors = Errors.of(curve, self.read.strata)
        return replace(self, now=found, curve=curve, errors=errors, edits=named)

    def _exact(self, at: Thresholds) -> bool:
        """No pair that was dropped below the floor could reach the include threshold by these weights."""
        if not self.edits:
            return True
        new = edited(self.read.weights, {(name, code): bits for name, code, bits in self.edits})
        return not could_lift(
            old=self.read.weights,
            new=new,
            floor_bits=self.read.matching.floor_bits,
            past_bits=at.include_at_bits,
        )


def _looked_up(rows: _Rows, counted: Counted, at: Thresholds) -> dict[str, npt.NDArray[np.float64]]:
    """confirmed, expected, upper and spread by row of `counts`, before anything is cut."""
    include, merge = counted.step(at.include_at_bits), counted.step(at.merge_at_bits)
    attribute = counted.step(at.attribute_at_bits)
    likely = counted.step(min(at.include_at_bits, _LIKELY_BITS))
    by_cell = {
        "confirmed": counted.confirmed(likely, attribute),
        "expected": counted.expected(merge),
        "upper": counted.people(merge) + counted.in_review(include, merge),
        "spread": counted.spread(merge),
    }
    return {name: rows.of(values) for name, values in by_cell.items()}


def edited(weights: ModelWeights, edits: Edits) -> ModelWeights:
    """The model with other bits at some levels. Raises OperatorError naming one that it has not."""
    bits = weights.bits.copy()
    for (name, code), value in edits.items():
        if name not in weights.names or not 0 < code < bits.shape[1]:
            raise OperatorError(
                f"weights: no level {code} of comparison '{name}' in the run's model"
            )
        bits[weights.names.index(name), code] = value
    return replace(weights, bits=bits)


def _counted(links: Links, read: _Read) -> Counted:
    lowest = int(np.floor(read.matching.floor_bits * STEPS_PER_BIT))
    return counted(
        read.clusters, links, read.cells, read.base, lowest=lowest,
        include_at_bits=read.matching.include_at_bits,
    )  # fmt: skip


def _moved(curve: Curve, run: Counted, now: Counted) -> Curve:
    """The round's curve, and what other weights change in it."""
    links = curve.links.copy()
    at = np.clip(np.arange(len(now.merges)) + run.lowest - curve.lowest, 0, len(links) - 1)
    np.add.at(links, at, now.merges - run.merges)
    return replace(curve, links=np.maximum(links, 0))


def _rows(counts: pl.DataFrame, speakers: Speakers, cells: Cells) -> _Rows:
    """Every row of `counts`, and those of cells that it has not."""
    first = np.flatnonzero(np.diff(cells.entity, prepend=-1))
    names = pl.Series(speakers.entities, dtype=pl.String).gather(cells.entity)
    known = pl.DataFrame(
        {
            "entity_id": names.set(names == "", None),
            "state": pl.Series(speakers.states, dtype=pl.String).gather(cells.state),
            "place": np.arange(len(cells.entity), dtype=np.int64),
        }
    )
    totals = known[first].with_columns(
        state=pl.lit(None, pl.String), place=np.arange(len(first), dtype=np.int64) + len(known)
    )
    keys = ["entity_id", "state"]
    every = counts.join(
        pl.concat([known, totals]), on=keys, how="full", coalesce=True, nulls_equal=True
    )
    numbers = ("confirmed", "expected", "expected_low", "expected_high", "upper")
    nobody = len(known) + len(first)
    every = every.with_columns(
        pl.col(numbers).fill_null(0), pl.col("place").fill_null(nobody)
    ).sort(keys)
    return _Rows(every.select(*keys, *numbers), every["place"].to_numpy(), first)
