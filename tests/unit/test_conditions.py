"""What conditions say of values that are missing, that give nothing, or that no cast can read."""

from __future__ import annotations

import polars as pl
import pytest

from tests.link_oracle import Case, level, model, plain_rules

VALUES = (None, "", "A", "B", "UNKNOWN", "AB", "A|B", "7", "1", "MUÑOZ", "x" * 20)
ROWS = pl.DataFrame(
    {"sex": ["one"] * len(VALUES), "city": VALUES, "unit": VALUES[::-1]},
    schema=dict.fromkeys(("sex", "city", "unit"), pl.String),
)


def agrees(condition: str, coded: str) -> None:
    levels = [level(condition, 0.9, 0.05), level("ELSE", 0.1, 0.95)]
    case = Case(model(levels), plain_rules(("sex",)), ROWS, ROWS)
    assert case.both_agree(coded=coded) == len(VALUES) ** 2


NULL_IS_SOMETHING = (
    "coalesce(city_l, '') = ''",
    "coalesce(city_l, '') = coalesce(city_r, '')",
    "ifnull(city_l, 'A') = 'A'",
    "city_l is distinct from 'A'",
    "concat(city_l, 'z') = 'z'",
    "concat(city_l, 'z') = concat(unit_r, 'z')",
    "if(city_l is null, true, false)",
    "list_has_any(string_split(coalesce(city_l, 'A'), '|'), string_split(coalesce(city_r, 'A'), '|'))",
)
"""True of a value that is missing."""
NULL_OF_SOMETHING = (
    "nullif(city_l, 'UNKNOWN') = nullif(city_r, 'UNKNOWN')",
    "try_cast(city_l as int) = try_cast(city_r as int)",
    "string_split(city_l, '|')[2] = string_split(city_r, '|')[2]",
)
"""Expressions that give null for a value: null equals nothing."""
ZERO = (
    "length(city_l) % 2 = length(city_r) % 2",
    "length(city_l) = length(unit_r)",
    "position('M' in city_l) = position('M' in city_r)",
)
"""DuckDB's hash of the number 0 is 0, which stood for null."""
OTHER = (
    "length(city_l) = try_cast(unit_r as double)",
    "list_has_any(regexp_extract_all(city_l, '[0-9]+'), regexp_extract_all(city_r, '[0-9]+'))",
    "city_l = any(string_split(unit_r, '|'))",
    "regexp_matches(city_l, '^[0-9]+$') and cast(city_l as int) > 3",
)
"""Numbers of two types, lists without elements, and what may only be evaluated where a guard holds."""


@pytest.mark.parametrize("condition", [*NULL_IS_SOMETHING, *NULL_OF_SOMETHING, *ZERO, *OTHER])
def test_uncoded_columns_are_read_as_duckdb_reads_them(condition: str) -> None:
    agrees(condition, "")


@pytest.mark.parametrize("condition", [*NULL_IS_SOMETHING, *NULL_OF_SOMETHING, *ZERO, *OTHER])
def test_coded_columns_are_read_as_duckdb_reads_them(condition: str) -> None:
    agrees(condition, "city unit")


def test_a_similarity_with_a_cutoff_is_read_as_duckdb_reads_it() -> None:
    agrees("jaro_winkler_similarity(city_l, unit_r, 0.95) > 0.5", "")
