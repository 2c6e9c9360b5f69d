"""Everything that filings are made from, read once: small tables in memory, by entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from matching.store import Workspace
from notify.answers import current_holds
from notify.filings.kinds import Kinds, read_kinds
from notify.filings.numbers import Numbers, numbers_of
from notify.filings.owed import Owed, discoveries, owed_filings, substitutes
from notify.filings.reached import retested
from notify.filings.recorded import Filed, RiskDecision, filings_recorded, risk_recorded
from notify.filings.settings import FilingsSettings
from notify.filings.texts import Words, load_words
from notify.packets.plan import held_today
from notify.rules import load_rules

__all__ = ["FROM_TABLES", "Sources", "read_sources"]

FROM_TABLES = ("counts", "delegation", "duties", "elements", "entities", "events", "facts", "ownership",
               "packets", "persons", "responses", "substitutes")  # fmt: skip
"""Tables whose digests the seal of a filing records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """`held`: entity -> kind of the hold that forbids sending today. `media`: entity -> its media states.

    `substitute`: None where no rule tests it.
    """

    settings: FilingsSettings
    words: Words
    synthetic: bool
    entities: Mapping[str, dict[str, Any]]
    counts: Mapping[tuple[str | None, str | None], Numbers]
    kinds: Kinds
    owed: list[Owed]
    media: Mapping[str, list[str]]
    discovered: Mapping[str, date]
    substitute: Mapping[str, str] | None
    filed: Mapping[tuple[str, str, str], list[Filed]]
    held: Mapping[str, str]
    risk: RiskDecision


def read_sources(workspace: Workspace, settings: FilingsSettings) -> Sources:
    """Read it all; 15 million people are counted part by part, the rest is small.

    Raises OperatorError for texts or facts that cannot be read, TryAgainLater for rule rows that are gone.
    """
    rules = {rule.rule_id: rule for rule in load_rules(settings.jurisdictions).rule}
    duties = retested(workspace, workspace.read("duties"), rules, as_of=settings.as_of)
    owed = owed_filings(duties, rules)
    entities = workspace.read("entities")
    held = held_today(
        entities["entity_id"], current_holds(workspace, settings.holds), settings.as_of
    )
    return Sources(
        settings=settings,
        words=load_words(settings.texts, settings.elements),
        synthetic=workspace.synthetic,
        entities={row["entity_id"]: row for row in entities.to_dicts()},
        counts=numbers_of(workspace.read("counts"), settings.counsel.filed_number),
        kinds=read_kinds(workspace),
        owed=owed,
        media=_media(owed),
        discovered=discoveries(duties, rules),
        substitute=substitutes(duties, rules),
        filed=filings_recorded(workspace),
        held=dict(entities.select("entity_id", held).drop_nulls().iter_rows()),
        risk=risk_recorded(workspace, settings.risk),
    )


def _media(owed: list[Owed]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for filing in owed:
        if filing.kind == "media":
            found.setdefault(filing.entity_id, []).append(filing.jurisdiction)
    return found
