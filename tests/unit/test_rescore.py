"""Re-scoring kept pairs: equal to the stored weights, and to scoring the strings afresh."""

import copy

import numpy as np
import polars as pl
import pytest

from matching.errors import OperatorError
from matching.link.rescore import (
    BANDS,
    could_lift,
    load_vectors,
    model_weights,
    rescore,
)
from matching.link.rows import connect, load_rows
from matching.link.scorer import SplinkScorer
from matching.link.sides import Held
from matching.model.definition import definition
from matching.model.frequencies import count_frequencies
from matching.store import Workspace
from matching.tables import TABLES
from tests.link_people import damaged, people, rows_for_matching

COUNT = 60
FLOOR, INCLUDE, MERGE = -3.0, 3.0, 12.0


@pytest.fixture(scope="module")
def settings():
    return definition("dental")


@pytest.fixture(scope="module")
def scored(settings):
    """Every pair of two small sides by SplinkScorer, for any model; some chart numbers uncounted."""
    base = people(COUNT)
    sides = {"leaked": rows_for_matching(damaged(base, seed=3)), "charts": rows_for_matching(base)}
    counted = count_frequencies([Held(rows) for rows in sides.values()], settings)
    counted = counted.filter((pl.col("field") != "mrn") | (pl.col("value") > "1010"))
    rid = pl.DataFrame({"rid": np.arange(COUNT, dtype=np.int32)})
    pairs = rid.select(left_rid="rid").join(rid.select(right_rid="rid"), how="cross")
    pairs = pairs.with_columns(rules=pl.lit(1, pl.Int64))

    def score(model):
        with connect(threads=1, memory_gib=1, spill=None) as con:
            for side, rows in sides.items():
                load_rows(con, side, rows, settings=model, frequencies=counted)
            found = SplinkScorer(con, model).score(
                pairs, left="leaked", right="charts", floor_bits=None
            )
        return found.sort("left_rid", "right_rid")

    return score


def kept(folder, found, *, reasons="rule", band=None):
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="r", synthetic=True, key_file=folder / "key.json"
    )
    weight = pl.col("match_weight")
    by_weight = pl.when(weight >= MERGE).then(pl.lit("match"))
    by_weight = by_weight.when(weight >= INCLUDE).then(pl.lit("review")).otherwise(pl.lit("no"))
    rows = found.with_columns(
        kind=pl.lit("leaked_master"),
        left=pl.col("left_rid").cast(pl.Int64),
        right=pl.col("right_rid").cast(pl.Int64),
        probability=pl.lit(0.5),
        band=by_weight if band is None else pl.lit(band),
        reasons=pl.lit(reasons),
    )
    workspace.write("pairs", TABLES["pairs"].complete(rows))
    return load_vectors(workspace)


def again(found, old, new):
    return rescore(
        found,
        old=model_weights(old),
        new=model_weights(new),
        include_at_bits=INCLUDE,
        merge_at_bits=MERGE,
    )


def level(model, comparison, label):
    (found,) = (
        one
        for c in model["comparisons"]
        if c["output_column_name"] == comparison
        for one in c["comparison_levels"]
        if one["label_for_charts"] == label
    )
    return found


def changed(settings, *edits):
    model = copy.deepcopy(settings)
    for comparison, label, values in edits:
        level(model, comparison, label).update(values)
    return model


EVERY_TF_LEVEL = (("first_name", "same"), ("last_name", "same"), ("mrn", "same"))
EDITS = {
    "m": (("date_of_birth", "same", {"m_probability": 0.7}),),
    "u without adjustment": (("household", "same ZIP", {"u_probability": 0.01}),),
    "u of adjusted levels": (
        ("first_name", "same", {"u_probability": 0.02}),
        ("mrn", "same", {"u_probability": 0.000001, "m_probability": 0.5}),
    ),
    "all adjustments halved": tuple(
        (*where, {"tf_adjustment_weight": 0.5}) for where in EVERY_TF_LEVEL
    ),
    "all adjustments off, u changed": tuple(
        (*where, {"tf_adjustment_weight": 0.0, "u_probability": 0.003}) for where in EVERY_TF_LEVEL
    ),
}


def test_unchanged_model_gives_the_stored_weights(tmp_path, settings, scored):
    found = scored(settings)
    result = again(kept(tmp_path, found), settings, settings)
    assert np.abs(result.match_weight - found["match_weight"].to_numpy()).max() <= 1e-9
    want = np.digitize(found["match_weight"].to_numpy(), [INCLUDE, MERGE])
    assert result.band.tolist() == want.tolist()
    assert set(result.band.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", EDITS)
def test_changed_model_is_as_scoring_afresh(tmp_path, settings, scored, name):
    found = scored(settings)
    model = changed(settings, *EDITS[name])
    model["probability_two_random_records_match"] = 0.0004
    fresh = scored(model)
    result = again(kept(tmp_path, found), settings, model)
    gap = np.abs(result.match_weight - fresh["match_weight"].to_numpy())
    # a pair with adjusted and never counted values keeps their sum only; see the next test
    assert gap[~mixed(found)].max() < 1e-6
    assert (fresh["match_weight"] - found["match_weight"]).abs().max() > 0.1


def mixed(found):
    """Chart numbers that agree and were not counted, while a name is adjusted."""
    return (found["tf_bits"].to_numpy() != 0) & uncounted(found)


def uncounted(found):
    vector = found["vector"].to_numpy()
    names = [c["output_column_name"] for c in definition("dental")["comparisons"]]
    mrn = vector >> 4 * names.index("mrn") & 15
    same = found["left_rid"].to_numpy() == found["right_rid"].to_numpy()
    rare = people(COUNT)["mrn"].to_numpy() <= "1010"
    return same & (mrn == 2) & rare[found["left_rid"].to_numpy()]


@pytest.mark.parametrize(
    ("action", "bands"), [("cap", {"no", "review"}), ("veto", {"no"}), ("review", {"review"})]
)
def test_a_guard_says_the_same_of_a_pair_with_another_weight(
    tmp_path, settings, scored, action, bands
):
    found = kept(tmp_path, scored(settings), reasons=f"rule;twin={action}", band="review")
    result = again(found, settings, settings)
    assert {BANDS[band] for band in result.band} == bands


def test_adjustments_that_change_apart_are_refused_by_name(tmp_path, settings, scored):
    found = kept(tmp_path, scored(settings))
    model = changed(settings, ("last_name", "same", {"tf_adjustment_weight": 0.5}))
    with pytest.raises(OperatorError, match="tf_adjustment_weight of last_name"):
        again(found, settings, model)


def test_other_comparisons_are_refused_by_name(tmp_path, settings, scored):
    found = kept(tmp_path, scored(settings))
    model = changed(settings, ("sex", "same", {"sql_condition": "sex_l is not null"}))
    with pytest.raises(OperatorError, match="comparison 'sex'"):
        again(found, settings, model)
    fewer = settings | {"comparisons": settings["comparisons"][:-1]}
    with pytest.raises(OperatorError, match="other comparisons"):
        again(found, settings, fewer)


def test_a_level_without_u_is_named(settings):
    model = changed(settings, ("sex", "same", {}))
    del level(model, "sex", "same")["u_probability"]
    with pytest.raises(OperatorError, match="comparison 'sex', level 'same': no u"):
        model_weights(model)


@pytest.mark.parametrize(
    ("edit", "lifts"),
    [
        ((), False),
        (("sex", "same", {"m_probability": 0.5}), False),
        (("sex", "different", {"m_probability": 0.2}), True),
        (("mrn", "same", {"u_probability": 1e-9}), True),
    ],
)
def test_edits_that_could_lift_a_dropped_pair(settings, edit, lifts):
    new = model_weights(changed(settings, *([edit] if edit else [])))
    assert could_lift(old=model_weights(settings), new=new, floor_bits=FLOOR) is lifts


def test_a_small_lift_does_not_reach_a_far_threshold(settings):
    old = model_weights(settings)
    more = 1.5 * level(settings, "sex", "different")["m_probability"]
    new = model_weights(changed(settings, ("sex", "different", {"m_probability": more})))
    assert could_lift(old=old, new=new, floor_bits=FLOOR)
    assert not could_lift(old=old, new=new, floor_bits=FLOOR, past_bits=INCLUDE)


@pytest.mark.parametrize("name", EDITS)
def test_no_pair_gains_more_than_could_be_lifted(settings, scored, name):
    found, model = scored(settings), changed(settings, *EDITS[name])
    gain = (scored(model)["match_weight"] - found["match_weight"]).max()
    old, new = model_weights(settings), model_weights(model)
    if gain > 1e-6:
        assert could_lift(old=old, new=new, floor_bits=FLOOR, past_bits=FLOOR + gain - 1e-6)
