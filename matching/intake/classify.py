"""Which rows are no person owed a notice, and why. Nobody is lost to a coincidence of one name.

A test row needs two signs, because people named Test exist. Reasons hold for the federal count;
other regimes may owe staff or leads a notice, so the mention stays in `leaked` with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from matching.fields import ROLES
from matching.intake.settings import IntakeSettings

__all__ = ["IDENTIFIERS", "exclusion", "with_decisions"]

TEST_WORDS: Final = r"^(TEST|TESTER|TESTING|TESTPATIENT|DEMO|DUMMY|SAMPLE|FAKE|TRAINING|PATIENT|DONOTUSE)$"
SURELY_TEST: Final = r"^(Z+TEST\w*|XXTEST\w*|TESTPATIENT|DONOTUSE)$"
"""Words that no family bears."""
FICTION: Final = (
    "MICKEYMOUSE", "MINNIEMOUSE", "DONALDDUCK", "DAISYDUCK", "BUGSBUNNY", "SANTACLAUS",
    "TESTPATIENT", "PATIENTTEST", "DEMOPATIENT", "PATIENTDEMO", "TESTTEST", "FAKEPATIENT",
)  # fmt: skip
NO_BIRTH_DATE: Final = r"^(0?1[/-]0?1[/-](19)?00|1900-?01-?01|0?1[/-]0?1[/-]1901|11/11/1111|0000.*|9999.*)"
NOT_PERSON: Final = (
    r"\b(BLUE CROSS|BLUE SHIELD|DELTA DENTAL|METLIFE|AETNA|CIGNA|HUMANA|MEDICAID|MEDICARE|UNITED ?HEALTHCARE"
    r"|LABCORP|QUEST DIAGNOSTICS|DENTAL LABS?|LABORATOR(Y|IES)|INSURANCE|PHARMACY|RADIOLOGY|LLC|INC)\b"
)
NO_NAME: Final = r"^(UNKNOWN|UNK|NONE|NONAME|NULL|NA|NOTGIVEN|XX+|FNU|LNU|UNNAMED)$"
IDENTIFIERS: Final = ("mrn", "ssn", "member_id", "phone", "phone2", "email", "street")
"""Any of these may find a person whose name is missing."""


def exclusion(settings: IntakeSettings, *, secured: str) -> pl.Expr:
    """Reason code of the first rule that holds; null where the row is a person to be counted."""
    reasons = [pl.when(rule).then(pl.lit(reason)) for reason, rule in _rules(settings, secured).items()]
    return pl.coalesce(reasons).alias("exclusion")


def _rules(settings: IntakeSettings, secured: str) -> Mapping[str, pl.Expr]:
    """Reason -> expression over canonical fields; earlier reasons win."""
    role = pl.col("role")
    never = pl.lit(value=False)
    staff = role.is_in(["employee", "provider"])
    return {
        "secured": pl.lit(secured == "encrypted_key_safe"),
        "test": _signs_of_test() >= 2,
        "non_person": _name(" ").str.contains(NOT_PERSON) & pl.col("date_of_birth").is_null(),
        "employee": never if settings.employees_notified else staff,
        "lead": never if settings.lead_is_phi else role == "lead",
        "emergency_contact": never if settings.emergency_contacts_notified else role == "emergency_contact",
        "guarantor": never if settings.guarantors_notified else role == "guarantor",
        "no_identity": _no_identity(),
    }


def _signs_of_test() -> pl.Expr:
    """How many things about a row say that nobody is meant; without a name sign none counts."""
    first, last = (_letters(pl.col(name)) for name in ("first_name", "last_name"))
    whole = _name("")
    names = pl.sum_horizontal(
        first.str.contains(TEST_WORDS).fill_null(value=False).cast(pl.Int8),
        last.str.contains(TEST_WORDS).fill_null(value=False).cast(pl.Int8),
        2 * first.str.contains(SURELY_TEST).fill_null(value=False).cast(pl.Int8),
        2 * last.str.contains(SURELY_TEST).fill_null(value=False).cast(pl.Int8),
        2 * whole.is_in(FICTION).fill_null(value=False).cast(pl.Int8),
    )
    digits = pl.col("phone").str.replace_all(r"\D", "")
    others = pl.sum_horizontal(
        sign.fill_null(value=False).cast(pl.Int8)
        for sign in (
            pl.col("date_of_birth").str.strip_chars().str.contains(NO_BIRTH_DATE),
            digits.str.contains(r"^1?\d{3}55501\d\d$|^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"),
            pl.col("email").str.contains(r"(?i)^(test|demo|fake|noemail|none)[\w.+-]*@"),
            pl.col("ssn").str.replace_all(r"\D", "").str.contains(r"^(0{9}|1{9}|9{9}|123456789)$"),
            pl.col("street").str.contains(r"(?i)^\d+ (test|fake|demo) "),
        )
    )
    return pl.when(names > 0).then(names + others).otherwise(0)


def _no_identity() -> pl.Expr:
    named = pl.any_horizontal(
        (_letters(pl.col(name)).str.len_bytes() > 0) & ~_letters(pl.col(name)).str.contains(NO_NAME)
        for name in ("first_name", "last_name", "full_name")
    )
    found = pl.any_horizontal(pl.col(name).is_not_null() for name in IDENTIFIERS)
    return ~(named.fill_null(value=False) | found)


def _letters(name: pl.Expr) -> pl.Expr:
    return name.str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", "")


def _name(separator: str) -> pl.Expr:
    """First and last name, else the full name: letters, blanks between words where asked."""
    parts = pl.concat_str("first_name", "last_name", separator=" ", ignore_nulls=True)
    whole = pl.when(parts != "").then(parts).otherwise(pl.col("full_name")).str.to_uppercase()
    return whole.str.replace_all(r"[^\p{L}\p{N}]+", separator)


def with_decisions(mentions: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Apply people's words on single rows: a role, `person` (no exclusion) or a reason to exclude.

    `decisions`: row_no, role (as classified before), value, at most one a row and role. The id of
    the mention keeps its first role.
    """
    if decisions.is_empty():
        return mentions
    joined = mentions.join(decisions, on=["row_no", "role"], how="left", maintain_order="left")
    value = pl.col("value")
    is_role = value.is_in(ROLES)
    return joined.with_columns(
        role=pl.when(is_role).then(value).otherwise("role"),
        exclusion=pl.when(value.is_null()).then("exclusion").when(is_role | (value == "person")).then(None).otherwise(value),
    ).drop("value")
