"""Clocks of law as pure functions of dates. Each cites its source; the day is always an argument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from notify.answers import ORAL_HOLD_DAYS
from notify.duties.holidays import federal_holidays
from notify.facts import Hold

__all__ = ["Clock", "Stop", "due_on", "hold_ends_on", "is_held", "stops"]

_SATURDAY = 5
_CLOCK_STOPS = frozenset({"law_enforcement_written", "law_enforcement_oral"})


class Stop(NamedTuple):
    """Days on which a clock does not run: the day after `after` to `until`, both ends counted."""

    after: date
    until: date


class Clock(NamedTuple):
    """How a rule counts days. `holidays`: federal holidays are no business days.

    `restart_days`: after a hold of law enforcement the notice is due so many days after its end.
    """

    days: int
    day_type: str = "calendar"
    holidays: bool = False
    restart_days: int | None = None
    restart_day_type: str = "calendar"


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


def due_on(anchor: date, clock: Clock, stopped: Iterable[Stop] = ()) -> date:
    """Last day: so many days after the anchor day, which is day 0; stopped days do not count (164.404(b), 164.412).

    Weekends and holidays move no calendar clock. Business days are Monday to Friday, holidays left out
    where the clock says so. Where a statute starts anew after a hold, the day is the original one, or
    that of the new start if later, and never later than with the stopped days put on.
    """
    stopped = tuple(stopped)
    plain = _plus(anchor, clock.days, clock.day_type, holidays=clock.holidays)
    due = plain
    for stop in stopped:
        if stop.after < due:
            due += max(timedelta(0), stop.until - max(stop.after, anchor))
    if clock.restart_days is None or due == plain:
        return due
    last = max(stop.until for stop in stopped if stop.after < due)
    anew = _plus(last, clock.restart_days, clock.restart_day_type, holidays=clock.holidays)
    return min(due, max(plain, anew))


def _plus(day: date, days: int, day_type: str, *, holidays: bool) -> date:
    if day_type == "calendar":
        return day + timedelta(days=days)
    while days:
        day += timedelta(days=1)
        off = day.weekday() >= _SATURDAY or (holidays and day in federal_holidays(day.year))
        days -= not off
    return day
