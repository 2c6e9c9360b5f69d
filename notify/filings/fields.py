"""The fields of one filing: what letters, forms and field exports of a covered entity are filled from.

All text, and none of it about a person; a field that nothing gives is an empty text.
"""

from __future__ import annotations

from datetime import date

from notify.filings.numbers import Numbers
from notify.filings.owed import Owed
from notify.filings.recorded import Filed
from notify.filings.sources import Sources
from notify.letters.dates import day_text, span_text

__all__ = ["FIELDS", "POSTED_DAYS", "earlier", "fields", "numbers_for"]

POSTED_DAYS = 90
"""45 CFR 164.404(d)(2)(ii): on the home page for at least 90 days, the telephone number as long."""
FIELDS = frozenset(
    {
        *("date", "entity_id", "entity_name", "print_name", "relationship"),
        *("entity_street", "entity_city", "entity_state", "entity_zip"),
        *("ba_name", "ba_email", "ba_website", "ba_address", "toll_free"),
        *("contact_name", "contact_phone", "contact_email", "contact_line"),
        *("state_code", "state_name", "law", "due_on"),
        *("residents_filed", "residents_words", "total_filed", "total_words"),
        *("breach_dates", "found_on", "what_happened", "kinds", "credit"),
        *("actions_text", "notice_on", "monitoring", "posted_from", "posted_until"),
        *("filed_before", "filed_number_before"),
    }
)
"""Every field there is; a text or form with another is refused."""


def numbers_for(sources: Sources, owed: Owed) -> tuple[Numbers | None, Numbers | None]:
    """Counts of the entity in the jurisdiction, and in all; None where `counts` has no row."""
    state = None if owed.jurisdiction == "US" else owed.jurisdiction
    return sources.counts.get((owed.entity_id, state)), sources.counts.get((owed.entity_id, None))


def earlier(sources: Sources, owed: Owed) -> list[Filed]:
    """Filings to this recipient that were recorded, the last one last."""
    return sources.filed.get((owed.recipient, owed.entity_id, owed.jurisdiction), [])


def fields(sources: Sources, owed: Owed) -> dict[str, str]:
    """Value of every field of FIELDS."""
    settings, words = sources.settings, sources.words
    incident, ba, typed = settings.incident, settings.business_associate, settings.filings
    entity = sources.entities[owed.entity_id]
    here, total = numbers_for(sources, owed)
    kinds = sources.kinds.of(owed.entity_id)
    contact = f"{typed.contact_first_name} {typed.contact_last_name}".strip()
    reach = [contact, typed.contact_phone, typed.contact_email]
    values = {
        "date": day_text(settings.as_of, "en"),
        "entity_id": owed.entity_id,
        "entity_name": entity["legal_name"],
        "print_name": entity["print_name"] or entity["legal_name"],
        **{f"entity_{part}": entity[part] or "" for part in ("street", "city", "state", "zip")},
        "ba_name": ba.name,
        "ba_email": ba.email,
        "ba_website": ba.website,
        "ba_address": ", ".join(ba.address),
        "toll_free": ba.toll_free,
        "contact_name": contact,
        "contact_phone": typed.contact_phone,
        "contact_email": typed.contact_email,
        "contact_line": ", ".join(filter(None, reach)) or f"{ba.toll_free}, {ba.email}",
        "relationship": "business associate (keeps patient records for the entity)",
        "state_code": owed.jurisdiction,
        "state_name": words.state(owed.jurisdiction),
        "residents_filed": f"{here.filed}" if here else "",
        "residents_words": here.words if here else "",
        "total_filed": f"{total.filed}" if total else "",
        "total_words": total.words if total else "",
        "breach_dates": span_text(incident.breach_start, incident.breach_end, "en"),
        "found_on": day_text(incident.discovered_on, "en"),
        "what_happened": incident.what_happened,
        "kinds": "; ".join(words.listed(kinds)),
        "actions_text": typed.actions_text,
        "notice_on": _day(settings.mailing.planned_mail_on) or "a day that is not fixed yet",
        "monitoring": f"{typed.credit_monitoring_months or ''}",
        "credit": "yes" if words.harms_credit(kinds) else "",
        "law": f"{owed.citation}." if owed.citation else "",
        "due_on": owed.due_on.isoformat() if owed.due_on else "",
    }
    return values | _before(earlier(sources, owed))


def _before(filed: list[Filed]) -> dict[str, str]:
    last = filed[-1] if filed else None
    return {
        "filed_before": _day(last.on) if last else "",
        "filed_number_before": f"{last.number:,}" if last and last.number is not None else "",
    }


def _day(day: date | None) -> str:
    return day_text(day, "en") if day else ""
