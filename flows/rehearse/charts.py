"""The patient master files: one row per chart, a few files, every covered entity in one of them."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.facts import fact_frame
from flows.rehearse.noise import blank, iso_dates, strikes
from flows.rehearse.practices import Practices
from flows.rehearse.records import Block, record_frame
from flows.rehearse.visits import Memberships, chart_rows

__all__ = ["CHART_COLUMNS", "chart_frame", "chart_numbers"]

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
    frame = pl.DataFrame({"n": plain, "code": practices.code[practice], "coded": practice % 2 == 0})
    coded = pl.format("{}-{}", "code", "n")
    return frame.select(m=pl.when("coded").then(coded).otherwise(pl.col("n").cast(pl.String)))["m"]


def provider_names(practices: Practices, practice: Ints, turn: Ints) -> pl.Series:
    """A treating provider, one of three per practice."""
    code = pl.Series(practices.code[practice] * 3 + turn % 3).cast(pl.String)
    return "Provider " + code


def chart_frame(
    block: Block, rng: np.random.Generator, members: Memberships, *, total: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The charts of a block with their canonical columns, and the truth about each row."""
    rows, copy = chart_rows(rng, members, total)
    who, practice = members.who[rows], members.practice[rows]
    owner = block.practices.owner[practice]
    frame = record_frame(
        block, rng, who, owner, rates=block.profile.rates.scaled(_FAULTS), old_share=0.15,
        dates="iso", phones=0,
    )  # fmt: skip
    number = block.first_no + who
    seen = block.breach - rng.integers(0, 1400, len(who))
    death = block.people.death[who]
    seen = np.where(death >= 0, np.minimum(seen, death - 30), seen)
    entity = block.practices.entity_id.gather(owner)
    mrn = chart_numbers(block.practices, number, owner, copy)
    frame = frame.hstack(fact_frame(block, who, known_by=block.today)).with_columns(
        record_id=pl.Series(
            "record_id", entity + "-" + mrn + "-" + pl.Series(copy).cast(pl.String)
        ),
        entity_id=entity,
        mrn=mrn,
        last_visit_on=blank(iso_dates(seen), strikes(rng, len(who), 0.1)),
        provider=provider_names(block.practices, practice, number),
    )
    truth = pl.DataFrame({"person": number, "entity_id": entity, "owner": owner})
    known = [c for c in CHART_COLUMNS if c in frame.columns]
    return frame.select(pl.col(c).alias(CHART_COLUMNS[c]) for c in known), truth
