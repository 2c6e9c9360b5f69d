"""Relationship guards: where two records agree because they are relatives, not because they are one.

Twins share a birth date and a home, father and son a name and a home, and probabilities of single
fields multiply to certainty. A guard reads the levels of a pair's comparison vector: nothing but the
vector is needed, so that a guard costs a look-up a pattern and holds for re-scored pairs, too. It acts in
one of three ways: `veto` (two people; people keeps them apart whatever lies between), `cap` (never more
than review) or `review` (review, whatever the weight). A model without a comparison or a level that
a guard reads does without that guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.link.vectors import BITS, codes, graded

__all__ = ["GUARDS", "MISSING", "Action", "Guard", "Guards", "Levels", "action_of", "guards_of"]

Action = Literal["veto", "cap", "review", "off"]
Levels = Mapping[str, frozenset[str]]
"""Comparison -> levels by their labels; all comparisons must be at one of theirs."""
MISSING = "missing"


def _levels(**chosen: Iterable[str]) -> Levels:
    return {name: frozenset(labels) for name, labels in chosen.items()}


@dataclass(frozen=True, slots=True)
class Guard:
    """`code` is its reason code; it speaks where one of the patterns fits."""

    code: str
    words: str
    action: Action
    patterns: tuple[Levels, ...]


_SAME_FIRST = ("same", "swapped with last name")
_NEAR_FIRST = (
    "swapped, one misspelt",
    "nickname or formal form",
    "one slip",
    "initial only",
    "middle name in use",
    "similar",
)
_OTHER_FIRST = ("another name at one birth", "a little similar", "different")
_SAME_LAST = (
    "same in one household", "nearly the same in one household", "same",
    "part or previous name the same", "swapped with first name", "one slip", "similar",
)  # fmt: skip
_HOME = (
    "same address and contact", "same address and ZIP", "same address", "same contact",
    "same number, similar street", "one slip in telephone",
)  # fmt: skip
_ANOTHER_BIRTH = (
    "different",
    "a generation apart",
    "same year",
    "same day and month",
    "two slips",
    "same year and month",
)
_NOT_SAME_BIRTH = (
    MISSING, "day and month swapped", "one slip", "same year and day", *_ANOTHER_BIRTH,
)  # fmt: skip
_NOT_SAME_LAST = (
    MISSING, "nearly the same in one household", "part or previous name the same", "one slip",
    "similar", "a little similar", "different",
)  # fmt: skip
_FAR_BIRTH = ("a generation apart",)
_NO_MIDDLE = (MISSING, "different")
_NO_MRN = (MISSING, "different")
_NO_SSN = (MISSING, "same, of a relative", "one slip", "same last four", "two slips", "different")
_ANOTHER_SSN = (MISSING, "same, of a relative", "same last four", "two slips", "different")
_NOT_ONE_SSN = ("one slip", "same last four", "two slips", "different")

GUARDS: tuple[Guard, ...] = (
    Guard(
        "birth_order",
        "children of one birth: their birth orders differ",
        "veto",
        (_levels(birth_order=["another child of one birth"]),),
    ),
    Guard(
        "twin",
        "one birth date and family or home, but other given names: perhaps twins",
        "cap",
        (
            _levels(
                first_name=_OTHER_FIRST, date_of_birth=["same"], last_name=_SAME_LAST,
                middle_name=_NO_MIDDLE, mrn=_NO_MRN, ssn=_NO_SSN,
            ),
            _levels(
                first_name=_OTHER_FIRST, date_of_birth=["same"], household=_HOME,
                middle_name=_NO_MIDDLE, mrn=_NO_MRN, ssn=_NO_SSN,
            ),
        ),
    ),
    Guard(
        "twin_middle",
        "one birth date and family or home, but neither given nor middle names agree: twins",
        "veto",
        (
            _levels(
                first_name=(*_NEAR_FIRST, *_OTHER_FIRST), middle_name=["different"],
                date_of_birth=["same"], last_name=_SAME_LAST, household=_HOME,
            ),
        ),
    ),
    Guard(
        "generation",
        "one name and home, but birth dates a generation apart: parent and child",
        "veto",
        (
            _levels(
                first_name=(*_SAME_FIRST, *_NEAR_FIRST), last_name=_SAME_LAST,
                date_of_birth=_FAR_BIRTH, household=_HOME, mrn=_NO_MRN, ssn=_ANOTHER_SSN,
            ),
        ),
    ),
    Guard(
        "birthday",
        "one name, home and birthday, but years apart: perhaps parent and child",
        "cap",
        (
            _levels(
                first_name=(*_SAME_FIRST, *_NEAR_FIRST), last_name=_SAME_LAST,
                date_of_birth=["same day and month"], household=_HOME, mrn=_NO_MRN, ssn=_NO_SSN,
            ),
        ),
    ),
    Guard(
        "guarantor",
        "a guarantor is of age, and the birth date is a child's: parent and child",
        "veto",
        (_levels(of_age=["born later"]),),
    ),
    Guard(
        "suffix",
        "Jr, Sr or a number behind the name differ: perhaps parent and child",
        "cap",
        (_levels(suffix=["different"]),),
    ),
    Guard(
        "sibling",
        "one family name and home, but given names and birth dates differ: two of a household",
        "cap",
        (
            _levels(
                first_name=_OTHER_FIRST, last_name=_SAME_LAST, date_of_birth=_ANOTHER_BIRTH,
                household=_HOME,
            ),
        ),
    ),
    Guard(
        "spouse",
        "one home, but given names, birth dates and sex differ: two of a household",
        "cap",
        (
            _levels(
                first_name=_OTHER_FIRST, date_of_birth=_ANOTHER_BIRTH, sex=["different"],
                household=_HOME,
            ),
        ),
    ),
    Guard(
        "shared_contact",
        "a telephone, e-mail or member number agrees, but neither names nor birth dates do",
        "cap",
        (
            _levels(
                first_name=_OTHER_FIRST, date_of_birth=_ANOTHER_BIRTH,
                household=["same contact", "same address and contact"],
            ),
        ),
    ),
    Guard(
        "newborn",
        "a newborn of several, without a given name: perhaps the other child",
        "cap",
        (_levels(doubt=["newborn"], birth_order=["known of one only"]),),
    ),
    Guard(
        "placeholder",
        "a program wrote a birth date that cannot be one",
        "cap",
        (_levels(doubt=["birth date cannot be"]),),
    ),
    Guard(
        "shared_ssn",
        "a social security number agrees, but names or birth dates do not: a relative's number",
        "cap",
        (
            _levels(ssn=["same, of a relative"]),
            _levels(ssn=["same"], first_name=_OTHER_FIRST, last_name=["a little similar", "different"]),
            _levels(ssn=["same"], first_name=_OTHER_FIRST, middle_name=["different"]),
            _levels(ssn=["same"], first_name=_OTHER_FIRST, date_of_birth=_ANOTHER_BIRTH),
        ),
    ),
    Guard(
        "identifier_conflict",
        "two different social security numbers, and neither chart number nor all names and birth date agree",
        "cap",
        (
            _levels(ssn=_NOT_ONE_SSN, mrn=_NO_MRN, middle_name=[MISSING, "different"]),
            _levels(ssn=_NOT_ONE_SSN, mrn=_NO_MRN, first_name=(MISSING, *_NEAR_FIRST, *_OTHER_FIRST)),
            _levels(ssn=_NOT_ONE_SSN, mrn=_NO_MRN, last_name=_NOT_SAME_LAST),
            _levels(ssn=_NOT_ONE_SSN, mrn=_NO_MRN, date_of_birth=_NOT_SAME_BIRTH),
        ),
    ),
)  # fmt: skip
"""In the order of their bits."""

_ACTION_SIGN = "="


@dataclass(frozen=True, slots=True)
class Guards:
    """The guards that a model's vectors can tell, with the action of each.

    `holds` guard x pattern: comparison x code, true where the level is one of the pattern's.
    """

    chosen: tuple[tuple[Guard, Action], ...]
    comparisons: int
    holds: tuple[tuple[npt.NDArray[np.bool_], ...], ...]

    def words(self, vectors: pl.Series) -> pl.Series:
        """`code=action` of the guards that speak about each vector, commas between; null where none does."""
        code, place = codes(vectors.to_numpy(), self.comparisons), np.arange(self.comparisons)
        said = pl.DataFrame({
            f"{guard.code}{_ACTION_SIGN}{action}": np.logical_or.reduce(
                [table[place, code].all(axis=1) for table in patterns]
            )
            for (guard, action), patterns in zip(self.chosen, self.holds, strict=True)
        })  # fmt: skip
        spoken = [pl.when(pl.col(name)).then(pl.lit(name)) for name in said.columns]
        joined = pl.concat_str(spoken or [pl.lit("")], separator=",", ignore_nulls=True)
        return (
            said.select(words=joined.replace("", None)).to_series()
            if spoken
            else (pl.Series("words", [None], dtype=pl.String).new_from_index(0, len(vectors)))
        )


def guards_of(settings: Mapping[str, Any], actions: Mapping[str, Action]) -> Guards:
    """The guards of a model's comparisons; `actions` by code where not the guard's own."""
    comparisons = settings["comparisons"]
    levels = {c["output_column_name"]: _codes_by_label(c) for c in comparisons}
    names = list(levels)
    chosen, holds = [], []
    for guard in GUARDS:
        action = actions.get(guard.code, guard.action)
        patterns = [p for p in guard.patterns if _known(p, levels)]
        if action != "off" and patterns:
            chosen.append((guard, action))
            holds.append(tuple(_table(p, names, levels) for p in patterns))
    return Guards(tuple(chosen), len(names), tuple(holds))


def _codes_by_label(comparison: Mapping[str, Any]) -> dict[str, int]:
    """Code in the vector of each level: 0 missing, else level + 1."""
    labels = [level.get("label_for_charts", "") for level in graded(comparison)]
    return {MISSING: 0, **{label: number for number, label in enumerate(labels, 1)}}


def _known(pattern: Levels, levels: Mapping[str, Mapping[str, int]]) -> bool:
    """Every comparison is there with one at least of the labels, or may be missing."""
    return all(labels & set(levels.get(name, (MISSING,))) for name, labels in pattern.items())


def _table(
    pattern: Levels, names: Sequence[str], levels: Mapping[str, Mapping[str, int]]
) -> npt.NDArray[np.bool_]:
    table = np.ones((len(names), 1 << BITS), dtype=np.bool_)
    for name, labels in pattern.items():
        if name not in levels:
            continue
        row = table[names.index(name)]
        row[:] = False
        row[[levels[name][label] for label in labels if label in levels[name]]] = True
    return table


def action_of(reasons: pl.Expr) -> pl.Expr:
    """What the guards in `reasons` do: the strictest of veto, cap and review; null where none spoke."""
    said = reasons.cast(pl.String)
    spoke = [
        pl.when(said.str.contains(f"{_ACTION_SIGN}{action}", literal=True)).then(pl.lit(action))
        for action in ("veto", "cap", "review")
    ]
    return pl.coalesce(spoke)
