"""What is already known of the masters and the roster, and how much of a column it holds.

Values stay in memory, as sets of normalised texts; only shares leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from matching.propose.profile import Profile

__all__ = ["NOTHING_KNOWN", "KnownValues", "from_mapped", "from_roster", "joined"]

TELLING = ("ssn", "phone", "email", "mrn", "member_id", "street", "last_name", "provider")
"""Fields of masters whose values are of few people, so that overlap tells what a column is."""
ROSTER = {
    "entity_id": ("entity_id",),
    "tenant_id": ("tenant_ids",),
    "location_id": ("location_ids",),
    "entity_phone": ("phone",),
    "entity_npi": ("npi",),
    "entity_email": ("email", "email_domains"),
    "entity_hint": ("legal_name", "print_name", "aliases"),
}
POOLED = {"phone": ("phone", "phone2"), "last_name": ("last_name", "guardian_last_name")}
AS = {"phone2": "phone", "alternate_street": "street"}
KNOWN_MAX = 400_000
CHANCE_SIZE_MIN = 4
"""Texts of fewer signs are contained by chance."""


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Normalised values by field: of the masters, and of the roster."""

    masters: Mapping[str, pl.Series] = field(default_factory=dict)
    roster: Mapping[str, pl.Series] = field(default_factory=dict)

    def shares(self, profile: Profile) -> dict[str, float]:
        """Share of a column's distinct values that each field's known ones hold."""
        found = {}
        for target, known in {**self.masters, **self.roster}.items():
            own = _normal(profile.values, target).drop_nulls()
            own = own.filter(
                own.str.len_chars() >= (1 if target in self.roster else CHANCE_SIZE_MIN)
            )
            if own.len() >= 3 and known.len():
                found[target] = float(own.is_in(known.implode()).mean() or 0)  # type: ignore[arg-type]
        found |= {other: found[target] for other, target in AS.items() if target in found}
        return found

    def bits(self, shares: Mapping[str, float]) -> dict[str, float]:
        """What these shares are worth."""
        scales = {
            "last_name": ([0, 0.5, 0.9], [0, 0, 1]),
            "provider": ([0, 0.3, 0.8], [0, 2, 8]),
            **dict.fromkeys(self.roster, ([0, 0.2, 0.5, 0.9], [0, 2, 8, 14])),
        }
        usual = ([0, 0.02, 0.1, 0.5], [0, 0, 4, 9])
        return {
            target: float(np.interp(share, *scales.get(target, usual)))
            for target, share in shares.items()
        }


NOTHING_KNOWN = KnownValues()


def from_mapped(rows: pl.DataFrame, columns: Mapping[str, str]) -> KnownValues:
    """Known values of a master: `columns` is field -> source column."""
    masters = {}
    for target in TELLING:
        names = [columns[name] for name in POOLED.get(target, (target,)) if name in columns]
        if names:
            pooled = pl.concat([rows[name].rename(target) for name in names])
            masters[target] = _normal(pooled, target).drop_nulls().unique().head(KNOWN_MAX)
    return KnownValues(masters=masters)


def from_roster(roster: pl.DataFrame) -> KnownValues:
    """Known values of entities.csv."""
    found = {}
    for target, names in ROSTER.items():
        cells = [
            roster[name].drop_nulls().str.split("|").explode(empty_as_null=True, keep_nulls=True).rename(target)
            for name in names if name in roster.columns
        ]  # fmt: skip
        if cells:
            found[target] = _normal(pl.concat(cells), target).drop_nulls().unique()
    return KnownValues(roster={target: known for target, known in found.items() if known.len()})


def joined(one: KnownValues, other: KnownValues) -> KnownValues:
    """Both."""
    masters = dict(one.masters)
    for target, known in other.masters.items():
        masters[target] = (
            pl.concat([masters[target], known]).unique() if target in masters else known
        )
    return KnownValues(masters=masters, roster={**one.roster, **other.roster})


def _normal(values: pl.Series, target: str) -> pl.Series:
    text = values.str.to_uppercase()
    if target in {"phone", "entity_phone"}:
        digits = text.str.replace_all(r"\D", "")
        return digits.str.extract(r"^1?(\d{10})$")
    if target in {"email", "entity_email"}:
        return text.str.strip_chars()
    kept = text.str.replace_all(r"[^\p{L}\p{N}]", "")
    return kept.set(kept == "", None)
