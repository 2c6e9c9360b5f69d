"""What a desk records beside name and address: guardian, death, consent, confidentiality.

These are properties of the person, decided by the person's number, so that every row about
someone agrees on them; nothing here is misspelt.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.noise import blank, iso_dates
from flows.rehearse.people import YEAR
from flows.rehearse.records import Block, first_names

__all__ = ["fact_frame", "share_of"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

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


def fact_frame(block: Block, who: Ints, *, known_by: int) -> pl.DataFrame:
    """One row per element of `who`, columns named as the canonical fields.

    Nobody knows of a death after the day `known_by`.
    """
    people = block.people
    language = pl.Series(["en", "es"]).gather(people.spanish[who].astype(np.int64))
    return pl.DataFrame(
        {"language": language, "alt_format": _formats(block, who)}
        | _guardian(block, who)
        | _death(block, who, known_by)
        | _consent(block, who)
        | _confidential(block, who)
    )


def _formats(block: Block, who: Ints) -> pl.Series:
    luck = share_of(who + block.first_no, salt=3)
    kind = np.select([luck < 0.002, luck < 0.003], [1, 2], 0)
    return pl.Series(["", "large print", "braille"]).replace("", None).gather(kind)


def _full_name(block: Block, who: Ints) -> tuple[pl.Series, pl.Series]:
    people = block.people
    return first_names(block, who, people.first[who]), block.pools.last.text.gather(
        people.last[who]
    )


def _guardian(block: Block, who: Ints) -> dict[str, pl.Series]:
    minor = block.people.guardian[who] >= 0
    first, last = _full_name(block, np.maximum(block.people.guardian[who], 0))
    return {"guardian_first_name": blank(first, ~minor), "guardian_last_name": blank(last, ~minor)}


def _death(block: Block, who: Ints, known_by: int) -> dict[str, pl.Series]:
    """Day of death; for some a relative of the household stands for the estate."""
    people, homes = block.people, block.homes
    dead = (people.death[who] >= 0) & (people.death[who] <= known_by)
    kept = dead & (share_of(who + block.first_no, salt=4) < _REPRESENTED)
    following = np.minimum(who + 1, people.size - 1)
    same = people.household[following] == people.household[who]
    relative = np.where(people.place_in[who] > 0, who - people.place_in[who],
                        np.where(same, following, who))  # fmt: skip
    luck = (share_of(who + block.first_no, salt=5) * people.size).astype(np.int64)
    first, _ = _full_name(block, np.where(relative == who, luck, relative))
    _, last = _full_name(block, relative)
    rows = homes.address[people.household[relative]]
    return {
        "deceased_on": blank(iso_dates(np.maximum(people.death[who], 0)), ~dead),
        "representative_name": blank(first + " " + last, ~kept),
        "representative_street": blank(rows["street_short"], ~kept),
        "representative_city": blank(rows["city"], ~kept),
        "representative_state": blank(rows["state"], ~kept),
        "representative_zip": blank(rows["zip"], ~kept),
    }


def _consent(block: Block, who: Ints) -> dict[str, pl.Series]:
    """Agreement to e-mail: only adults' own; part of it covers reminders alone."""
    number = who + block.first_no
    adult = (block.breach - block.people.birth[who] >= 18 * YEAR) & (block.people.death[who] < 0)
    luck = share_of(number, salt=6)
    agreed = adult & (luck < _CONSENT) & block.homes.email.gather(who).is_not_null().to_numpy()
    on = block.breach - 60 - (luck / _CONSENT * 900).astype(np.int64)
    scope = pl.Series(["notices", "reminders"]).gather((luck > 0.7 * _CONSENT).astype(np.int64))
    withdrawn = agreed & (share_of(number, salt=7) < 0.06)
    return {
        "email_consent_on": blank(iso_dates(on), ~agreed),
        "email_consent_scope": blank(scope, ~agreed),
        "email_consent_withdrawn_on": blank(iso_dates(on + 45), ~withdrawn),
    }


def _confidential(block: Block, who: Ints) -> dict[str, pl.Series]:
    """A few asked for confidential communications, more than half with another address."""
    luck = share_of(who + block.first_no, salt=8)
    flagged = luck < _CONFIDENTIAL
    elsewhere = luck < 0.6 * _CONFIDENTIAL
    rows = block.homes.address[block.people.household[who]]
    box = pl.Series(100 + (luck * 1e6).astype(np.int64) % 9000)
    return {
        "confidential_address": blank(pl.Series(["yes"] * len(who)), ~flagged),
        "alternate_street": blank("PO Box " + box.cast(pl.String), ~elsewhere),
        "alternate_city": blank(rows["city"], ~elsewhere),
        "alternate_state": blank(rows["state"], ~elsewhere),
        "alternate_zip": blank(rows["zip"], ~elsewhere),
    }
