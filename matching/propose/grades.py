"""How sure a proposal is: `sure` only where nothing speaks against it, and every doubt in words.

In: the evidence of all columns of a table and the target chosen for each. Out: one Proposal a column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matching.propose.evidence import CONTRADICTED_BITS, Evidence, told
from matching.propose.lexicon import PIECES
from matching.propose.scores import FEW, NON_EXCLUSIVE

__all__ = ["NAMING", "Grade", "Proposal", "graded"]

Grade = Literal["sure", "likely", "unknown"]
FEW_AGREE_BITS = 2.0
"""A few values of a telling shape agree well enough with a header that says it."""
SURE_MARGIN_BITS = 4.0
LIKELY_MARGIN_BITS, LIKELY_BITS = 0.5, 5.0
AGREES_BITS = -0.5
"""Values that say nothing against what a whole header says."""
UPHELD_KNOWN_BITS, UPHELD_VALUE_BITS = 8.0, 3.0
CHECKED = frozenset(
    ("date_of_birth", "ssn", "phone", "phone2", "email", "zip", "state", "sex", "entity_npi", "entity_phone",
     "entity_email", "last_visit_on", "address_as_of", "email_consent_on", "email_consent_withdrawn_on",
     "street", "street2", "language", "role", "elements", "city")
)  # fmt: skip
"""Fields whose values show what they are: silence of the values is doubt."""
ALIKE = ({"phone", "phone2"}, {"extra", "kind:name", "kind:contact"}, {"street", "street#name"})
"""Targets between which a choice loses nothing."""
NAMING = frozenset(("first_name", "last_name", "full_name"))
OF_A_PERSON = frozenset(
    ("street", "street2", "city", "state", "zip", "country", "phone", "phone2", "email", "sex")
)
"""Practices have these, too, all but the last."""
SHOWN_BITS = 5.0
SHOWS: Mapping[str, frozenset[str]] = {
    "phone": frozenset(("phone", "cell", "fax", "number", "home", "work", "contact")),
    "email": frozenset(("email", "user", "contact", "to", "from")),
    "ssn": frozenset(("ssn", "social", "tax", "id")),
    "state": frozenset(("state", "region", "license", "address")),
    "zip": frozenset(("zip", "mailing", "code", "address")),
    "street": frozenset(("street", "address", "house", "line")),
    "city": frozenset(("city", "address", "birth", "county", "name")),
    "sex": frozenset(("sex",)),
    "date_of_birth": frozenset(
        ("date", "dob", "birth", "updated", "created", "time", "asof", "service", "expiry")
    ),
}
"""Fields that values show by themselves, and words that a header of such values has."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One column: `target` is a canonical field (or `field#part`), `kind:K`, `text`, `extra` or empty.

    `bits`: evidence for it over nothing; `others`: next best targets; `evidence`: words without values.
    """

    column: str
    target: str
    grade: Grade
    bits: float
    evidence: tuple[str, ...]
    others: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The canonical field; empty where it is none."""
        base = PIECES.get(self.target, (self.target, 0))[0]
        return "" if base.startswith("kind:") or base in {"text", "extra"} else base


def graded(
    place: int, columns: Sequence[Evidence], chosen: Sequence[str], exclusive: Sequence[str]
) -> Proposal:
    """The chosen target of one column with its grade, in the light of all."""
    column, target = columns[place], chosen[place]
    every = sorted((*exclusive, *NON_EXCLUSIVE), key=lambda other: (-column.bits(other), other))
    others = tuple(other for other in every[:4] if other != target and column.bits(other) > 2)[:3]
    if not target:
        return Proposal(column.profile.name, "", "unknown", 0.0, told(column, ""), others)
    rivals = [other for other in every if other != target and not _alike(other, target)]
    margin = column.bits(target) - column.bits(rivals[0])
    free = next(other for other in rivals if other not in chosen)
    spare = column.bits(target) - column.bits(free)
    doubts = _doubts(place, columns, chosen, margin)
    grade: Grade = "likely" if doubts else "sure"
    if doubts and spare < LIKELY_MARGIN_BITS and column.bits(target) < LIKELY_BITS:
        grade = "unknown"
    evidence = (*told(column, target), *(f"but {doubt}" for doubt in doubts))
    return Proposal(
        column.profile.name, target, grade, round(column.bits(target), 1), evidence, others
    )


def _alike(one: str, other: str) -> bool:
    return any({one, other} <= group for group in ALIKE) or (
        one.startswith("kind:") and other == "extra"
    )


def _doubts(
    place: int, columns: Sequence[Evidence], chosen: Sequence[str], margin: float
) -> list[str]:
    """Why a proposal is not sure; empty where nothing speaks against it."""
    column, target = columns[place], chosen[place]
    found = {
        "the header says nothing": column.header.meaningless,
        "the header does not say just this": not column.header.meaningless
        and target not in column.header.exact
        and not _upheld(column, target),
        _of_values(column, target): True,
        "values look like a field that the header does not name": target in NON_EXCLUSIVE
        and _shows_field(column),
        "another meaning is nearly as likely": margin < SURE_MARGIN_BITS,
        "another column claims the same field": _rivalled(place, columns, target),
        "values are single names": target.startswith("kind:") and _one_name(column),
        "no column of the table names a person": target in OF_A_PERSON and not NAMING & set(chosen),
    }
    return [doubt for doubt, holds in found.items() if holds and doubt]


def _of_values(column: Evidence, target: str) -> str:
    """What the values leave in doubt; empty where they agree."""
    values, filled = column.values.get(target, 0.0), column.profile.filled
    if not filled:
        return "the sample has no value"
    if filled < FEW and values < FEW_AGREE_BITS:
        return "the sample has few values"
    silent = values < AGREES_BITS or (target in CHECKED and values < 1)
    return "values do not look like it" if silent else ""


def _one_name(column: Evidence) -> bool:
    """The header says name, and the values are given or family names alone."""
    profile = column.profile
    return (
        "name" in column.header.concepts
        and profile.of("word") > 0.8
        and profile.of("letters") > 0.8
    )


def _shows_field(column: Evidence) -> bool:
    """The values are of a field whose words the header has not."""
    return any(
        column.values.get(target, 0.0) >= SHOWN_BITS and not words & column.header.concepts
        for target, words in SHOWS.items()
    )


def _upheld(column: Evidence, target: str) -> bool:
    """A header that usually means it, and values or the masters that say so too."""
    known, values = column.known.get(target, 0.0), column.values.get(target, 0.0)
    if known >= UPHELD_KNOWN_BITS and column.header.bits.get(target, 0.0) >= 4:
        return True
    return target in column.header.nearly and values >= UPHELD_VALUE_BITS


def _rivalled(place: int, columns: Sequence[Evidence], target: str) -> bool:
    """Another column whose header says the same."""
    if target in NON_EXCLUSIVE:
        return False
    return any(
        target in other.header.exact and other.values.get(target, 0.0) > CONTRADICTED_BITS
        for number, other in enumerate(columns)
        if number != place
    )
