"""What of a value is shown before somebody reveals it: enough to see that it is there, too little to know it."""

from __future__ import annotations

import re

__all__ = ["masked"]

_DOT = "\u2022"
_LAST_TWO = frozenset({"ssn", "phone", "phone2", "mrn", "member_id", "record_id"})
_YEAR = frozenset({"date_of_birth", "deceased_on", "last_visit_on"})
_OPEN = frozenset(
    {"sex", "state", "country", "role", "suffix", "birth_order", "flags", "doubt", "deceased"}
)
"""Say too little by themselves: they are shown as they are."""
_THREE = frozenset({"zip", "zip5"})
_YEAR_IN = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")


def masked(field: str, value: str | None) -> str | None:
    """Initials of words, the year of a date, the last two signs of a number, the first three digits of a ZIP code."""
    if value is None or field in _OPEN:
        return value
    text = value.strip()
    if field in _YEAR:
        year = _YEAR_IN.search(text)
        return f"{year.group()}-{_DOT * 2}-{_DOT * 2}" if year else _DOT * 8
    if field in _LAST_TWO:
        signs = [sign for sign in text if sign.isalnum()]
        return _DOT * 4 + ("".join(signs[-2:]) if len(signs) > 4 else "")
    if field in _THREE:
        return text[:3] + _DOT * 2 if len(text) >= 5 else _DOT * 5
    if field == "email":
        return f"{text[:1]}{_DOT * 3}@{_DOT * 3}"
    return " ".join(
        f"{word[:1]}{_DOT * 3}" if word[:1].isalpha() else _DOT * 3 for word in text.split()
    )
