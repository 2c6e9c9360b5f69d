"""The workspace of `packet_tables` with counts that pass lines of law, and duties written by hand.

CE1: 500 and more, media in two states, an unreviewed state rule, a posting; ours to file. CE3: only its upper
number passes 500; undecided. CE2: under 500, ours. CE4: under 500, its own. CE5: a state that only unknown
residence reaches.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.facts import Hold, Mailing, Risk
from notify.filings import Filings, FilingsReleased, FilingsSettings, release
from notify.packets import run as run_packets
from notify.seal import Approved, Basis
from tests import packet_tables as base
from tests.packet_tables import AS_OF, CONFIGS, INCIDENT, SENDER, put

BASIS = Basis(
    configuration_sha256="c0",
    rules_sha256="f0",
    approvals=(Approved("owners", "s2", ("A",)), Approved("thresholds", "s1", ("A", "B"))),
)
STATE_RULES = """
schema = "affected.rules/1"
[[rule]]
rule_id = "md-test-ag"
jurisdiction = "MD"
duty = "state_ag"
recipient = "state_ag"
owed_by = "ce"
min_op = "ge"
min_n = 1
count_basis = "state_residents"
clock_anchor = "ce_discovery"
days = 45
day_type = "calendar"
citation = "Md. Code, Com. Law 14-3504"
effective_from = 2018-01-01
provenance = "a test"
[[rule]]
rule_id = "va-test-ag"
jurisdiction = "VA"
duty = "state_ag"
recipient = "state_ag"
owed_by = "ce"
min_op = "ge"
min_n = 1
count_basis = "state_residents"
clock_anchor = "ce_discovery"
days = 50
day_type = "calendar"
citation = "Va. Code 18.2-186.6"
effective_from = 2018-01-01
provenance = "a test"
reviewed_by = "a reviewer"
reviewed_on = 2026-01-01
[[rule]]
rule_id = "va-test-cra"
jurisdiction = "VA"
duty = "cra"
recipient = "cra"
owed_by = "ce"
min_op = "gt"
min_n = 1000
count_basis = "state_residents"
clock_anchor = "ce_discovery"
days = 50
day_type = "calendar"
citation = "Va. Code 18.2-186.6"
effective_from = 2018-01-01
provenance = "a test"
reviewed_by = "a reviewer"
reviewed_on = 2026-01-01
[[rule]]
rule_id = "us-test-substitute"
jurisdiction = "US"
duty = "substitute"
recipient = "substitute"
owed_by = "ce"
min_op = "ge"
min_n = 10
count_basis = "all"
clock_anchor = "ce_discovery"
days = 60
day_type = "calendar"
citation = "45 CFR 164.404(d)(2)(ii)"
effective_from = 2009-09-23
provenance = "a test"
reviewed_by = "a reviewer"
reviewed_on = 2026-01-01
"""
TYPED = Filings(
    breach_type="Hacking/IT Incident",
    breach_location=("Network Server",),
    safeguards_prior=("None",),
    actions_taken=("Implemented new technical safeguards",),
    actions_text="Northwind closed the server and changed all passwords.",
    contact_first_name="Robin",
    contact_last_name="Vance",
    contact_email="incident@northwind.example",
    contact_phone="1-301-555-0101",
    notice_end_on=date(2026, 4, 3),
    attested_by="R. Vance",
)
# entity, state, confirmed, expected, low, high, upper
COUNTS = [
    (None, None, 2400, 2450.4, 2420.0, 2480.0, 2520),
    ("CE1", None, 1804, 1850.4, 1830.0, 1870.0, 1900),
    ("CE1", "MD", 1204, 1230.4, 1215.0, 1245.0, 1260),
    ("CE1", "VA", 590, 600.0, 595.0, 605.0, 610),
    ("CE3", None, 480, 495.2, 486.0, 505.0, 520),
    ("CE2", None, 40, 41.0, 40.0, 42.0, 44),
    ("CE4", None, 30, 30.0, 30.0, 30.0, 30),
    ("CE5", None, 30, 30.0, 30.0, 30.0, 30),
    ("CE5", "UNK", 30, 30.0, 30.0, 30.0, 30),
    ("UNOWNED", None, 16, 18.0, 15.0, 22.0, 25),
]
AGENT_DUE, INDEPENDENT_DUE = date(2026, 4, 11), date(2026, 5, 19)
# rule, entity, jurisdiction, recipient, hypothesis, crosses, anchor, due, performed_by, status, reviewed
DUTIES = [
    *(("us-164.404-individual", e, "US", "individual", h, "confirmed", a, d, "ba", s, True)
      for e in ("CE1", "CE2", "CE3", "CE4", "CE5")
      for h, a, d, s in (("agent", date(2026, 2, 10), AGENT_DUE, "due"),
                         ("independent", AS_OF, INDEPENDENT_DUE, "waiting_receipt"))),
    ("us-164.408-hhs-500", "CE1", "US", "hhs", "agent", "confirmed", date(2026, 2, 10), AGENT_DUE, "ba", "due", True),
    ("us-164.408-hhs-500", "CE1", "US", "hhs", "independent", "confirmed", AS_OF, INDEPENDENT_DUE, "ba", "waiting_receipt", True),
    ("us-164.408-hhs-500", "CE3", "US", "hhs", "agent", "upper", date(2026, 2, 10), AGENT_DUE, "undecided", "planned", True),
    ("us-164.408-hhs-500", "CE2", "US", "hhs", "agent", "no", date(2026, 2, 10), AGENT_DUE, "ba", "not_required", True),
    ("us-164.408-hhs-annual", "CE2", "US", "hhs", "agent", "confirmed", date(2026, 12, 31), date(2027, 3, 1), "ba", "due", True),
    ("us-164.408-hhs-annual", "CE4", "US", "hhs", "agent", "confirmed", date(2026, 12, 31), date(2027, 3, 1), "ce", "due", True),
    ("us-164.406-media", "CE1", "MD", "media", "agent", "confirmed", date(2026, 2, 10), AGENT_DUE, "ba", "due", True),
    ("us-164.406-media", "CE1", "VA", "media", "agent", "confirmed", date(2026, 2, 10), AGENT_DUE, "ba", "due", True),
    ("us-164.406-media", "CE5", "MD", "media", "agent", "upper", date(2026, 2, 10), AGENT_DUE, "ba", "planned", True),
    ("md-test-ag", "CE1", "MD", "state_ag", "agent", "confirmed", date(2026, 2, 10), date(2026, 3, 27), "ba", "due", False),
    ("va-test-ag", "CE1", "VA", "state_ag", "agent", "confirmed", date(2026, 2, 10), date(2026, 4, 1), "ba", "due", True),
    ("va-test-cra", "CE1", "VA", "cra", "agent", "confirmed", date(2026, 2, 10), date(2026, 4, 1), "ba", "due", True),
    ("us-test-substitute", "CE1", "US", "substitute", "agent", "confirmed", date(2026, 2, 10), AGENT_DUE, "ba", "due", True),
]  # fmt: skip
_COLUMNS = ("rule_id", "entity_id", "jurisdiction", "recipient", "hypothesis", "crosses", "anchor_on", "due_on",
            "performed_by", "status", "reviewed")  # fmt: skip


def duty_rows(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows of `duties` from the tuples above."""
    found = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
    more = {
        "owed_by": "ce",
        "count_used": 1,
        "explanation": "by hand",
        "duty": "by hand",
        "citation": "by hand",
    }
    return pl.DataFrame([{"duty_id": f"D{n:03d}"} | row | more for n, row in enumerate(found)])


def workspace_of(tmp_path: Path, *, synthetic: bool = True) -> Workspace:
    """As the steps before the command leave it, with a rule folder beside it."""
    workspace = base.workspace_of(tmp_path, synthetic=synthetic)
    columns = [
        "entity_id",
        "state",
        "confirmed",
        "expected",
        "expected_low",
        "expected_high",
        "upper",
    ]
    put(workspace, "counts", pl.DataFrame(COUNTS, schema=columns, orient="row"))
    put(workspace, "duties", duty_rows(DUTIES))
    run_packets(workspace, base.settings())
    rules = tmp_path / "rules"
    shutil.copytree(CONFIGS / "jurisdictions", rules)
    (rules / "test.toml").write_text(STATE_RULES)
    return workspace


def settings(workspace: Workspace, **changed: Any) -> FilingsSettings:
    """Settings whose rule rows lie beside the workspace."""
    given: dict[str, Any] = {
        "incident": INCIDENT, "business_associate": SENDER, "as_of": AS_OF, "filings": TYPED,
        "mailing": Mailing(planned_mail_on=date(2026, 3, 27)),
        "texts": CONFIGS / "filings", "elements": CONFIGS / "letters" / "elements.toml",
        "jurisdictions": workspace.root.parent / "rules",
    }  # fmt: skip
    return FilingsSettings(**(given | changed))


def send(workspace: Workspace, *, entity: str | None = None, **changed: Any) -> FilingsReleased:
    """Release with the settings above."""
    return release(workspace, settings(workspace, **changed), entity=entity, basis=BASIS)


def record(workspace: Workspace, kind: str, value: str, *, entity: str | None = None,
           on: date = AS_OF, by: str | None = "R. Vance", supersedes: str | None = None) -> None:  # fmt: skip
    """Append one fact."""
    number = workspace.rows("facts")
    row = {"fact_id": f"F{number:03d}", "kind": kind, "entity_id": entity, "value": value, "dated_on": on,
           "by": by, "supersedes": supersedes,
           "recorded_at": datetime(2026, 3, 20, 12, number, tzinfo=UTC)}  # fmt: skip
    workspace.append("facts", TABLES["facts"].complete(pl.DataFrame([row])))


__all__ = ["BASIS", "Hold", "Risk", "duty_rows", "record", "send", "settings", "workspace_of"]
