"""Proposals for all columns of one table together: one column a field, whose name and whose telephone.

In: a sample of the table as text, what is known of masters and roster. Out: one Proposal a column, with
evidence in words and a grade. `sure` needs a header whose every word agrees, values that agree, and no
rival; whatever evidence conflicts is graded down. No value of a person is in what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

from matching.propose.context import context_bits, twins
from matching.propose.evidence import Evidence, gathered
from matching.propose.grades import Grade, Proposal, graded
from matching.propose.lexicon import PIECES
from matching.propose.overlap import NOTHING_KNOWN, KnownValues
from matching.propose.profile import Profile, profile_table
from matching.propose.scores import NON_EXCLUSIVE

__all__ = ["Grade", "Proposal", "TableProposal", "propose_profiles", "propose_table"]

UNKNOWN_AT = 4.0
"""Less for every target: a column is proposed as nothing."""
FULL_NAME_BESIDE_PARTS = -4.0
SETTLED_HEADER_BITS, SETTLED_KNOWN_BITS = 9.0, 8.0


@dataclass(frozen=True, slots=True)
class TableProposal:
    """One table. `date_order`: empty where its dates do not tell."""

    proposals: tuple[Proposal, ...]
    profiles: tuple[Profile, ...]
    date_order: str
    date_evidence: str = ""

    def columns(self, *grades: Grade) -> dict[str, str | list[str]]:
        """Canonical field -> source column, or several in their order, of these grades."""
        found: dict[str, list[tuple[int, str]]] = {}
        for proposal in self.proposals:
            if proposal.field and proposal.grade in grades:
                place = PIECES.get(proposal.target, ("", 0))[1]
                found.setdefault(proposal.field, []).append((place, proposal.column))
        return {
            name: parts[0][1] if len(parts) == 1 else [column for _, column in sorted(parts)]
            for name, parts in found.items()
        }


def propose_table(rows: pl.DataFrame, known: KnownValues = NOTHING_KNOWN) -> TableProposal:
    """Proposals for every column of a sample, in its order."""
    return propose_profiles(profile_table(rows), known)


def propose_profiles(profiles: list[Profile], known: KnownValues = NOTHING_KNOWN) -> TableProposal:
    """The same from profiles of all its columns."""
    columns = [gathered(profile, known) for profile in profiles]
    together = twins(profiles)
    exclusive = (
        [target for target in columns[0].values if target not in NON_EXCLUSIVE] if columns else []
    )
    settled = _settled(columns)
    for place, column in enumerate(columns):
        column.context = {
            target: context_bits(place, target, settled, together) for target in exclusive
        }
    if {"first_name", "last_name"} <= set(settled.values()):
        for column in columns:
            column.context["full_name"] += FULL_NAME_BESIDE_PARTS
    chosen = _assigned(columns, exclusive)
    proposals = tuple(graded(place, columns, chosen, exclusive) for place in range(len(columns)))
    order, why = _date_order(profiles, proposals)
    return TableProposal(proposals, tuple(profiles), order, why)


def _settled(columns: Sequence[Evidence]) -> dict[int, str]:
    """Columns whose own header and values leave little doubt; the others are seen in their light."""
    found = {}
    for place, column in enumerate(columns):
        best = max(column.header.bits, key=column.bits, default="")
        if (
            best
            and column.header.bits[best] >= SETTLED_HEADER_BITS
            and column.values.get(best, 0.0) > -2
        ):
            found[place] = best
        elif not column.header.bits:
            known = max(column.known, key=lambda target: column.known[target], default="")
            if known and column.known[known] >= SETTLED_KNOWN_BITS:
                found[place] = known
    return found


def _assigned(columns: Sequence[Evidence], exclusive: Sequence[str]) -> list[str]:
    """The choice of targets that the evidence of the whole table favours most."""
    if not columns:
        return []
    size = len(columns)
    scores = np.full((size, len(exclusive) + size), -1e6)
    others = []
    for place, column in enumerate(columns):
        scores[place, : len(exclusive)] = [column.bits(target) for target in exclusive]
        best = max(NON_EXCLUSIVE, key=column.bits)
        others.append(best if column.bits(best) > UNKNOWN_AT else "")
        scores[place, len(exclusive) + place] = max(column.bits(best), UNKNOWN_AT)
    rows, picks = linear_sum_assignment(scores, maximize=True)
    chosen = [""] * size
    for row, pick in zip(rows, picks, strict=True):
        chosen[row] = exclusive[pick] if pick < len(exclusive) else others[row]
    if "phone" not in chosen:  # a home telephone alone is the telephone
        chosen = ["phone" if target == "phone2" else target for target in chosen]
    return chosen


def _date_order(profiles: Sequence[Profile], proposals: Sequence[Proposal]) -> tuple[str, str]:
    """How ambiguous dates of the table are written: birth dates first, then all dates together."""
    dated = [p for p in profiles if p.dates.share >= 0.6]
    births = [
        profile for profile, proposal in zip(profiles, proposals, strict=True)
        if proposal.target == "date_of_birth" and profile.dates.share >= 0.6
    ]  # fmt: skip
    for group in (births, dated):
        orders = sorted({p.dates.order for p in group} - {""})
        if len(orders) == 1:
            over = sum(p.dates.second_over_12 + p.dates.first_over_12 for p in group)
            told = "year first" if orders == ["ymd"] else f"{over} dates have a part above 12"
            return orders[0], told
        if len(orders) == 2 and "ymd" in orders:
            orders.remove("ymd")
            return orders[0], "some columns have the year first, these are not ambiguous"
        if orders:
            return "", "columns disagree about the order of day and month"
    return "", "no date tells the order of day and month" if dated else ""
