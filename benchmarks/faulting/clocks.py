"""Clocks that go back, nights of daylight saving, 29 February: named cases.

In: the undisturbed run. Out: what was not as it should be. The whole program lives by a clock of ours.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from unittest import mock

from benchmarks.faulting.calls import Called, called
from benchmarks.faulting.points import Undisturbed
from benchmarks.faulting.states import described, differences, wrong
from benchmarks.faulting.surroundings import Case, at
from matching.store import Workspace

__all__ = ["CASES"]


class _Clock:
    """What `datetime.now` and `time.time` say; each look moves it on by `step`."""

    def __init__(self, start: datetime, step: timedelta = timedelta(0)) -> None:
        self.at, self.step = start, step

    def look(self) -> datetime:
        self.at += self.step
        return self.at

    def stamp(self) -> float:
        return self.look().timestamp()


@contextmanager
def clock(start: datetime, step: timedelta = timedelta(0), zone: str = "") -> Iterator[_Clock]:
    """The whole program lives by this clock, in this time zone."""
    shown = _Clock(start, step)

    class Fake(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            seen = shown.look()
            return seen.astimezone(tz) if tz else seen.astimezone().replace(tzinfo=None)

    ours = [m for name, m in sys.modules.items() if name.partition(".")[0] in {"flows", "notify", "matching"}]  # fmt: skip
    before = os.environ.get("TZ")
    patches = [mock.patch.object(m, "datetime", Fake) for m in ours if getattr(m, "datetime", None) is datetime]  # fmt: skip
    patches.append(mock.patch.object(time, "time", shown.stamp))
    for patch in patches:
        patch.start()
    if zone:
        os.environ["TZ"] = zone
        time.tzset()
    try:
        yield shown
    finally:
        for patch in patches:
            patch.stop()
        if zone:
            os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
            time.tzset()


def clock_goes_back_within(world: Undisturbed) -> list[str]:
    """Each look at the clock is an hour earlier than the one before, in a step and in every release."""
    found = []
    for name in ("duties", "release packets", "export", "send", "record"):
        which = at(world, name)
        with clock(datetime(2026, 3, 21, 12, tzinfo=UTC), timedelta(hours=-1)):
            found += [f"{name}: {each}" for each in world.again(which)]
    return found


def clock_goes_back_between(world: Undisturbed) -> list[str]:
    """The machine's clock is set back by a month between a release and the next call of it."""
    found = []
    for name in ("release packets", "export", "send"):
        which = at(world, name)
        with clock(datetime(2026, 4, 21, 12, tzinfo=UTC)):
            found += [f"{name}: {each}" for each in world.again(which)]
        with clock(datetime(2026, 3, 21, 12, tzinfo=UTC)):
            found += [f"{name} again: {each}" for each in world.again(which)]
    return found


def _dated(world: Undisturbed, changed: dict[str, str]) -> Path:
    """The incident with other dates, beside the first; `""` takes a line away."""
    path = world.incident.file.with_name("dated.toml")
    text = world.incident.file.read_text()
    for key, value in changed.items():
        line = f"{key} = {value}\n" if value else ""
        text = re.sub(rf"^{key} = .*\n", line, text, count=1, flags=re.MULTILINE)
    path.write_text(text)
    return path


def _ran_dated(world: Undisturbed, incident: Path, until: str = "") -> Called:
    arguments = list(world.phases[0].arguments)
    arguments[1] = str(incident)
    return called([*arguments, *(["--until", until] if until else [])])


def _as_of(world: Undisturbed) -> str:
    from flows.rounds import latest

    current = latest(world.incident.workspace)
    return str(current.incident.as_of) if current else ""


def resumed_on_another_day(world: Undisturbed) -> list[str]:
    """A round without `as_of` that stops and goes on after the clock went back a day keeps its day."""
    world.restore(0)
    incident = _dated(world, {"as_of": ""})
    with clock(datetime(2026, 3, 20, 17, tzinfo=UTC), zone="America/New_York"):
        first = _ran_dated(world, incident, "counts")
    with clock(datetime(2026, 3, 19, 17, tzinfo=UTC), zone="America/New_York"):
        second = _ran_dated(world, incident)
    found = [f"ended with {c.code}: {c.said[:300]}" for c in (first, second) if not c.well]
    if _as_of(world) != "2026-03-20":
        found.append(f"as_of became {_as_of(world)}")
    number = next(n for n, phase in enumerate(world.phases) if phase.name == "report")
    expected = world.phases[number].expected
    same = differences({"t": expected["tables"]}, {"t": described(world.incident)["tables"]})
    return found + same + wrong(world.incident)


def daylight_saving_nights(world: Undisturbed) -> list[str]:
    """The hour that does not exist, and the one that comes twice: the day is the wall's, the clocks count days."""
    nights = {
        datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC): "2026-03-08",  # 01:59:59, then 03:00
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC): "2026-03-08",
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC): "2026-11-01",  # 01:30, the first time
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC): "2026-11-01",
        datetime(2026, 11, 1, 3, 59, tzinfo=UTC): "2026-10-31",  # 23:59 the evening before
    }
    from flows.rounds import today

    found = []
    for moment, day in nights.items():
        with clock(moment, zone="America/New_York"):
            if str(today()) != day:
                found.append(f"{moment}: {today()}, not {day}")
    world.restore(0)
    incident = _dated(world, {"as_of": "", "known_on": "2026-03-01", "should_have_known_on": "", "should_have_known_reason": ""})  # fmt: skip
    with clock(datetime(2026, 3, 8, 7, 0, tzinfo=UTC), zone="America/New_York"):
        ended = _ran_dated(world, incident)
    found += [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    return found + _due(world, "2026-04-30") + wrong(world.incident)


def leap_day(world: Undisturbed) -> list[str]:
    """Known and looked at on 29 February 2028: sixty days later is 29 April."""
    world.restore(0)
    dates = {"as_of": "2028-02-29", "known_on": "2028-02-29", "should_have_known_on": "", "should_have_known_reason": ""}  # fmt: skip
    with clock(datetime(2028, 2, 29, 23, 59, tzinfo=UTC)):
        ended = _ran_dated(world, _dated(world, dates | {"planned_mail_on": "2028-03-10"}))
    found = [] if ended.well else [f"ended with {ended.code}: {ended.said[:300]}"]
    return found + _due(world, "2028-04-29") + wrong(world.incident)


def _due(world: Undisturbed, day: str) -> list[str]:
    """Individual notice is due that day somewhere."""
    duties = Workspace.open(world.incident.workspace).read("duties")
    days = {str(found) for found in duties["due_on"].drop_nulls()}
    return [] if day in days else [f"nothing is due on {day}: {sorted(days)[:5]}"]


CASES: dict[str, Case] = {
    "clock goes back between calls": clock_goes_back_between,
    "clock goes back within calls": clock_goes_back_within,
    "resumed on another day": resumed_on_another_day,
    "daylight saving nights": daylight_saving_nights,
    "leap day": leap_day,
}
