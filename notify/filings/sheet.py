"""The form of the breach portal on paper, to type from."""

from __future__ import annotations

from typing import Any

from notify.filings.document import Document, Part, Rows
from notify.filings.fields import numbers_for
from notify.filings.owed import Owed
from notify.filings.sources import Sources
from notify.letters.dates import day_text

__all__ = ["sheet"]


def sheet(sources: Sources, owed: Owed, form: dict[str, Any]) -> Document:
    """The form to type from, tab by tab."""
    here, _ = numbers_for(sources, owed)
    open_points = [*(f"Missing: {field}" for field in form["missing"]), *form["warnings"]]
    tabs = [
        Part(
            heading=tab.capitalize(),
            paragraphs=[],
            bullets=[],
            table=Rows(["Field of the form", "Value"], _shown(values)),
            after=[],
        )
        for tab, values in form["tabs"].items()
    ]
    numbers = Part(
        heading="Numbers",
        paragraphs=[],
        bullets=[],
        table=Rows(["Individuals", "Number"], here.rows(), 1) if here else None,
        after=[f"Last day for the report: {day_text(owed.due_on, 'en')} ({owed.citation})."]
        if owed.due_on
        else ["No reviewed rule gives a last day yet."],
    )
    points = Part(heading="Open points", paragraphs=[], bullets=open_points, after=[])
    return Document(
        title="Breach report to HHS: what to type into the portal",
        sender=sources.settings.business_associate.model_dump(mode="json"),
        addressee=[sources.entities[owed.entity_id]["legal_name"]],
        facts=[["Entity", owed.entity_id]],
        opening=[],
        parts=[*([points] if open_points else []), numbers, *tabs],
        closing=[],
        footer=f"HHS breach report · {owed.entity_id}",
        synthetic=sources.synthetic,
    )


def _shown(values: dict[str, Any]) -> list[list[str]]:
    """Rows of one tab; what nobody has said is a dash."""
    return [[_field_name(field), _value(value) or "-"] for field, value in values.items()]


def _field_name(field: str) -> str:
    words = field.split("_")
    owner = {"ce": "CE", "ba": "BA", "phi": "PHI"}.get(words[0], words[0].capitalize())
    return " ".join([owner, *words[1:]])


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {', '.join(items)}" for name, items in value.items())
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)
