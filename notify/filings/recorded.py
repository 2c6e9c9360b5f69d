"""Facts that people recorded about filings and the risk: read here, checked here.

A `filing` fact: `{"recipient": "hhs", "number": 612, "tracking_no": "...", "jurisdiction": "US"}`, recipient and
jurisdiction as in `duties`, dated on the day of filing (of a posting: the day it went up). A `risk` fact: the keys of `[risk]`
that it changes. Later facts of one subject supersede earlier ones without saying so; both stay on record.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from matching.store import OperatorError, Workspace
from notify.answers import current_facts
from notify.facts import Closed, Risk

__all__ = ["Filed", "RiskDecision", "filings_recorded", "risk_recorded"]

Model = TypeVar("Model", bound=Closed)


class _FilingFact(Closed):
    """`value` of a fact of kind filing."""

    recipient: str = Field(min_length=2, description="Who was told, as in `duties`.")
    of: str = Field(default="", description="What was filed; the recipient says it too.")
    jurisdiction: str = Field(default="US", pattern=r"^[A-Z]{2}$", description="Whose.")
    number: int | None = Field(default=None, ge=0, description="People, as filed.")
    tracking_no: str = Field(default="", description="The regulator's number.")


class Filed(NamedTuple):
    """One filing that was made."""

    on: date
    number: int | None
    tracking_no: str


class RiskDecision(NamedTuple):
    """The assessment in force, and who recorded it when; both None: the incident file alone says it."""

    risk: Risk
    by: str | None
    on: date | None


def filings_recorded(workspace: Workspace) -> dict[tuple[str, str, str], list[Filed]]:
    """Recorded filings by (recipient, entity_id, jurisdiction), the last one last.

    Raises OperatorError naming every fact that cannot be read.
    """
    facts = current_facts(workspace, "filing").to_dicts()
    values = _checked(facts, _FilingFact)
    found: dict[tuple[str, str, str], list[Filed]] = {}
    for fact, value in zip(facts, values, strict=True):
        key = (value.recipient, fact["entity_id"] or "", value.jurisdiction)
        filed = Filed(fact["dated_on"], value.number, value.tracking_no)
        found.setdefault(key, []).append(filed)
    return {key: sorted(filed, key=lambda f: f.on) for key, filed in found.items()}


def risk_recorded(workspace: Workspace, typed: Risk) -> RiskDecision:
    """`[risk]` with what was recorded since. Raises OperatorError naming every fact that cannot be read."""
    facts = current_facts(workspace, "risk").to_dicts()
    values = _checked(facts, Risk)
    decision = RiskDecision(typed, None, None)
    for fact, value in zip(facts, values, strict=True):
        said = value.model_dump(exclude_unset=True)
        risk = decision.risk.model_copy(update=said)
        who = (fact["by"], fact["dated_on"]) if "decision" in said else decision[1:]
        decision = RiskDecision(risk, *who)
    return decision


def _checked(facts: list[dict[str, Any]], model: type[Model]) -> list[Model]:
    values, problems = [], []
    for fact in facts:
        try:
            values.append(model.model_validate(json.loads(fact["value"])))
        except (ValidationError, ValueError) as error:
            keys = (
                [
                    ".".join(map(str, problem["loc"]))
                    for problem in error.errors(include_input=False)
                ]
                if isinstance(error, ValidationError)
                else ["no JSON"]
            )
            problems.append(
                f"fact {fact['fact_id']} ({fact['kind']}): {', '.join(keys)}: record it anew, "
                "superseding this one"
            )
    if problems:
        raise OperatorError("\n".join(problems))
    return values
