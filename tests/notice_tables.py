"""A small incident as tables, built by hand: one person a case, for tests of notices and after."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.facts import BusinessAssociate, Hold, Incident, Mailing

AS_OF = date(2026, 3, 20)
MAIL_ON = date(2026, 4, 1)
NOW = datetime(2026, 3, 21, 12, tzinfo=UTC)
INCIDENT = Incident(
    id="test",
    title="Test",
    synthetic=True,
    breach_start=date(2025, 12, 21),
    breach_end=date(2025, 12, 23),
    known_on=date(2026, 3, 5),
    what_happened="Someone copied files from our computers without permission.",
)
ASSOCIATE = BusinessAssociate(
    name="Northwind Dental Software, Inc.",
    toll_free="1-800-555-0100",
    email="incident@northwind.example",
    website="https://northwind.example/incident",
    address=("1 Main St", "Springfield MD 20701"),
)
MAILING = Mailing(planned_mail_on=MAIL_ON)
HOLDS = (
    Hold(
        kind="court", entity_id="CE4", official="J. Doe", agency="Court", stated_on=date(2026, 3, 1)
    ),
)
_CHART: dict[str, Any] = {
    "first_name": "JANE",
    "last_name": "DOE",
    "date_of_birth": "1980-02-03",
    "ssn": "219099999",
    "street": "12 MAIN ST APT 3",
    "unit": "APT 3",
    "city": "BALTIMORE",
    "state": "MD",
    "zip5": "21201",
    "confidential": False,
    "deceased": False,
}
_FILE = 1 << 40


def build(workspace: Workspace, cases: list[dict[str, Any]]) -> None:
    """Write the tables of `cases`; person ids are P00000, P00001 ... in their order."""
    rows: dict[str, list[dict[str, Any]]] = {
        name: []
        for name in (
            "persons", "ownership", "members", "leaked_std", "charts_std", "leaked", "charts",
            "row_owners", "elements", "suppressions", "events", "responses",
        )
    }  # fmt: skip
    for number, case in enumerate(cases):
        _person(rows, number, case)
    for name, found in rows.items():
        frame = TABLES[name].empty()
        if found:
            frame = TABLES[name].complete(pl.DataFrame(found, infer_schema_length=None))
        if name in {"events", "responses"}:
            workspace.append(name, frame)
        else:
            workspace.write(name, frame)
    _common(workspace)


def _person(rows: dict[str, list[dict[str, Any]]], number: int, case: dict[str, Any]) -> None:
    person, entity = f"P{number:05d}", case.get("entity", "CE1")
    chart_id, mention = 2 * _FILE + number * 8, _FILE + number * 8
    base = {"affected": "confirmed", "orphan": False, "deceased": False, "language": "en",
            "minor_on": date(1998, 2, 3), "first_identified_on": AS_OF, "mentions": 1, "charts": 1}  # fmt: skip
    rows["persons"].append(
        {"person_id": person, "merged_group": person, **base, **case.get("person", {})}
    )
    rows["ownership"].append(
        {"person_id": person, "entity_id": entity, "status": case.get("status", "confirmed"),
         "basis": "tenant_id", "probability": 1.0, "kinds": 0}
    )  # fmt: skip
    where = {"person_id": person, "file_no": 1, "row_no": number}
    rows["members"] += [
        {**where, "mention_id": mention, "side": "leaked", "record_id": f"L{number}"},
        {**where, "mention_id": chart_id, "side": "master", "record_id": f"C{number}",
         "entity_id": None if entity == "UNOWNED" else entity, "file_no": 2},
    ]  # fmt: skip
    rows["charts_std"].append({"chart_id": chart_id, **_CHART, **case.get("chart", {})})
    leaked = {"first_name": "JANE", "last_name": "DOE", "confidential": False, "deceased": False}
    rows["leaked_std"].append({"mention_id": mention, **leaked, **case.get("leaked", {})})
    rows["charts"].append({"chart_id": chart_id, "record_id": f"C{number}", "file_no": 2,
                           "row_no": number, **case.get("raw", {})})  # fmt: skip
    rows["leaked"].append({"mention_id": mention, "record_id": f"L{number}", "file_no": 1,
                           "row_no": number, "role": "patient"})  # fmt: skip
    owner = case.get("leaked_owner", entity)
    rows["row_owners"].append(
        {"mention_id": mention, "entity_id": owner, "status": "confirmed", "basis": "tenant_id"}
    )
    for element in case.get("elements", ["name", "contact", "appointment"]):
        rows["elements"].append({"person_id": person, "entity_id": entity, "element": element})
    if "suppressed" in case:
        rows["suppressions"].append(
            {"record_id": f"C{number}", "reason": case["suppressed"], "authority": "counsel"}
        )
    told = case.get("events", [case["event"]] if "event" in case else [])
    for place, event in enumerate(told):
        exported = {"detail": f"home:{chart_id}"} if event.get("kind") == "exported" else {}
        rows["events"].append(
            {"event_id": f"e{number}-{place}", "entity_id": entity, "person_id": person, "piece_id": f"M{number}",
             "batch_id": "B1", "notice_version": 1, "wave": 1, "dated_on": AS_OF, "recorded_at": NOW,
             "channel": "mail", **exported, **event}
        )  # fmt: skip
    for place, answer in enumerate(case.get("responses", [])):
        rows["responses"].append(
            {"response_id": f"r{number}-{place}", "entity_id": entity, "person_id": person, "packet_version": 1,
             "dated_on": AS_OF, "recorded_at": NOW, **answer}
        )  # fmt: skip


def _common(workspace: Workspace) -> None:
    entities = [
        {"entity_id": f"CE{n}", "kind": "covered_entity", "legal_name": f"Practice {n}, P.A.",
         "print_name": f"Bright Smile Dental {n}", "status": "open", "agency": "undetermined"}
        for n in range(1, 5)
    ]  # fmt: skip
    by = {"CE1": "ba", "CE3": "ce", "CE4": "ba"}
    delegation = [
        {"entity_id": e, "duty": "individual", "by": who, "document": "", "signed_on": AS_OF}
        for e, who in by.items()
    ]
    workspace.write("entities", TABLES["entities"].complete(pl.DataFrame(entities)))
    workspace.write("delegation", TABLES["delegation"].complete(pl.DataFrame(delegation)))
    duty = {"jurisdiction": "US", "duty": "individual", "recipient": "individual", "citation": "h", "rule_id": "h", "hypothesis": "agent",
            "count_used": 1, "crosses": "confirmed", "owed_by": "ce", "performed_by": "ba",
            "status": "due", "reviewed": True, "explanation": "x", "anchor_on": AS_OF}  # fmt: skip
    due = {"CE1": date(2026, 5, 4), "CE2": date(2026, 2, 1)}
    duties = [{**duty, "duty_id": e, "entity_id": e, "due_on": day} for e, day in due.items()]
    workspace.write("duties", TABLES["duties"].complete(pl.DataFrame(duties)))
    files = [
        {"file_no": n, "file_sha256": f"{n:064d}", "bytes": 1, "recorded_at": NOW} for n in (1, 2)
    ]
    workspace.append("files", TABLES["files"].complete(pl.DataFrame(files)))
