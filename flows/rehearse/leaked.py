"""The leaked tables, as a practice-software vendor would lose them.

| file | what | names the practice by |
|---|---|---|
| `leak/appointments.csv` | one row per appointment | tenant id, location id, chart number, or not |
| `leak/patients.parquet` | one row per account | location id, entity id, chart number, or not |
| `leak/reminders.jsonl` | one row per message | free text with town, telephone, or not |
| `leak/waitlist.tsv` | web forms: leads, staff, patients | free text, or not |

Goes out: the columns of each file's rows about patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.charts import chart_numbers, provider_names
from flows.rehearse.days import date_texts
from flows.rehearse.facts import LANGUAGES
from flows.rehearse.noise import slip_digit, struck, typo
from flows.rehearse.practices import HINTS, LOCATIONS
from flows.rehearse.profiles import Rates
from flows.rehearse.records import Block, Desk, phone_text
from flows.rehearse.texts import Texts
from flows.rehearse.visits import Visits
from flows.rehearse.wordlists import PROCEDURES

__all__ = ["LEAKED_FILES", "LeakedFile", "file_rows", "leaked_desk", "patient_columns"]

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

    def layout(self) -> list[tuple[str, str]]:
        """Columns in their order: what stands in it (a canonical field or itself), and its name."""
        known = [
            (name if isinstance(column, list) else canonical, name)
            for canonical, column in self.columns.items()
            for name in (column if isinstance(column, list) else [column])
        ]
        return known + [(name, name) for name in self.extra]


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


_NOTES: Final = pl.Series(['says "call first", mornings', "late, twice", "line one\nline two"])
_CENTS: Final = 90_000  # balances are below 900 dollars


def file_rows(total: int) -> list[int]:
    """How many of `total` leaked rows stand in each file."""
    edges = np.rint(np.cumsum([f.share for f in LEAKED_FILES]) * total).astype(int)
    return [int(n) for n in np.diff(edges, prepend=0)]


def leaked_desk(file: LeakedFile, rates: Rates) -> Desk:
    """How one leaked file is written."""
    return Desk(
        rates=rates.scaled(file.faults), old_share=0.35, us_dates=file.dates == "us",
        phones=file.phones,
    )  # fmt: skip


def patient_columns(
    block: Block,
    rng: np.random.Generator,
    kind: int,
    visits: Visits,
    *,
    records: dict[str, Texts],
    facts: dict[str, Texts],
) -> tuple[dict[str, Texts], Ints]:
    """The patients' rows of one file (canonical columns), and whose guardian stands on each.

    Comes in: the records of these rows and the facts of everyone in the block. The guardian is a
    person's number, -1 where nobody's name is there.
    """
    make = (_appointments, _accounts, _reminders, _forms)[kind]
    named = np.full(len(visits.who), -1)
    columns = {**records, "language": Texts.of(block.people.spanish[visits.who], LANGUAGES)}
    if kind == _ACCOUNTS:
        known, named = _known(block, rng, visits.who, facts)
        columns |= known
    columns |= make(block, rng, visits)
    columns |= {"elements": _always(_KINDS[kind], visits), "role": _always("patient", visits)}
    _shout(columns, np.flatnonzero(visits.practice % 3 == 0))
    if "full_name" in LEAKED_FILES[kind].columns:
        columns["full_name"] = _full_name(columns)
    return columns, named


def _always(word: str, visits: Visits) -> Texts:
    return Texts.of(np.zeros(len(visits.who), dtype=np.int64), pl.Series([word]))


def _known(
    block: Block, rng: np.random.Generator, who: Ints, facts: dict[str, Texts]
) -> tuple[dict[str, Texts], Ints]:
    """The facts as they were known at the breach; every second child's guardian is named."""
    known = {name: text.rows(who) for name, text in facts.items()}
    known["deceased_on"].blank(block.people.death[who] > block.breach)
    guardian = block.people.guardian[who]
    named = (guardian >= 0) & (rng.random(len(who)) < 0.5)
    for name in ("guardian_first_name", "guardian_last_name"):
        known[name].blank(~named)
    return known, np.where(named, block.first_no + guardian, -1)


def _shout(columns: dict[str, Texts], rows: Ints) -> None:
    """A third of the practices type in capitals."""
    for name in ("first_name", "last_name", "street"):
        columns[name].respell(rows, lambda words: words.str.to_uppercase())


def _full_name(columns: dict[str, Texts]) -> Texts:
    names = pl.DataFrame({c: columns[c].series() for c in ("first_name", "last_name")})
    both = pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True)
    return Texts.dense(names.select(both)["first_name"])


def _mrn(block: Block, rng: np.random.Generator, visits: Visits, shown: Bools) -> Texts:
    """Chart numbers of the rows shown."""
    rows = np.flatnonzero(shown)
    who, owner = visits.who[rows], block.practices.owner[visits.practice[rows]]
    first = np.zeros(len(rows), dtype=np.int64)
    numbers = chart_numbers(block.practices, block.first_no + who, owner, first)
    mrn = Texts.spread(len(shown), rows, numbers)
    mrn.change(struck(rng, len(shown), 0.01), slip_digit(rng, last=3))
    return mrn


def _location(block: Block, visits: Visits, shown: Bools) -> Texts:
    code = visits.practice * LOCATIONS + visits.location - 1
    return Texts.of(np.where(shown, code, -1), block.practices.location_words)


def _sent(block: Block, rng: np.random.Generator, who: Ints) -> Ints:
    day = block.breach - rng.integers(0, 1100, len(who))
    death = block.people.death[who]
    return np.where(death >= 0, np.minimum(day, death - 20), day)


def _appointments(block: Block, rng: np.random.Generator, visits: Visits) -> dict[str, Texts]:
    size, practice = len(visits.who), visits.practice
    luck, some = rng.random(size), rng.random(size)
    note = np.select([some < 0.9, some < 0.95, some < 0.995], [-1, 0, 1], 2)
    procedures = pl.Series(PROCEDURES[block.profile.trade])
    tenant = np.where(luck > 0.70, -1, practice)
    number = block.first_no + visits.who
    return {
        "tenant_id": Texts.of(tenant, block.practices.tenant),
        "location_id": _location(block, visits, (luck >= 0.5) & (luck <= 0.9)),
        "mrn": _mrn(block, rng, visits, (luck >= 0.36) & (luck <= 0.96)),
        "last_visit_on": date_texts(_sent(block, rng, visits.who), us=True),
        "provider": provider_names(block.practices, practice, number),
        "procedure": Texts.of(rng.integers(0, len(procedures), size), procedures),
        "notes": Texts.of(note, _NOTES),
    }


def _accounts(block: Block, rng: np.random.Generator, visits: Visits) -> dict[str, Texts]:
    luck = rng.random(len(visits.who))
    owner = block.practices.owner[visits.practice]
    named = (luck >= 0.55) & (luck <= 0.7)
    cents = rng.integers(0, _CENTS, len(luck))
    return {
        "location_id": _location(block, visits, luck <= 0.55),
        "entity_id": Texts.of(np.where(named, owner, -1), block.practices.entity_id),
        "mrn": _mrn(block, rng, visits, (luck >= 0.4) & (luck <= 0.93)),
        "balance": Texts.spelt(cents, lambda used: pl.Series(used / 100).cast(pl.String)),
    }


def _hint(
    block: Block, rng: np.random.Generator, visits: Visits, missing: float, names: tuple[str, ...]
) -> dict[str, Texts]:
    """The practice as somebody wrote it, and its town; missing on this share of the rows."""
    places, practices, size = block.pools.places, block.practices, len(visits.who)
    place = practices.place[visits.practice]
    text = Texts.of(visits.practice * HINTS + rng.integers(0, HINTS, size), practices.hints)
    text.change(struck(rng, size, 0.04), typo(rng))
    city = Texts.of(places.city_no[place], places.city_names)
    city.blank(struck(rng, size, 0.15))
    state = Texts.of(places.state_no[place], places.state_names)
    none = struck(rng, size, missing)
    for column in (text, city, state):
        column.blank(none)
    return dict(zip(names, (text, city, state), strict=True))


def _reminders(block: Block, rng: np.random.Generator, visits: Visits) -> dict[str, Texts]:
    practices = block.practices
    number = np.where(rng.random(len(visits.who)) < 0.6, -1, visits.practice)
    names = ("practice", "practice_city", "practice_state")
    return {
        **_hint(block, rng, visits, 0.08, names),
        "entity_phone": Texts.spelt(
            number, lambda used: phone_text(practices.phone[used], style=3)
        ),
        "sent_on": date_texts(_sent(block, rng, visits.who)),
    }


def _forms(block: Block, rng: np.random.Generator, visits: Visits) -> dict[str, Texts]:
    return _hint(block, rng, visits, 0.2, ("office", "office_city", "office_state"))
