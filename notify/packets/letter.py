"""The letter of 45 CFR 164.410 to a covered entity, as data for its template. It names no person."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from notify.facts import Incident
from notify.packets.settings import PacketsSettings

__all__ = ["DUTIES", "addressee", "letter_data", "long_date", "passphrase_data"]

DUTIES = {
    "individual": "Letters to the individuals",
    "substitute": "Substitute notice where addresses are bad",
    "media": "Notice to the media",
    "hhs": "Notice to the Secretary of HHS",
    "state_ag": "Notices to state authorities",
    "cra": "Notices to consumer reporting agencies",
    "callcentre": "Answering the individuals' calls",
}
"""The duties of delegation.csv in the words of the letter."""

_DUE_ROWS = {
    "us-164.404-individual": "Letters to individuals, 45 CFR 164.404",
    "us-164.406-media": "Media, 45 CFR 164.406",
    "us-164.408-hhs-500": "Secretary of HHS, 500 or more, 45 CFR 164.408(b)",
    "us-164.408-hhs-annual": "Secretary of HHS, fewer than 500, 45 CFR 164.408(c)",
}
_DECIDED = {
    "ba": "We do this for you",
    "ce": "You do this yourself",
    "undecided": "Please decide",
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def letter_data(
    packet: dict[str, Any],
    settings: PacketsSettings,
    *,
    duties: list[dict[str, Any]],
    delegation: list[dict[str, Any]],
    elements: list[dict[str, Any]],
    enclosures: list[str],
    changes: dict[str, int] | None,
    fingerprint: str,
    synthetic: bool,
    audit_log: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything the template prints, dates and numbers already in words. JSON-ready."""
    reply_by = settings.as_of + timedelta(days=settings.reply_days)
    return {
        "synthetic": synthetic,
        "business_associate": settings.business_associate.model_dump(mode="json"),
        "title": settings.incident.title,
        "incident_id": settings.incident.id,
        "reference": f"{packet['entity_id']}, version {packet['version']}",
        "version": packet["version"],
        "changes": changes and {name: f"{count:,}" for name, count in changes.items()},
        "fingerprint": fingerprint,
        "audit_log": audit_log and {"lines": f"{audit_log['lines']:,}", "head": audit_log["head"]},
        "date": long_date(settings.as_of),
        "addressee": addressee(packet),
        "recipient": packet["role"],
        "entity": packet["held_as"],
        "what_happened": settings.incident.what_happened,
        "breach_dates": _breach_dates(settings.incident),
        "discovered_on": long_date(settings.incident.discovered_on),
        "numbers": {
            name: f"{packet[name]:,}" for name in ("confirmed", "possible", "possible_unlisted")
        },
        "any_unlisted": packet["possible_unlisted"] > 0,
        "any_listed": packet["confirmed"] + packet["possible"] > 0,
        "elements": [{"label": e["label"], "people": f"{e['people']:,}"} for e in elements],
        "reply_by": long_date(reply_by),
        "due": _due_rows(duties, settings.as_of),
        "delegation": _delegation_rows(delegation),
        "undecided": any(row["by"] == "undecided" for row in _delegation_rows(delegation)),
        "enclosures": enclosures,
    }


def passphrase_data(
    packet: dict[str, Any],
    settings: PacketsSettings,
    *,
    passphrase: str,
    fingerprint: str,
    synthetic: bool,
) -> dict[str, Any]:
    """What the letter with the passphrase prints. It says nothing of the incident or of any person."""
    return {
        "synthetic": synthetic,
        "business_associate": settings.business_associate.model_dump(mode="json"),
        "date": long_date(settings.as_of),
        "addressee": addressee(packet),
        "entity": packet["held_as"],
        "entity_id": packet["entity_id"],
        "passphrase": passphrase,
        "fingerprint": fingerprint,
    }


def long_date(day: date) -> str:
    """`March 5, 2026`."""
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def addressee(packet: dict[str, Any]) -> list[str]:
    """Contact, name and address of who receives the packet, as far as the roster has them."""
    name = packet["to_legal_name"]
    if packet["role"] == "custodian":
        name = f"{packet['custodian']}, custodian of records of {packet['held_as']}"
    place = " ".join(packet[part] for part in ("to_state", "to_zip") if packet[part])
    last = ", ".join(part for part in (packet["to_city"], place) if part)
    lines = [packet["to_contact_name"], name, packet["to_street"], last]
    return [line for line in lines if line]


def _breach_dates(incident: Incident) -> str:
    start, end = incident.breach_start, incident.breach_end
    if not isinstance(start, date):
        return f"not known, until {long_date(end)}" if isinstance(end, date) else "not known"
    if not isinstance(end, date):
        return f"from {long_date(start)}, end not known"
    return long_date(start) if start == end else f"{long_date(start)} to {long_date(end)}"


def _due_rows(duties: list[dict[str, Any]], as_of: date) -> list[dict[str, str]]:
    """One line per duty that is owed, its last day under either hypothesis. Unreviewed rules are not printed."""
    lines: dict[str, dict[str, str]] = {}
    for duty in sorted(duties, key=lambda d: (d["rule_id"], d["jurisdiction"])):
        label = _DUE_ROWS.get(duty["rule_id"])
        if label is None or duty["status"] == "not_required" or not duty["reviewed"]:
            continue
        if duty["recipient"] == "media":
            label = f"{label}: {duty['jurisdiction']}"
        if duty["crosses"] == "upper":
            label = f"{label} (only if the highest number holds)"
        none = {"agent": "does not apply", "independent": "does not apply"}
        line = lines.setdefault(label, {"duty": label, **none})
        line[duty["hypothesis"]] = _due(duty, as_of)
    return list(lines.values())


def _due(duty: dict[str, Any], as_of: date) -> str:
    if duty["status"] == "waiting_receipt":
        if duty["rule_id"] == "us-164.408-hhs-annual":
            return "60 days after the end of the year in which you receive this letter"
        return "60 days after you receive this letter"
    passed = " (passed)" if duty["due_on"] < as_of else ""
    return long_date(duty["due_on"]) + passed


def _delegation_rows(delegation: list[dict[str, Any]]) -> list[dict[str, str]]:
    known = {row["duty"]: row for row in delegation}
    rows = []
    for duty, label in DUTIES.items():
        row = known.get(duty, {"by": "undecided", "document": None, "signed_on": None})
        signed = f", signed {long_date(row['signed_on'])}" if row["signed_on"] else ""
        source = f" ({row['document']}{signed})" if row["document"] else ""
        rows.append({"duty": label, "by": row["by"], "text": _DECIDED[row["by"]] + source})
    return rows
