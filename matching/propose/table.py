"""Proposals for all columns of one table together: one column a field, whose name and whose telephone.

In: a sample of the table as text, what is known of masters and roster. Out: one Proposal a column, with
evidence in words and a grade. `sure` needs a header whose every word agrees, values that agree, and no
rival; whatever evidence conflicts is graded down. No value of a person is in what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from scipy.optimize import linear_sum_assignment

from matching.propose.context import context_bits, twins
from matching.propose.headers import HeaderSays, header_says
from matching.propose.lexicon import PIECES
from matching.propose.overlap import NOTHING_KNOWN, KnownValues
from matching.propose.profile import Profile, profile_table
from matching.propose.scores import FEW, NON_EXCLUSIVE, value_bits

__all__ = ["Grade", "Proposal", "TableProposal", "propose_profiles", "propose_table"]

Grade = Literal["sure", "likely", "unknown"]
UNKNOWN_AT = 4.0
"""Less for every target: a column is proposed as nothing."""
SURE_MARGIN_BITS = 4.0
LIKELY_MARGIN_BITS, LIKELY_BITS = 0.5, 5.0
AGREES_BITS = -0.5
"""Values that say nothing against what a whole header says."""
CONTRADICTED_BITS = -5.0
UPHELD_KNOWN_BITS, UPHELD_VALUE_BITS = 8.0, 3.0
CHECKED = frozenset(
    ("date_of_birth", "ssn", "phone", "phone2", "email", "zip", "state", "sex", "entity_npi", "entity_phone",
     "entity_email", "last_visit_on", "address_as_of", "email_consent_on", "email_consent_withdrawn_on",
     "street", "street2", "language", "role", "elements", "city")
)  # fmt: skip
"""Fields whose values show what they are: silence of the values is doubt."""
ALIKE = ({"phone", "phone2"}, {"extra", "kind:name", "kind:contact"}, {"street", "street#name"})
"""Targets between which a choice loses nothing."""
FULL_NAME_BESIDE_PARTS = -4.0
SILENT_HEADER_BITS = -1.5
"""A header of words that nobody knows is still likelier for what nobody thought of."""
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


@dataclass(slots=True)
class _Evidence:
    """What was found out about one column, before columns are weighed against each other."""

    profile: Profile
    header: HeaderSays
    values: dict[str, float]
    shares: dict[str, float]
    known: dict[str, float]
    context: dict[str, float] = field(default_factory=dict)

    def bits(self, target: str) -> float:
        silent = self.header.unknown > 0 and target not in self.header.bits
        return (
            self.header.bits.get(target, SILENT_HEADER_BITS if silent else 0.0)
            + self.values.get(target, 0.0)
            + self.known.get(target, 0.0)
            + self.context.get(target, 0.0)
        )


def propose_table(rows: pl.DataFrame, known: KnownValues = NOTHING_KNOWN) -> TableProposal:
    """Proposals for every column of a sample, in its order."""
    return propose_profiles(profile_table(rows), known)


def propose_profiles(profiles: list[Profile], known: KnownValues = NOTHING_KNOWN) -> TableProposal:
    """The same from profiles of all its columns."""
    columns = [_gathered(profile, known) for profile in profiles]
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
    proposals = tuple(_graded(place, columns, chosen, exclusive) for place in range(len(columns)))
    order, why = _date_order(profiles, proposals)
    return TableProposal(proposals, tuple(profiles), order, why)


def _gathered(profile: Profile, known: KnownValues) -> _Evidence:
    shares = known.shares(profile)
    values = value_bits(profile)
    bits = {t: b for t, b in known.bits(shares).items() if values.get(t, 0.0) > CONTRADICTED_BITS}
    return _Evidence(profile, header_says(profile.name), values, shares, bits)


def _settled(columns: Sequence[_Evidence]) -> dict[int, str]:
    """Columns whose own header and values leave little doubt; the others are seen in their light."""
    found = {}
    for place, column in enumerate(columns):
        best = max(column.header.bits, key=column.bits, default="")
        if best and column.header.bits[best] >= 9 and column.values.get(best, 0.0) > -2:
            found[place] = best
        elif not column.header.bits:
            known = max(column.known, key=lambda target: column.known[target], default="")
            if known and column.known[known] >= 8:
                found[place] = known
    return found


def _assigned(columns: Sequence[_Evidence], exclusive: Sequence[str]) -> list[str]:
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
    return chosen


def _graded(
    place: int, columns: Sequence[_Evidence], chosen: Sequence[str], exclusive: Sequence[str]
) -> Proposal:
    column, target = columns[place], chosen[place]
    every = sorted((*exclusive, *NON_EXCLUSIVE), key=lambda other: (-column.bits(other), other))
    others = tuple(other for other in every[:4] if other != target and column.bits(other) > 2)[:3]
    if not target:
        return Proposal(column.profile.name, "", "unknown", 0.0, _words(column, ""), others)
    rivals = [other for other in every if other != target and not _alike(other, target)]
    margin = column.bits(target) - column.bits(rivals[0])
    doubts = _doubts(place, columns, chosen, margin)
    grade: Grade = "likely" if doubts else "sure"
    if doubts and margin < LIKELY_MARGIN_BITS and column.bits(target) < LIKELY_BITS:
        grade = "unknown"
    evidence = (*_words(column, target), *(f"but {doubt}" for doubt in doubts))
    return Proposal(
        column.profile.name, target, grade, round(column.bits(target), 1), evidence, others
    )


def _alike(one: str, other: str) -> bool:
    return any({one, other} <= group for group in ALIKE) or (
        one.startswith("kind:") and other == "extra"
    )


def _doubts(
    place: int, columns: Sequence[_Evidence], chosen: Sequence[str], margin: float
) -> list[str]:
    """Why a proposal is not sure; empty where nothing speaks against it."""
    column, target = columns[place], chosen[place]
    doubts = []
    if column.header.meaningless:
        doubts.append("the header says nothing")
    elif target not in column.header.exact and not _upheld(column, target):
        doubts.append("the header does not say just this")
    values = column.values.get(target, 0.0)
    if not column.profile.filled:
        doubts.append("the sample has no value")
    elif column.profile.filled < FEW and values < 2:
        doubts.append("the sample has few values")
    elif values < AGREES_BITS or (target in CHECKED and values < 1):
        doubts.append("values do not look like it")
    if target in NON_EXCLUSIVE and _shows_field(column):
        doubts.append("values look like a field that the header does not name")
    if margin < SURE_MARGIN_BITS:
        doubts.append("another meaning is nearly as likely")
    if _rivalled(place, columns, target):
        doubts.append("another column claims the same field")
    return doubts


def _shows_field(column: _Evidence) -> bool:
    return any(
        column.values.get(target, 0.0) >= SHOWN_BITS and not words & column.header.concepts
        for target, words in SHOWS.items()
    )


def _upheld(column: _Evidence, target: str) -> bool:
    """A header that usually means it, and values or the masters that say so too."""
    known, values = column.known.get(target, 0.0), column.values.get(target, 0.0)
    if known >= UPHELD_KNOWN_BITS and column.header.bits.get(target, 0.0) >= 4:
        return True
    return target in column.header.nearly and values >= UPHELD_VALUE_BITS


def _rivalled(place: int, columns: Sequence[_Evidence], target: str) -> bool:
    """Another column whose header says the same."""
    if target in NON_EXCLUSIVE:
        return False
    return any(
        target in other.header.exact and other.values.get(target, 0.0) > CONTRADICTED_BITS
        for number, other in enumerate(columns)
        if number != place
    )


def _words(column: _Evidence, target: str) -> tuple[str, ...]:
    """Evidence in words: what the header says, which shapes most values have, what the masters hold."""
    profile = column.profile
    said = []
    if column.header.words:
        said.append("header says " + " + ".join(column.header.words))
    shown = sorted(
        (
            (share, shape)
            for shape, share in profile.share.items()
            if share >= 0.5 and shape in _SAID
        ),
        key=lambda item: (-item[0], item[1]),
    )[:3]
    said += [f"{share:.0%} {_SAID[shape]}" for share, shape in shown]
    if profile.dates.share >= 0.5:
        years = f"{profile.dates.year_low:.0f} to {profile.dates.year_high:.0f}"
        said.append(f"{profile.dates.share:.0%} dates, mostly of {years}")
    share = column.shares.get(target, 0.0)
    if share >= 0.02:
        said.append(
            f"{share:.0%} of distinct values are in the {'roster' if target.startswith('entity') or target.endswith('_id') and target != 'member_id' else 'masters'}"
        )
    if column.context.get(target, 0.0) > 2:
        said.append("stands with columns of the same kind")
    said.append(f"filled {profile.fill:.0%}, {profile.distinct} distinct in {profile.rows} rows")
    return tuple(said)


_WEAK = frozenset(("first", "last", "city", "initial", "yes_no"))
"""Shapes that much else has, too: told where the proposal rests on them."""
_SAID: Mapping[str, str] = {
    "email": "e-mail addresses", "ssn_dashed": "of the form of an SSN", "ssn": "possible SSNs",
    "masked": "masked numbers", "phone": "possible telephone numbers", "npi": "NPIs by check digit",
    "card": "card numbers by check digit", "aba": "routing numbers by check digit",
    "icd10": "of the form of ICD-10", "cdt": "of the form of CDT", "ndc": "of the form of NDC",
    "zip_known": "ZIP codes in use", "city": "post towns", "state": "states",
    "street": "delivery lines", "street_word": "ending in a street word", "unit": "units", "first": "census given names",
    "last": "census family names", "full": "given and family names", "initial": "single letters",
    "sex": "words for sex", "language": "languages", "role": "words for roles", "element": "names of data kinds",
    "company": "names of businesses", "provider": "titles of providers", "yes_no": "yes or no",
    "money": "amounts", "image": "pictures", "generation": "generation suffixes", "scope": "scopes of consent",
    "format": "formats", "insurer": "insurers", "procedure": "procedures", "hex": "program keys",
}  # fmt: skip


def _date_order(profiles: Sequence[Profile], proposals: Sequence[Proposal]) -> tuple[str, str]:
    """How ambiguous dates of the table are written: birth dates first, then all dates together."""
    dated = [p for p in profiles if p.dates.share >= 0.6]
    births = [
        profile for profile, proposal in zip(profiles, proposals, strict=True)
        if proposal.target == "date_of_birth" and profile in dated
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
