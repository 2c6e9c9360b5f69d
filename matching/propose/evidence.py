"""What is known of one column before columns are weighed against each other, and how it is told.

What is told has shares and words of headers, never a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matching.propose.headers import HeaderSays, header_says
from matching.propose.overlap import ROSTER, KnownValues
from matching.propose.profile import Profile
from matching.propose.scores import value_bits

__all__ = ["CONTRADICTED_BITS", "Evidence", "gathered", "told"]

CONTRADICTED_BITS = -5.0
"""Values that are something else."""
SILENT_HEADER_BITS = -1.5
"""A header of words that nobody knows is still likelier for what nobody thought of."""
TOLD_SHARE, TOLD_OVERLAP = 0.5, 0.02
SHAPES_TOLD = 3


@dataclass(slots=True)
class Evidence:
    """What was found out about one column, before columns are weighed against each other."""

    profile: Profile
    header: HeaderSays
    values: dict[str, float]
    shares: dict[str, float]
    known: dict[str, float]
    context: dict[str, float] = field(default_factory=dict)

    def bits(self, target: str) -> float:
        """All evidence for a target together."""
        silent = self.header.unknown > 0 and target not in self.header.bits
        return (
            self.header.bits.get(target, SILENT_HEADER_BITS if silent else 0.0)
            + self.values.get(target, 0.0)
            + self.known.get(target, 0.0)
            + self.context.get(target, 0.0)
        )


def gathered(profile: Profile, known: KnownValues) -> Evidence:
    """Header, values, and overlap with what is known, where the values do not rule it out."""
    shares = known.shares(profile)
    values = value_bits(profile)
    bits = {t: b for t, b in known.bits(shares).items() if values.get(t, 0.0) > CONTRADICTED_BITS}
    return Evidence(profile, header_says(profile.name), values, shares, bits)


YEARS_OF = 20
"""Of fewer different dates the years would be somebody's."""


def told(column: Evidence, target: str) -> tuple[str, ...]:
    """What the header says, which shapes most values have, what the masters hold."""
    profile = column.profile
    said = []
    if column.header.words:
        said.append("header says " + " + ".join(column.header.words))
    said += [f"{share:.0%} {_SAID[shape]}" for share, shape in _shapes(profile, target)]
    if profile.dates.share >= TOLD_SHARE:
        years = f", mostly of {profile.dates.year_low:.0f} to {profile.dates.year_high:.0f}"
        few = profile.distinct < YEARS_OF
        said.append(f"{profile.dates.share:.0%} dates{'' if few else years}")
    share = column.shares.get(target, 0.0)
    if share >= TOLD_OVERLAP:
        where = "roster" if target in ROSTER else "masters"
        said.append(f"{share:.0%} of distinct values are in the {where}")
    if column.context.get(target, 0.0) > 2:
        said.append("stands with columns of the same kind")
    said.append(f"filled {profile.fill:.0%}, {profile.distinct} distinct in {profile.rows} rows")
    return tuple(said)


def _shapes(profile: Profile, target: str) -> list[tuple[float, str]]:
    """The shapes that most values have, the most frequent first."""
    rests_on = target.replace("full_name", "first last")
    shown = [
        (share, shape)
        for shape, share in profile.share.items()
        if share >= TOLD_SHARE and shape in _SAID and (shape not in _WEAK or shape in rests_on)
    ]
    return sorted(shown, key=lambda item: (-item[0], item[1]))[:SHAPES_TOLD]


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
