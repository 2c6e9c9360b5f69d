"""What a desk records beside name and address: guardian, death, consent, confidentiality.

These are properties of the person, decided by the person's number, so that every row about
someone agrees on them; nothing here is misspelt.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.days import date_texts
from flows.rehearse.people import YEAR
from flows.rehearse.records import Block
from flows.rehearse.texts import Texts

__all__ = ["LANGUAGES", "fact_texts", "share_of"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LANGUAGES: Final = pl.Series(["en", "es"])
_CONSENT = 0.18
_CONFIDENTIAL = 0.008
_REPRESENTED = 0.6  # of the deceased


def share_of(number: Ints, *, salt: int) -> NDArray[np.float64]:
    """A share (0-1) that belongs to each person's number and to `salt` (splitmix64)."""
    x = number.astype(np.uint64) + np.uint64(salt * 0x9E3779B97F4A7C15 % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def fact_texts(block: Block) -> dict[str, Texts]:
    """One element per person of the block, columns named as the canonical fields.

    Deaths are those up to the profile's `as_of`; an older file knows of fewer.
    """
    number = block.first_no + np.arange(block.people.size)
    return (
        {"language": Texts.of(block.people.spanish, LANGUAGES), "alt_format": _formats(number)}
        | _guardian(block)
        | _death(block, number)
        | _consent(block, number)
        | _confidential(block, number)
    )


def _formats(number: Ints) -> Texts:
    luck = share_of(number, salt=3)
    kind = np.select([luck < 0.002, luck < 0.003], [0, 1], -1)
    return Texts.of(kind, pl.Series(["large print", "braille"]))


def _guardian(block: Block) -> dict[str, Texts]:
    people, given = block.people, block.pools.given
    keeper, has = people.guardian, people.guardian >= 0
    first = given.code[block.given(people.first)]
    return {
        "guardian_first_name": Texts.of(np.where(has, first[keeper], -1), given.words),
        "guardian_last_name": Texts.of(
            np.where(has, people.last[keeper], -1), block.pools.last.text
        ),
    }


def _where(block: Block, who: Ints, households: Ints) -> dict[str, Texts]:
    """City, state and ZIP code of these households, on the rows `who`."""
    places, size = block.pools.places, block.people.size
    place = block.homes.place[households]
    return {
        "city": Texts.spread(size, who, places.city.gather(place)),
        "state": Texts.spread(size, who, places.state.gather(place)),
        "zip": Texts.spread(size, who, places.zip.gather(place)),
    }


def _death(block: Block, number: Ints) -> dict[str, Texts]:
    """Day of death; for some a relative of the household stands for the estate."""
    people, size = block.people, block.people.size
    dead = people.death >= 0
    died = date_texts(np.where(dead, people.death, 0))
    died.blank(~dead)
    some = np.flatnonzero(dead & (share_of(number, salt=4) < _REPRESENTED))
    following = np.minimum(some + 1, size - 1)
    same = people.household[following] == people.household[some]
    beside = np.where(same, following, some)
    relative = np.where(people.place_in[some] > 0, some - people.place_in[some], beside)
    luck = (share_of(number[some], salt=5) * size).astype(np.int64)
    given = block.pools.given.code[block.given(people.first)]
    first = block.pools.given.words.gather(given[np.where(relative == some, luck, relative)])
    last = block.pools.last.text.gather(people.last[relative])
    house = people.household[relative]
    street = block.homes.streets.gather(len(block.homes.place) + house)
    texts = {"name": Texts.spread(size, some, first + " " + last),
             "street": Texts.spread(size, some, street)} | _where(block, some, house)  # fmt: skip
    return {"deceased_on": died} | {f"representative_{c}": text for c, text in texts.items()}


def _consent(block: Block, number: Ints) -> dict[str, Texts]:
    """Agreement to e-mail: only adults' own; part of it covers reminders alone."""
    luck = share_of(number, salt=6)
    adult = (block.breach - block.people.birth >= 18 * YEAR) & (block.people.death < 0)
    given = adult & (luck < _CONSENT) & (block.homes.email.code >= 0)
    on = block.breach - 60 - (luck / _CONSENT * 900).astype(np.int64)
    ended = given & (share_of(number, salt=7) < 0.06)
    since, until = date_texts(np.where(given, on, 0)), date_texts(np.where(ended, on + 45, 0))
    since.blank(~given)
    until.blank(~ended)
    scope = np.where(given, (luck > 0.7 * _CONSENT).astype(np.int64), -1)
    return {
        "email_consent_on": since,
        "email_consent_scope": Texts.of(scope, pl.Series(["notices", "reminders"])),
        "email_consent_withdrawn_on": until,
    }


def _confidential(block: Block, number: Ints) -> dict[str, Texts]:
    """A few asked for confidential communications, more than half with another address."""
    size = block.people.size
    luck = share_of(number, salt=8)
    rows = np.flatnonzero(luck < 0.6 * _CONFIDENTIAL)
    box = pl.Series(100 + (luck[rows] * 1e6).astype(np.int64) % 9000).cast(pl.String)
    texts = {"street": Texts.spread(size, rows, "PO Box " + box)}
    texts |= _where(block, rows, block.people.household[rows])
    flagged = np.where(luck < _CONFIDENTIAL, 0, -1)
    return {"confidential_address": Texts.of(flagged, pl.Series(["yes"]))} | {
        f"alternate_{c}": text for c, text in texts.items()
    }
