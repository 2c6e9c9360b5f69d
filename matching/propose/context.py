"""What the other columns of a table say about one: neighbours, and columns blank in the same rows.

A sparse given name beside the guardian's family name, blank where that is blank, is the guardian's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from matching.propose.profile import Profile

__all__ = ["FAMILY", "context_bits", "twins"]

_OWN = (
    "first_name",
    "middle_name",
    "last_name",
    "suffix",
    "previous_last_name",
    "date_of_birth",
    "sex",
    "ssn",
    "full_name",
)
_HOME = (
    "street",
    "street#number",
    "street#name",
    "street2",
    "city",
    "state",
    "zip",
)
FAMILY: dict[str, str] = {
    **dict.fromkeys(_OWN, "person"),
    **dict.fromkeys(_HOME, "home"),
    **dict.fromkeys(("phone", "phone2", "email"), "reach"),
    **{f"alternate_{part}": "alternate" for part in ("street", "city", "state", "zip")},
    **{f"representative_{part}": "representative" for part in ("name", "street", "city", "state", "zip")},
    "deceased_on": "representative",
    **dict.fromkeys(("last_visit_on", "provider", "kind:treatment", "kind:appointment"), "visit"),
    "guardian_first_name": "guardian",
    "guardian_last_name": "guardian",
    **{f"entity_hint{part}": "practice" for part in ("", "#city", "#state")},
    **dict.fromkeys(("email_consent_on", "email_consent_scope", "email_consent_withdrawn_on"), "consent"),
}  # fmt: skip
"""Target -> the group of columns that stand together."""
APART = frozenset(("alternate", "representative", "guardian", "practice", "consent"))
"""Groups about somebody or something else, that a table has in whole or not at all."""
SAME_ROWS = 0.9
FULL = 0.97
"""Columns filled nearly everywhere are blank together by chance."""
FIRST_COLUMN_BITS = 1.5
TWIN_BITS, NOT_TWIN_BITS, BESIDE_BITS, NEAR_BITS, ALONE_BITS = 6.0, -4.0, 3.0, 2.0, -2.5


def twins(profiles: Sequence[Profile]) -> np.ndarray:
    """Which columns are filled in the same rows: square, true on pairs."""
    filled = np.array([~profile.blank for profile in profiles], dtype=np.float32)
    if not filled.size:
        return np.zeros((len(profiles), len(profiles)), bool)
    both = filled @ filled.T
    counts = filled.sum(axis=1)
    either = counts[:, None] + counts[None, :] - both
    alike = both / np.maximum(either, 1) >= SAME_ROWS
    sparse = (counts > 0) & (counts < FULL * filled.shape[1])
    found: np.ndarray = alike & sparse[:, None] & sparse[None, :]
    np.fill_diagonal(found, val=False)
    return found


def context_bits(
    column: int, target: str, settled: Mapping[int, str], together: np.ndarray
) -> float:
    """Bits for a target from columns whose meaning is settled."""
    family = FAMILY.get(target)
    if target == "record_id":
        return FIRST_COLUMN_BITS if column == 0 else 0.0
    if family is None:
        return 0.0
    families = {place: FAMILY.get(other) for place, other in settled.items() if place != column}
    bits = 0.0
    for distance, worth in ((1, BESIDE_BITS), (2, NEAR_BITS)):
        beside = {families.get(column - distance), families.get(column + distance)}
        if family in beside:
            bits += worth
            break
    shared = {
        families[place] for place in np.flatnonzero(together[column]).tolist() if place in families
    }
    if family in shared:
        bits += TWIN_BITS
    elif shared & APART and family != "reach":
        bits += NOT_TWIN_BITS
    if family in APART and family not in families.values() and target != "deceased_on":
        bits += ALONE_BITS
    return bits
