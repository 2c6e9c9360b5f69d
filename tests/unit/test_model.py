"""Models: whole or refused by name, trained the same way twice, and scored as Splink scores them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from splink import DuckDBAPI, Linker

from matching.errors import OperatorError
from matching.link.rows import connect, load_rows
from matching.link.scorer import SplinkScorer
from matching.link.sides import Held
from matching.model import training
from matching.model.definition import BUILTIN, MATCH_COLUMNS, definition
from matching.model.estimates import graded
from matching.model.files import faults, load_frequencies, load_model, model_text
from matching.model.frequencies import count_frequencies, tf_columns
from matching.model.training import train
from tests.link_people import damaged, people, rows_for_matching

PRIOR = "probability_two_random_records_match"


@pytest.mark.parametrize("name", BUILTIN)
def test_built_in_models_are_whole_and_speak_of_cleaned_columns(name: str) -> None:
    settings = load_model(name)
    assert faults(settings) == []
    assert set(tf_columns(settings)) <= set(MATCH_COLUMNS)
    fresh = definition(name)
    conditions = [
        [level["sql_condition"] for c in model["comparisons"] for level in c["comparison_levels"]]
        for model in (settings, fresh)
    ]
    assert conditions[0] == conditions[1], "retrain configs/models after changing the definition"


@pytest.mark.parametrize("name", BUILTIN)
def test_shipped_name_frequencies_are_shares(name: str) -> None:
    shares = load_frequencies(name)
    assert shares is not None
    totals = dict(shares.group_by("field").agg(pl.col("frequency").sum()).iter_rows())
    assert set(totals) == {"first_name", "last_name"}
    assert all(0.5 < total <= 1.01 for total in totals.values())


def test_a_level_without_m_is_refused_by_name(tmp_path: Path) -> None:
    settings = definition("dental")
    level = settings["comparisons"][2]["comparison_levels"][3]
    del level["m_probability"]
    path = tmp_path / "broken.json"
    path.write_text(model_text(settings))
    with pytest.raises(
        OperatorError, match=r"broken\.json.*'date_of_birth', level 'one slip': m not"
    ):
        load_model(path)


def test_agreement_that_speaks_against_a_match_is_refused_by_name() -> None:
    settings = definition("dental")
    same = graded(settings["comparisons"][5])[-1]
    same["m_probability"], same["u_probability"] = 0.2, 0.5
    assert faults(settings) == [
        "comparison 'sex', level 'same': m is below u, agreement cannot speak against"
    ]


def test_more_than_a_vector_holds_is_refused() -> None:
    settings = definition("dental")
    settings["comparisons"] = settings["comparisons"] * 2
    assert any("at most 15" in fault for fault in faults(settings))


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_file_that_is_no_model_is_the_operators(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    with pytest.raises(OperatorError, match=r"model\.json"):
        load_model(path)


def test_a_missing_model_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="not found"):
        load_model(tmp_path / "none.json")


@pytest.fixture(scope="module", autouse=True)
def _few_random_pairs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_ROWS", 300)
        yield


@pytest.fixture(scope="module")
def sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    everyone = people(1_200)
    return tuple(rows_for_matching(damaged(everyone, seed=s)) for s in (1, 2))


@pytest.fixture(scope="module")
def trained(sides: tuple[pl.DataFrame, pl.DataFrame]) -> Any:
    return train(*(Held(side) for side in sides), base=definition("clinic"))


def test_training_twice_gives_the_same_model(
    sides: tuple[pl.DataFrame, pl.DataFrame], trained: Any
) -> None:
    again = train(*(Held(side) for side in sides), base=definition("clinic"))
    assert model_text(again.settings) == model_text(trained.settings)
    assert "linker_uid" not in model_text(again.settings)


def test_training_finds_prior_and_damage(trained: Any) -> None:
    assert trained.estimated
    assert trained.settings[PRIOR] == pytest.approx(1 / 1_200, rel=0.1)
    assert trained.expected_matches == pytest.approx(1_200, rel=0.1)
    first = {x["label_for_charts"]: x for x in graded(trained.settings["comparisons"][0])}
    assert first["same"]["m_probability"] == pytest.approx(0.82, abs=0.08)
    assert faults(trained.settings) == []


def test_relatives_do_not_make_a_birth_date_worthless(trained: Any) -> None:
    # two of three people in a home share everything but first name, birth date and numbers
    birth = {x["label_for_charts"]: x for x in graded(trained.settings["comparisons"][2])}
    assert birth["different"]["m_probability"] < 0.02


def test_levels_without_example_keep_the_base_value_and_are_named(trained: Any) -> None:
    assert "suffix: same" in trained.from_base
    suffix = next(c for c in trained.settings["comparisons"] if c["output_column_name"] == "suffix")
    assert graded(suffix)[-1]["m_probability"] == 0.95


def test_too_few_matches_keep_the_base_but_for_the_prior() -> None:
    few = people(90)
    left, right = (rows_for_matching(damaged(few, seed=s)) for s in (1, 2))
    base = definition("dental")
    found = train(Held(left), Held(right), base=base)
    assert not found.estimated
    assert found.settings["comparisons"] == base["comparisons"]
    assert found.settings[PRIOR] == pytest.approx(1 / 90, rel=0.5)


def test_one_side_alone_is_trained_against_itself() -> None:
    everyone = people(600)
    both = pl.concat([damaged(everyone, seed=1), damaged(everyone, seed=2)])
    found = train(Held(rows_for_matching(both)), None, base=definition("dental"))
    assert found.estimated
    assert found.settings[PRIOR] == pytest.approx(1 / 1_199, rel=0.15)


def test_weights_are_splinks_to_a_millionth_of_a_bit(trained: Any) -> None:
    rows = damaged(people(150), seed=3)
    odd = rows.with_columns(
        last_name=pl.when(pl.int_range(pl.len()) % 7 == 0).then(pl.lit("MUÑOZ-ÅSTRÖM")).when(pl.int_range(pl.len()) % 11 == 0).then(pl.lit("")).otherwise("last_name"),
    ).with_columns(last_names="last_name")  # fmt: skip
    left, right = rows_for_matching(odd), rows_for_matching(damaged(people(150), seed=4))
    settings = copy.deepcopy(trained.settings)
    frequencies = count_frequencies([Held(left), Held(right)], settings)
    rids = pl.DataFrame({"left_rid": np.repeat(np.arange(60, dtype=np.int32), 60), "right_rid": np.tile(np.arange(60, dtype=np.int32), 60)})  # fmt: skip
    with connect(threads=1, memory_gib=1, spill=None) as con:
        for side, frame in (("left", left), ("right", right)):
            load_rows(con, side, frame, settings=settings, frequencies=frequencies)
        pairs = rids.with_columns(rules=pl.lit(0, dtype=pl.Int64))
        ours = SplinkScorer(con, settings).score(pairs, left="left", right="right", floor_bits=None)
    theirs = _by_splink(settings, left.head(60), right.head(60), frequencies)
    both = ours.join(theirs, left_on=["left_rid", "right_rid"], right_on=["rid_l", "rid_r"])
    assert both.height == 3_600
    assert (both["match_weight"] - both["match_weight_right"]).abs().max() < 1e-6


def _by_splink(
    settings: dict[str, Any], left: pl.DataFrame, right: pl.DataFrame, frequencies: pl.DataFrame
) -> pl.DataFrame:
    """All pairs through Splink's own Linker and predict."""
    api = DuckDBAPI()
    tables = [
        api.register(
            frame.with_columns(pl.lit(1).alias("one")).to_arrow(), dataset_display_name=name
        )
        for name, frame in (("a_left", left), ("b_right", right))
    ]
    whole = {**settings, "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.one = r.one", "sql_dialect": "duckdb"}]}  # fmt: skip
    linker = Linker(tables, json.loads(json.dumps(whole)), log_level=None)
    for column in tf_columns(settings):
        shares = frequencies.filter(pl.col("field") == column)
        lookup = shares.select(
            pl.col("value").alias(column), pl.col("frequency").alias(f"tf_{column}")
        )
        linker.table_management.register_term_frequency_lookup(
            api.register(lookup.to_arrow()), column
        )
    return (
        linker.inference.predict(warning_mode="never")
        .as_duckdbpyrelation()
        .pl()
        .select("rid_l", "rid_r", "match_weight")
    )
