"""One part of `leaked` or `charts`, cleaned: every field, its flags, and what each rule changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from matching.fields import NAMED_IN_TEXT
from matching.standardise import address, contacts, dates, facts, names, places
from matching.standardise.distinct import Cleaner, Cleaning, Known
from matching.standardise.text import blank_to_null

__all__ = ["CAME", "OF_AGE", "ORDER", "clean_part"]

_DOUBTS = {
    "birth_date_sentinel": "birth_date",
    "birth_date_to_come": "birth_date",
    "newborn": "newborn",
    NAMED_IN_TEXT: NAMED_IN_TEXT,
}
"""Flag -> `doubt`; the first that a row has."""

ORDER = "__date_order"
"""mdy, dmy or ymd: the order of ambiguous dates in the row's file."""
CAME = "__came_on"
"""ISO date on which the row's file came: nobody in it was born later; null where the day is unknown."""
OF_AGE = "__of_age"
"""ISO date: whoever was of age when the row's file came was born before; null where the day is unknown."""

PLAIN_FIELDS: dict[str, Cleaner] = {
    "suffix": names.clean_suffix,
    "birth_order": facts.clean_birth_order,
    "sex": facts.clean_sex,
    "ssn": contacts.clean_ssn,
    "member_id": contacts.code("member_id"),
    "mrn": contacts.code("mrn"),
    "phone": contacts.clean_phone("phone"),
    "phone2": contacts.clean_phone("phone2"),
    "email": contacts.clean_email,
    "city": places.clean_city("city"),
    "state": places.clean_state("state"),
    "zip": places.clean_zip("zip5", "zip4"),
    "country": places.clean_country,
    "alternate_city": places.clean_city("alternate_city"),
    "alternate_state": places.clean_state("alternate_state"),
    "alternate_zip": places.clean_zip("alternate_zip5"),
    "representative_city": places.clean_city("representative_city"),
    "representative_state": places.clean_state("representative_state"),
    "representative_zip": places.clean_zip("representative_zip5"),
    "language": facts.clean_language,
    "alt_format": facts.lower("alt_format"),
    "email_consent_scope": facts.lower("email_consent_scope"),
    "confidential_address": facts.clean_confidential,
}
"""Fields that are cleaned by themselves."""
DATE_FIELDS = ("address_as_of", "email_consent_on", "email_consent_withdrawn_on", "last_visit_on")
STREETS = (("street", "street2"), ("alternate_street", None), ("representative_street", None))


def clean_part(
    frame: pl.DataFrame, *, pivot: int, known: Known | None = None
) -> tuple[pl.DataFrame, Cleaning]:
    """Cleaned columns of each row, in the rows' order; `frame` has the canonical fields, ORDER, CAME and OF_AGE.

    `known`: results of parts before, for values that come again.
    """
    work = Cleaning(frame.height, known or Known())
    found: dict[str, pl.Series] = {}
    for field, cleaner in PLAIN_FIELDS.items():
        found |= _columns(work.add(field, frame[field], cleaner))
    found |= _dates(work, frame, pivot)
    found["date_of_birth"] = _born_by_then(work, frame, found["date_of_birth"])
    for first, second in STREETS:
        found |= _street(work, frame, first, second)
    found |= _names(work, frame, found)
    found |= _places(work, found)
    found["confidential"] = found["confidential"] | found["alternate_street"].is_not_null()
    found["flags"] = _flags(work)
    found["born_before"] = _born_before(frame, found["date_of_birth"])
    found["doubt"] = _doubt(work, frame)
    return pl.DataFrame(found), work


def _columns(frame: pl.DataFrame) -> dict[str, pl.Series]:
    return {name: frame[name] for name in frame.columns}


def _dates(work: Cleaning, frame: pl.DataFrame, pivot: int) -> dict[str, pl.Series]:
    makers: dict[str, Callable[[str], Cleaner]] = {
        "date_of_birth": partial(dates.birth_date, pivot=pivot),
        "deceased_on": partial(dates.death_date, pivot=pivot),
        **{field: partial(dates.known_date, name=field, pivot=pivot) for field in DATE_FIELDS},
    }
    found: dict[str, pl.Series] = {}
    for field, make in makers.items():
        found |= _columns(_by_order(work, frame, field, make))
    return found


def _born_by_then(work: Cleaning, frame: pl.DataFrame, birth: pl.Series) -> pl.Series:
    """Birth dates after the file came are none."""
    to_come = frame.select((pl.lit(birth) > pl.col(CAME)).fill_null(value=False)).to_series()
    work.note_rows("date_of_birth", "birth_date_to_come", to_come)
    return birth.set(to_come, None) if to_come.any() else birth


def _by_order(
    work: Cleaning, frame: pl.DataFrame, field: str, make: Callable[[str], Cleaner]
) -> pl.DataFrame:
    """Each row by its file's order; usually a part has one order."""
    orders: list[str] = frame[ORDER].unique().sort().to_list() or ["mdy"]
    if len(orders) == 1:
        return work.add(field, frame[field], make(orders[0]))
    pieces = []
    for order in orders:
        raw = frame.select(pl.when(pl.col(ORDER) == order).then(field)).to_series()
        pieces.append(work.add(field, raw, make(order)))
    return pl.DataFrame(
        {name: _first_known([piece[name] for piece in pieces]) for name in pieces[0].columns}
    )


def _first_known(pieces: list[pl.Series]) -> pl.Series:
    if pieces[0].dtype == pl.Boolean:
        return pl.select(pl.any_horizontal(pieces)).to_series()
    return pl.select(pl.coalesce(pieces)).to_series()


def _street(
    work: Cleaning, frame: pl.DataFrame, first: str, second: str | None
) -> dict[str, pl.Series]:
    raw = frame[first]
    if second is not None and frame[second].null_count() < frame.height:
        below = (
            pl.when(pl.col(second).is_not_null())
            .then(address.LINE_BREAK + pl.col(second))
            .otherwise(pl.lit(""))
        )
        raw = frame.select(blank_to_null(pl.col(first).fill_null("") + below)).to_series()
    cleaned = work.add(first, raw, address.clean_street(first))
    return _columns(cleaned if second is not None else cleaned.select(first))


def _names(
    work: Cleaning, frame: pl.DataFrame, found: dict[str, pl.Series]
) -> dict[str, pl.Series]:
    whole = frame.select(
        raw=pl.when(pl.col("first_name").is_null() & pl.col("last_name").is_null()).then(
            "full_name"
        )
    ).to_series()
    split = work.add("full_name", whole, names.clean_full)
    first = work.add(
        "first_name", _else(frame["first_name"], split["first_raw"]), names.clean_first
    )
    last = work.add("last_name", _else(frame["last_name"], split["last_raw"]), names.clean_last)
    middle = work.add(
        "middle_name", _else(frame["middle_name"], split["middle_raw"]), names.clean_middle
    )
    dead = work.flags.get("name_says_deceased", pl.Series([False]).new_from_index(0, work.rows))
    return {
        "first_name": first["first_name"],
        "first_names": _all_names(work, "alias_names", first["first_names"], [frame["alias_names"]], names.clean_alias_first),
        "middle_name": _else(middle["middle_name"], first["middle_found"]),
        "last_name": last["last_name"],
        "last_names": _all_names(work, "previous_last_name", last["last_names"], [frame["previous_last_name"], frame["alias_names"]], names.clean_previous),
        "suffix": _else(_else(found["suffix"], last["suffix_found"]), first["suffix_found"]),
        "birth_order": _else(found["birth_order"], first["order_found"]),
        "deceased": found["deceased"] | dead,
        "deceased_on": _else(found["deceased_on"], _unknown_day(dead)),
        **_others_names(work, frame),
    }  # fmt: skip


def _others_names(work: Cleaning, frame: pl.DataFrame) -> dict[str, pl.Series]:
    """Guardian and representative: their oddities are no flags of this row's person."""
    first, last = "guardian_first_name", "guardian_last_name"
    return {
        first: work.add(first, frame[first], names.clean_first, flagged=False)["first_name"],
        last: work.add(last, frame[last], names.clean_last, flagged=False)["last_name"],
        "representative_name": work.add(
            "representative_name", frame["representative_name"], names.clean_representative
        )["representative_name"],
    }


def _all_names(
    work: Cleaning, field: str, own: pl.Series, others: list[pl.Series], cleaner: Cleaner
) -> pl.Series:
    """The set of a row's names with those borne before; rows without such keep their own set."""
    if all(other.null_count() == other.len() for other in others):
        return own
    more = [pl.select(pl.concat_str(others, separator="|", ignore_nulls=True)).to_series()]
    joined = work.add(field, pl.select(blank_to_null(pl.lit(more[0]))).to_series(), cleaner)[
        "names"
    ]
    both = pl.select(pl.concat_str([own, joined], separator="|", ignore_nulls=True)).to_series()
    raw = pl.DataFrame({"both": both, "joined": joined}).select(
        pl.when(pl.col("joined").is_not_null()).then("both")
    ).to_series()  # fmt: skip
    return _else(work.add(field, raw, names.clean_set)["names"], own)


def _else(first: pl.Series, second: pl.Series) -> pl.Series:
    """The first value where there is one."""
    return pl.select(pl.coalesce(first, second)).to_series()


def _unknown_day(dead: pl.Series) -> pl.Series:
    return pl.select(pl.when(dead).then(pl.date(1900, 1, 1))).to_series()


def _places(work: Cleaning, found: dict[str, pl.Series]) -> dict[str, pl.Series]:
    """State from the ZIP where it is missing; a conflict is flagged and left as delivered."""
    frame = pl.DataFrame({name: found[name] for name in ("state", "zip5", "country")})
    by_zip = frame.select(places.state_of_zip(pl.col("zip5"))).to_series()
    conflict = frame.select(places.state_conflicts(pl.col("state"), pl.col("zip5"))).to_series()
    work.note_rows("state", "state_from_zip", found["state"].is_null() & by_zip.is_not_null())
    work.note_rows("state", "state_zip_conflict", conflict)
    return {
        "state": _else(found["state"], by_zip),
        "country": _else(found["country"], found["country_found"]),
    }


def _born_before(frame: pl.DataFrame, birth: pl.Series) -> pl.Series:
    """Of guarantors whose own birth date the row does not say; charts have no role."""
    role = pl.col("role") if "role" in frame.columns else pl.lit(None, pl.String)
    unsaid = (role == "guarantor") & pl.lit(birth).is_null()
    return frame.select(born_before=pl.when(unsaid).then(OF_AGE)).to_series()


def _doubt(work: Cleaning, frame: pl.DataFrame) -> pl.Series:
    """What guards must know of a row beside its values; null where nothing is in doubt."""
    none = pl.Series([False]).new_from_index(0, work.rows)
    if "doubtful" in frame.columns and frame["doubtful"].any():
        work.note_rows("doubt", NAMED_IN_TEXT, frame["doubtful"].fill_null(value=False))
    flags = pl.DataFrame({code: work.flags.get(code, none) for code in _DOUBTS})
    said = [pl.when(pl.col(code)).then(pl.lit(word)) for code, word in _DOUBTS.items()]
    return flags.select(pl.coalesce(said)).to_series()


def _flags(work: Cleaning) -> pl.Series:
    """Reason codes of each row, sorted, separated by `|`; null where there is none."""
    if not work.flags:
        return pl.Series([None], dtype=pl.String).new_from_index(0, work.rows)
    frame = pl.DataFrame(work.flags)
    codes = [pl.when(pl.col(code)).then(pl.lit(code)) for code in sorted(work.flags)]
    return frame.select(
        blank_to_null(pl.concat_str(codes, separator="|", ignore_nulls=True))
    ).to_series()
