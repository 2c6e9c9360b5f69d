"""A plain, competent Splink model over cleaned columns: seven rules, nine comparisons.

What an experienced user of Splink would write first; every rule and level is one that Splink itself runs
well. m and u are typical of patient data, not trained on the data that are measured.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plain_model"]

RULES = (
    ("date_of_birth", "last_name"),
    ("date_of_birth", "first_name"),
    ("date_of_birth", "zip5"),
    ("first_name", "last_name", "zip5"),
    ("last_name", "place"),
    ("phone",),
    ("email",),
)


def plain_model() -> dict[str, Any]:
    """Settings for Splink's link_only over records numbered by `rid`."""
    return {
        "link_type": "link_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": 1e-7,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": " and ".join(f"l.{c} = r.{c}" for c in rule), "sql_dialect": "duckdb"}
            for rule in RULES
        ],
        "comparisons": [
            _names("first_name"),
            _names("last_name"),
            _comparison(
                "date_of_birth",
                ("date_of_birth_l = date_of_birth_r", 0.93, 0.00005),
                ("levenshtein(date_of_birth_l, date_of_birth_r) <= 1", 0.04, 0.0015),
                ("levenshtein(date_of_birth_l, date_of_birth_r) <= 2", 0.015, 0.02),
                ("ELSE", 0.015, 0.97845),
            ),
            _comparison(
                "middle_name",
                ("middle_name_l = middle_name_r", 0.75, 0.05),
                ("left(middle_name_l, 1) = left(middle_name_r, 1)", 0.15, 0.03),
                ("ELSE", 0.1, 0.92),
            ),
            _comparison("sex", ("sex_l = sex_r", 0.98, 0.5), ("ELSE", 0.02, 0.5)),
            _comparison("phone", ("phone_l = phone_r", 0.6, 0.000002), ("ELSE", 0.4, 0.999998)),
            _comparison("email", ("email_l = email_r", 0.5, 0.000001), ("ELSE", 0.5, 0.999999)),
            _comparison(
                "place",
                ("place_l = place_r", 0.65, 0.000003),
                ("jaro_winkler_similarity(place_l, place_r) >= 0.92", 0.1, 0.001),
                ("ELSE", 0.25, 0.998997),
            ),
            _comparison(
                "zip5",
                ("zip5_l = zip5_r", 0.8, 0.0005),
                ("left(zip5_l, 3) = left(zip5_r, 3)", 0.1, 0.006),
                ("ELSE", 0.1, 0.9935),
            ),
        ],
    }


Level = tuple[str, float, float]


def _comparison(column: str, *levels: Level) -> dict[str, Any]:
    null = {
        "sql_condition": f"{column}_l is null or {column}_r is null",
        "label_for_charts": "missing",
        "is_null_level": True,
    }
    graded = [
        {"sql_condition": sql, "label_for_charts": sql, "m_probability": m, "u_probability": u}
        for sql, m, u in levels
    ]
    return {"output_column_name": column, "comparison_levels": [null, *graded]}


def _names(column: str) -> dict[str, Any]:
    similarity = f"jaro_winkler_similarity({column}_l, {column}_r)"
    comparison = _comparison(
        column,
        (f"{column}_l = {column}_r", 0.82, 0.003),
        (f"{similarity} >= 0.92", 0.06, 0.003),
        (f"{similarity} >= 0.8", 0.04, 0.02),
        ("ELSE", 0.08, 0.974),
    )
    comparison["comparison_levels"][1] |= {
        "tf_adjustment_column": column,
        "tf_adjustment_weight": 1.0,
    }
    return comparison
