"""What is owed to whom by when: counts and the roster come in, `duties` goes out.

One row per entity, jurisdiction, recipient, rule and hypothesis of agency, also where HIPAA's line is not
passed, or half a state's is: that it was tested is evidence. Plans are made on the upper count; `crosses` says which number
passed. Nothing here reads a clock: today is `as_of`. Open duties also go to `out/duties/`, as a list
and as a calendar.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
from pydantic import Field, computed_field

from matching.store import OperatorError, Workspace, log_counts
from matching.tables import TABLES
from notify.answers import agencies, current_holds, delegations, receipts
from notify.duties.anchors import filings, recorded_days
from notify.duties.dates import with_due_dates
from notify.duties.lines import Tested
from notify.duties.open import calendar, open_duties, open_list
from notify.duties.rows import entity_clocks, rule_rows
from notify.duties.standing import with_status
from notify.duties.stated import earliest_by, may_be_stated, stated_date, stated_dates
from notify.facts import Closed, Counsel, Hold, Incident, Mailing
from notify.rules import Rule, Rules, load_rules

__all__ = [
    "DutiesSettings", "earliest_by", "may_be_stated", "open_duties", "run", "stated_date", "stated_dates",
]  # fmt: skip


class DutiesSettings(Closed):
    """What the duties depend on beside the tables."""

    incident: Incident = Field(description="`[incident]`.")
    as_of: date = Field(description="The round's today.")
    holds: tuple[Hold, ...] = Field(default=(), description="`[[holds]]`.")
    mailing: Mailing = Field(default=Mailing(), description="`[mailing]`.")
    counsel: Counsel = Field(default=Counsel(), description="`[counsel]`.")
    jurisdictions: Path = Field(exclude=True, description="Folder of rule rows (TOML).")

    @computed_field(description="Digest of the rule rows, in place of where they lie.")  # type: ignore[prop-decorator]  # pydantic's documented order
    @property
    def rules_sha256(self) -> str:
        """What the rows say; a step is done again when they change."""
        return load_rules(self.jurisdictions).digest


def run(workspace: Workspace, settings: DutiesSettings) -> None:
    """Write `duties` for every covered entity that has a person: HIPAA's rules, the states' and the contract's.

    Rows stay about a million at most: entities times states of their people times rules, twice.
    """
    rules = load_rules(settings.jurisdictions)
    rows = _rows(workspace, settings, rules)
    holds = current_holds(workspace, settings.holds)
    dated = with_due_dates(rows, holds, as_of=settings.as_of)
    duties = with_status(dated, delegations(workspace), filings(workspace), as_of=settings.as_of)
    workspace.write("duties", TABLES["duties"].complete(duties))
    still_open = open_duties(workspace, as_of=settings.as_of)
    workspace.put_output("duties/duties.csv", open_list(still_open), personal=False)
    events = calendar(still_open, incident=settings.incident, as_of=settings.as_of)
    workspace.put_output("duties/duties.ics", events, personal=False)
    overdue = still_open.filter(pl.col("status") == "overdue").height
    log_counts("duties", rows=duties.height, required=still_open.height, overdue=overdue)


def _rows(workspace: Workspace, settings: DutiesSettings, rules: Rules) -> pl.DataFrame:
    """The rows of every rule in force, without dates."""
    day = _law_of(settings)
    in_force = [rule for rule in rules.rule if rule.in_force(day)]
    if not in_force:
        raise OperatorError(f"{settings.jurisdictions}: no rule in force on {day}; add its row")
    counsel = settings.counsel
    tested = Tested.read(
        workspace,
        jurisdictions=rules.jurisdictions,
        appointment_is_medical=counsel.appointment_is_medical,
        refused_is_told=counsel.returned_refused_is_notified,
    )
    clocks = entity_clocks(
        workspace.scan("entities").drop("agency").join(agencies(workspace).lazy(), on="entity_id"),
        receipts(workspace).lazy(),
        recorded_days(workspace).lazy(),
        discovered_on=settings.incident.discovered_on,
        as_of=settings.as_of,
    )
    return pl.concat(
        rule_rows(rule, tested, clocks).filter(_shorter_than_law(rule, rules)) for rule in in_force
    )


def _shorter_than_law(rule: Rule, rules: Rules) -> pl.Expr:
    """A contract's clock is a row only where it ends before the rule's own."""
    if rule.days_from is None:
        return pl.lit(value=True)
    legal = [r.days for r in rules.rule if r.recipient == rule.recipient and r.days is not None]
    return pl.col("days") < min(legal, default=1 << 31)


def _law_of(settings: DutiesSettings) -> date:
    """Day whose law applies: of the notice, or of the event where counsel says so."""
    start = settings.incident.breach_start
    if settings.counsel.statute_version == "notice":
        return settings.as_of
    return start if isinstance(start, date) else settings.incident.discovered_on
