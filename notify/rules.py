"""Rules of law as data: the rows of `configs/jurisdictions/*.toml`, checked when they are read.

One row is one duty of one regime: who owes what to whom, from which number of people on, how many days
after what. Code computes with rows and holds no number of law itself. Rows cite their source, say
where the text was seen and who reviewed it; a row without a reviewer may only make a plan earlier.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from matching.store import OperatorError
from notify.facts import Closed

__all__ = ["Rule", "Rules", "load_rules"]

SCHEMA: Literal["affected.rules/1"] = "affected.rules/1"


class Rule(Closed):
    """One row: the duty, the line that a count must pass, the clock, and where it is written."""

    rule_id: str = Field(pattern=r"^[a-z]{2}-[a-z0-9.-]+$", description="Stable name of the row.")
    jurisdiction: str = Field(pattern=r"^[A-Z]{2}$", description="US or a state.")
    duty: Literal[
        "entity", "individual", "substitute", "media", "hhs", "state_ag", "cra", "callcentre"
    ] = Field(description="Duty as in delegation.csv; entity: the business associate's own.")
    recipient: str = Field(description="Who must be told.")
    owed_by: Literal["ba", "ce"] = Field(description="Who owes it unless delegated.")
    min_op: Literal["ge", "gt", "lt"] = Field(description="How the count is compared with min_n.")
    min_n: int = Field(ge=0, description="The line, in people.")
    count_basis: Literal["all", "state_residents"] = Field(
        description="All people of the entity, or those who live in one state."
    )
    clock_anchor: Literal["ba_discovery", "ce_discovery", "ce_discovery_year_end"] = Field(
        description="What starts the clock; year end: 31 December of the year of discovery."
    )
    days: int | None = Field(default=None, ge=0, description="Days after the anchor.")
    days_from: Literal["baa_days"] | None = Field(
        default=None, description="Column of the roster that holds the days instead."
    )
    day_type: Literal["calendar", "business"] = Field(description="Which days count.")
    citation: str = Field(min_length=3, description="Where the rule is written.")
    effective_from: date = Field(description="First day in force.")
    effective_to: date | None = Field(default=None, description="Last day in force.")
    provenance: str = Field(min_length=3, description="Where the text was seen.")
    reviewed_by: str = Field(default="", description="Reviewer; empty: not reviewed.")
    reviewed_on: date | None = Field(default=None, description="Day of the review.")
    note: str = Field(default="", description="What is easy to get wrong.")

    @property
    def reviewed(self) -> bool:
        """Someone put a name and a day to it."""
        return bool(self.reviewed_by) and self.reviewed_on is not None

    def in_force(self, day: date) -> bool:
        """The row applies on that day."""
        return self.effective_from <= day and (
            self.effective_to is None or day <= self.effective_to
        )

    @model_validator(mode="after")
    def _one_source_of_days(self) -> Self:
        if (self.days is None) == (self.days_from is None):
            raise ValueError("give either days or days_from")
        if self.effective_to and self.effective_to < self.effective_from:
            raise ValueError("effective_to is before effective_from")
        return self


class Rules(Closed):
    """All rows of a folder and the jurisdictions whose residents are counted."""

    schema_: Literal["affected.rules/1"] = Field(alias="schema", description="Format of the file.")
    jurisdictions: tuple[str, ...] = Field(default=(), description="States, DC and territories.")
    rule: tuple[Rule, ...] = Field(default=(), description="The rows.")

    @property
    def digest(self) -> str:
        """SHA-256 over what the rows say, whatever files they stand in."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_rules(folder: Path) -> Rules:
    """Every row of `folder/*.toml`, sorted by rule_id.

    Raises OperatorError naming the file and the key for a file that cannot be read, an unknown key
    or a rule_id that stands twice.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise OperatorError(f"{folder}: no rule rows (*.toml); restore configs/jurisdictions")
    files = [_load(path) for path in paths]
    rows = sorted((row for file in files for row in file.rule), key=lambda row: row.rule_id)
    names = [row.rule_id for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OperatorError(f"{folder}: rule_id {', '.join(twice)} stands twice; rename one")
    states = sorted({state for file in files for state in file.jurisdictions})
    return Rules(schema=SCHEMA, jurisdictions=tuple(states), rule=tuple(rows))


def _load(path: Path) -> Rules:
    try:
        return Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise OperatorError("\n".join(lines)) from None
