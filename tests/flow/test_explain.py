"""`affected explain`: words and weights that add up, and nobody's name."""

import json
import re

import polars as pl
import pytest

from flows.explain import explain
from matching.errors import OperatorError
from matching.store import Workspace
from tests.flow.hand_made import call

__all__ = ["call"]


@pytest.fixture(scope="module")
def pairs(ran):
    columns = ["kind", "left", "right", "match_weight", "band", "reasons"]
    return (
        Workspace.open(ran.workspace)
        .read("pairs", columns)
        .filter(pl.col("left") != pl.col("right"))
    )


def of_band(pairs, band):
    row = pairs.filter(pl.col("band").cast(pl.String) == band).row(0, named=True)
    return str(row["left"]), str(row["right"]), row


@pytest.mark.parametrize("band", ["match", "review", "no"])
def test_the_bits_of_a_pair_add_up_to_its_weight(ran, pairs, band):
    left, right, row = of_band(pairs, band)
    for one, other in ((left, right), (right, left)):
        told = explain(ran.workspace, one, other)
        bits = sum(level["bits"] for level in told["levels"])
        whole = bits + told["term_frequency_bits"] + told["prior_bits"]
        assert whole == pytest.approx(row["match_weight"], abs=0.1)
        assert (told["band"], told["compared"]) == (band, True)


def test_a_guard_is_named_with_what_it_did(ran, pairs):
    guarded = pairs.filter(pl.col("reasons").cast(pl.String).str.contains("=veto"))
    row = guarded.row(0, named=True)
    told = explain(ran.workspace, str(row["left"]), str(row["right"]))
    assert "veto" in {guard["action"] for guard in told["guards"]}
    assert all(guard["words"] for guard in told["guards"])
    assert told["one_person"] is False


def test_a_pair_that_was_not_kept(ran):
    members = Workspace.open(ran.workspace).read("members")
    first, last = members["mention_id"][0], members["mention_id"][-1]
    told = explain(ran.workspace, str(first), str(last))
    assert told["compared"] is False
    assert "No pair was kept" in told["words"][0]


def test_a_person_and_its_records(ran):
    members = Workspace.open(ran.workspace).read("members")
    person = members["person_id"].mode().sort()[0]
    told = explain(ran.workspace, person)
    assert len(told["members"]) == members.filter(person_id=person).height
    record = told["members"][0]["mention_id"]
    assert explain(ran.workspace, str(record))["person_id"] == person


def test_nobody_is_told_in_one_line(ran):
    with pytest.raises(OperatorError, match="'nobody': no person or record"):
        explain(ran.workspace, "nobody")


def test_no_value_of_a_record_is_shown(call, ran, pairs):
    left, right, _ = of_band(pairs, "match")
    workspace = Workspace.open(ran.workspace)
    rows = pl.concat(
        workspace.scan(table).filter(pl.col(key).is_in([int(left), int(right)]))
        .select("first_name", "last_name", "street", "phone", "email", "date_of_birth").collect()
        for table, key in (("leaked_std", "mention_id"), ("charts_std", "chart_id"))
    )  # fmt: skip
    said = call("explain", ran.workspace, left, right)
    assert said.code == 0
    document = call("explain", ran.workspace, left, right, "--json")
    assert json.loads(document.out)["schema"] == "affected.explain/1"
    for value in {v for row in rows.rows() for v in row if v}:
        assert not re.search(rf"\b{re.escape(value)}\b", said.out + document.out)
