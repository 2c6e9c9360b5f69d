"""The patient master files: one row per chart, a few files, every covered entity in one of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.days import date_texts
from flows.rehearse.noise import struck
from flows.rehearse.practices import PROVIDERS, Practices
from flows.rehearse.profiles import Rates
from flows.rehearse.records import Block, Desk
from flows.rehearse.texts import Texts
from flows.rehearse.visits import Visits
from flows.rehearse.writers import Column

__all__ = ["CHART_COLUMNS", "chart_columns", "chart_desk", "chart_numbers", "provider_names"]

Ints = NDArray[np.int64]

# A chart is filled in once and corrected at visits: a quarter of the faults of a leaked row.
_FAULTS: Final = 0.3
_COPIES: Final = 3  # chart numbers set aside for each membership

CHART_COLUMNS: Final = {
    "record_id": "chart_key", "entity_id": "practice_id", "mrn": "chart_no",
    "first_name": "first", "middle_name": "middle", "last_name": "last", "suffix": "suffix",
    "previous_last_name": "former_last", "date_of_birth": "dob", "sex": "sex",
    "ssn": "ssn", "member_id": "member_id",
    "street": "addr1", "street2": "addr2", "city": "city", "state": "state", "zip": "zip",
    "address_as_of": "addr_date", "alternate_street": "alt_addr1", "alternate_city": "alt_city",
    "alternate_state": "alt_state", "alternate_zip": "alt_zip",
    "phone": "phone", "phone2": "phone_home", "email": "email",
    "guardian_first_name": "resp_first", "guardian_last_name": "resp_last",
    "representative_name": "estate_name", "representative_street": "estate_addr",
    "representative_city": "estate_city", "representative_state": "estate_state",
    "representative_zip": "estate_zip", "deceased_on": "died_on", "language": "lang",
    "alt_format": "alt_format", "email_consent_on": "email_ok_on",
    "email_consent_scope": "email_ok_scope", "email_consent_withdrawn_on": "email_ok_ended",
    "confidential_address": "confidential", "last_visit_on": "last_seen", "provider": "provider",
}  # fmt: skip


def chart_numbers(practices: Practices, number: Ints, practice: Ints, copy: Ints) -> pl.Series:
    """Chart numbers: unique at a practice, and often another person's elsewhere.

    Every second practice writes its own code before the number.
    """
    plain = number * _COPIES + np.minimum(copy, _COPIES - 1) + practices.chart_offset[practice]
    return practices.chart_mark.gather(practice) + pl.Series(plain).cast(pl.String)


def provider_names(practices: Practices, practice: Ints, number: Ints) -> Texts:
    """A treating provider, one of three per practice."""
    return Texts.of(practice * PROVIDERS + number % PROVIDERS, practices.provider_words)


def chart_desk(rates: Rates) -> Desk:
    """How charts are written."""
    return Desk(rates=rates.scaled(_FAULTS), old_share=0.15, us_dates=False, phones=0)


def chart_columns(
    block: Block,
    rng: np.random.Generator,
    records: dict[str, Texts],
    visits: Visits,
    copy: Ints,
) -> dict[str, Column]:
    """The columns of the master files; everything has one element per chart."""
    who, owner = visits.who, block.practices.owner[visits.practice]
    number = block.first_no + who
    seen = block.breach - rng.integers(0, 1400, len(who))
    death = block.people.death[who]
    visit = date_texts(np.where(death >= 0, np.minimum(seen, death - 30), seen))
    visit.blank(struck(rng, len(who), 0.1))
    mrn = chart_numbers(block.practices, number, owner, copy)
    entity = Texts.of(owner, block.practices.entity_id)
    frame = pl.DataFrame({"entity": entity.series(), "mrn": mrn, "copy": copy})
    known: dict[str, Column] = {
        **records,
        "record_id": frame.select(r=pl.concat_str("entity", "mrn", "copy", separator="-"))["r"],
        "entity_id": entity,
        "mrn": mrn,
        "last_visit_on": visit,
        "provider": provider_names(block.practices, visits.practice, number),
    }
    return {CHART_COLUMNS[c]: known[c] for c in CHART_COLUMNS if c in known}
