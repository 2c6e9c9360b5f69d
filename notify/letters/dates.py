"""Dates as a letter writes them, in English and Spanish; no locale of the machine."""

from __future__ import annotations

from datetime import date
from typing import Literal

__all__ = ["day_text", "span_text"]

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
_NOT_KNOWN = {"en": "not known", "es": "no se conoce"}
Day = date | Literal["unknown"]


def day_text(day: date, language: str) -> str:
    """`March 5, 2026`, `5 de marzo de 2026`."""
    month = _MONTHS[language].split()[day.month - 1]
    if language == "es":
        return f"{day.day} de {month} de {day.year}"
    return f"{month} {day.day}, {day.year}"


def span_text(start: Day, end: Day, language: str) -> str:
    """The days of the breach as far as they are known, at most 60 characters."""
    if isinstance(start, date) and isinstance(end, date):
        return _between(start, end, language)
    if isinstance(start, date):
        return {"en": "from ", "es": "desde el "}[language] + day_text(start, language)
    if isinstance(end, date):
        return {"en": "until ", "es": "hasta el "}[language] + day_text(end, language)
    return _NOT_KNOWN[language]


def _between(start: date, end: date, language: str) -> str:
    first, last = day_text(start, language), day_text(end, language)
    if start == end:
        return first
    if (start.year, start.month) != (end.year, end.month):
        return f"del {first} al {last}" if language == "es" else f"{first} to {last}"
    if language == "es":
        return f"del {start.day} al {last}"
    month, rest = last.split(" ", 1)
    return f"{month} {start.day} to {rest}"
