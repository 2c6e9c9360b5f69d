"""What is owed to whom by when: counts and the roster come in, `duties` goes out.

One row per entity, jurisdiction, recipient, rule and hypothesis of agency, also where the line is not
passed: that it was tested is evidence. Plans are made on the upper count; `crosses` says which number
passed. Nothing here reads a clock: today is `as_of`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
from pydantic import Field, computed_field

from matching.store import OperatorError, Workspace, log_counts
from matching.tables import TABLES, UNOWNED
from notify.answers import current_holds, delegations, receipts
from notify.duties.lines import counts_by_state, counts_of_all
from notify.duties.rows import entity_clocks, rule_rows, with_due_dates, with_status
from notify.facts import Closed, Counsel, Hold, Incident, Mailing
from notify.rules import Rule, Rules, load_rules

__all__ = ["DutiesSettings", "earliest_by", "run"]


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
    """Write `duties` for every covered entity that has a person, HIPAA's rules and the contract's.

    Rows stay far below a million: entities times states, twice.
    """
    rules = load_rules(settings.jurisdictions)
    tested = _tested(workspace, rules)
    clocks = entity_clocks(
        workspace.scan("entities"),
        receipts(workspace).lazy(),
        discovered_on=settings.incident.discovered_on,
        as_of=settings.as_of,
    )
    frames = [
        rule_rows(rule, tested[rule.count_basis], clocks).filter(_shorter_than_law(rule, rules))
        for rule in rules.rule
        if rule.in_force(_law_of(settings))
    ]
    if not frames:
        raise OperatorError(
            f"{settings.jurisdictions}: no rule in force on {_law_of(settings)}; add its row"
        )
    rows = pl.concat(frames).collect()
    holds = current_holds(workspace, settings.holds)
    dated = with_due_dates(rows, holds, as_of=settings.as_of)
    duties = with_status(dated, delegations(workspace), as_of=settings.as_of)
    workspace.write("duties", TABLES["duties"].complete(duties))
    required = duties.filter(pl.col("status") != "not_required")
    overdue = required.filter(pl.col("status") == "overdue").height
    log_counts("duties", rows=duties.height, required=required.height, overdue=overdue)


def earliest_by(workspace: Workspace) -> pl.DataFrame:
    """One row per entity, `entity_id, due_on`: the day by which its individual notices must be out.

    The earlier of both hypotheses where agency is undetermined, and of all rules: an unreviewed row
    counts too, it can only make the day earlier. Days past are given as they are.
    """
    return (
        workspace.scan("duties")
        .filter((pl.col("recipient") == "individual") & (pl.col("status") != "not_required"))
        .group_by("entity_id")
        .agg(pl.col("due_on").min())
        .sort("entity_id")
        .collect()
    )


def _tested(workspace: Workspace, rules: Rules) -> dict[str, pl.LazyFrame]:
    counts = workspace.scan("counts").filter(
        pl.col("entity_id").is_not_null() & (pl.col("entity_id") != UNOWNED)
    )
    return {
        "all": counts_of_all(counts),
        "state_residents": counts_by_state(counts, workspace.scan("entities"), rules.jurisdictions),
    }


def _shorter_than_law(rule: Rule, rules: Rules) -> pl.Expr:
    """A contract's clock is a row only where it ends before the rule's own."""
    if rule.days_from is None:
        return pl.lit(True)
    legal = [r.days for r in rules.rule if r.recipient == rule.recipient and r.days is not None]
    return pl.col("days") < min(legal, default=1 << 31)


def _law_of(settings: DutiesSettings) -> date:
    """Day whose law applies: of the notice, or of the event where counsel says so."""
    start = settings.incident.breach_start
    if settings.counsel.statute_version == "notice":
        return settings.as_of
    return start if isinstance(start, date) else settings.incident.discovered_on
