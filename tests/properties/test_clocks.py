"""A clock with stops is the same as ticking off one day after another."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from notify.duties.clocks import Clock, due_on, stops
from notify.facts import Hold

START = date(2026, 1, 1)
day = st.integers(0, 150).map(lambda n: START + timedelta(days=n))


@st.composite
def hold(draw: st.DrawFn) -> Hold:
    stated_on = draw(day)
    kinds = ["law_enforcement_written", "law_enforcement_oral", "regulator", "court"]
    return Hold(
        kind=draw(st.sampled_from(kinds)),
        official="A",
        agency="B",
        stated_on=stated_on,
        until=draw(st.none() | st.integers(0, 90).map(lambda n: stated_on + timedelta(days=n))),
    )


def ticked_off(anchor: date, days: int, held: set[date]) -> date:
    """The naive way: count every day after the anchor that is not held."""
    today = anchor
    while days:
        today += timedelta(days=1)
        days -= today not in held
    return today


def held_days(holds: list[Hold]) -> set[date]:
    held = set()
    for one in holds:
        oral = one.stated_on + timedelta(days=30)
        if one.kind == "law_enforcement_oral":
            last = min(one.until or oral, oral)
        elif one.kind == "law_enforcement_written":
            last = one.until or oral
        else:
            continue
        held |= {
            one.stated_on + timedelta(days=n) for n in range(1, (last - one.stated_on).days + 1)
        }
    return held


@settings(max_examples=150, derandomize=True, deadline=None)
@given(anchor=day, days=st.integers(1, 70), holds=st.lists(hold(), max_size=4))
def test_stopped_days_do_not_count(anchor: date, days: int, holds: list[Hold]) -> None:
    expected = ticked_off(anchor, days, held_days(holds))
    assert due_on(anchor, Clock(days), stops(holds)) == expected
