"""The compiled linking and the plain way agree: same pairs, rules and levels, weights to 1e-6 bits."""

from __future__ import annotations

import random
from collections.abc import Collection
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from splink import DuckDBAPI, Linker

from benchmarks.plain import plain_model
from matching.link.conditions import Kind
from matching.link.hashing import shapes
from matching.link.kernel import _apart, _apart_at_least
from matching.link.program import model_columns
from matching.link.rules import BLOCKING, rules_of
from matching.model.files import load_model
from matching.model.frequencies import TF_SCHEMA
from tests.link_oracle import Case, agree, level, model, null, plain_rules
from tests.link_people import damaged, people, rows_for_matching

LONG = "SMITHSONIANINSTITUTE"
HOSTILE = (
    None, "", "A", "X", "MUÑOZ", "MUNOZ", "李", "李小龙", "é", "e\u0301", "SMITH", "SMYTH", "SMIT",
    f"{LONG}1", f"{LONG}2", "UNKNOWN", "1", "05", "A|B", "B|C", "|", "x" * 300, "x" * 299 + "y", "*",
    "2001-02-03", "O'NEIL", 'A"B', "city", " ", "\t",
)  # fmt: skip
"""Values that meet the ends of every shortcut: 8, 16 and 255 bytes, several bytes a letter, last bytes."""
SPRINKLED = (
    "first_name", "first_names", "middle_name", "last_name", "last_names", "suffix", "ssn", "mrn",
    "member_id", "email", "street_number", "street_name", "city", "zip5", "state", "place",
)  # fmt: skip
"""All but birth dates and telephones: DuckDB's hamming refuses values of several lengths."""

CONDITIONS = (
    "city_l is null",
    "city_l is not null",
    "not (city_l is null)",
    "coalesce(city_l, unit_l) is null",
    "coalesce(city_l, unit_r) is not null",
    "coalesce(city_l, unit_l) = coalesce(city_r, unit_r)",
    "city_l is null and unit_r is not null",
    "city_l is null or (city_l = unit_r and unit_l is not null)",
    "city_l is not distinct from city_r",
    "city_l = city_r",
    "city_l = unit_r",
    '"unit_l" = "city_r"',
    "city_l = unit_l and city_r = unit_r",
    "city_l <> city_r",
    "city_l < city_r",
    "not (city_l = 'X' or unit_r = 'A')",
    "(city_l = city_r) is not true",
    "city_l = unit_r and not city_l = 'X'",
    "(city_l = city_r or unit_l = unit_r) and (city_l = unit_r or (city_r = unit_l and length(city_l) > 1))",
    "city_l = city_r and (jaro_winkler_similarity(city_l, unit_r) > 0.7 or levenshtein(unit_l, unit_r) < 3)",
    "not (city_l = city_r and levenshtein(city_l, unit_r) <= 2) or unit_l is null",
    "length(city_l) > 3",
    "city_l in ('A', 'X')",
    "city_l like 'SM%' and unit_r not like 'SM%'",
    "regexp_matches(city_l, '^S') or unit_r = city_l",
    "length(city_l) = length(city_r) and length(city_l) > 0 and length(unit_r) > 0",
    "length(city_l) > 0 and length(city_l) = try_cast(unit_r as int)",
    "left(city_l, 1) = left(city_r, 1)",
    "right(city_l, 1) = left(unit_r, 1)",
    "substr(city_l, 1, 2) = substr(city_r, 1, 2)",
    "upper(city_l) = upper(city_r)",
    "strip_accents(city_l) = strip_accents(unit_r)",
    "regexp_extract(city_l, '^[A-Z]') = regexp_extract(city_r, '^[A-Z]')",
    "city_l || unit_l = city_r || unit_r",
    "list_has_any(string_split(city_l, '|'), string_split(city_r, '|'))",
    "string_split(city_l, '|') && string_split(unit_r, '|')",
    "jaro_winkler_similarity(city_l, city_r) >= 0.9",
    "jaro_winkler_similarity(city_l, city_r) > 0.98",
    "0.9 <= jaro_winkler_similarity(city_l, city_r)",
    "jaro_similarity(city_l, unit_r) > 0.5",
    "levenshtein(city_l, city_r) < 2",
    "levenshtein(city_l, city_r) = 1",
    "levenshtein(upper(city_l), upper(city_r)) <= 1",
    "damerau_levenshtein(city_l, unit_r) <= 1",
    "damerau_levenshtein(city_r, city_l) <= 1.5",
    "hamming(date_of_birth_l, date_of_birth_r) <= 1",
    "hamming(date_of_birth_l, date_of_birth_r) < 3 and levenshtein(date_of_birth_l, date_of_birth_r) <= 2",
    "city_l ~ 'S.*' and city_r ~ '.*Y.*'",
    "contains(city_l, unit_r)",
    "list_cosine_similarity([coalesce(length(city_l), 9), 1], [coalesce(length(city_r), 7), 1]) > 0.99",
    "abs(date_diff('day', try_strptime(date_of_birth_l, '%Y-%m-%d'), try_strptime(date_of_birth_r, '%Y-%m-%d'))) <= 31",
    "case when city_l is null then true else false end",
    "starts_with(city_l, city_r)",
    "date_of_birth_l = date_of_birth_r and right(date_of_birth_l, 2) = substr(date_of_birth_r, 6, 2)",
    "true",
)
"""One of every kind of condition, over columns city and unit (anything) and date_of_birth."""
TF = {"tf_adjustment_column": "city", "tf_adjustment_weight": 1.0}


def hostile(seed: int = 1) -> pl.DataFrame:
    """Every hostile value in city and, in another order, in unit."""
    rng = random.Random(seed)
    other = rng.sample(HOSTILE, len(HOSTILE))
    days = [f"{y}-{m:02}-{d:02}" for y in (1980, 1981) for m in (1, 2, 12) for d in (1, 2, 12)]
    dates = [None if n % 9 == 8 else rng.choice(days) for n in range(len(HOSTILE))]
    rows = {"sex": ["one"] * len(HOSTILE), "city": HOSTILE, "unit": other, "date_of_birth": dates}
    return pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String))


def as_level(condition: str, *, m: float = 0.9) -> list[dict[str, Any]]:
    return [level(condition, m, 0.05), level("ELSE", 1 - m, 0.95)]


def sprinkled(rows: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """A field in eight with a hostile value, a neighbour's, or another column's."""
    rng = np.random.default_rng(seed)
    values = pl.Series(HOSTILE, dtype=pl.String)
    names = pl.concat([rows["first_name"], rows["last_name"]])
    for column in SPRINKLED:
        draw = pl.Series(rng.random(rows.height))
        strange = values.gather(rng.integers(0, len(values), rows.height))
        swapped = names.gather(rng.integers(0, len(names), rows.height))
        changed = pl.when(draw < 0.06).then(strange).when(draw < 0.12).then(swapped)
        rows = rows.with_columns(changed.otherwise(pl.col(column)).alias(column))
    return rows


@pytest.fixture(scope="module")
def sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    everyone = people(220)
    return tuple(
        sprinkled(rows_for_matching(damaged(everyone, seed=seed)).drop("rid"), seed=seed)
        for seed in (1, 2)
    )  # type: ignore[return-value]  # two of them


@pytest.mark.parametrize("coded", ["", "city unit date_of_birth sex", "city", "unit date_of_birth"])
@pytest.mark.parametrize("first", range(0, len(CONDITIONS), 14))
def test_every_kind_of_condition_is_read_as_duckdb_reads_it(first: int, coded: str) -> None:
    chosen = CONDITIONS[first : first + 14]
    case = Case(
        model(*map(as_level, chosen)), plain_rules(("sex",)), hostile(1), hostile(2).reverse()
    )
    assert case.both_agree(coded=coded) == len(HOSTILE) ** 2


def test_a_floor_keeps_exactly_what_reaches_it_whatever_the_condition() -> None:
    for first in range(0, len(CONDITIONS), 14):
        chosen = CONDITIONS[first : first + 14]
        case = Case(model(*map(as_level, chosen)), plain_rules(("sex",)), hostile(1), hostile(2))
        weights = case.expected()["match_weight"].sort()
        floor = weights[int(0.9 * len(weights))]
        kept = [
            case.both_agree(coded=coded, floor=floor)
            for coded in ("", "city unit date_of_birth sex")
        ]
        assert kept[0] == kept[1] == (weights >= floor).sum()


@pytest.mark.parametrize("name", ["dental", "clinic", "plain"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_models_in_use_agree(
    sides: tuple[pl.DataFrame, pl.DataFrame], name: str, share: float
) -> None:
    settings = plain_model() if name == "plain" else load_model(name)
    case = Case(settings, rules_of(settings), *sides)
    columns = model_columns(settings)
    coded = [c for n, c in enumerate(columns) if (n * 0.61803) % 1 < share]
    assert case.both_agree(coded=coded) > 500
    assert 100 < case.both_agree(coded=coded, floor=-3.0) < 10_000
    assert case.found(floor=-3.0).equals(case.found(floor=-3.0, coded=coded, step=37))


def test_a_model_agrees_over_one_side_against_itself(
    sides: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    case = Case(load_model("clinic"), BLOCKING, pl.concat(sides))
    own = range(0, 440, 7)
    for floor in (float("-inf"), -3.0, 12.0):
        assert case.both_agree(floor=floor, own=own, step=100) > 100


def test_splink_itself_predicts_the_same_pairs_and_weights(
    sides: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    settings = plain_model()
    api = DuckDBAPI()
    tables = [
        api.register(
            rows.with_row_index("rid").select("rid", *model_columns(settings)).to_arrow(),
            dataset_display_name=name,
        )
        for name, rows in zip(("a_left", "b_right"), sides, strict=True)
    ]
    predicted = (
        Linker(tables, settings)
        .inference.predict(warning_mode="never")
        .as_duckdbpyrelation()
        .project("rid_l as left_rid, rid_r as right_rid, match_weight")
        .pl()
        .sort("left_rid", "right_rid")
    )
    found = Case(settings, rules_of(settings), *sides).found()
    for column in ("left_rid", "right_rid"):
        assert found[column].cast(pl.Int64).equals(predicted[column].cast(pl.Int64))
    assert np.allclose(found["match_weight"], predicted["match_weight"], rtol=0, atol=1e-6)


ADJUSTED = {
    "exact": [level("city_l = city_r", 0.8, 0.05, **TF), level("ELSE", 0.2, 0.95)],
    "exact and similar": [
        null("city_l is null or city_r is null"),
        level("city_l = city_r", 0.7, 0.05, **TF, tf_minimum_u_value=0.03),
        level("jaro_winkler_similarity(city_l, city_r) >= 0.8", 0.2, 0.02, **TF),
        level("ELSE", 0.1, 0.93),
    ],
    "half, on similar values": [
        level("city_l = city_r", 0.7, 0.05),
        level("levenshtein(city_l, city_r) <= 2", 0.2, 0.05, **TF | {"tf_adjustment_weight": 0.5}),
        level("ELSE", 0.1, 0.9),
    ],
    "of another column": [
        level("city_l = city_r", 0.7, 0.01, **TF | {"tf_adjustment_column": "unit"},
              disable_tf_exact_match_detection=True),
        level("levenshtein(city_l, unit_r) <= 1", 0.2, 0.01, **TF, tf_minimum_u_value=0.001,
              disable_tf_exact_match_detection=True),
        level("ELSE", 0.1, 0.98),
    ],
    "no weight": [
        level("city_l = city_r", 0.7, 0.01, **TF | {"tf_adjustment_weight": 0.0}),
        level("ELSE", 0.3, 0.99),
    ],
}  # fmt: skip


@pytest.mark.parametrize("levels", ADJUSTED.values(), ids=ADJUSTED)
@pytest.mark.parametrize("listed", ["all", "others", "some", "none"])
def test_frequencies_adjust_as_splink_adjusts(levels: list[dict[str, Any]], listed: str) -> None:
    settings = model(levels, as_level("levenshtein(unit_l, unit_r) <= 2"))
    case = Case(settings, plain_rules(("sex",)), hostile(1), hostile(2))
    if listed != "all":
        known = case.frequencies.filter(pl.col("value") != "*")
        some = known.gather_every(2) if listed != "none" else known.clear()
        rest = [{"field": c, "value": "*", "frequency": 0.0001} for c in ("city", "unit")]
        more = pl.DataFrame(rest if listed == "others" else [], schema=TF_SCHEMA)
        case = Case(
            settings, case.rules, case.left, case.right, frequencies=pl.concat([some, more])
        )
    floor = case.expected()["match_weight"].quantile(0.8)
    for coded in ("", "city", "city unit"):
        case.both_agree(coded=coded)
        assert case.both_agree(coded=coded, floor=floor) > 0


_LETTERS = st.text(alphabet="AB|é", max_size=4)
_VALUES = st.one_of(st.none(), _LETTERS, _LETTERS.map(lambda s: (s + "AB") * 9))
_ROWS = st.lists(st.tuples(_VALUES, _VALUES), min_size=1, max_size=9)
_PARTS = st.sampled_from([
    "city_l = city_r", "unit_l = unit_r", "city_l = unit_r", "unit_l = city_r", "city_l is null", "unit_r is null",
    "city_r is not null", "length(city_l) > 1", "length(unit_r) = 2", "left(city_l, 1) = left(city_r, 1)",
    "right(city_l, 2) = left(unit_r, 2)", "coalesce(city_l, unit_l) is null", "levenshtein(city_l, city_r) <= 1",
    "jaro_winkler_similarity(city_l, unit_r) >= 0.7", "jaro_similarity(unit_l, unit_r) > 0.6",
    "damerau_levenshtein(unit_l, city_r) < 3", "city_l <> unit_r", "contains(city_l, unit_r)",
    "list_has_any(string_split(city_l, '|'), string_split(unit_r, '|'))",
    "string_split(unit_l, '|') && string_split(unit_r, '|')",
])  # fmt: skip
_TREES = st.recursive(
    _PARTS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"not ({t})"),
        inner.map(lambda t: f"coalesce({t}, true)"),
    ),
    max_leaves=5,
)  # fmt: skip
_SHARES = st.floats(0.001, 0.999)


@st.composite
def _comparisons(draw: st.DrawFn) -> list[dict[str, Any]]:
    levels = [null(draw(_TREES))] if draw(st.booleans()) else []
    for condition in draw(st.lists(_TREES, min_size=1, max_size=4, unique=True)):
        more: dict[str, Any] = {}
        if draw(st.booleans()):
            more = {
                "tf_adjustment_column": draw(st.sampled_from(("city", "unit"))),
                "tf_adjustment_weight": draw(st.sampled_from([0.5, 1.0])),
                "tf_minimum_u_value": draw(st.sampled_from([0.0, 0.2])),
                "disable_tf_exact_match_detection": True,
            }
        levels.append(level(condition, draw(_SHARES), draw(_SHARES), **more))
    return [*levels, level("ELSE", draw(_SHARES), draw(_SHARES))]


@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    st.lists(_comparisons(), min_size=1, max_size=3), _ROWS, _ROWS,
    st.sets(st.sampled_from(("city", "unit"))), st.floats(0, 1),
)  # fmt: skip
def test_any_model_agrees_on_any_records(
    comparisons: list[Any], left: list[Any], right: list[Any], coded: Collection[str], place: float
) -> None:
    schema = dict.fromkeys(("sex", "city", "unit"), pl.String)
    frames = [
        pl.DataFrame([("one", *row) for row in rows], schema=schema, orient="row")
        for rows in (left, right)
    ]
    case = Case(model(*comparisons), plain_rules(("sex",)), *frames)
    expected = case.expected()
    agree(case.found(coded=coded), expected)
    weights = expected["match_weight"].sort()
    floor = weights[int(place * (len(weights) - 1))]
    kept = expected.filter(pl.col("match_weight") >= floor)
    agree(case.found(coded=coded, floor=floor), kept)
    agree(case.found(coded=coded, floor=floor, flipped=True), kept)


_BYTES = st.text(alphabet="ABab01éÑ李 \u0301", max_size=20) | st.text(max_size=30)
_TWO = st.tuples(_BYTES, _BYTES) | _BYTES.flatmap(
    lambda s: st.tuples(st.just(s), st.permutations(list(s)).map("".join))
)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(st.lists(_TWO, min_size=1, max_size=40))
def test_bounds_never_exclude_what_duckdb_accepts(pairs: list[tuple[str, str]]) -> None:
    pairs = [(a, b) for a, b in pairs if "\0" not in a + b]
    pairs += [(a * 20, b * 20) for a, b in pairs] + [(a, a + b) for a, b in pairs]
    assume(pairs)
    frame = pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row")
    sql = """
        select jaro_winkler_similarity(a, b) as jaro_winkler, jaro_similarity(a, b) as jaro,
            levenshtein(a, b) as levenshtein, damerau_levenshtein(a, b) as damerau,
            case when strlen(a) = strlen(b) and strlen(a) > 0 then hamming(a, b) end as hamming
        from frame
    """
    with duckdb.connect() as con:
        con.execute("set threads = 1")
        con.register("frame", frame.to_arrow())
        told = con.sql(sql).pl().to_dicts()
    left, right = shapes(frame["a"]), shapes(frame["b"])
    for a, b, true in zip(left, right, told, strict=True):
        short = 0 < a[2] & np.uint64(255) <= 16 and 0 < b[2] & np.uint64(255) <= 16
        for kind, apart in (
            (Kind.JARO_WINKLER, 1.0 - true["jaro_winkler"]),
            (Kind.EDITS, true["levenshtein"]),
            (Kind.SWAPS, true["damerau"]),
            (Kind.PLACES, true["hamming"]),
        ):
            least = _apart_at_least(int(kind), *a, *b)
            found = _apart(int(kind), least, *a, *b)
            if apart is None:  # values of other lengths: nothing is known
                assert found == 0
                continue
            assert least <= apart + 1e-9
            assert found <= apart + 1e-9
            exact = kind != Kind.SWAPS and (kind != Kind.JARO_WINKLER or true["jaro"] > 0.7)
            assert not (short and exact) or abs(found - apart) < 1e-9


def test_bounds_are_worth_having() -> None:
    """Bounds that exclude nothing would agree with everything."""
    names = pl.Series(["SMITH", "GARCIA", "NGUYEN", "OKAFOR", "LEE", "WRIGHT"])
    known = shapes(names)
    pairs = [(a, b) for n, a in enumerate(known) for b in known[:n]]
    similar = [1 - _apart_at_least(int(Kind.JARO_WINKLER), *a, *b) for a, b in pairs]
    assert sum(s < 0.75 for s in similar) > len(pairs) / 2
    assert all(_apart_at_least(int(Kind.SWAPS), *a, *b) > 1 for a, b in pairs)
