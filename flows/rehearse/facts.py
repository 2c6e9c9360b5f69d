"""What a desk records beside name and address: guardian, death, consent, confidentiality.

These are properties of the person, decided by the person's number, so that every row about
someone agrees on them; nothing here is misspelt.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.noise import iso_dates, spread
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


def _name(block: Block, first_of: Ints, last_of: Ints) -> tuple[pl.Series, pl.Series]:
    first = first_names(block, first_of, block.people.first[first_of])
    return first, block.pools.last.text.gather(block.people.last[last_of])


def _guardian(block: Block, who: Ints) -> dict[str, pl.Series]:
    keeper = block.people.guardian[who]
    rows = np.flatnonzero(keeper >= 0)
    first, last = _name(block, keeper[rows], keeper[rows])
    return {
        "guardian_first_name": spread(len(who), rows, first),
        "guardian_last_name": spread(len(who), rows, last),
    }


def _death(block: Block, who: Ints, known_by: int) -> dict[str, pl.Series]:
    """Day of death; for some a relative of the household stands for the estate."""
    people, size = block.people, len(who)
    dead = (people.death[who] >= 0) & (people.death[who] <= known_by)
    kept = dead & (share_of(who + block.first_no, salt=4) < _REPRESENTED)
    rows = np.flatnonzero(kept)
    some = who[rows]
    following = np.minimum(some + 1, people.size - 1)
    same = people.household[following] == people.household[some]
    beside = np.where(same, following, some)
    relative = np.where(people.place_in[some] > 0, some - people.place_in[some], beside)
    luck = (share_of(some + block.first_no, salt=5) * people.size).astype(np.int64)
    first, last = _name(block, np.where(relative == some, luck, relative), relative)
    home = block.homes.address[people.household[relative]]
    died = np.flatnonzero(dead)
    return {
        "deceased_on": spread(size, died, iso_dates(people.death[who[died]])),
        "representative_name": spread(size, rows, first + " " + last),
        "representative_street": spread(size, rows, home["street_short"]),
        "representative_city": spread(size, rows, home["city"]),
        "representative_state": spread(size, rows, home["state"]),
        "representative_zip": spread(size, rows, home["zip"]),
    }


def _consent(block: Block, who: Ints) -> dict[str, pl.Series]:
    """Agreement to e-mail: only adults' own; part of it covers reminders alone."""
    size = len(who)
    luck = share_of(who + block.first_no, salt=6)
    adult = (block.breach - block.people.birth[who] >= 18 * YEAR) & (block.people.death[who] < 0)
    rows = np.flatnonzero(adult & (luck < _CONSENT))
    rows = rows[block.homes.email.gather(who[rows]).is_not_null().to_numpy()]
    on = block.breach - 60 - (luck[rows] / _CONSENT * 900).astype(np.int64)
    narrow = (luck[rows] > 0.7 * _CONSENT).astype(np.int64)
    ended = share_of(who[rows] + block.first_no, salt=7) < 0.06
    return {
        "email_consent_on": spread(size, rows, iso_dates(on)),
        "email_consent_scope": spread(
            size, rows, pl.Series(["notices", "reminders"]).gather(narrow)
        ),
        "email_consent_withdrawn_on": spread(size, rows[ended], iso_dates(on[ended] + 45)),
    }


def _confidential(block: Block, who: Ints) -> dict[str, pl.Series]:
    """A few asked for confidential communications, more than half with another address."""
    size = len(who)
    luck = share_of(who + block.first_no, salt=8)
    flagged = np.flatnonzero(luck < _CONFIDENTIAL)
    rows = np.flatnonzero(luck < 0.6 * _CONFIDENTIAL)
    home = block.homes.address[block.people.household[who[rows]]]
    box = pl.Series(100 + (luck[rows] * 1e6).astype(np.int64) % 9000).cast(pl.String)
    return {
        "confidential_address": spread(size, flagged, pl.Series(["yes"] * len(flagged))),
        "alternate_street": spread(size, rows, "PO Box " + box),
        "alternate_city": spread(size, rows, home["city"]),
        "alternate_state": spread(size, rows, home["state"]),
        "alternate_zip": spread(size, rows, home["zip"]),
    }
