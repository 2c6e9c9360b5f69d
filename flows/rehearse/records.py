"""What is written down about people: one frame of canonical columns, clean, then spoilt.

Comes in: a block of people and their homes, and which person each row is about. Goes out: a frame
of text columns named as the canonical fields; callers choose and rename the ones their file has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.homes import Homes
from flows.rehearse.noise import (
    blank,
    change,
    fold,
    initial,
    iso_dates,
    ocr,
    slip_birth,
    slip_digit,
    strikes,
    text_dates,
    typo,
)
from flows.rehearse.people import SUFFIXES, YEAR, People
from flows.rehearse.pools import Pools
from flows.rehearse.practices import Practices
from flows.rehearse.profiles import Profile, Rates

__all__ = ["Block", "first_names", "phone_text", "record_frame"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


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


def phone_text(number: Ints, *, style: int) -> pl.Series:
    """Telephone numbers as text; null where the number is `-1`."""
    digits = pl.Series(number).cast(pl.String)
    frame = pl.DataFrame({"n": digits}).with_columns(
        a=pl.col("n").str.slice(0, 3), b=pl.col("n").str.slice(3, 3), c=pl.col("n").str.slice(6)
    )
    form = (pl.col("n"), pl.format("({}) {}-{}", "a", "b", "c"), pl.format("{}-{}-{}", "a", "b", "c"),
            pl.format("+1{}", "n"))[style]  # fmt: skip
    return frame.select(p=pl.when(pl.Series(number >= 0)).then(form))["p"]


def record_frame(
    block: Block,
    rng: np.random.Generator,
    who: Ints,
    practice: Ints,
    *,
    rates: Rates,
    old_share: float,
    dates: str,
    phones: int,
) -> pl.DataFrame:
    """One row per element of `who`: the person as some desk wrote them down.

    `old_share` of the rows of people who moved or changed names say how it was before.
    """
    names = _names(block, rng, who, rates, old_share)
    birth = _birth(block, rng, who, rates, dates)
    address = _address(block, rng, who, rates, old_share)
    contact = _contact(block, rng, who, practice=practice, rates=rates, style=phones)
    return pl.DataFrame(names | birth | address | contact)


def _given_at(block: Block, who: Ints, at: Ints) -> Ints:
    """Positions in `given` of these people's names (`at`: in the list of their sex)."""
    women, men = (len(names.text) for names in block.pools.first)
    man = block.people.sex[who] == 1
    return np.where(man, women + np.minimum(at, men - 1), np.minimum(at, women - 1))


def first_names(block: Block, who: Ints, at: Ints) -> pl.Series:
    """Given names of these people, `at` these positions of the list of their sex."""
    return block.pools.given.gather(_given_at(block, who, at))


def _nickname(block: Block, rng: np.random.Generator, who: Ints, first: pl.Series,
              rate: float) -> pl.Series:  # fmt: skip
    """Some given names in a short form, where the name has any."""
    people, pools = block.people, block.pools
    at = _given_at(block, who, people.first[who])
    count = pools.nick_count[at]
    rows = np.flatnonzero(strikes(rng, len(who), rate * 1.6) & (count > 0))
    if not len(rows):
        return first
    pick = pools.nick_from[at[rows]] + (rng.random(len(rows)) * count[rows]).astype(np.int64)
    return first.clone().scatter(rows, pools.nick_text.gather(pick))


def _names(
    block: Block, rng: np.random.Generator, who: Ints, rates: Rates, old_share: float
) -> dict[str, pl.Series]:
    people, size = block.people, len(who)
    first = first_names(block, who, people.first[who])
    first = _nickname(block, rng, who, first, rates.nickname)
    first = change(first, strikes(rng, size, rates.first_typo), typo(rng))
    first = change(first, strikes(rng, size, rates.ocr), ocr(rng))
    first = change(first, strikes(rng, size, rates.initial_only), initial)
    newborn = (block.breach - people.birth[who] < YEAR) & strikes(rng, size, 0.35)
    baby = np.where(people.sex[who] == 1, "BABY BOY", "BABY GIRL")
    rows = np.flatnonzero(newborn)
    if len(rows):
        first = first.clone().scatter(rows, pl.Series(baby[rows].tolist(), dtype=pl.String))
    last, previous = _last(block, rng, who, rates, old_share)
    odd = strikes(rng, size, rates.plain_letters)
    first, last = (change(n, odd & n.str.contains(r"[^A-Za-z \-]").fill_null(False).to_numpy(),
                          fold) for n in (first, last))  # fmt: skip
    swapped = pl.Series(strikes(rng, size, rates.swapped_names))
    first, last = last.zip_with(swapped, first), first.zip_with(swapped, last)
    first = blank(first, strikes(rng, size, rates.first_missing))
    return {
        "first_name": first.alias("first_name"),
        "middle_name": _middle(block, rng, who),
        "last_name": last.alias("last_name"),
        "suffix": _suffix(block, rng, who),
        "previous_last_name": previous,
    }


def _last(
    block: Block, rng: np.random.Generator, who: Ints, rates: Rates, old_share: float
) -> tuple[pl.Series, pl.Series]:
    """Surname as written and the previous one, where the desk knew of it."""
    people, pools, size = block.people, block.pools, len(who)
    has = people.previous[who] >= 0
    double = people.hyphenated[who]
    recent = (people.last[who] + people.first[who]) % 100 < 22  # of those who changed names at all
    old = has & ~double & recent & strikes(rng, size, old_share)
    last = pools.last.text.gather(np.where(old, people.previous[who], people.last[who]))
    before = pools.last.text.gather(np.maximum(people.previous[who], 0))
    both = double & ~strikes(rng, size, rates.half_hyphen)
    rows = np.flatnonzero(both)
    if len(rows):
        last = last.clone().scatter(rows, before.gather(rows) + "-" + last.gather(rows))
    last = change(last, strikes(rng, size, rates.last_typo), typo(rng))
    last = change(last, strikes(rng, size, rates.ocr), ocr(rng))
    last = change(last, strikes(rng, size, rates.last_unknown),
                  lambda s: pl.Series(["UNKNOWN"] * len(s)))  # fmt: skip
    return last, blank(before, ~(has & ~old & strikes(rng, size, 0.5)))


def _middle(block: Block, rng: np.random.Generator, who: Ints) -> pl.Series:
    """Mostly an initial, sometimes the name, often nothing."""
    at = block.people.middle[who]
    full = first_names(block, who, np.maximum(at, 0))
    luck = rng.random(len(who))
    shown = change(full, luck < 0.75, initial)
    return blank(shown, (at < 0) | (luck > 0.9) | (luck < 0.25)).alias("middle_name")


def _suffix(block: Block, rng: np.random.Generator, who: Ints) -> pl.Series:
    text = pl.Series(SUFFIXES).replace("", None).gather(block.people.suffix[who])
    return blank(text, strikes(rng, len(who), 0.5)).alias("suffix")


def _birth(
    block: Block, rng: np.random.Generator, who: Ints, rates: Rates, dates: str
) -> dict[str, pl.Series]:
    size = len(who)
    parts = slip_birth(
        rng, block.people.birth[who], swapped=rates.birth_swapped, slip=rates.birth_slip,
        year=rates.birth_year,
    )  # fmt: skip
    text = text_dates(parts, order=dates)
    empty = {"iso": "1900-01-01", "us": "01/01/1900"}[dates]
    struck = strikes(rng, size, rates.birth_placeholder)
    text = change(text, struck, lambda s: pl.Series([empty] * len(s)))
    text = blank(text, strikes(rng, size, rates.birth_missing))
    wrong = strikes(rng, size, rates.sex_wrong).astype(np.int64)
    sex = pl.Series(["F", "M"]).gather(block.people.sex[who] ^ wrong)
    return {"date_of_birth": text, "sex": blank(sex, strikes(rng, size, 0.05))}


def _address(
    block: Block, rng: np.random.Generator, who: Ints, rates: Rates, old_share: float
) -> dict[str, pl.Series]:
    homes, size = block.homes, len(who)
    house = block.people.household[who]
    old = homes.moved[house] & strikes(rng, size, old_share)
    rows = homes.address[np.where(old, house + homes.households, house)]
    street = rows["street_long"].zip_with(pl.Series(strikes(rng, size, 0.4)), rows["street_short"])
    street = change(street, strikes(rng, size, rates.street_typo), typo(rng))
    zips = change(rows["zip"], strikes(rng, size, rates.zip_slip), slip_digit(rng, last=3))
    gone = homes.no_address[house]
    none = gone | strikes(rng, size, rates.street_missing)
    as_of = block.breach - rng.integers(30, 1500, size) - np.where(old, 1500, 0)
    return {
        "street": blank(street, none),
        "street2": blank(rows["unit"], none | strikes(rng, size, 0.15)),
        "city": blank(rows["city"], gone),
        "state": blank(rows["state"], gone),
        "zip": blank(zips, gone),
        "address_as_of": blank(iso_dates(as_of), gone),
    }


def _contact(
    block: Block,
    rng: np.random.Generator,
    who: Ints,
    *,
    practice: Ints,
    rates: Rates,
    style: int,
) -> dict[str, pl.Series]:
    homes, size = block.homes, len(who)
    line = homes.landline[who]
    mobile = homes.mobile[who]
    at_home = (line >= 0) & strikes(rng, size, 0.4)
    number, second = np.where(at_home, line, mobile), np.where(at_home, mobile, line)
    own = block.practices.phone[practice]
    number = np.where(strikes(rng, size, rates.practice_phone), own, number)
    number = np.where(strikes(rng, size, rates.placeholder_contact), 5555555555, number)
    number = np.where(strikes(rng, size, rates.phone_missing), -1, number)
    phone = change(
        phone_text(number, style=style), strikes(rng, size, rates.phone_slip),
        slip_digit(rng, last=4),
    )  # fmt: skip
    email = homes.email.gather(who)
    email = change(email, strikes(rng, size, rates.placeholder_contact),
                   lambda s: pl.Series(["noemail@example.com"] * len(s)))  # fmt: skip
    email = change(email, strikes(rng, size, rates.email_typo), _mistyped(rng))
    email = blank(email, strikes(rng, size, rates.email_missing))
    named = {"phone": phone, "phone2": phone_text(second, style=style), "email": email}
    if not block.profile.has_ssn:
        return named
    return named | _numbers(block, rng, who, rates)


def _mistyped(rng: np.random.Generator) -> Callable[[pl.Series], pl.Series]:
    """A typing error before the @ only: the reserved domains stay what they are."""

    def apply(email: pl.Series) -> pl.Series:
        local, domain = email.str.extract(r"^([^@]*)"), email.str.extract(r"(@.*)$")
        return typo(rng)(local) + domain

    return apply


def _numbers(
    block: Block, rng: np.random.Generator, who: Ints, rates: Rates
) -> dict[str, pl.Series]:
    """Social security and plan numbers, half and two thirds of them known."""
    size = len(who)
    n = pl.Series(block.homes.ssn[who]).cast(pl.String).str.zfill(9)
    frame = pl.DataFrame({"n": n})
    dashed = pl.format("{}-{}-{}", pl.col("n").str.slice(0, 3), pl.col("n").str.slice(3, 2),
                       pl.col("n").str.slice(5))  # fmt: skip
    ssn = frame.select(s=dashed)["s"]
    ssn = change(ssn, strikes(rng, size, rates.id_slip), slip_digit(rng, last=4))
    ssn = change(ssn, strikes(rng, size, rates.placeholder_contact),
                 lambda s: pl.Series(["999-99-9999"] * len(s)))  # fmt: skip
    member = block.homes.member.gather(who)
    return {
        "ssn": blank(ssn, strikes(rng, size, 0.5)),
        "member_id": blank(member, strikes(rng, size, 0.35)),
    }
