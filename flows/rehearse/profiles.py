"""What kind of breach is rehearsed: its dates, its fields, and how dirty its rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

__all__ = ["PROFILES", "Profile", "ProfileName", "Rates"]

ProfileName = Literal["dental", "clinic", "late"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares of rows (0-1) that carry each fault, before the factor of the file they are in."""

    nickname: float = 0.065
    first_typo: float = 0.042
    last_typo: float = 0.038
    ocr: float = 0.007
    initial_only: float = 0.008
    swapped_names: float = 0.006
    first_missing: float = 0.003
    plain_letters: float = 0.4  # of names that carry diacritics at all
    half_hyphen: float = 0.35  # of hyphenated surnames
    sex_wrong: float = 0.006
    birth_missing: float = 0.022
    birth_swapped: float = 0.012
    birth_slip: float = 0.032
    birth_year: float = 0.010
    birth_placeholder: float = 0.005
    street_missing: float = 0.05
    street_typo: float = 0.03
    zip_slip: float = 0.012
    id_slip: float = 0.015
    phone_missing: float = 0.05
    phone_slip: float = 0.012
    practice_phone: float = 0.022
    email_missing: float = 0.30
    email_typo: float = 0.015
    placeholder_contact: float = 0.012
    last_unknown: float = 0.001

    def scaled(self, factor: float) -> Rates:
        """The same faults, `factor` times as often; shares of a condition stay as they are."""
        conditional = {"plain_letters", "half_hyphen"}
        changed = {
            name: min(1.0, getattr(self, name) * factor)
            for name in self.__slots__
            if name not in conditional
        }
        return replace(self, **changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of breach. Dates are civil dates; ages are counted on `breach_start`."""

    incident_id: str
    title: str
    trade: Literal["dental", "clinic"]
    has_ssn: bool
    as_of: date
    breach_start: date
    breach_end: date
    known_on: date
    received_on: date
    planned_mail_on: date
    moved_share: float
    what_happened: str
    rates: Rates = Rates()


_DENTAL: Final = Profile(
    incident_id="rehearsal-dental",
    title="Northwind Dental Software (rehearsal)",
    trade="dental",
    has_ssn=False,
    as_of=date(2026, 3, 20),
    breach_start=date(2025, 12, 21),
    breach_end=date(2025, 12, 23),
    known_on=date(2026, 3, 5),
    received_on=date(2026, 3, 5),
    planned_mail_on=date(2026, 4, 10),
    moved_share=0.18,
    what_happened=(
        "Between December 21 and December 23, 2025 an unauthorized party copied files from a "
        "server of our practice software."
    ),
)

PROFILES: Final[Mapping[ProfileName, Profile]] = {
    "dental": _DENTAL,
    "clinic": replace(
        _DENTAL,
        incident_id="rehearsal-clinic",
        title="Northwind Clinic Software (rehearsal)",
        trade="clinic",
        has_ssn=True,
    ),
    "late": replace(
        _DENTAL,
        incident_id="rehearsal-late",
        title="Northwind Dental Software, event of 2020 (rehearsal)",
        breach_start=date(2020, 12, 14),
        breach_end=date(2020, 12, 18),
        known_on=date(2026, 3, 5),
        moved_share=0.45,  # five years later, and about one in ten households moves each year
        what_happened=(
            "Between December 14 and December 18, 2020 an unauthorized party copied files from a "
            "server of our practice software. The copy was noticed in March 2026."
        ),
    ),
}
