"""Dates as a letter writes them: English and Spanish here, other languages in their file; no locale of the machine."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from notify.facts import Closed

__all__ = ["KNOWN", "DateWords", "day_text", "span_text"]

Day = date | Literal["unknown"]


class DateWords(Closed):
    """How one language writes days; patterns with {day} {month} {year}, {start} and {end}."""

    months: tuple[str, ...] = Field(
        min_length=12, max_length=12, description="January to December."
    )
    day: str = Field(description="One day: {day} {month} {year}.")
    since: str = Field(description="Only the first day is known: from {start}.")
    until: str = Field(description="Only the last day is known: until {end}.")
    between: str = Field(description="{start} to {end}.")
    same_month: str = Field(
        default="",
        description="Two days of a month, {first} {last} {month} {year}; empty: as between.",
    )
    not_known: str = Field(description="No day is known.")

    @model_validator(mode="after")
    def _patterns_have_known_fields(self) -> Self:
        parts = {"day": 1, "month": "", "year": 1, "start": "", "end": "", "first": 1, "last": 1}
        for name in ("day", "since", "until", "between", "same_month"):
            try:
                getattr(self, name).format(**parts)
            except (KeyError, IndexError, ValueError):
                raise ValueError(f"{name}: an unknown field in braces") from None
        return self


KNOWN: Final = {
    "en": DateWords(
        months=(
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        day="{month} {day}, {year}",
        since="from {start}",
        until="until {end}",
        between="{start} to {end}",
        same_month="{month} {first} to {last}, {year}",
        not_known="not known",
    ),
    "es": DateWords(
        months=(
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ),
        day="{day} de {month} de {year}",
        since="desde el {start}",
        until="hasta el {end}",
        between="del {start} al {end}",
        same_month="del {first} al {last} de {month} de {year}",
        not_known="no se conoce",
    ),
}
"""Languages of the program."""


def day_text(day: date, language: str, words: DateWords | None = None) -> str:
    """`March 5, 2026`, `5 de marzo de 2026`; `words` for a language that is not in KNOWN."""
    said = words or KNOWN[language]
    return said.day.format(day=day.day, month=said.months[day.month - 1], year=day.year)


def span_text(start: Day, end: Day, language: str, words: DateWords | None = None) -> str:
    """The days of the breach as far as they are known, at most 60 characters."""
    said = words or KNOWN[language]
    if isinstance(start, date) and isinstance(end, date):
        return _between(start, end, said)
    if isinstance(start, date):
        return said.since.format(start=day_text(start, language, said))
    if isinstance(end, date):
        return said.until.format(end=day_text(end, language, said))
    return said.not_known


def _between(start: date, end: date, said: DateWords) -> str:
    first, last = day_text(start, "", said), day_text(end, "", said)
    if start == end:
        return first
    if said.same_month and (start.year, start.month) == (end.year, end.month):
        month = said.months[end.month - 1]
        return said.same_month.format(first=start.day, last=end.day, month=month, year=end.year)
    return said.between.format(start=first, end=last)
