"""`affected thresholds`: numbers of the run, curves, a page without anybody in it."""

import json

import polars as pl
import pytest

from flows.rounds import open_round
from flows.thresholds import curve, thresholds
from matching.store import Workspace
from tests.flow.hand_made import call

__all__ = ["call"]


@pytest.fixture(scope="module")
def made(ran):
    return thresholds(ran.workspace)


def test_numbers_at_the_run_s_thresholds_are_the_run_s(ran, made):
    workspace = Workspace.open(ran.workspace)
    persons = workspace.read("persons").filter(pl.col("mentions") > 0)
    pairs = workspace.read("pairs")
    at = made["at_run"]
    # the tree does not know whom a veto parts although others join them: few, and only more
    parted = persons.height - at["people"]
    assert 0 <= parted <= 0.03 * persons.height
    assert 0 <= persons["orphan"].sum() - at["orphans"] <= parted
    assert at["people"] == at["with_chart"] + at["orphans"]
    bits = pl.col("match_weight")
    within = bits.is_between(made["include_at_bits"], made["merge_at_bits"], closed="left")
    assert at["review_pairs"] == pairs.filter(within).height
    assert at["pairs"] == pairs.filter(bits >= made["merge_at_bits"]).height
    assert sum(n for bands in made["pairs"].values() for n in bands.values()) == pairs.height


def test_expected_errors_are_sums_over_the_tree(ran):
    workspace = Workspace.open(ran.workspace)
    tree = workspace.read("merge_tree").with_columns(p=1 / (1 + 2.0 ** -pl.col("match_weight")))
    rows = curve(workspace)
    for row in rows.filter(pl.col("at_bits").is_in([0.0, 7.3, 12.0])).to_dicts():
        above = pl.col("match_weight") >= row["at_bits"]
        assert row["expected_false"] == pytest.approx(
            tree.filter(above).select((1 - pl.col("p")).sum()).item(), abs=0.06
        )
        assert row["expected_missed"] == pytest.approx(tree.filter(~above)["p"].sum(), abs=0.06)
    assert rows["people"].is_sorted()
    assert rows["expected_missed"].is_sorted()
    assert rows["links"].is_sorted(descending=True)


def test_curve_shows_half_bits(made):
    assert {(row["at_bits"] * 2) % 1 for row in made["curve"]} == {0.0}
    assert made["lines"][0]["confirmed"] <= made["lines"][0]["upper"]


def test_page_is_self_contained_and_holds_no_name(call, ran, tmp_path):
    out = tmp_path / "thresholds.html"
    said = call("thresholds", ran.workspace, "--out", out, "--json")
    assert said.code == 0
    document = json.loads(said.out)
    assert (document["schema"], document["out"]) == ("affected.thresholds/1", str(out))
    text = out.read_text()
    assert text.count("<svg") == 4
    assert "http://" not in text.replace("http://www.w3.org/", "")
    assert "src=" not in text.replace("default-src", "").replace("style-src", "")
    names = Workspace.open(ran.workspace).read("leaked_std")["last_name"].drop_nulls().unique()
    assert [name for name in names.to_list() if len(name) > 3 and f">{name}<" in text] == []
    again = tmp_path / "again.html"
    thresholds(ran.workspace, out=again)
    assert again.read_text() == text


def test_text_tells_people_and_review(call, ran, made):
    said = call("thresholds", ran.workspace)
    assert f"{made['at_run']['people']:,} people" in said.out
    assert "before splits" in said.out


@pytest.mark.parametrize("out", ["page.pdf", "no-such-folder/page.html"])
def test_a_page_that_cannot_be_written_is_refused(call, ran, tmp_path, out):
    said = call("thresholds", ran.workspace, "--out", tmp_path / out)
    assert said.code == 2
    assert len(said.lines) == 1


def test_before_people_there_is_nothing_to_tell(call, tmp_path):
    said = call("thresholds", tmp_path)
    assert said.code == 3


def test_a_reviewed_sample_gives_intervals(call, own, tmp_path):
    copied, sample = own.workspace, tmp_path / "review.csv"
    said = call("thresholds", copied, "--sample", sample, "--size", "60", "--json")
    assert said.code == 0
    document = json.loads(said.out)
    assert document["reviewed"] is None
    rows = pl.read_csv(sample, infer_schema=False)
    assert rows.height == document["sampled"] >= 20
    # the reviewer says what the model's band says
    band = Workspace.open(copied).read("pairs", ["left", "right", "band"])
    said_by = band.select(
        pl.col("left", "right").cast(pl.String), value=pl.when(pl.col("band").cast(pl.String) == "match")
        .then(pl.lit("match")).otherwise(pl.lit("no")),
    )  # fmt: skip
    filled = rows.drop("value").join(
        said_by, left_on=["left_id", "right_id"], right_on=["left", "right"], how="left"
    )
    filled.write_csv(sample)
    lead = next(iter(open_round(copied)[1].incident.people))
    assert call("decide", copied, sample, "--by", lead).code == 0
    reviewed = json.loads(call("thresholds", copied, "--json").out)["reviewed"]
    assert reviewed["reviewed"] == rows.height
    precision = reviewed["merge"]["precision"]
    assert precision["low"] < precision["value"] <= precision["high"] == 1.0
    assert reviewed["include"]["precision"]["value"] < precision["value"]
