"""Which filings are owed: rows of `duties` gathered to one filing per kind, entity, jurisdiction, recipient.

Both hypotheses of agency are one filing. Its dates are those of reviewed rules whose clock has started; an
unreviewed rule may have made the plan, but it is named, not quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from matching.store import TryAgainLater
from notify.duties.stated import NOT_OWED, WAITING, stated_date
from notify.rules import Rule

__all__ = ["Owed", "discoveries", "owed_filings", "substitutes"]

_KINDS = {
    "hhs": "hhs", "media": "media", "state_ag": "state", "cra": "cra", "substitute": "substitute",
}  # fmt: skip
_PERFORMED = {"ba": "ready", "ce": "entity_files"}
_YEAR_END = "ce_discovery_year_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """One filing. `state`: ready, entity_files, waiting_entity (undecided), held or needs_counsel.

    Where one was recorded the duty is met and still a filing: its number may have changed since.

    `due_on`: the earliest last day under a reviewed rule whose clock runs, with its citation; None where there
    is none. `planned`: only the upper number passes the line. `year`: of discovery, annual log only.
    """

    kind: str
    entity_id: str
    jurisdiction: str
    recipient: str
    recipient_name: str
    state: str
    planned: bool
    due_on: date | None
    citation: str
    count_used: int
    rule_ids: tuple[str, ...]
    unreviewed: tuple[str, ...]
    year: int | None = None


def owed_filings(duties: pl.DataFrame, rules: Mapping[str, Rule]) -> list[Owed]:
    """Every filing that is owed or planned, in order of kind, entity, jurisdiction.

    Raises TryAgainLater where a duty comes from a rule row that is no longer there.
    """
    owed = duties.filter(pl.col("status") != "not_required")
    gone = sorted(set(owed["rule_id"]) - rules.keys())
    if gone:
        raise TryAgainLater(f"rule rows changed ({gone[0]} is gone); run `affected run` again")
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in owed.sort("due_on", "rule_id", "hypothesis", nulls_last=True).to_dicts():
        kind = _kind(rules[row["rule_id"]])
        if kind:
            key = (kind, row["entity_id"], row["jurisdiction"], row["recipient"])
            groups.setdefault(key, []).append(row)
    return [_owed(key, rows, rules) for key, rows in sorted(groups.items())]


def discoveries(duties: pl.DataFrame, rules: Mapping[str, Rule]) -> dict[str, date]:
    """Day of discovery per entity: of its own clock, the earlier hypothesis while agency is undetermined.

    Missing where the only clock waits for a receipt. HIPAA's individual notice says it (164.404(b)).
    """
    clocks = [
        rule.rule_id
        for rule in rules.values()
        if (rule.duty, rule.jurisdiction, rule.clock_anchor) == ("individual", "US", "ce_discovery")
    ]
    running = duties.filter(
        pl.col("rule_id").is_in(clocks) & ~pl.col("status").is_in([*NOT_OWED, *WAITING])
    )
    first = running.group_by("entity_id").agg(pl.col("anchor_on").min())
    return dict(first.drop_nulls().iter_rows())


def substitutes(duties: pl.DataFrame, rules: Mapping[str, Rule]) -> dict[str, str] | None:
    """What the HHS form says of substitute notice, by entity; None where no rule tests it."""
    by_line = {rule.rule_id: rule.min_op for rule in rules.values() if rule.duty == "substitute"}
    if not by_line:
        return None
    owed = duties.filter(
        pl.col("rule_id").is_in(list(by_line)) & ~pl.col("status").is_in(NOT_OWED)
    ).sort("entity_id", "rule_id")
    few, many = "Yes, fewer than 10 individuals", "Yes, 10 or more individuals"
    rows = owed.select("entity_id", "rule_id").iter_rows()
    return {entity: few if by_line[rule] == "lt" else many for entity, rule in rows}


def _kind(rule: Rule) -> str | None:
    """What is written for a rule's duty; None: nothing here (letters, packets, calls)."""
    if rule.duty == "hhs" and rule.clock_anchor == _YEAR_END:
        return "hhs_annual"
    if rule.duty == "substitute" and rule.min_op == "lt":
        return None  # fewer than ten are told by letter or telephone, not by a posting
    return _KINDS.get(rule.duty)


def _owed(key: tuple[str, ...], rows: list[dict[str, Any]], rules: Mapping[str, Rule]) -> Owed:
    kind, entity, jurisdiction, recipient = key
    running = [row for row in rows if not _waits(row)] or rows
    stated = [row for row in running if stated_date(row) is not None]
    first = stated[0] if stated else None
    names = [rules[row["rule_id"]].recipient_name for row in rows]
    unreviewed = {row["rule_id"] for row in rows if not row["reviewed"]}
    return Owed(
        kind=kind,
        entity_id=entity,
        jurisdiction=jurisdiction,
        recipient=recipient,
        recipient_name=next(filter(None, names), ""),
        state=_state(rows),
        planned=all(row["crosses"] == "upper" for row in rows),
        due_on=first["due_on"] if first else None,
        citation=rules[first["rule_id"]].citation if first else "",
        count_used=max(row["count_used"] for row in rows),
        rule_ids=tuple(sorted({row["rule_id"] for row in rows})),
        unreviewed=tuple(sorted(unreviewed)),
        year=min(row["anchor_on"].year for row in running if row["anchor_on"])
        if kind == "hhs_annual"
        else None,
    )


def _waits(row: Mapping[str, Any]) -> bool:
    return row["status"] in WAITING or bool(row["waits_for"])


def _state(rows: list[dict[str, Any]]) -> str:
    if any(row["status"] == "needs_counsel" for row in rows):
        return "needs_counsel"
    if any(row["status"] == "held" for row in rows):
        return "held"
    return _PERFORMED.get(rows[0]["performed_by"], "waiting_entity")
