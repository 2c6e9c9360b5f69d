"""The leaked tables, as a practice-software vendor would lose them.

| file | what | names the practice by |
|---|---|---|
| `leak/appointments.csv` | one row per appointment | tenant id, location id, chart number, or not |
| `leak/patients.parquet` | one row per account | location id, entity id, chart number, or not |
| `leak/reminders.jsonl` | one row per message | free text with town, telephone, or not |
| `leak/waitlist.tsv` | web forms: leads, staff, patients | free text, or not |

Goes out: per block one frame per file and the truth about its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.charts import chart_numbers, provider_names
from flows.rehearse.facts import fact_frame
from flows.rehearse.noise import blank, change, iso_dates, slip_digit, strikes, typo
from flows.rehearse.practices import HINTS
from flows.rehearse.records import Block, phone_text, record_frame
from flows.rehearse.visits import Memberships
from flows.rehearse.wordlists import PROCEDURES

__all__ = ["LEAKED_FILES", "LeakedFile", "delivered", "patient_frames", "split_rows"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedFile:
    """One leaked table: canonical field to column, and how its desk writes."""

    path: str
    format: str
    share: float  # of the patients' rows
    faults: float  # times the profile's rates
    dates: str
    phones: int
    columns: dict[str, str | list[str]]
    extra: tuple[str, ...] = ()


LEAKED_FILES: Final = (
    LeakedFile(
        path="leak/appointments.csv", format="csv", share=0.45, faults=1.0, dates="us", phones=1,
        columns={
            "record_id": "appt_id", "tenant_id": "account", "location_id": "office",
            "mrn": "chart_no", "first_name": "fname", "last_name": "lname",
            "date_of_birth": "birthdate", "sex": "gender", "ssn": "ssn", "member_id": "plan_id",
            "phone": "cell", "street": "addr", "city": "town", "zip": "zip_code",
            "last_visit_on": "appt_date", "provider": "provider", "elements": "data_kinds",
        },
        extra=("procedure", "notes"),
    ),
    LeakedFile(
        path="leak/patients.parquet", format="parquet", share=0.27, faults=0.8, dates="iso",
        phones=2,
        columns={
            "record_id": "pat_id", "location_id": "home_office", "entity_id": "practice",
            "mrn": "chart_no", "first_name": "first", "middle_name": "mi", "last_name": "last",
            "suffix": "suffix", "previous_last_name": "maiden", "date_of_birth": "dob",
            "sex": "sex", "ssn": "ssn", "member_id": "plan_id", "street": "address1",
            "street2": "address2", "city": "city", "state": "st", "zip": "zip",
            "address_as_of": "addr_updated", "alternate_street": "alt_address",
            "alternate_city": "alt_city", "alternate_state": "alt_st", "alternate_zip": "alt_zip",
            "phone": "mobile", "phone2": "home_phone", "email": "email",
            "guardian_first_name": "guardian_first", "guardian_last_name": "guardian_last",
            "deceased_on": "deceased", "language": "lang", "email_consent_on": "email_ok_on",
            "email_consent_scope": "email_ok_for", "email_consent_withdrawn_on": "email_ok_until",
            "confidential_address": "confidential", "elements": "data_kinds",
        },
        extra=("balance",),
    ),
    LeakedFile(
        path="leak/reminders.jsonl", format="jsonl", share=0.25, faults=1.1, dates="iso",
        phones=3,
        columns={
            "record_id": "msg_id", "entity_hint": ["practice", "practice_city", "practice_state"],
            "entity_phone": "callback", "first_name": "to_first", "last_name": "to_last",
            "date_of_birth": "dob", "phone": "to_number", "email": "to_email", "city": "city",
            "state": "state", "zip": "zip", "street": "street", "role": "contact_type",
            "language": "locale", "elements": "data_kinds",
        },
        extra=("sent_on",),
    ),
    LeakedFile(
        path="leak/waitlist.tsv", format="tsv", share=0.03, faults=1.3, dates="us", phones=1,
        columns={
            "record_id": "form_id", "full_name": "name", "date_of_birth": "birthday",
            "phone": "phone", "email": "email", "street": "street", "city": "city",
            "state": "state", "zip": "zip",
            "entity_hint": ["office", "office_city", "office_state"], "role": "type",
            "elements": "data_kinds",
        },
    ),
)  # fmt: skip

_ACCOUNTS: Final = 1
_KINDS: Final = ("appointment|treatment", "insurance|payment", "appointment", "appointment")


def split_rows(rng: np.random.Generator, rows: Ints) -> list[Ints]:
    """Which leaked rows stand in which file, by the files' shares."""
    edges = np.cumsum([f.share for f in LEAKED_FILES])[:-1]
    at = np.searchsorted(edges, rng.random(len(rows)))
    return [rows[at == k] for k in range(len(LEAKED_FILES))]


def patient_frames(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints, kind: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The patients' rows of one file (canonical columns) and the truth about them."""
    file = LEAKED_FILES[kind]
    who, practice = members.who[rows], members.practice[rows]
    frame = record_frame(
        block, rng, who, practice, rates=block.profile.rates.scaled(file.faults), old_share=0.35,
        dates=file.dates, phones=file.phones,
    )  # fmt: skip
    facts, guardian = _facts(block, rng, who, kind)
    frame = frame.hstack(facts)
    make = (_appointments, _accounts, _reminders, _forms)[kind]
    frame = frame.with_columns(
        *make(block, rng, members, rows),
        elements=pl.lit(_KINDS[kind]),
        role=pl.lit("patient"),
        full_name=pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True),
    )
    truth = pl.DataFrame(
        {
            "person": block.first_no + who,
            "entity_ids": block.practices.entity_id.gather(block.practices.owner[practice]),
            "guardian": guardian,
        }
    )
    return _upper_where(frame, practice), truth


def _facts(
    block: Block, rng: np.random.Generator, who: Ints, kind: int
) -> tuple[pl.DataFrame, Ints]:
    """The facts the file has columns for, and whose guardian stands on the row (-1: nobody's)."""
    nobody = np.full(len(who), -1)
    if kind != _ACCOUNTS:
        language = pl.Series(["en", "es"]).gather(block.people.spanish[who].astype(np.int64))
        return pl.DataFrame({"language": language}), nobody
    facts = fact_frame(block, who, known_by=block.breach)
    shown = (block.people.guardian[who] >= 0) & strikes(rng, len(who), 0.5)
    names = [blank(facts[c], ~shown) for c in ("guardian_first_name", "guardian_last_name")]
    guardian = np.where(shown, block.first_no + block.people.guardian[who], nobody)
    return facts.with_columns(names), guardian


def delivered(frame: pl.DataFrame, file: LeakedFile) -> pl.DataFrame:
    """The frame as the file has it: its columns, in its order, under its names."""
    wanted: list[pl.Expr] = []
    for canonical, column in file.columns.items():
        if isinstance(column, list):
            wanted += [_or_null(frame, name, name) for name in column]
        elif canonical in frame.columns or canonical not in ("ssn", "member_id"):
            wanted.append(_or_null(frame, canonical, column))
    return frame.select(wanted + [_or_null(frame, name, name) for name in file.extra])


def _or_null(frame: pl.DataFrame, name: str, column: str) -> pl.Expr:
    if name in frame.columns:
        return pl.col(name).alias(column)
    return pl.lit(None, dtype=pl.String).alias(column)


def _upper_where(frame: pl.DataFrame, practice: Ints) -> pl.DataFrame:
    """A third of the practices type in capitals."""
    shouts = pl.Series(practice % 3 == 0)
    columns = [c for c in ("first_name", "last_name", "full_name", "street") if c in frame.columns]
    return frame.with_columns(
        pl.when(shouts).then(pl.col(c).str.to_uppercase()).otherwise(pl.col(c)) for c in columns
    )


def _mrn(block: Block, rng: np.random.Generator, members: Memberships, rows: Ints) -> pl.Series:
    number = block.first_no + members.who[rows]
    owner = block.practices.owner[members.practice[rows]]
    mrn = chart_numbers(block.practices, number, owner, np.zeros(len(rows), dtype=np.int64))
    return change(mrn, strikes(rng, len(rows), 0.01), slip_digit(rng, last=3))


def _location(block: Block, members: Memberships, rows: Ints) -> pl.Series:
    code = pl.Series(block.practices.code[members.practice[rows]]).cast(pl.String)
    return "L" + code + "-" + pl.Series(members.location[rows]).cast(pl.String)


def _sent(block: Block, rng: np.random.Generator, who: Ints) -> Ints:
    day = block.breach - rng.integers(0, 1100, len(who))
    death = block.people.death[who]
    return np.where(death >= 0, np.minimum(day, death - 20), day)


def _appointments(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints
) -> list[pl.Series]:
    size, practice = len(rows), members.practice[rows]
    luck = rng.random(size)
    procedures = pl.Series(PROCEDURES[block.profile.trade])
    notes = pl.Series(["", 'says "call first", mornings', "late, twice", "line one\nline two"])
    note = notes.gather(rng.choice(4, size, p=[0.9, 0.05, 0.045, 0.005]))
    day = iso_dates(_sent(block, rng, members.who[rows]))
    shown = day.str.slice(5, 2) + "/" + day.str.slice(8, 2) + "/" + day.str.slice(0, 4)
    return [
        blank(block.practices.tenant.gather(practice), luck > 0.70).alias("tenant_id"),
        blank(_location(block, members, rows), (luck < 0.5) | (luck > 0.9)).alias("location_id"),
        blank(_mrn(block, rng, members, rows), (luck < 0.36) | (luck > 0.96)).alias("mrn"),
        shown.alias("last_visit_on"),
        provider_names(block.practices, practice, members.who[rows]).alias("provider"),
        procedures.gather(rng.integers(0, len(procedures), size)).alias("procedure"),
        note.replace("", None).alias("notes"),
    ]


def _accounts(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints
) -> list[pl.Series]:
    size, practice = len(rows), members.practice[rows]
    luck = rng.random(size)
    owner = block.practices.owner[practice]
    return [
        blank(_location(block, members, rows), luck > 0.55).alias("location_id"),
        blank(block.practices.entity_id.gather(owner), (luck < 0.55) | (luck > 0.7)).alias(
            "entity_id"
        ),
        blank(_mrn(block, rng, members, rows), (luck < 0.4) | (luck > 0.93)).alias("mrn"),
        pl.Series("balance", rng.integers(0, 90_000, size) / 100).cast(pl.String),
    ]


def _hint(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints, missing: float
) -> list[pl.Series]:
    """The practice as somebody wrote it, and its town."""
    size, practice = len(rows), members.practice[rows]
    text = block.practices.hints.gather(practice * HINTS + rng.integers(0, HINTS, size))
    text = change(text, strikes(rng, size, 0.04), typo(rng))
    none = strikes(rng, size, missing)
    return [
        blank(text, none).alias("practice"),
        blank(block.practices.city.gather(practice), none | strikes(rng, size, 0.15)).alias(
            "practice_city"
        ),
        blank(block.practices.state.gather(practice), none).alias("practice_state"),
    ]


def _reminders(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints
) -> list[pl.Series]:
    size, practice = len(rows), members.practice[rows]
    phone = phone_text(block.practices.phone[practice], style=3)
    return [
        *_hint(block, rng, members, rows, 0.08),
        blank(phone, strikes(rng, size, 0.6)).alias("entity_phone"),
        iso_dates(_sent(block, rng, members.who[rows])).alias("sent_on"),
    ]


def _forms(
    block: Block, rng: np.random.Generator, members: Memberships, rows: Ints
) -> list[pl.Series]:
    text, city, state = _hint(block, rng, members, rows, 0.2)
    return [text.alias("office"), city.alias("office_city"), state.alias("office_state")]
