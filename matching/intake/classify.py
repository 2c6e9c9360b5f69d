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

__all__ = ["with_decisions", "with_exclusion"]

TEST_WORDS: Final = (
    r"^(TEST|TESTER|TESTING|TESTPATIENT|DEMO|DUMMY|SAMPLE|FAKE|TRAINING|PATIENT|DONOTUSE)$"
)
SURELY_TEST: Final = r"^(Z+TEST\w*|XXTEST\w*|TESTPATIENT|DONOTUSE)$"
"""Words that no family bears."""
FICTION: Final = (
    "MICKEYMOUSE", "MINNIEMOUSE", "DONALDDUCK", "DAISYDUCK", "BUGSBUNNY", "SANTACLAUS",
    "TESTPATIENT", "PATIENTTEST", "DEMOPATIENT", "PATIENTDEMO", "TESTTEST", "FAKEPATIENT",
)  # fmt: skip
DO_NOT_USE: Final = r"DONOTUSE|DONOTBOOK"
NO_BIRTH_DATE: Final = (
    r"^(?:0?1[/-]0?1[/-](?:1900|2000|1901|00|01)|(?:1900|2000|1901)-?01-?01|11/11/1111|0000|9999)"
)
"""Days that people type where a form insists."""
NOT_PERSON: Final = (
    r"\b(BLUE CROSS|BLUE SHIELD|DELTA DENTAL|METLIFE|AETNA|CIGNA|HUMANA|MEDICAID|MEDICARE|UNITED ?HEALTHCARE"
    r"|LABCORP|QUEST DIAGNOSTICS|DENTAL LABS?|LABORATOR(Y|IES)|INSURANCE|PHARMACY|RADIOLOGY|LLC|INC)\b"
)
NO_NAME: Final = r"^(?:\W*\b(?:UNKNOWN|UNK|NONE|NO NAME|NONAME|NULL|N/?A|NOT GIVEN|XX+|FNU|LNU|UNNAMED)\b\W*)+$|^\W*$"
NO_PHONE: Final = r"^1?\d{3}55501\d\d$|^(0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"
NO_SSN: Final = r"^(0{9}|1{9}|9{9}|123456789)$"
NO_EMAIL: Final = r"(?i)^(test|demo|fake|noemail|none)[\w.+-]*@"
NO_STREET: Final = r"(?i)^\d+ (test|fake|demo) "
IDENTIFIERS: Final = ("mrn", "ssn", "member_id", "phone", "phone2", "email", "street")
"""Any of these may find a person whose name is missing."""
DOUBTFUL: Final = [
    "TEST", "DEMO", "DUMMY", "SAMPLE", "FAKE", "TRAINING", "PATIENT", "USE", "MOUSE", "DUCK", "BUNNY",
    "CLAUS", "BLUE", "DENTAL", "METLIFE", "AETNA", "CIGNA", "HUMANA", "MEDICA", "UNITED", "LABCORP",
    "LABORATOR", "DIAGNOSTICS", "INSURANCE", "PHARMACY", "RADIOLOGY", "LLC", "INC",
]  # fmt: skip
"""A name without any of these letters in a row meets none of the rules about names above."""
_WHOLE: Final = "__whole"
_BY_NAME: Final = "__by_name"


def with_exclusion(rows: pl.DataFrame, settings: IntakeSettings, *, secured: str) -> pl.DataFrame:
    """Add `exclusion`: the first rule that holds; null where the row is a person to be counted."""
    whole = pl.concat_str(
        "first_name", pl.lit(" "), "last_name", ignore_nulls=True
    ).str.strip_chars()
    named = rows.with_columns(
        pl.when(whole != "").then(whole).otherwise("full_name").str.to_uppercase().alias(_WHOLE)
    )
    doubtful = named[_WHOLE].str.contains_any(DOUBTFUL).fill_null(value=False)
    by_name = pl.coalesce(_reasons(NAME_RULES)).alias(_BY_NAME)
    found = named.filter(doubtful).select(by_name)[_BY_NAME]
    none = pl.Series(_BY_NAME, [None], dtype=pl.String).new_from_index(0, rows.height)
    return (
        named.with_columns(none.scatter(doubtful.arg_true(), found))
        .with_columns(exclusion=pl.coalesce(_reasons(_row_rules(settings, secured))))
        .drop(_WHOLE, _BY_NAME)
    )


def _reasons(rules: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    return [pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()]


def _row_rules(settings: IntakeSettings, secured: str) -> Mapping[str, pl.Expr]:
    """Reason -> expression over canonical fields; earlier reasons win."""
    role = pl.col("role")
    never = pl.lit(value=False)
    staff = role.is_in(["employee", "provider"])
    contact = role == "emergency_contact"
    return {
        "secured": pl.lit(secured == "encrypted_key_safe"),
        "test": pl.col(_BY_NAME) == "test",
        "non_person": pl.col(_BY_NAME) == "non_person",
        "employee": never if settings.employees_notified else staff,
        "lead": never if settings.lead_is_phi else role == "lead",
        "emergency_contact": never if settings.emergency_contacts_notified else contact,
        "guarantor": never if settings.guarantors_notified else role == "guarantor",
        "no_identity": _no_identity(),
    }


def _signs_of_test() -> pl.Expr:
    """How many things about a row say that nobody is meant; without a name sign none counts."""
    whole = _letters(pl.col(_WHOLE))
    one_piece = pl.col("first_name").is_null() & pl.col("last_name").is_null()
    first = _letters(
        pl.when(one_piece).then(pl.col(_WHOLE).str.extract(r"^(\S+)")).otherwise("first_name")
    )
    last = _letters(
        pl.when(one_piece).then(pl.col(_WHOLE).str.extract(r"\s(\S+)$")).otherwise("last_name")
    )
    names = _total(
        first.str.contains(TEST_WORDS),
        last.str.contains(TEST_WORDS),
        *2 * [first.str.contains(SURELY_TEST)],
        *2 * [last.str.contains(SURELY_TEST)],
        *2 * [whole.is_in(FICTION) | whole.str.contains(DO_NOT_USE)],
    )
    phone, ssn = (pl.col(name).str.replace_all(r"\D", "") for name in ("phone", "ssn"))
    others = _total(
        pl.col("date_of_birth").str.strip_chars().str.contains(NO_BIRTH_DATE),
        phone.str.contains(NO_PHONE),
        ssn.str.contains(NO_SSN),
        pl.col("email").str.contains(NO_EMAIL),
        pl.col("street").str.contains(NO_STREET),
    )
    return pl.when(names > 0).then(names + others).otherwise(0)


def _total(*signs: pl.Expr) -> pl.Expr:
    return pl.sum_horizontal(sign.fill_null(value=False).cast(pl.Int8) for sign in signs)


def _no_identity() -> pl.Expr:
    found = pl.any_horizontal(pl.col(name).is_not_null() for name in IDENTIFIERS)
    nameless = pl.when(~found).then(_WHOLE).str.contains(NO_NAME)
    return ~found & (nameless | pl.col(_WHOLE).is_null())


def _words(name: pl.Expr) -> pl.Expr:
    return name.str.replace_all(r"[^\p{L}\p{N}]+", " ")


def _letters(name: pl.Expr) -> pl.Expr:
    return name.str.to_uppercase().str.replace_all(r"[^\p{L}\p{N}]", "")


NAME_RULES: Final = {
    "test": _signs_of_test() >= 2,
    "non_person": _words(pl.col(_WHOLE)).str.contains(NOT_PERSON)
    & pl.col("date_of_birth").is_null(),
}
"""Rules that look at names first; only doubtful rows are looked at."""


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
        exclusion=pl.when(value.is_null())
        .then("exclusion")
        .when(is_role | (value == "person"))
        .then(None)
        .otherwise(value),
    ).drop("value")
