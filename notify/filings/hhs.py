"""The breach portal of HHS: the fields of its form per covered entity, and the annual log under 500.

A person types them in, so each is named as the form names it, and what nobody has said yet stands in
`missing`. A recorded filing with another number makes the next one an addendum under its tracking number.
"""

from __future__ import annotations

from typing import Any

from notify.filings.fields import earlier, numbers_for
from notify.filings.owed import Owed
from notify.filings.sources import Sources

__all__ = ["annual_row", "portal"]

_500 = "500 or more individuals"
_FEWER = "Fewer than 500 individuals"
_NEEDED = {
    "contact": ("ce_street", "ce_city", "ce_state", "ce_zip", "ba_contact_first_name",
                "ba_contact_last_name", "ba_contact_email", "ba_contact_phone"),
    "breach": ("breach_start", "breach_end", "discovery_start", "discovery_end", "approx_individuals",
               "type", "location", "phi_type", "description", "safeguards_prior"),
    "notice": ("individual_notice_start", "individual_notice_projected_end", "substitute_required",
               "actions_taken"),
    "attestation": ("name",),
}  # fmt: skip
"""What the form does not accept empty."""


def portal(sources: Sources, owed: Owed) -> dict[str, Any]:
    """The form of one entity, tab by tab, with `numbers`, `missing` and `warnings`. JSON-ready."""
    here, _ = numbers_for(sources, owed)
    annual = owed.kind == "hhs_annual"
    tabs = {
        "general": _general(sources, owed),
        "contact": _contact(sources, owed),
        "breach": _breach(sources, owed),
        "notice": _notice(sources, owed),
        "attestation": {"name": sources.settings.filings.attested_by, "date": None},
    }
    missing = [
        f"{tab}.{field}"
        for tab, needed in _NEEDED.items()
        for field in needed
        if tabs[tab][field] in (None, "", [], {})
    ]
    return {
        "schema": "affected.filing.hhs/1",
        "entity_id": owed.entity_id,
        "tabs": tabs,
        "numbers": here.document() if here else None,
        "duty": duty(owed),
        "year_of_discovery": owed.year,
        "missing": missing,
        "warnings": _warnings(sources, owed, annual=annual),
    }


def duty(owed: Owed) -> dict[str, Any]:
    """What the filing rests on: rule rows, and the date that a reviewed one gives."""
    return {
        "rules": list(owed.rule_ids),
        "unreviewed_rules": list(owed.unreviewed),
        "count_used": owed.count_used,
        "citation": owed.citation,
        "due_on": owed.due_on.isoformat() if owed.due_on else None,
        "planned_on_upper_only": owed.planned,
    }


def annual_row(form: dict[str, Any]) -> dict[str, str]:
    """The form as one line of the annual log: columns `tab.field`, lists separated by `|`."""
    flat = {"entity_id": form["entity_id"], "due_on": form["duty"]["due_on"] or ""}
    for tab, values in form["tabs"].items():
        for field, value in values.items():
            flat[f"{tab}.{field}"] = _cell(value)
    for name, value in (form["numbers"] or {}).items():
        flat[f"numbers.{name}"] = str(value)
    return flat | {"missing": "|".join(form["missing"]), "warnings": "|".join(form["warnings"])}


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "|".join(f"{key}: {', '.join(items)}" for key, items in value.items())
    if isinstance(value, list):
        return "|".join(_cell(item) for item in value)
    return "" if value is None else str(value)


def _general(sources: Sources, owed: Owed) -> dict[str, Any]:
    here, _ = numbers_for(sources, owed)
    filed = earlier(sources, owed)
    tracked = [f for f in filed if f.tracking_no]
    addendum = bool(filed) and here is not None and filed[-1].number != here.filed
    return {
        "report_type": "Addendum to Previous Report" if addendum else "Initial Breach Report",
        "has_tracking_number": "Yes" if tracked else "No",
        "tracking_number": tracked[-1].tracking_no if tracked else None,
        "breach_affecting": _FEWER if owed.kind == "hhs_annual" else _500,
        "earlier_reports": [
            f"{f.on.isoformat()}: {f.number if f.number is not None else 'number not recorded'}"
            for f in filed
        ],
        "reason_for_addendum": "number of individuals after further review" if addendum else None,
    }


def _contact(sources: Sources, owed: Owed) -> dict[str, Any]:
    entity, settings = sources.entities[owed.entity_id], sources.settings
    ba, typed = settings.business_associate, settings.filings
    first, _, last = (entity["contact_name"] or "").rpartition(" ")
    by_us = owed.state != "entity_files"
    return {
        "filer_role": "Business Associate filing on behalf of Covered Entity"
        if by_us
        else "Covered Entity filing because its Business Associate was breached",
        "ce_name": entity["legal_name"],
        "ce_type": typed.entity_type,
        **{f"ce_{part}": entity[part] for part in ("street", "city", "state", "zip")},
        "ce_contact_first_name": first or None,
        "ce_contact_last_name": last or None,
        "ce_contact_email": entity["email"],
        "ce_contact_phone": entity["phone"],
        "ce_contact_phone_usage": "Work",
        "ba_name": ba.name,
        "ba_address": list(ba.address),
        "ba_contact_first_name": typed.contact_first_name,
        "ba_contact_last_name": typed.contact_last_name,
        "ba_contact_email": typed.contact_email,
        "ba_contact_phone": typed.contact_phone,
        "ba_contact_phone_usage": typed.contact_phone_usage,
    }


def _breach(sources: Sources, owed: Owed) -> dict[str, Any]:
    incident, typed = sources.settings.incident, sources.settings.filings
    here, _ = numbers_for(sources, owed)
    discovered = sources.discovered.get(owed.entity_id)
    day = discovered.isoformat() if discovered else None
    known = {
        name: None if value == "unknown" else str(value)
        for name, value in (("start", incident.breach_start), ("end", incident.breach_end))
    }
    return {
        "breach_start": known["start"],
        "breach_end": known["end"],
        "discovery_start": day,
        "discovery_end": day,
        "approx_individuals": here.filed if here else None,
        "type": typed.breach_type,
        "location": list(typed.breach_location),
        "phi_type": _phi_types(sources, owed.entity_id),
        "description": incident.what_happened,
        "safeguards_prior": list(typed.safeguards_prior),
    }


def _phi_types(sources: Sources, entity: str) -> dict[str, list[str]]:
    """Type -> items, both as the form calls them."""
    found: dict[str, set[str]] = {}
    for element in sources.kinds.of(entity):
        kind = sources.words.kind(element)
        found.setdefault(kind.hhs, set()).add(kind.item)
    return {name: sorted(items) for name, items in sorted(found.items())}


def _notice(sources: Sources, owed: Owed) -> dict[str, Any]:
    typed, mailing = sources.settings.filings, sources.settings.mailing
    media = sources.media.get(owed.entity_id, [])
    tested = sources.substitute
    start, end = mailing.planned_mail_on, typed.notice_end_on
    return {
        "individual_notice_start": start.isoformat() if start else None,
        "individual_notice_projected_end": end.isoformat() if end else None,
        "substitute_required": None if tested is None else tested.get(owed.entity_id, "No"),
        "media_required": "Yes" if media else "No",
        "media_states": media,
        "actions_taken": list(typed.actions_taken),
        "actions_text": typed.actions_text,
    }


def _warnings(sources: Sources, owed: Owed, *, annual: bool) -> list[str]:
    here, _ = numbers_for(sources, owed)
    found = []
    if owed.planned:
        found.append("only the upper number passes the line: counsel decides whether to file now")
    if here and (here.filed >= 500) == annual:
        found.append("the number to be filed lies on the other side of 500: counsel decides")
    if owed.entity_id not in sources.discovered:
        found.append("the entity's clock has not started: no receipt is recorded")
    elif sources.entities[owed.entity_id]["agency"] == "undetermined":
        found.append("agency is undetermined: the earlier day of discovery is given")
    return found
