"""A block of people in households: who they are, before anything is written down about them.

Goes out: `People`, one element per person of the block. Names are positions in the pools, dates
are days since 1970. A household never leaves its block, so blocks are made independently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flows.rehearse.pools import Pools

__all__ = ["CHILD", "HEAD", "HOUSEHOLD_MAX", "OTHER", "PARENT", "SIBLING", "SPOUSE", "SUFFIXES", "People",
           "make_people"]  # fmt: skip

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
HEAD, SPOUSE, CHILD, SIBLING, PARENT, OTHER = range(6)
SUFFIXES: Final = ("", "Jr", "Sr", "II", "III")
YEAR: Final = 365.25

_SIZE_SHARES: Final = (0.26, 0.33, 0.16, 0.15, 0.07, 0.03)  # households of 1 to 6 (ACS, rounded)
HOUSEHOLD_MAX: Final = len(_SIZE_SHARES)
_PARTNER: Final = 0.80
_TWIN: Final = 0.035  # of younger siblings; about 3 % of births are twins
_NAMESAKE: Final = 0.06  # sons named after the father in one household
_NEWBORN: Final = 0.03


@dataclass(slots=True)
class People:
    """One element per person; positions are within the block, `-1` means none."""

    household: Ints
    place_in: Ints
    kind: Ints
    sex: Ints  # 0 woman, 1 man
    first: Ints
    middle: Ints
    last: Ints
    previous: Ints
    hyphenated: Bools
    suffix: Ints
    birth: Ints
    birth_order: Ints
    death: Ints
    spanish: Bools
    guardian: Ints

    @property
    def size(self) -> int:
        """How many people."""
        return len(self.household)


def _households(rng: np.random.Generator, size: int) -> tuple[Ints, Ints, Ints]:
    """Household of each person, place in it from 0, and the size of each household."""
    sizes = rng.choice(np.arange(1, HOUSEHOLD_MAX + 1), p=_SIZE_SHARES, size=size)
    count = int(np.searchsorted(np.cumsum(sizes), size)) + 1
    sizes = sizes[:count]
    sizes[-1] -= sizes.sum() - size
    household = np.repeat(np.arange(count), sizes)
    starts = np.cumsum(sizes) - sizes
    return household, np.arange(size) - starts[household], sizes


def _kinds(rng: np.random.Generator, household: Ints, place_in: Ints, sizes: Ints) -> Ints:
    """What each person is to the head of the household."""
    partner = (rng.random(len(sizes)) < _PARTNER)[household]
    luck = rng.random(len(household))
    small = sizes[household] == 2
    other = np.select([luck < 0.05, luck < 0.07], [PARENT, OTHER], CHILD)
    alone = np.select([luck < 0.2, luck < 0.4], [SIBLING, OTHER], CHILD)
    kind = np.where(small, alone, np.where(place_in >= 2, other, CHILD))
    kind = np.where((place_in == 1) & partner, SPOUSE, kind)
    return np.where(place_in == 0, HEAD, kind)


def _ages(rng: np.random.Generator, kind: Ints, household: Ints, sizes: Ints) -> Ints:
    """Age in days on the day of the breach."""
    count = len(kind)
    grown = np.where(sizes >= 3, rng.uniform(25, 57, len(sizes)), rng.uniform(20, 91, len(sizes)))
    head = grown[household]
    luck = rng.random(count)
    gap = 19 + np.minimum(22.0, head - 20) * luck
    age = np.select(
        [kind == SPOUSE, kind == CHILD, kind == SIBLING, kind == PARENT, kind == OTHER],
        [head + rng.normal(0, 3, count), head - gap, head + 12 * (luck - 0.5), head + 20 + 20 * luck,
         19 + 50 * luck],
        head,
    )  # fmt: skip
    youngest = np.where(kind == CHILD, 0.9, 18.0)
    young = (kind == CHILD) & (head < 46) & (rng.random(count) < _NEWBORN)
    age = np.where(young, rng.uniform(0, 0.7, count), np.clip(age, youngest + luck, 99))
    return (age * YEAR).astype(np.int64)


def _twins(rng: np.random.Generator, kind: Ints, household: Ints) -> Bools:
    """Children born together with the child before them in the household."""
    after = np.zeros(len(kind), dtype=bool)
    after[1:] = (kind[1:] == CHILD) & (kind[:-1] == CHILD) & (household[1:] == household[:-1])
    return after & (rng.random(len(kind)) < _TWIN)


def _sexes(rng: np.random.Generator, kind: Ints, twin: Bools) -> Ints:
    sex = rng.integers(0, 2, len(kind))
    before = np.roll(sex, 1)
    sex = np.where((kind == SPOUSE) & (rng.random(len(kind)) < 0.97), 1 - before, sex)
    return np.where(twin & (rng.random(len(kind)) < 0.7), before, sex)


def _first_names(rng: np.random.Generator, pools: Pools, sex: Ints, twin: Bools) -> Ints:
    """Given names; a third of twins are named alike ('Anna', 'Anne')."""
    first = np.empty(len(sex), dtype=np.int64)
    for k in (0, 1):
        first[sex == k] = pools.first[k].draw(rng, int(np.count_nonzero(sex == k)))
    alike = [_neighbours(pools.first[k].plain.head(600).to_list()) for k in (0, 1)]
    near = twin & (rng.random(len(sex)) < 0.35)
    before, before_sex = np.roll(first, 1), np.roll(sex, 1)
    near &= (before < 600) & (before_sex == sex)
    at = np.minimum(before, 599)
    return np.where(near, np.where(sex == 1, alike[1][at], alike[0][at]), first)


def _neighbours(plain: list[str]) -> Ints:
    """For each name the next one in the alphabet."""
    order = np.argsort(np.array(plain))
    nearest = np.empty(len(plain), dtype=np.int64)
    nearest[order] = np.roll(order, -1)
    return nearest


def _last_names(
    rng: np.random.Generator, pools: Pools, kind: Ints, household: Ints, sex: Ints
) -> tuple[Ints, Ints, Bools]:
    """Surname, previous surname (-1: none), and who bears both with a hyphen."""
    own = pools.last.draw(rng, len(kind))
    family = own[np.flatnonzero(kind == HEAD)][household]
    luck = rng.random(len(kind))
    joins = np.select(
        [kind == SPOUSE, kind == CHILD, kind == SIBLING, kind == PARENT, kind == OTHER],
        [luck < 0.78, luck < 0.94, luck < 0.8, luck < 0.7, luck < 0.03],
        True,
    )
    changed = (kind == SPOUSE) & joins & ((sex == 0) | (luck < 0.02))
    changed |= (kind == HEAD) & (sex == 0) & (luck < 0.10)
    previous = np.full(len(kind), -1)
    previous[changed] = pools.last.draw(rng, int(np.count_nonzero(changed)))
    return np.where(joins, family, own), previous, changed & (luck < 0.06)


def _namesakes(rng: np.random.Generator, people: People, head: Ints) -> None:
    """Name some sons after their father and give some of both a suffix, in place."""
    count = people.size
    same = (people.kind == CHILD) & (people.sex == 1) & (people.sex[head] == 1)
    same &= (people.last == people.last[head]) & (rng.random(count) < _NAMESAKE)
    same &= people.birth_order == 0
    people.first = np.where(same, people.first[head], people.first)
    people.middle = np.where(same & (rng.random(count) < 0.6), people.middle[head], people.middle)
    kind = rng.choice([0, 1, 3, 4], size=count, p=[0.25, 0.6, 0.1, 0.05])
    people.suffix = np.where(same, kind, 0)
    fathers = head[same & (people.suffix == 1)]
    people.suffix[fathers[rng.random(len(fathers)) < 0.5]] = 2


def _guardians(kind: Ints, age: Ints, head: Ints) -> Ints:
    """The head of the household for everyone under 18; `-1` for adults."""
    return np.where((age < 18 * YEAR) & (kind != HEAD), head, -1)


def _deaths(rng: np.random.Generator, age: Ints, breach: int, today: int) -> Ints:
    """Day of death, in the ten years before `today`; `-1` for the living."""
    old = age / YEAR
    dead = rng.random(len(age)) < np.where(old > 65, 0.05, 0.003)
    span = np.minimum(age - 1 + today - breach, 3650)
    return np.where(dead, today - (rng.random(len(age)) * span).astype(np.int64), -1)


def make_people(
    rng: np.random.Generator, pools: Pools, *, size: int, breach: int, today: int
) -> People:
    """`size` people in households, alive or dead `today`; ages are counted on `breach`."""
    household, place_in, sizes = _households(rng, size)
    kind = _kinds(rng, household, place_in, sizes)
    head = np.flatnonzero(place_in == 0)[household]
    twin = _twins(rng, kind, household)
    age = _ages(rng, kind, household, sizes)
    for _ in range(2):  # twice, so that a third child born together takes the first one's day
        age = np.where(twin, np.roll(age, 1), age)
    sex = _sexes(rng, kind, twin)
    last, previous, hyphenated = _last_names(rng, pools, kind, household, sex)
    first_twin = np.roll(twin, -1) & ~twin
    spanish = (np.isin(last, list(pools.spanish_last)) & (rng.random(size) < 0.5))[head]
    people = People(
        household=household,
        place_in=place_in,
        kind=kind,
        sex=sex,
        first=_spanish_names(rng, pools, _first_names(rng, pools, sex, twin), sex, spanish),
        middle=np.where(rng.random(size) < 0.8, _first_names(rng, pools, sex, twin & False), -1),
        last=last,
        previous=previous,
        hyphenated=hyphenated,
        suffix=np.zeros(size, dtype=np.int64),
        birth=breach - age,
        birth_order=np.where(twin, 2, np.where(first_twin, 1, 0)),
        death=_deaths(rng, age, breach, today),
        spanish=spanish,
        guardian=_guardians(kind, age, head),
    )
    _namesakes(rng, people, head)
    _part_twins(people, pools)
    return people


def _spanish_names(
    rng: np.random.Generator, pools: Pools, first: Ints, sex: Ints, spanish: Bools
) -> Ints:
    """Half of a Spanish-speaking household bears Spanish given names."""
    luck = rng.random(len(first))
    drawn = [names[(luck * 2 * len(names)).astype(np.int64) % len(names)]
             for names in pools.spanish_first]  # fmt: skip
    return np.where(spanish & (luck < 0.5), np.where(sex == 1, drawn[1], drawn[0]), first)


def _part_twins(people: People, pools: Pools) -> None:
    """No twin bears the other's given name: the second takes the next name, in place."""
    same = (people.birth_order == 2) & (people.first == np.roll(people.first, 1))
    same &= people.sex == np.roll(people.sex, 1)
    limit = min(len(pools.first[0].text), len(pools.first[1].text))
    people.first = np.where(same, (people.first + 1) % limit, people.first)
