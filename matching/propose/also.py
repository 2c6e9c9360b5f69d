"""Further people on a row: emergency contacts and guarantors whose name stands in one column.

In: the proposals of a table. Out: for each such person the fields that the header names. They are always
marked: whether they are told is counsel's question, and whose column it is only the header says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matching.propose.grades import Proposal
from matching.propose.headers import concepts_of

__all__ = ["AlsoPerson", "people_beside"]

ROLES: Final = {"emergency": "emergency_contact", "guardian": "guarantor"}
FIELDS: Final = {
    frozenset(("first",)): "first_name",
    frozenset(("last",)): "last_name",
    frozenset(("name",)): "full_name",
    frozenset(): "full_name",
    frozenset(("dob",)): "date_of_birth",
    frozenset(("birth", "date")): "date_of_birth",
    frozenset(("ssn",)): "ssn",
    frozenset(("phone",)): "phone",
    frozenset(("cell",)): "phone",
    frozenset(("home", "phone")): "phone",
    frozenset(("email",)): "email",
    frozenset(("address",)): "street",
    frozenset(("street",)): "street",
    frozenset(("city",)): "city",
    frozenset(("state",)): "state",
    frozenset(("zip",)): "zip",
}
"""What is left of a header without its owner -> field of that person."""
_ASIDE: Final = frozenset(("contact", "number", "code", "1", "patient", "full"))
NAMES: Final = frozenset(("first_name", "last_name", "full_name"))


@dataclass(frozen=True, slots=True)
class AlsoPerson:
    """Another person on the same row: `columns` is field -> source column."""

    role: str
    columns: dict[str, str]


def people_beside(proposals: Sequence[Proposal]) -> list[AlsoPerson]:
    """Those with a name, by role; a guarantor whose names are mapped already is none."""
    found: dict[str, dict[str, str]] = {}
    for proposal in proposals:
        if proposal.target not in {"kind:contact", "kind:guardian"}:
            continue
        for reading in concepts_of(proposal.column)[0]:
            owner = next((word for word in ROLES if word in reading), None)
            field = FIELDS.get((reading - {owner, "name"} - _ASIDE) | _name(reading))
            if owner and field:
                found.setdefault(ROLES[owner], {}).setdefault(field, proposal.column)
                break
    mapped = {proposal.field for proposal in proposals}
    if {"guardian_first_name", "guardian_last_name"} & mapped:
        found.pop("guarantor", None)
    return [
        AlsoPerson(role, columns) for role, columns in sorted(found.items()) if NAMES & set(columns)
    ]


def _name(reading: frozenset[str]) -> frozenset[str]:
    """`first name` is the first name: the word adds nothing beside which name."""
    return frozenset() if {"first", "last"} & reading else reading & {"name"}
