"""Rows that are not about patients: test patients, staff, and people who only asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.days import date_texts, day_number
from flows.rehearse.homes import draw_practices
from flows.rehearse.leaked import LEAKED_FILES
from flows.rehearse.pools import Pools
from flows.rehearse.practices import HINTS, LOCATIONS, Practices, draw_phones
from flows.rehearse.records import phone_text
from flows.rehearse.texts import Texts

__all__ = ["EXCLUSIONS", "OTHER_ROWS_SHARE", "TRUE_ROLES", "Others", "make_others"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
OTHER_ROWS_SHARE: Final = 0.012  # of all leaked rows

_TESTS: Final = (("Test", "Patient"), ("Mickey", "Mouse"), ("Zztest", "Zztest"), ("Demo", "Demo"),
                 ("TEST", "DO NOT USE"), ("Jane", "Test"))  # fmt: skip
_LEAD, _STAFF, _PROVIDER, _TEST = range(4)
_ROLES: Final = pl.Series(["lead", "staff", "provider", "patient"])
TRUE_ROLES: Final = pl.Series(["lead", "employee", "provider", "patient"])
EXCLUSIONS: Final = pl.Series(["employee", "provider", "test", "repeated_file"])
_EXCLUSION_OF: Final = np.array([-1, 0, 1, 2])


@dataclass(frozen=True, slots=True)
class Others:
    """One element per row; `what` is a position in `TRUE_ROLES`, `exclusion` in `EXCLUSIONS`."""

    file: Ints
    what: Ints
    exclusion: Ints
    practice: Ints
    number: Ints  # of the person; -1 for staff and tests
    columns: dict[str, Texts]


def make_others(
    pools: Pools, practices: Practices, rng: np.random.Generator, *, size: int, first_no: int
) -> Others:
    """`size` rows for the leaked files, under canonical names.

    Leads are people of their own, numbered from `first_no`; staff and tests are nobody.
    """
    what = rng.choice(4, size, p=(0.45, 0.22, 0.08, 0.25))
    listed = rng.choice((2, 3), size, p=(0.3, 0.7))  # reminders and forms have a role column
    file = np.where(what == _TEST, rng.integers(0, len(LEAKED_FILES), size), listed)
    practice = draw_practices(rng, practices, size)
    area = pools.places.area_code[practices.place]
    us = np.isin(file, [k for k, f in enumerate(LEAKED_FILES) if f.dates == "us"])
    columns = (
        _people(pools, rng, what == _TEST, us)
        | _contacts(rng, area[practice], what == _TEST, file)
        | _places(pools, practices, rng, practice)
    )
    return Others(
        file=file,
        what=what,
        exclusion=_EXCLUSION_OF[what],
        practice=practice,
        number=np.where(what == _LEAD, first_no + np.arange(size), -1),
        columns={**columns, "role": Texts.of(what, _ROLES)},
    )


def _people(pools: Pools, rng: np.random.Generator, test: Bools, us: Bools) -> dict[str, Texts]:
    size = len(test)
    pick = rng.integers(0, len(_TESTS), size)
    tests = [pl.Series([t[k] for t in _TESTS]).gather(pick) for k in (0, 1)]
    drawn = [names.text.gather(names.draw(rng, size)) for names in (pools.first[0], pools.last)]
    first, last = (t.zip_with(pl.Series(test), d) for t, d in zip(tests, drawn, strict=True))
    return {
        "first_name": Texts.dense(first),
        "last_name": Texts.dense(last),
        "full_name": Texts.dense(first + " " + last),
        "date_of_birth": _births(rng, test, us),
    }


def _births(rng: np.random.Generator, test: Bools, us: Bools) -> Texts:
    """Tests are born on the first of January 1900 or 2000, half of the others say nothing."""
    size = len(test)
    grown = day_number(date(1945, 1, 1)) + rng.integers(0, 61 * 365, size)
    years = np.array([day_number(date(year, 1, 1)) for year in (1900, 2000)])
    births = date_texts(np.where(test, years[rng.integers(0, 2, size)], grown), us=us)
    births.blank(~test & (rng.random(size) < 0.5))
    return births


def _contacts(rng: np.random.Generator, area: Ints, test: Bools, file: Ints) -> dict[str, Texts]:
    size = len(test)
    phone = np.where(test, 5550100 + 2020000000, draw_phones(rng, area))
    shown = Texts.missing(size)
    for kind, leaked in enumerate(LEAKED_FILES):
        at = np.flatnonzero(file == kind)
        shown.put(at, phone_text(phone[at], style=leaked.phones))
    visitor = pl.Series(rng.integers(0, 1_000_000, size)).cast(pl.String)
    mail = Texts.dense("visitor" + visitor + "@example.net")
    mail.blank(rng.random(size) < 0.3)
    return {"phone": shown, "email": mail}


def _places(
    pools: Pools, practices: Practices, rng: np.random.Generator, practice: Ints
) -> dict[str, Texts]:
    """Everyone lives where the practice is; one in five does not name it in words."""
    place = practices.place[practice]
    city = Texts.of(pools.places.city_no[place], pools.places.city_names)
    state = Texts.of(pools.places.state_no[place], pools.places.state_names)
    told = np.flatnonzero(rng.random(len(place)) >= 0.2)
    hint = Texts.of(practice * HINTS, practices.hints)
    named = [Texts.spread(len(place), told, text.text(told)) for text in (hint, city, state)]
    return {
        "city": city,
        "state": state,
        "zip": Texts.of(place, pools.places.zip),
        **dict(zip(("practice", "practice_city", "practice_state"), named, strict=True)),
        **dict(zip(("office", "office_city", "office_state"), named, strict=True)),
        "location_id": Texts.of(practice * LOCATIONS, practices.location_words),
        "tenant_id": Texts.of(practice, practices.tenant),
    }
