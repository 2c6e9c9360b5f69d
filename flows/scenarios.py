"""Scenarios in the inbox: put aside, approved into the next round, withdrawn.

A saved one is a fact of kind `scenario`, an approved one a fact of kind `thresholds`; each takes the place of the
one before (of its name; of any). From the next round on the approved one stands over `[matching]`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex

import polars as pl

from flows.audit import audit
from flows.gates import check_by
from flows.settings import IncidentFile
from matching.errors import OperatorError
from matching.scenarios import Scenario
from matching.store import Workspace
from matching.tables import TABLES
from notify.answers import current_facts

__all__ = ["Saved", "approve", "approved", "in_force", "put_aside", "saved", "withdraw"]

SAVED, APPROVED, WITHDRAWAL = "scenario", "thresholds", "withdrawal"
_NAME_MAX = 60


@dataclass(frozen=True, slots=True)
class Saved:
    """A scenario and its row in the inbox."""

    fact_id: str
    scenario: Scenario
    by: str
    recorded_at: datetime


def put_aside(
    workspace: Workspace, incident: IncidentFile, scenario: Scenario, *, recorded_at: datetime
) -> str:
    """Keep a scenario; one of the same name is replaced. Gives its fact_id; changes no run.

    Raises OperatorError where its author may not approve, its name is empty or too long, or its
    thresholds do not go with `[matching]`.
    """
    check_by(workspace, incident, scenario.author, "approve")
    if not scenario.name.strip() or len(scenario.name) > _NAME_MAX:
        raise OperatorError(f"scenario: give a name of 1 to {_NAME_MAX} letters")
    scenario.over(incident.matching)
    before = next((s.fact_id for s in saved(workspace) if s.scenario.name == scenario.name), None)
    return _append(
        workspace, SAVED, scenario, by=scenario.author, supersedes=before, at=recorded_at
    )


def saved(workspace: Workspace) -> list[Saved]:
    """Scenarios that nobody replaced or withdrew, in the order of saving."""
    return _read(workspace, SAVED)


def approved(workspace: Workspace) -> Saved | None:
    """The scenario that the next round takes; None where `[matching]` stands as it is."""
    found = _read(workspace, APPROVED)
    return found[-1] if found else None


def approve(
    workspace: Workspace, incident: IncidentFile, fact_id: str, *, by: str, note: str = "", recorded_at: datetime
) -> str:  # fmt: skip
    """Approve a saved scenario: it stands over `[matching]` from the next round on. Gives the new fact_id.

    Raises OperatorError where `by` may not, where there is none of that id, where its numbers are from
    kept pairs only, or where it was made for another model.
    """
    check_by(workspace, incident, by, "approve")
    found = next((one for one in saved(workspace) if one.fact_id == fact_id), None)
    if found is None:
        raise OperatorError("scenario: none of that id; it was replaced or withdrawn")
    scenario = found.scenario
    if not scenario.exact:
        raise OperatorError(
            f"scenario '{scenario.name}': counted from kept pairs only, so it cannot be approved; lower"
            " matching.floor_bits or set the weights in [matching], and run"
        )
    if scenario.model != workspace.digest("model"):
        raise OperatorError(f"scenario '{scenario.name}': of another model; try its weights again")
    scenario.over(incident.matching)
    before = approved(workspace)
    supersedes = before.fact_id if before else None
    said = replace(scenario, note=note or scenario.note)
    return _append(workspace, APPROVED, said, by=by, supersedes=supersedes, at=recorded_at)


def withdraw(
    workspace: Workspace, incident: IncidentFile, fact_id: str, *, by: str, recorded_at: datetime
) -> None:
    """Take back a saved or approved scenario. Raises OperatorError where `by` may not, or there is none."""
    check_by(workspace, incident, by, "approve")
    known = {one.fact_id: one for one in (*saved(workspace), *_read(workspace, APPROVED))}
    if fact_id not in known:
        raise OperatorError("scenario: none of that id; it was replaced or withdrawn")
    _append(
        workspace, WITHDRAWAL, known[fact_id].scenario, by=by, supersedes=fact_id, at=recorded_at
    )


def in_force(workspace: Workspace, incident: IncidentFile) -> IncidentFile:
    """The incident with the approved scenario over its `[matching]`.

    Raises OperatorError where that does not go together any more, with the fix.
    """
    found = approved(workspace)
    if found is None:
        return incident
    try:
        matching = found.scenario.over(incident.matching)
    except OperatorError as error:
        fix = f"withdraw it in `affected tune {workspace.root}`, or put [matching] back"
        raise OperatorError(f"{error}; {fix}") from None
    return incident.model_copy(update={"matching": matching})


def _append(
    workspace: Workspace,
    kind: str,
    scenario: Scenario,
    *,
    by: str,
    supersedes: str | None,
    at: datetime,
) -> str:
    fact_id = token_hex(12)
    row = pl.DataFrame(
        {
            "fact_id": [fact_id], "kind": [kind], "value": [scenario.to_json()], "dated_on": [at.date()],
            "supersedes": [supersedes], "by": [by], "recorded_at": [at],
        }
    )  # fmt: skip
    workspace.append("facts", TABLES["facts"].complete(row))
    audit(workspace, kind, by=by, scenario=scenario.digest, fact=fact_id)
    return fact_id


def _read(workspace: Workspace, kind: str) -> list[Saved]:
    rows = current_facts(workspace, kind).iter_rows(named=True)
    return [
        Saved(
            row["fact_id"],
            Scenario.from_json(row["value"], author=row["by"]),
            row["by"],
            row["recorded_at"],
        )
        for row in rows
    ]
