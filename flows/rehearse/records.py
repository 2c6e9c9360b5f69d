"""What is written down about people: columns of texts, clean, then spoilt.

Comes in: a block of people and their homes, and which person each row is about. Goes out: columns
named as the canonical fields; callers choose and rename the ones their file has. All rows of a
block are written at once, one desk's after another's, so that a fault costs what it strikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.days import (
    PLACEHOLDER,
    date_texts,
    slip_day,
    slip_year,
    swap_day_and_month,
)
from flows.rehearse.homes import UNITS, Homes
from flows.rehearse.noise import fold, mistype, ocr, slip_digit, struck, typo
from flows.rehearse.people import SUFFIXES, YEAR, People
from flows.rehearse.pools import Pools
from flows.rehearse.practices import Practices
from flows.rehearse.profiles import Profile, Rates
from flows.rehearse.texts import Texts

__all__ = ["Block", "Desk", "Sheet", "phone_text", "record_texts"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SEXES: Final = pl.Series(["F", "M"])
_NOBODYS_PHONE: Final = 5555555555


@dataclass(slots=True)
class Block:
    """A block of people with everything needed to write rows about them."""

    first_no: int
    people: People
    homes: Homes
    pools: Pools
    practices: Practices
    profile: Profile
    breach: int  # days since 1970, as every day here
    today: int

    def given(self, at: Ints) -> Ints:
        """Positions in both lists of given names; `at`: per person, in the list of their sex."""
        women, men = (len(names.text) for names in self.pools.first)
        man = self.people.sex == 1
        return np.where(man, women + np.minimum(at, men - 1), np.minimum(at, women - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where rows are written: how often what goes wrong, and in which form."""

    rates: Rates
    old_share: float  # of the rows of people who moved or changed names: say how it was before
    us_dates: bool
    phones: int  # a style of `phone_text`


@dataclass(slots=True)
class Sheet:
    """Rows about people of a block: those of one desk after those of another."""

    who: Ints
    practice: Ints
    desks: tuple[Desk, ...]
    sizes: tuple[int, ...]  # rows of each desk

    def __len__(self) -> int:
        return len(self.who)

    def spans(self) -> list[slice]:
        """The rows of each desk."""
        ends = np.cumsum(self.sizes)
        return [
            slice(int(end) - size, int(end)) for end, size in zip(ends, self.sizes, strict=True)
        ]

    def struck(self, rng: np.random.Generator, share: Callable[[Rates], float]) -> Ints:
        """The rows that a fault strikes, at each desk's rate."""
        parts = [
            span.start + struck(rng, size, share(desk.rates))
            for desk, size, span in zip(self.desks, self.sizes, self.spans(), strict=True)
        ]
        return np.concatenate(parts)

    def each(self, of: Callable[[Desk], float]) -> NDArray[np.float64]:
        """A figure of the desk, for each row."""
        return np.repeat([float(of(desk)) for desk in self.desks], self.sizes)


def phone_text(number: Ints, *, style: int) -> pl.Series:
    """Ten-digit telephone numbers as text."""
    n = pl.col("n")
    a, b, c = n.str.slice(0, 3), n.str.slice(3, 3), n.str.slice(6)
    form = (n, pl.format("({}) {}-{}", a, b, c), pl.format("{}-{}-{}", a, b, c),
            pl.lit("+1") + n)[style]  # fmt: skip
    return pl.DataFrame({"n": pl.Series(number).cast(pl.String)}).select(p=form)["p"]


def record_texts(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    """The rows of a sheet: the person as each desk wrote them down."""
    texts = _names(block, rng, sheet) | _birth(block, rng, sheet) | _address(block, rng, sheet)
    texts |= _contact(block, rng, sheet)
    return texts | _numbers(block, rng, sheet) if block.profile.has_ssn else texts


def _some(rng: np.random.Generator, rows: Ints, share: float) -> Ints:
    return rows[rng.random(len(rows)) < share]


def _names(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    first = _first(block, rng, sheet)
    last, previous = _last(block, rng, sheet)
    swapped = sheet.struck(rng, lambda r: r.swapped_names)
    swapped = swapped[(first.code[swapped] >= 0) & (last.code[swapped] >= 0)]
    before, after = first.text(swapped), last.text(swapped)
    first.put(swapped, after)
    last.put(swapped, before)
    first.blank(sheet.struck(rng, lambda r: r.first_missing))
    return {
        "first_name": first,
        "middle_name": _middle(block, rng, sheet),
        "last_name": last,
        "suffix": _suffix(block, rng, sheet),
        "previous_last_name": previous,
    }


def _first(block: Block, rng: np.random.Generator, sheet: Sheet) -> Texts:
    """Given names: nicknames, initials and newborns first, then what goes wrong in typing."""
    people, given, who = block.people, block.pools.given, sheet.who
    name = block.given(people.first)
    code = given.code[name][who]
    rows = sheet.struck(rng, lambda r: r.nickname * 1.6)  # of all, as many names have none
    at = name[who[rows]]
    rows, at = rows[given.nick_count[at] > 0], at[given.nick_count[at] > 0]
    pick = (rng.random(len(rows)) * given.nick_count[at]).astype(np.int64)
    code[rows] = given.nick_code[given.nick_from[at] + pick]
    rows = sheet.struck(rng, lambda r: r.initial_only)
    code[rows] = given.initial_code[code[rows]]
    first = Texts.of(code, given.words)
    odd = np.flatnonzero(given.marked[code])
    first.respell(_some(rng, odd, block.profile.rates.plain_letters), fold)
    first.change(sheet.struck(rng, lambda r: r.first_typo), typo(rng))
    first.change(sheet.struck(rng, lambda r: r.ocr), ocr(rng))
    newborn = _some(rng, np.flatnonzero((block.breach - people.birth < YEAR)[who]), 0.35)
    first.code[newborn] = given.baby_code[people.sex[who[newborn]]]
    return first


def _last(block: Block, rng: np.random.Generator, sheet: Sheet) -> tuple[Texts, Texts]:
    """Surname as written and the previous one, where the desk knew of it."""
    people, pools, who = block.people, block.pools, sheet.who
    words = pools.last.text
    changed, double = people.previous >= 0, people.hyphenated
    recent = (people.last + people.first) % 100 < 22  # of those who changed names at all
    old = (changed & recent & ~double)[who] & (
        rng.random(len(who)) < sheet.each(lambda d: d.old_share)
    )
    code = np.where(old, people.previous[who], people.last[who])
    last = Texts.of(code, words)
    odd = np.flatnonzero(pools.last_marked[code])
    last.respell(_some(rng, odd, block.profile.rates.plain_letters), fold)
    both = _some(rng, np.flatnonzero(double[who]), 1 - block.profile.rates.half_hyphen)
    last.put(both, words.gather(people.previous[who[both]]) + "-" + last.text(both))
    last.change(sheet.struck(rng, lambda r: r.last_typo), typo(rng))
    last.change(sheet.struck(rng, lambda r: r.ocr), ocr(rng))
    last.set(sheet.struck(rng, lambda r: r.last_unknown), "UNKNOWN")
    told = changed[who] & ~old & (rng.random(len(who)) < 0.5)
    return last, Texts.of(np.where(told, people.previous[who], -1), words)


def _middle(block: Block, rng: np.random.Generator, sheet: Sheet) -> Texts:
    """Mostly an initial, sometimes the name, often nothing."""
    given, middle = block.pools.given, block.people.middle
    full = given.code[block.given(np.maximum(middle, 0))]
    short, full = (np.where(middle < 0, -1, c) for c in (given.initial_code[full], full))
    luck = rng.random(len(sheet))
    code = np.where(luck < 0.75, short[sheet.who], full[sheet.who])
    return Texts.of(np.where((luck > 0.9) | (luck < 0.25), -1, code), given.words)


def _suffix(block: Block, rng: np.random.Generator, sheet: Sheet) -> Texts:
    """Told on every second row."""
    code = block.people.suffix[sheet.who] - 1
    code[_some(rng, np.flatnonzero(code >= 0), 0.5)] = -1
    return Texts.of(code, pl.Series(SUFFIXES[1:]))


def _birth(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    days = block.people.birth[sheet.who]
    rows = sheet.struck(rng, lambda r: r.birth_swapped)
    days[rows] = swap_day_and_month(days[rows])
    rows = sheet.struck(rng, lambda r: r.birth_slip)
    days[rows] = slip_day(rng, days[rows])
    rows = sheet.struck(rng, lambda r: r.birth_year)
    days[rows] = slip_year(rng, days[rows])
    days[sheet.struck(rng, lambda r: r.birth_placeholder)] = PLACEHOLDER
    birth = date_texts(days, us=sheet.each(lambda d: d.us_dates) > 0)
    birth.blank(sheet.struck(rng, lambda r: r.birth_missing))
    code = block.people.sex[sheet.who]
    code[sheet.struck(rng, lambda r: r.sex_wrong)] ^= 1
    code[struck(rng, len(sheet), 0.05)] = -1
    return {"date_of_birth": birth, "sex": Texts.of(code, _SEXES)}


def _address(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    homes, places, size = block.homes, block.pools.places, len(sheet)
    house = block.people.household[sheet.who]
    old = homes.moved[house] & (rng.random(size) < sheet.each(lambda d: d.old_share))
    at = house + homes.households * old
    place = homes.place[at]
    short = rng.random(size) < 0.4
    street = Texts.of(at + len(homes.place) * ~short, homes.streets, repeats=True)
    street.change(sheet.struck(rng, lambda r: r.street_typo), typo(rng))
    street.blank(sheet.struck(rng, lambda r: r.street_missing))
    unit = Texts(np.where(street.code < 0, -1, homes.unit[at]).astype(np.int32), UNITS)
    unit.blank(_some(rng, np.flatnonzero(unit.code >= 0), 0.15))
    zips = Texts.of(place, places.zip)
    zips.change(sheet.struck(rng, lambda r: r.zip_slip), slip_digit(rng, last=3))
    as_of = block.breach - rng.integers(30, 1500, size) - 1500 * old
    address = {
        "street": street,
        "street2": unit,
        "city": Texts.of(places.city_no[place], places.city_names),
        "state": Texts.of(places.state_no[place], places.state_names),
        "zip": zips,
        "address_as_of": date_texts(as_of),
    }
    gone = np.flatnonzero(homes.no_address[house])
    for text in address.values():
        text.blank(gone)
    return address


def _contact(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    """Telephones as positions among the block's numbers, practices' and a placeholder last."""
    homes, who = block.homes, sheet.who
    numbers = np.concatenate([homes.numbers, block.practices.phone, [_NOBODYS_PHONE]])
    mobile, line = homes.mobile[who], homes.landline[who]
    at_home = (line >= 0) & (rng.random(len(who)) < 0.4)
    first, second = np.where(at_home, line, mobile), np.where(at_home, mobile, line)
    rows = sheet.struck(rng, lambda r: r.practice_phone)
    first[rows] = len(homes.numbers) + sheet.practice[rows]
    first[sheet.struck(rng, lambda r: r.placeholder_contact)] = len(numbers) - 1
    first[sheet.struck(rng, lambda r: r.phone_missing)] = -1
    phone = _phones(sheet, numbers, first)
    phone.change(sheet.struck(rng, lambda r: r.phone_slip), slip_digit(rng, last=4))
    email = homes.email.rows(who)
    email.set(sheet.struck(rng, lambda r: r.placeholder_contact), "noemail@example.com")
    email.change(sheet.struck(rng, lambda r: r.email_typo), mistype(rng))
    email.blank(sheet.struck(rng, lambda r: r.email_missing))
    return {"phone": phone, "phone2": _phones(sheet, numbers, second), "email": email}


def _phones(sheet: Sheet, numbers: Ints, at: Ints) -> Texts:
    """Each desk's rows in its own style; `at` are positions in `numbers`, -1: none."""

    def spell(style: int) -> Callable[[Ints], pl.Series]:
        return lambda used: phone_text(numbers[used], style=style)

    parts = zip(sheet.desks, sheet.spans(), strict=True)
    return Texts.stacked([Texts.spelt(at[span], spell(desk.phones)) for desk, span in parts])


def _numbers(block: Block, rng: np.random.Generator, sheet: Sheet) -> dict[str, Texts]:
    """Social security and plan numbers, half and two thirds of them known."""
    n = pl.Series("n", block.homes.ssn).cast(pl.String).str.zfill(9)
    dashed = n.str.slice(0, 3) + "-" + n.str.slice(3, 2) + "-" + n.str.slice(5)
    ssn = Texts.of(sheet.who, dashed)
    ssn.change(sheet.struck(rng, lambda r: r.id_slip), slip_digit(rng, last=4))
    ssn.set(sheet.struck(rng, lambda r: r.placeholder_contact), "999-99-9999")
    ssn.blank(struck(rng, len(sheet), 0.5))
    member = Texts.of(sheet.who, block.homes.member)
    member.blank(struck(rng, len(sheet), 0.35))
    return {"ssn": ssn, "member_id": member}
