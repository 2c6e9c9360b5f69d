"""Where the households of a block live, lived before, and how they are reached.

Goes out: `Homes`. Addresses of household h are row h (now) and row count + h (before it moved);
contacts are one element per person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.people import YEAR, People
from flows.rehearse.pools import Places, Pools
from flows.rehearse.practices import Practices, draw_phones
from flows.rehearse.texts import Texts

__all__ = ["UNITS", "Homes", "draw_practices", "make_homes"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_APARTMENT: Final = 0.22
UNITS: Final = pl.Series([f"Apt {door}" for door in range(1, 401)])
_NO_ADDRESS: Final = 0.015
_NEARBY: Final = 4  # ZIP codes on either side of the practice's, in the order of the list
_MAILBOX_FROM_YEARS: Final = 14


@dataclass(slots=True)
class Homes:
    """Addresses (two per household) and contacts (one per person) of a block."""

    place: Ints  # of each address
    streets: pl.Series  # all addresses with the long suffix, then all with the short one
    unit: Ints  # of each address, -1: none; a position in `UNITS`
    households: int
    practice: Ints  # of the household
    moved: Bools  # of the household
    no_address: Bools
    numbers: Ints  # telephone numbers; the others are positions in it, -1: none
    mobile: Ints
    landline: Ints
    email: Texts
    ssn: Ints
    member: pl.Series


def draw_practices(rng: np.random.Generator, practices: Practices, size: int) -> Ints:
    """Practices as often as they have patients."""
    last = len(practices.cumulative) - 1
    return np.minimum(np.searchsorted(practices.cumulative, rng.random(size), "right"), last)


def _near(rng: np.random.Generator, places: Places, place: Ints) -> Ints:
    """A ZIP code close by and in the same state."""
    step = rng.integers(-_NEARBY, _NEARBY + 1, len(place))
    moved = np.clip(place + step, 0, len(places.zip) - 1)
    return np.where(places.state_no[moved] == places.state_no[place], moved, place)


def _streets(rng: np.random.Generator, pools: Pools, size: int) -> pl.Series:
    """House number and street, all with the long suffix and then all with the short one."""
    suffix = np.minimum((rng.random(size) ** 2 * len(pools.suffixes)).astype(np.int64), 9)
    number = pl.Series(np.maximum(1, (10 ** rng.uniform(1, 4.2, size)).astype(np.int64)))
    way = pl.Series([" N ", " S ", " E ", " W ", " "]).gather(rng.choice(5, size, p=_WAYS))
    name = pools.streets.gather(rng.integers(0, len(pools.streets), size))
    head = number.cast(pl.String) + way + name
    return pl.concat(head + (" " + pools.suffixes[c]).gather(suffix) for c in ("long", "short"))


def _units(rng: np.random.Generator, size: int) -> Ints:
    return np.where(rng.random(size) < _APARTMENT, rng.integers(0, len(UNITS), size), -1)


_WAYS: Final = (0.06, 0.06, 0.06, 0.06, 0.76)


def _emails(rng: np.random.Generator, pools: Pools, people: People) -> Texts:
    """first.last and a number at a reserved domain; children have their guardian's."""
    women, men = (pools.first[k].plain.gather(people.first % len(pools.first[k].plain))
                  for k in (0, 1))  # fmt: skip
    first = men.zip_with(pl.Series(people.sex == 1), women).fill_null("box")
    last = pools.last.plain.gather(people.last).fill_null("mail")
    number, style = rng.integers(1, 999, people.size), rng.integers(0, 3, people.size)
    at = pl.Series(["@example.com", "@example.org", "@example.net"])
    frame = pl.DataFrame(
        {
            "head": first.str.head(1).zip_with(pl.Series(style == 1), first),
            "dot": pl.Series([".", "", ""]).gather(style),
            "last": last.zip_with(pl.Series(style < 2), pl.Series([""])),
            "n": np.where(style < 2, number, number + 1900),
            "at": at.gather(rng.integers(0, 3, people.size)),
        }
    )
    words = frame.select(email=pl.concat_str("head", "dot", "last", "n", "at"))["email"]
    keeper = np.where(people.guardian >= 0, people.guardian, np.arange(people.size))
    none = rng.random(people.size) < 0.15
    return Texts.of(np.where(none[keeper], -1, keeper), words, repeats=True)


def _social_security(number: Ints) -> Ints:
    """A valid-looking number for each person, no two alike (multiplication modulo a prime)."""
    areas, groups, serials = 899 - 1, 99, 9999
    at = (number * 387_420_489 + 1_234_567) % 888_888_877
    at %= areas * groups * serials
    area = at // (groups * serials) + 1
    area += area >= 666
    group = at // serials % groups + 1
    return np.minimum(area, 899) * 1_000_000 + group * 10_000 + at % serials + 1


def _contacts(rng: np.random.Generator, people: People, area: Ints) -> tuple[Ints, Ints, Ints]:
    """Telephone numbers, and which is whose mobile and landline.

    A child's mobile is the guardian's, the landline is the household's.
    """
    first = np.flatnonzero(people.place_in == 0)
    numbers = np.concatenate([draw_phones(rng, area), draw_phones(rng, area[first])])
    keeper = np.where(people.guardian >= 0, people.guardian, np.arange(people.size))
    has_line = (rng.random(len(first)) < 0.45)[people.household]
    return numbers, keeper, np.where(has_line, people.size + people.household, -1)


def make_homes(
    rng: np.random.Generator,
    pools: Pools,
    people: People,
    practices: Practices,
    *,
    first_no: int,
    breach: int,
    moved_share: float,
) -> Homes:
    """Addresses near each household's practice, and phones, e-mail and numbers of its people."""
    count = int(people.household[-1]) + 1
    practice = draw_practices(rng, practices, count)
    now = _near(rng, pools.places, practices.place[practice])
    far = rng.integers(0, len(pools.places.zip), count)
    before = np.where(rng.random(count) < 0.3, far, _near(rng, pools.places, now))
    numbers, mobile, landline = _contacts(
        rng, people, pools.places.area_code[now][people.household]
    )
    number = first_no + np.arange(people.size, dtype=np.int64)
    twin = people.birth_order == 2
    number_at = np.where(twin & (rng.random(people.size) < 0.5), np.roll(number, 1), number)
    grown = (breach - people.birth) / YEAR >= _MAILBOX_FROM_YEARS
    ssn = _social_security(number_at) + (number_at != number)
    head = number[np.flatnonzero(people.place_in == 0)][people.household]
    return Homes(
        place=np.concatenate([now, before]),
        streets=_streets(rng, pools, 2 * count),
        unit=_units(rng, 2 * count),
        households=count,
        practice=practice,
        moved=rng.random(count) < moved_share,
        no_address=rng.random(count) < _NO_ADDRESS,
        numbers=numbers,
        mobile=np.where(grown | (rng.random(people.size) < 0.7), mobile, -1),
        landline=landline,
        email=_emails(rng, pools, people),
        ssn=ssn,
        member=_members(head, people.place_in),
    )


def _members(head: Ints, place_in: Ints) -> pl.Series:
    """Plan member numbers: one per household, the person in two digits at the end."""
    frame = pl.DataFrame({"head": (head * 48_271 + 11) % 2_147_483_647, "place": place_in})
    return frame.select(
        m=pl.format("W{}-0{}", pl.col("head").cast(pl.String).str.zfill(10), "place")
    )["m"]
