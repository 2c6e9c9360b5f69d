"""Federal holidays (5 U.S.C. 6103), computed: days that a clock of business days leaves out."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

__all__ = ["federal_holidays"]

_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_LAST = -1
_FIXED = ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))
_FLOATING = (
    (1, _MONDAY, 3), (2, _MONDAY, 3), (5, _MONDAY, _LAST), (9, _MONDAY, 1), (10, _MONDAY, 2),
    (11, _THURSDAY, 4),
)  # fmt: skip
"""Month, weekday and which of them; -1 is the last."""
_JUNETEENTH_SINCE = 2021


@cache
def federal_holidays(year: int) -> frozenset[date]:
    """Days of the year on which the holiday is observed: Friday for a Saturday, Monday for a Sunday.

    New Year of the year after is among them where it falls on a Saturday.
    """
    fixed = [date(year, month, day) for month, day in _FIXED] + [date(year + 1, 1, 1)]
    fixed = [day for day in fixed if (day.month, day.day) != (6, 19) or year >= _JUNETEENTH_SINCE]
    observed = {_observed(day) for day in fixed}
    floating = {_nth(year, month, weekday, n) for month, weekday, n in _FLOATING}
    return frozenset(day for day in observed | floating if day.year == year)


def _observed(day: date) -> date:
    shift = {_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0)
    return day + timedelta(days=shift)


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    if n == _LAST:
        after = date(year, month + 1, 1)
        return after - timedelta(days=(after.weekday() - weekday - 1) % 7 + 1)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))
