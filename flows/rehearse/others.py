"""Rows that are not about patients: test patients, staff, and people who only asked."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.homes import draw_practices
from flows.rehearse.leaked import LEAKED_FILES
from flows.rehearse.noise import blank, strikes, text_dates
from flows.rehearse.pools import Pools
from flows.rehearse.practices import HINTS, Practices, draw_phones
from flows.rehearse.records import phone_text

__all__ = ["OTHER_ROWS_SHARE", "other_frames"]

Ints = NDArray[np.int64]
OTHER_ROWS_SHARE: Final = 0.012  # of all leaked rows

_TESTS: Final = (("Test", "Patient"), ("Mickey", "Mouse"), ("Zztest", "Zztest"), ("Demo", "Demo"),
                 ("TEST", "DO NOT USE"), ("Jane", "Test"))  # fmt: skip
_LEAD, _STAFF, _PROVIDER, _TEST = range(4)
_ROLES: Final = ("lead", "staff", "provider", "patient")
_TRUE_ROLES: Final = ("lead", "employee", "provider", "patient")
_EXCLUSIONS: Final = (None, "employee", "provider", "test")


def other_frames(
    pools: Pools,
    practices: Practices,
    rng: np.random.Generator,
    *,
    size: int,
    first_no: int,
    has_ssn: bool,
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """For each leaked file its rows that are not patients', and the truth about them.

    Leads are people of their own, numbered from `first_no`; staff and tests are nobody.
    """
    what = rng.choice(4, size, p=(0.45, 0.22, 0.08, 0.25))
    listed = rng.choice((2, 3), size, p=(0.3, 0.7))  # reminders and forms have a role column
    file = np.where(what == _TEST, rng.integers(0, len(LEAKED_FILES), size), listed)
    practice = draw_practices(rng, practices, size)
    number = np.where(what == _LEAD, first_no + np.arange(size), -1)
    frames = []
    for kind in range(len(LEAKED_FILES)):
        at = np.flatnonzero(file == kind)
        frame = _rows(pools, practices, rng, what=what[at], practice=practice[at], kind=kind)
        if has_ssn:
            none = pl.lit(None, dtype=pl.String)
            frame = frame.with_columns(ssn=none, member_id=none)
        frames.append((frame, _truth(practices, what[at], practice[at], number[at])))
    return frames


def _truth(practices: Practices, what: Ints, practice: Ints, number: Ints) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person": pl.Series(number).replace(-1, None),
            "entity_ids": practices.entity_id.gather(practices.owner[practice]),
            "guardian": np.full(len(what), -1),
            "true_role": pl.Series(_TRUE_ROLES).gather(what),
            "exclusion": pl.Series(_EXCLUSIONS, dtype=pl.String).gather(what),
        }
    )


def _rows(
    pools: Pools,
    practices: Practices,
    rng: np.random.Generator,
    *,
    what: Ints,
    practice: Ints,
    kind: int,
) -> pl.DataFrame:
    size, file = len(what), LEAKED_FILES[kind]
    test = what == _TEST
    pick = rng.integers(0, len(_TESTS), size)
    names = [pl.Series([t[k] for t in _TESTS]).gather(pick) for k in (0, 1)]
    first = names[0].zip_with(
        pl.Series(test), pools.first[0].text.gather(pools.first[0].draw(rng, size))
    )
    last = names[1].zip_with(pl.Series(test), pools.last.text.gather(pools.last.draw(rng, size)))
    area = pools.places.area_code[practices.place[practice]]
    phone = np.where(test, 5550100 + 2020000000, draw_phones(rng, area))
    number = rng.integers(0, 1_000_000, size)
    mail = pl.DataFrame({"n": number}).select(m=pl.format("visitor{}@example.net", "n"))["m"]
    city = practices.city.gather(practice)
    none = strikes(rng, size, 0.2)
    hint = blank(practices.hints.gather(practice * HINTS), none)
    return pl.DataFrame(
        {
            "first_name": first,
            "last_name": last,
            "full_name": first + " " + last,
            "date_of_birth": _births(rng, test, file.dates),
            "phone": phone_text(phone, style=file.phones),
            "email": blank(mail, strikes(rng, size, 0.3)),
            "city": city,
            "state": practices.state.gather(practice),
            "zip": practices.zip.gather(practice),
            "role": pl.Series(_ROLES).gather(what),
            "practice": hint,
            "practice_city": blank(city, none),
            "practice_state": blank(practices.state.gather(practice), none),
            "office": hint,
            "office_city": blank(city, none),
            "office_state": blank(practices.state.gather(practice), none),
            "location_id": "L" + pl.Series(practices.code[practice]).cast(pl.String) + "-1",
            "tenant_id": practices.tenant.gather(practice),
        }
    )


def _births(rng: np.random.Generator, test: NDArray[np.bool_], order: str) -> pl.Series:
    """Tests are born on the first of January 1900 or 2000, half of the others say nothing."""
    size = len(test)
    year = np.where(test, rng.choice((1900, 2000), size), rng.integers(1945, 2006, size))
    month = np.where(test, 1, rng.integers(1, 13, size))
    day = np.where(test, 1, rng.integers(1, 29, size))
    text = text_dates((year, month, day), order=order)
    return blank(text, ~test & strikes(rng, size, 0.5))
