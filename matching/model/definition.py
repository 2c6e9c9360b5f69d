"""The comparisons of the built-in models, as Splink settings over the cleaned columns.

At most 15 comparisons with at most 14 levels and a null level each, so that a comparison vector packs
into 4 bits a comparison. Fields of one family (street, ZIP, city; both telephones; all family names)
share one comparison, so that one fact is not counted twice. The m and u written here are first
guesses for training; `configs/models/` holds trained ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "BUILTIN",
    "CLEANED_COLUMNS",
    "MATCH_COLUMNS",
    "MAX_COMPARISONS",
    "MAX_LEVELS",
    "definition",
]

MAX_COMPARISONS = 15
"""15 x 4 bits fit a signed 64-bit vector."""
MAX_LEVELS = 15
"""Null is 0 and the levels are 1 and more: 4 bits hold 0..15."""

CLEANED_COLUMNS = (
    "first_name", "first_names", "middle_name", "last_name", "last_names", "suffix",
    "date_of_birth", "sex", "ssn", "member_id", "mrn", "phone", "phone2", "email",
    "street_number", "street_name", "unit", "zip5", "city", "state", "birth_order",
    "born_before", "doubt",
)  # fmt: skip
"""Cleaned columns that take part in matching: equal in all of them means one identity."""
MATCH_COLUMNS = (*CLEANED_COLUMNS, "place")
"""What models may name: the cleaned columns, and `place`, house number and street name together."""


@dataclass(frozen=True, slots=True)
class Level:
    """One grade of agreement. `fixed`: says nothing here because another comparison counts it."""

    label: str
    when: str
    m: float
    u: float
    tf: str = ""
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """One family of fields: grades from best to worst, tried in this order."""

    name: str
    null_when: str
    levels: tuple[Level, ...]


def _either_null(*columns: str) -> str:
    return " or ".join(f"{c}_l is null or {c}_r is null" for c in columns)


def _same(*columns: str) -> str:
    return " and ".join(f"{c}_l = {c}_r" for c in columns)


def _overlap(column: str) -> str:
    return f"list_has_any(string_split({column}_l, '|'), string_split({column}_r, '|'))"


def _slip(column: str) -> str:
    # levenshtein <= 2 is cheap and rules out most pairs before the slow Damerau distance
    return (
        f"levenshtein({column}_l, {column}_r) <= 2 "
        f"and damerau_levenshtein({column}_l, {column}_r) <= 1"
    )


# dates have one length: a changed digit is one place, two digits that changed places are two
_DATE_SLIP = (
    "hamming(date_of_birth_l, date_of_birth_r) <= 2 "
    "and damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1"
)
_SWAPPED = "first_name_l = last_name_r and last_name_l = first_name_r"
_HALF_SWAPPED = "(first_name_l = last_name_r or last_name_l = first_name_r)"
_INITIAL = (
    "(length(first_name_l) = 1 or length(first_name_r) = 1) "
    "and left(first_name_l, 1) = left(first_name_r, 1)"
)
_BY_MIDDLE = (
    "(length(middle_name_l) > 1 and middle_name_l = first_name_r) "
    "or (length(middle_name_r) > 1 and middle_name_r = first_name_l)"
)

_CONTACT = (
    "(phone_l = phone_r or phone_l = phone2_r or phone2_l = phone_r or phone2_l = phone2_r "
    "or email_l = email_r or member_id_l = member_id_r)"
)
_PHONE_SLIP = "length(phone_l) = length(phone_r) and hamming(phone_l, phone_r) <= 1"
_NO_CONTACT = (
    "(coalesce(phone_l, phone2_l) is null or coalesce(phone_r, phone2_r) is null) "
    "and (email_l is null or email_r is null) and (member_id_l is null or member_id_r is null)"
)
_NEAR_PLACE = (
    "street_number_l = street_number_r "
    "and jaro_winkler_similarity(street_name_l, street_name_r) >= 0.9"
)
_HOUSEHOLD_SAME = f"(place_l = place_r or {_CONTACT} or ({_NEAR_PLACE}))"

_TWIN = f"(last_name_l = last_name_r or {_HOUSEHOLD_SAME}) and date_of_birth_l = date_of_birth_r"

_UNLIKE = (
    "jaro_winkler_similarity(first_name_l, first_name_r) < 0.88 "
    f"and not {_overlap('first_names')} "
    "and coalesce(hamming(date_of_birth_l, date_of_birth_r) > 2, true)"
)

FIRST_NAME = Comparison(
    "first_name",
    _either_null("first_name"),
    (
        Level("same", _same("first_name"), 0.80, 0.004, tf="first_name"),
        Level("nickname or formal form", _overlap("first_names"), 0.05, 0.003),
        Level("swapped with last name", _SWAPPED, 0.01, 0.000002),
        Level("one slip", f"length(first_name_l) > 3 and {_slip('first_name')}", 0.06, 0.002),
        Level("initial only", _INITIAL, 0.01, 0.0015),
        Level("swapped, one misspelt", _HALF_SWAPPED, 0.005, 0.0002),
        Level("middle name in use", _BY_MIDDLE, 0.005, 0.002),
        Level("similar", "jaro_winkler_similarity(first_name_l, first_name_r) >= 0.88", 0.02, 0.01),
        Level("another name at one birth", _TWIN, 0.0001, 0.8192, fixed=True),
        Level(
            "a little similar",
            "jaro_winkler_similarity(first_name_l, first_name_r) >= 0.75",
            0.015,
            0.03,
        ),
        Level("different", "ELSE", 0.03, 0.9475),
    ),
)
LAST_NAME = Comparison(
    "last_name",
    _either_null("last_name"),
    (
        Level(
            "same in one household",
            f"{_same('last_name')} and {_HOUSEHOLD_SAME}",
            0.95,
            0.75,
            fixed=True,
        ),
        Level(
            "nearly the same in one household",
            f"({_overlap('last_names')} or (length(last_name_l) > 3 and {_slip('last_name')})) and {_HOUSEHOLD_SAME}",
            0.95,
            0.75,
            fixed=True,
        ),
        Level("same", _same("last_name"), 0.84, 0.001, tf="last_name"),
        Level("part or previous name the same", _overlap("last_names"), 0.02, 0.0002),
        Level("swapped with first name", _HALF_SWAPPED, 0.01, 0.01, fixed=True),
        Level("one slip", f"length(last_name_l) > 3 and {_slip('last_name')}", 0.06, 0.0005),
        Level("similar", "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.9", 0.02, 0.002),
        Level(
            "a little similar",
            "jaro_winkler_similarity(last_name_l, last_name_r) >= 0.75",
            0.01,
            0.02,
        ),
        Level("different", "ELSE", 0.04, 0.97),
    ),
)
# no child is born to parents younger than 14, and 14 years are more than slips of a digit leave
_GENERATION = "abs(cast(left(date_of_birth_l, 4) as integer) - cast(left(date_of_birth_r, 4) as integer)) >= 14"
BIRTH_DATE = Comparison(
    "date_of_birth",
    _either_null("date_of_birth"),
    (
        Level("same", _same("date_of_birth"), 0.90, 0.00005),
        Level(
            "day and month swapped",
            "left(date_of_birth_l, 4) = left(date_of_birth_r, 4) "
            "and substr(date_of_birth_l, 6, 2) = substr(date_of_birth_r, 9, 2) "
            "and substr(date_of_birth_l, 9, 2) = substr(date_of_birth_r, 6, 2)",
            0.01,
            0.00004,
        ),
        Level("one slip", _DATE_SLIP, 0.05, 0.0008),
        Level(
            "same day and month",
            "right(date_of_birth_l, 5) = right(date_of_birth_r, 5)",
            0.01,
            0.002,
        ),
        Level(
            "same year and month",
            "left(date_of_birth_l, 7) = left(date_of_birth_r, 7)",
            0.005,
            0.001,
        ),
        Level(
            "same year and day",
            "left(date_of_birth_l, 4) = left(date_of_birth_r, 4) "
            "and right(date_of_birth_l, 2) = right(date_of_birth_r, 2)",
            0.005,
            0.0004,
        ),
        Level("two slips", "hamming(date_of_birth_l, date_of_birth_r) <= 2", 0.005, 0.006),
        Level("same year", "left(date_of_birth_l, 4) = left(date_of_birth_r, 4)", 0.005, 0.011),
        Level("a generation apart", _GENERATION, 0.006, 0.70),
        Level("different", "ELSE", 0.004, 0.27871),
    ),
)
MIDDLE_NAME = Comparison(
    "middle_name",
    _either_null("middle_name"),
    (
        Level("same name", f"{_same('middle_name')} and length(middle_name_l) > 1", 0.25, 0.004),
        Level("same initial", "left(middle_name_l, 1) = left(middle_name_r, 1)", 0.68, 0.075),
        Level("different", "ELSE", 0.07, 0.921),
    ),
)
SUFFIX = Comparison(
    "suffix",
    "suffix_l is null or suffix_r is null",
    (
        Level("same", _same("suffix"), 0.95, 0.25, fixed=True),
        Level("different", "ELSE", 0.01, 0.64, fixed=True),
    ),
)
SEX = Comparison(
    "sex",
    _either_null("sex"),
    (
        Level("same", _same("sex"), 0.985, 0.5),
        Level("different", "ELSE", 0.015, 0.5),
    ),
)
HOUSEHOLD = Comparison(
    "household",
    f"(street_name_l is null or street_name_r is null) and (zip5_l is null or zip5_r is null) and {_NO_CONTACT}",
    (
        Level("same address and contact", f"{_same('place')} and {_CONTACT}", 0.45, 0.000002),
        Level("same address and ZIP", _same("place", "zip5"), 0.22, 0.000003),
        Level("same address", _same("place"), 0.03, 0.000005),
        Level("same contact", _CONTACT, 0.12, 0.000005),
        Level(
            "same number, similar street",
            _NEAR_PLACE,
            0.03,
            0.000005,
        ),
        Level(
            "similar number, same street",
            f"{_same('street_name')} and damerau_levenshtein(street_number_l, street_number_r) <= 1",
            0.01,
            0.00005,
        ),
        Level(
            "same street, number missing",
            f"{_same('street_name')} and (street_number_l is null or street_number_r is null)",
            0.005,
            0.0002,
        ),
        Level("one slip in telephone", _PHONE_SLIP, 0.005, 0.00001),
        Level("same street name", _same("street_name"), 0.005, 0.001),
        Level("same ZIP", _same("zip5"), 0.06, 0.003),
        Level("same city", _same("city", "state"), 0.015, 0.01),
        Level("different", "ELSE", 0.05, 0.985718),
    ),
)
MRN = Comparison(
    "mrn",
    _either_null("mrn"),
    (
        Level("same", _same("mrn"), 0.75, 0.0002, tf="mrn"),
        Level("different", "ELSE", 0.25, 0.9998),
    ),
)
SSN = Comparison(
    "ssn",
    _either_null("ssn"),
    (
        Level("same, of a relative", f"{_same('ssn')} and {_UNLIKE}", 0.64, 0.0025, fixed=True),
        Level("same", _same("ssn"), 0.90, 0.0000005),
        Level(
            "one slip",
            "levenshtein(ssn_l, ssn_r) <= 2 and damerau_levenshtein(ssn_l, ssn_r) <= 1",
            0.05,
            0.000001,
        ),
        Level("same last four", "right(ssn_l, 4) = right(ssn_r, 4)", 0.01, 0.0001),
        Level("two slips", "levenshtein(ssn_l, ssn_r) <= 2", 0.01, 0.00003),
        Level("different", "ELSE", 0.03, 0.9998685),
    ),
)
BIRTH_ORDER = Comparison(
    "birth_order",
    "birth_order_l is null and birth_order_r is null",
    (
        Level("same", _same("birth_order"), 0.95, 0.5, fixed=True),
        Level(
            "another child of one birth", "birth_order_l <> birth_order_r", 0.002, 0.5, fixed=True
        ),
        Level("known of one only", "ELSE", 0.5, 0.5, fixed=True),
    ),
)
# these two say nothing by themselves: guards read them (see link/guards.py)
OF_AGE = Comparison(
    "of_age",
    "born_before_l is null and born_before_r is null",
    (
        Level(
            "born later",
            "date_of_birth_r >= born_before_l or date_of_birth_l >= born_before_r",
            0.5,
            0.5,
            fixed=True,
        ),
        Level("may be", "ELSE", 0.5, 0.5, fixed=True),
    ),
)
DOUBT = Comparison(
    "doubt",
    "doubt_l is null and doubt_r is null",
    (
        Level(
            "birth date cannot be",
            "doubt_l = 'birth_date' or doubt_r = 'birth_date'",
            0.5,
            0.5,
            fixed=True,
        ),
        Level("newborn", "ELSE", 0.5, 0.5, fixed=True),
    ),
)
_COMMON = (
    FIRST_NAME, LAST_NAME, BIRTH_DATE, MIDDLE_NAME, SUFFIX, SEX, HOUSEHOLD, MRN, BIRTH_ORDER, OF_AGE,
    DOUBT,
)  # fmt: skip
BUILTIN: dict[str, tuple[Comparison, ...]] = {
    "dental": _COMMON,
    "clinic": (*_COMMON, SSN),
}
"""Built-in models: `dental` for data without social security numbers, `clinic` for data with them."""

# a breach at 1,000,000 people: each leaked row has about one chart among a million
PRIOR = 1e-6


def definition(name: str) -> dict[str, Any]:
    """Splink settings of a built-in model with first guesses for m, u and prior."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": PRIOR,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "em_convergence": 0.0001,
        "max_iterations": 100,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [_as_splink(comparison) for comparison in BUILTIN[name]],
    }


def _as_splink(comparison: Comparison) -> dict[str, Any]:
    null = {
        "sql_condition": comparison.null_when,
        "label_for_charts": "missing",
        "is_null_level": True,
    }
    levels = [_level(level) for level in comparison.levels]
    return {"output_column_name": comparison.name, "comparison_levels": [null, *levels]}


def _level(level: Level) -> dict[str, Any]:
    written: dict[str, Any] = {
        "sql_condition": level.when,
        "label_for_charts": level.label,
        "m_probability": level.m,
        "u_probability": level.u,
    }
    if level.tf:
        # a share below one in a million is a misspelling, not a rare name: its weight stays bounded
        written |= {
            "tf_adjustment_column": level.tf,
            "tf_adjustment_weight": 1.0,
            "tf_minimum_u_value": 1e-6,
            "disable_tf_exact_match_detection": True,
        }
    if level.fixed:
        written |= {"fix_m_probability": True, "fix_u_probability": True}
    return written
