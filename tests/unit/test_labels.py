"""Labels: out and in again the same; m by labels between the model's and what was seen."""

import json
from math import log2

import numpy as np
import polars as pl
import pytest

from matching.decisions import take
from matching.errors import OperatorError
from matching.link.settings import Matching
from matching.model.files import load_model
from matching.review.answers import Answers, pair_of
from matching.review.labels import export
from matching.review.learned import PRIOR_LABELS, card_text, learned, m_of_labels
from tests.review_tables import with_inventory
from tests.unit.test_decisions import WHEN


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}, "c": {}}, {"x": {"entity_id": "CE1"}})
    made.pairs([("a", "b", 14), ("a", "x", 3), ("b", "c", 1)])
    with_inventory(made)
    return made


@pytest.mark.parametrize("form", ["affected", "splink"])
def test_export_can_be_taken_again(made, by_hand, tmp_path, form):
    answers = Answers(made.workspace)
    said = {("a", "b"): "match", ("a", "x"): "no", ("b", "c"): "unsure"}
    for (one, other), value in said.items():
        answers.answer(
            pair_of(made.ids[one], made.ids[other]), value, by="R. Vance", note="why, so"
        )
    path = tmp_path / "labels.csv"
    path.write_bytes(export(answers, form))
    other = by_hand()
    other.records({"a": {}, "b": {}, "c": {}}, {"x": {"entity_id": "CE1"}})
    with_inventory(other)
    assert take(other.workspace, path, by="A. Okafor", recorded_at=WHEN) == 3
    found = {pair: answer.value for pair, answer in Answers(other.workspace).decided().items()}
    assert found == {pair: answer.value for pair, answer in answers.decided().items()}


def test_splinks_format_has_splinks_columns(made):
    answers = Answers(made.workspace)
    answers.answer(pair_of(made.ids["a"], made.ids["x"]), "match", by="R. Vance")
    rows = pl.read_csv(export(answers, "splink"))
    assert rows.columns == ["source_dataset_l", "unique_id_l", "source_dataset_r", "unique_id_r", "clerical_match_score"]  # fmt: skip
    assert rows.row(0) == ("leaked", made.ids["a"], "charts", made.ids["x"], 1.0)


def test_export_holds_no_value_of_a_row(made):
    answers = Answers(made.workspace)
    answers.answer(pair_of(made.ids["a"], made.ids["x"]), "match", by="R. Vance")
    for form in ("affected", "splink"):
        assert b'"a"' not in export(answers, form)
        assert len(export(answers, form).splitlines()) == 2


def test_undone_labels_are_not_exported(made):
    answers = Answers(made.workspace)
    answers.answer(pair_of(made.ids["a"], made.ids["x"]), "match", by="R. Vance")
    answers.undo(by="R. Vance")
    assert len(export(answers, "affected").splitlines()) == 1


SETTINGS = load_model("dental")
SEX = next(n for n, c in enumerate(SETTINGS["comparisons"]) if c["output_column_name"] == "sex")


def vectors(same, different):
    return np.array([2 << 4 * SEX] * same + [1 << 4 * SEX] * different, np.int64)


def level(found, comparison, label):
    return next(x for x in found.levels if (x.comparison, x.label) == (comparison, label))


def test_m_lies_between_the_models_and_what_was_seen():
    found = m_of_labels(SETTINGS, vectors(80, 20), np.ones(100))
    sex = level(found, "sex", "different")
    prior = sex.m_before
    assert sex.m_after == pytest.approx((PRIOR_LABELS * prior + 20) / (PRIOR_LABELS + 100))
    assert sex.seen == 20
    u = SETTINGS["comparisons"][SEX]["comparison_levels"][2]["u_probability"]
    assert found.edits[("sex", 1)] == pytest.approx(log2(sex.m_after / u), abs=1e-5)
    assert set(found.edits) == {("sex", 1), ("sex", 2)}  # all else was missing in these vectors


def test_labels_are_weighed_by_what_they_speak_for():
    weight = np.array([1.0] * 80 + [4.0] * 20)
    found = m_of_labels(SETTINGS, vectors(80, 20), weight)
    assert found.worth == pytest.approx(160**2 / (80 + 20 * 16))
    assert level(found, "sex", "different").m_after > (PRIOR_LABELS * 0.0076 + 20) / 150


def test_fixed_levels_stay():
    found = m_of_labels(SETTINGS, vectors(100, 0), np.ones(100))
    names = {(x.comparison, x.label) for x in found.levels}
    assert ("suffix", "same") not in names
    assert ("last_name", "same in one household") not in names


def test_shares_of_a_comparison_stay_whole():
    found = m_of_labels(SETTINGS, vectors(70, 30), np.ones(100))
    for when in ("m_before", "m_after"):
        of_sex = [getattr(x, when) for x in found.levels if x.comparison == "sex"]
        assert sum(of_sex) == pytest.approx(1.0, abs=1e-6)


def test_card_says_what_changed():
    text = card_text("dental", m_of_labels(SETTINGS, vectors(80, 20), np.ones(100)))
    assert "100 labelled matches" in text
    assert "| sex | different | 20 |" in text


def test_too_few_labels(made):
    made.write("model", [{"name": "dental", "settings": json.dumps(SETTINGS)}])
    with pytest.raises(OperatorError, match="0 matches on kept pairs; label 30"):
        learned(made.workspace, Matching())
