"""Clocks of law as pure functions of dates. Each cites its source; the day is always an argument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from notify.answers import ORAL_HOLD_DAYS
from notify.facts import Hold

__all__ = ["Stop", "due_on", "hold_ends_on", "is_held", "stops"]

_SATURDAY = 5
_CLOCK_STOPS = frozenset({"law_enforcement_written", "law_enforcement_oral"})


class Stop(NamedTuple):
    """Days on which a clock does not run: the day after `after` to `until`, both ends counted."""

    after: date
    until: date


def hold_ends_on(hold: Hold) -> date:
    """Last day of a law-enforcement hold: the day named in writing, orally at most 30 days on (164.412).

    A written statement that names no time delays no longer than an oral one.
    """
    at_most = hold.stated_on + timedelta(days=ORAL_HOLD_DAYS)
    if hold.kind == "law_enforcement_written" and hold.until:
        return hold.until
    return min(hold.until or at_most, at_most)


def stops(holds: Iterable[Hold]) -> tuple[Stop, ...]:
    """The stretches in which clocks stand still, merged: law-enforcement holds only (164.412).

    Regulator and court holds stop sending, never a clock. The day of the statement still counts.
    """
    found = sorted(Stop(h.stated_on, hold_ends_on(h)) for h in holds if h.kind in _CLOCK_STOPS)
    merged: list[Stop] = []
    for stop in found:
        if merged and stop.after <= merged[-1].until:
            merged[-1] = Stop(merged[-1].after, max(stop.until, merged[-1].until))
        elif stop.until > stop.after:
            merged.append(stop)
    return tuple(merged)


def is_held(day: date, stopped: Iterable[Stop]) -> bool:
    """Notices covered by the stops may not go out on that day: from the statement to the last day."""
    return any(stop.after <= day <= stop.until for stop in stopped)


def due_on(
    anchor: date, days: int, *, day_type: str = "calendar", stopped: Iterable[Stop] = ()
) -> date:
    """Last day: `days` after the anchor day, which is day 0; stopped days do not count (164.404(b), 164.412).

    Weekends and holidays move no calendar clock. Business days are Monday to Friday: holidays are left
    out, which makes the day earlier, never later.
    """
    due = _plus_weekdays(anchor, days) if day_type == "business" else anchor + timedelta(days=days)
    for stop in stopped:
        if stop.after < due:
            due += max(timedelta(0), stop.until - max(stop.after, anchor))
    return due


def _plus_weekdays(day: date, days: int) -> date:
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day
