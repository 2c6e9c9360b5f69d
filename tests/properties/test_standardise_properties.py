"""What holds for any text: no cleaner fails, cleaning twice is cleaning once, rows do not mix."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.fields import CANONICAL_FIELDS
from matching.standardise import address, contacts, facts, names, places
from matching.standardise.distinct import Cleaner, Known
from matching.standardise.part import CAME, OF_AGE, ORDER, clean_part

SCHEMA = {
    **dict.fromkeys(CANONICAL_FIELDS, pl.String),
    ORDER: pl.String,
    OF_AGE: pl.String,
    CAME: pl.String,
}
TYPED = st.text(alphabet="ABJRTaeiosz .,'-#/&()0123456789éñŁß李", max_size=24)
ANY = st.one_of(st.none(), TYPED, st.text(max_size=24))
FIELDS = (
    "first_name", "middle_name", "last_name", "full_name", "suffix", "previous_last_name",
    "alias_names", "date_of_birth", "deceased_on", "ssn", "phone", "street", "street2", "state",
    "zip", "sex",
)  # fmt: skip
ROWS = st.lists(
    st.fixed_dictionaries(
        {ORDER: st.sampled_from(["mdy", "dmy", "ymd"])}, optional=dict.fromkeys(FIELDS, ANY)
    ),
    min_size=1,
    max_size=5,
)
KNOWN = Known()
"""Kept over all examples, as a run keeps it over all parts."""
TWICE: dict[str, Cleaner] = {
    "ssn": contacts.clean_ssn,
    "phone": contacts.clean_phone("phone"),
    "email": contacts.clean_email,
    "mrn": contacts.code("mrn"),
    "city": places.clean_city("city"),
    "state": places.clean_state("state"),
    "zip5": places.clean_zip("zip5"),
    "country": places.clean_country,
    "suffix": names.clean_suffix,
    "sex": facts.clean_sex,
    "language": facts.clean_language,
    "representative_name": names.clean_representative,
}


def once(cleaner: Cleaner, name: str, values: list[str | None]) -> list[Any]:
    return (
        cleaner(pl.LazyFrame({"raw": values}, schema={"raw": pl.String})).collect()[name].to_list()
    )


@pytest.mark.parametrize("name", sorted(TWICE))
@given(values=st.lists(ANY, min_size=1, max_size=20))
@settings(max_examples=12, derandomize=True, deadline=None)
def test_cleaning_twice_is_cleaning_once(name: str, values: list[str | None]) -> None:
    first = once(TWICE[name], name, values)
    assert once(TWICE[name], name, first) == first


@given(rows=ROWS)
@settings(max_examples=8, derandomize=True, deadline=None)
def test_a_row_is_cleaned_as_it_would_be_alone(rows: list[dict[str, str | None]]) -> None:
    together, _ = clean_part(pl.DataFrame(rows, schema=SCHEMA), pivot=26)
    frames = [pl.DataFrame([row], schema=SCHEMA) for row in rows]
    alone = [clean_part(frame, pivot=26, known=KNOWN)[0] for frame in frames]
    assert together.equals(pl.concat(alone))


@given(rows=ROWS)
@settings(max_examples=8, derandomize=True, deadline=None)
def test_cleaned_values_have_their_form(rows: list[dict[str, str | None]]) -> None:
    found, _ = clean_part(pl.DataFrame(rows, schema=SCHEMA), pivot=26)
    forms = {
        "first_name": r"^[\p{L}\p{M}]+( [\p{L}\p{M}]+)*$",
        "last_name": r"^[\p{L}\p{M}]+( [\p{L}\p{M}]+)*$",
        "date_of_birth": r"^\d{4}-\d{2}-\d{2}$",
        "ssn": r"^\d{9}$",
        "phone": r"^\d{10}$",
        "state": r"^[A-Z]{2}$",
        "zip5": r"^\d{5}$",
        "sex": r"^[MFX]$",
        "street": r"^\S+( \S+)*$",
    }
    for name, form in forms.items():
        assert found[name].str.contains(form).all(), name
    for one, many in (("first_name", "first_names"), ("last_name", "last_names")):
        named = found.filter(pl.col(one).is_not_null())
        assert named.select(pl.col(many).str.split("|").list.contains(pl.col(one)).all()).item()


@given(
    number=st.integers(1, 99999),
    name=st.sampled_from(["MAIN", "OAK HILL", "5TH"]),
    suffix=st.sampled_from(["ST", "AVE", "BLVD"]),
    unit=st.sampled_from(["", "APT 4", "STE 200", "# 7"]),
)
@settings(max_examples=40, derandomize=True, deadline=None)
def test_a_standard_address_stays_as_it_is(number: int, name: str, suffix: str, unit: str) -> None:
    line = f"{number} {name} {suffix} {unit}".strip()
    assert once(address.clean_street("street"), "street", [line]) == [line]
