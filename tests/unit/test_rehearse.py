"""The rehearsal generator: what an incident of it must hold, whatever the seed."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from flows.rehearse import RehearsalSummary, rehearse
from flows.rehearse.blocks import Plan
from flows.rehearse.days import date_texts, slip_day, slip_year, swap_day_and_month
from flows.rehearse.generate import _blocks
from flows.rehearse.lines import lines_of
from flows.rehearse.noise import ocr, slip_digit, struck, typo
from flows.rehearse.pools import load_pools
from flows.rehearse.texts import Texts
from flows.rehearse.visits import share_out
from matching.errors import OperatorError
from matching.fields import CANONICAL_FIELDS

PEOPLE = 6_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RehearsalSummary]:
    folder = tmp_path_factory.mktemp("rehearsal") / "dental"
    return folder, rehearse(folder, people=PEOPLE, drill=True)


@pytest.fixture(scope="module")
def truth(made: tuple[Path, RehearsalSummary]) -> pl.DataFrame:
    return pl.read_parquet(made[0] / "truth/leaked.parquet")


@pytest.fixture(scope="module")
def charts(made: tuple[Path, RehearsalSummary]) -> pl.DataFrame:
    """Charts in the order of their files, beside the truth about them."""
    files = sorted((made[0] / "masters").iterdir())
    rows = [
        pl.read_parquet(f)
        .with_columns(file=pl.lit(f"masters/{f.name}"))
        .with_row_index("row_no")
        .cast({"row_no": pl.Int64})
        for f in files
    ]
    told = pl.read_parquet(made[0] / "truth/charts.parquet")
    return pl.concat(rows).join(told, on=["file", "row_no"], how="full", coalesce=True)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        rehearse(tmp_path / name, people=300, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert digests(tmp_path / "a") != digests(tmp_path / "c")


PLAN = Plan(people=500, seed=1, profile="clinic", leaked=1_403, charts=707, block_people=150)


def test_blocks_are_exact_and_people_are_numbered_on() -> None:
    tables = list(_blocks(PLAN, 1))
    assert len(tables) == 4
    assert sum(count for t in tables for _, count in t.leaked) == 1_403
    assert sum(len(charts) for t in tables for charts, _ in t.charts) == 707
    for index, made_block in enumerate(tables):
        people = pl.concat([pl.Series(told["person"]) for _, told in made_block.charts])
        assert 125 * index <= people.min() < people.max() < 125 * (index + 1)
        related = pl.from_arrow(made_block.related)
        assert (related["person_a"] < related["person_b"]).all()


def test_several_workers_make_the_same_blocks() -> None:
    for alone, shared in zip(_blocks(PLAN, 1), _blocks(PLAN, 3), strict=True):
        assert alone == shared


def test_rows_of_a_leaked_file_are_numbered_on_over_its_blocks() -> None:
    truth = pl.concat([pl.from_arrow(t.leaked_truth) for t in _blocks(PLAN, 1)])
    rows = truth.cast({"file": pl.String, "role": pl.String}).filter(pl.col("role") != "guarantor")
    for numbers in rows.partition_by("file"):
        assert numbers["row_no"].to_list() == list(range(len(numbers)))


def test_totals_and_truth_agree_with_the_files(
    made: tuple[Path, RehearsalSummary], truth: pl.DataFrame
) -> None:
    folder, summary = made
    accounts = pl.read_parquet(folder / "leak/patients.parquet")
    appointments = pl.read_csv(
        folder / "leak/appointments.csv", infer_schema=False, truncate_ragged_lines=True
    )
    messages = (folder / "leak/reminders.jsonl").read_text().splitlines()
    forms = pl.read_csv(folder / "leak/waitlist.tsv", infer_schema=False, separator="\t")
    broken = summary.malformed_rows // 2
    delivered = {
        "leak/appointments.csv": len(appointments) - broken,
        "leak/patients.parquet": len(accounts),
        "leak/reminders.jsonl": len(messages) - broken,
        "leak/waitlist.tsv": len(forms),
    }
    assert sum(delivered.values()) == summary.leaked_rows == round(PEOPLE * 2.6)
    rows = truth.filter(pl.col("role") != "guarantor").group_by("file").len()
    assert dict(rows.iter_rows()) == delivered | {"leak/waitlist_copy.tsv": summary.repeated_rows}


def test_broken_lines_do_not_parse(made: tuple[Path, RehearsalSummary]) -> None:
    lines = (made[0] / "leak/reminders.jsonl").read_text().splitlines()
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[-1])
    cut = (made[0] / "leak/appointments.csv").read_text().splitlines()[-1]
    assert cut.count(",") == 1


def test_one_file_is_delivered_twice(
    made: tuple[Path, RehearsalSummary], truth: pl.DataFrame
) -> None:
    files = digests(made[0])
    assert files["leak/waitlist.tsv"] == files["leak/waitlist_copy.tsv"]
    copy = truth.filter(pl.col("file") == "leak/waitlist_copy.tsv")
    assert (copy["exclusion"] == "repeated_file").all()


@pytest.mark.parametrize(("profile", "ssn"), [("dental", False), ("clinic", True), ("late", False)])
def test_the_incident_file_maps_columns_that_exist(tmp_path: Path, profile: str, ssn: bool) -> None:
    rehearse(tmp_path / "i", people=200, profile=profile)
    document = tomllib.loads((tmp_path / "i/incident.toml").read_text())
    assert document["incident"]["synthetic"] is True
    accounts = document["leaked"][1]
    assert ("ssn" in accounts["columns"]) is ssn
    columns = pl.read_parquet_schema(tmp_path / "i" / accounts["path"])
    assert set(accounts["columns"].values()) <= set(columns)
    masters = document["masters"][0]["columns"]
    assert set(masters.values()) <= set(
        pl.read_parquet_schema(tmp_path / "i/masters/charts-1.parquet")
    )
    for entry in document["leaked"]:
        assert (tmp_path / "i" / entry["path"]).is_file()
        assert set(entry["columns"]) <= set(CANONICAL_FIELDS)
    assert set(masters) <= set(CANONICAL_FIELDS)


def test_late_was_noticed_years_after(tmp_path: Path) -> None:
    rehearse(tmp_path / "i", people=200, profile="late")
    incident = tomllib.loads((tmp_path / "i/incident.toml").read_text())["incident"]
    assert (incident["breach_start"].year, incident["known_on"].year) == (2020, 2026)


def test_practices_are_of_every_size_and_fate(
    made: tuple[Path, RehearsalSummary], charts: pl.DataFrame
) -> None:
    roster = pl.read_csv(made[0] / "entities.csv", infer_schema=False)
    sizes = charts.group_by("entity_id").agg(pl.col("person").n_unique())["person"]
    assert sizes.max() > 500
    assert (sizes < 10).sum() >= 2
    assert {"open", "closed", "sold"} == set(roster["status"])
    sold = roster.filter(pl.col("status") == "sold")
    assert set(sold["successor_id"]) <= set(roster["entity_id"])
    assert not set(sold["entity_id"]) & set(charts["entity_id"])
    assert set(roster["parent_id"].drop_nulls()) <= set(roster["entity_id"])
    assert charts.select((pl.col("practice_id") == pl.col("entity_id")).all()).item()


def test_delegation_is_mixed(made: tuple[Path, RehearsalSummary]) -> None:
    rows = pl.read_csv(made[0] / "delegation.csv", infer_schema=False)
    individual = rows.filter(pl.col("duty") == "individual")["by"].value_counts(sort=True)
    assert individual["by"][0] == "ba"
    assert set(individual["by"]) == {"ba", "ce", "undecided"}
    roster = pl.read_csv(made[0] / "entities.csv", infer_schema=False)
    entities = roster.filter(pl.col("kind") == "covered_entity")["entity_id"]
    assert set(entities) - set(rows["entity_id"])


def test_npi_check_digits_hold(made: tuple[Path, RehearsalSummary]) -> None:
    numbers = pl.read_csv(made[0] / "entities.csv", infer_schema=False)["npi"].drop_nulls()
    for number in numbers.to_list():
        digits = [int(d) for d in "80840" + number][::-1]
        doubled = [d if k % 2 == 0 else sum(divmod(2 * d, 10)) for k, d in enumerate(digits)]
        assert sum(doubled) % 10 == 0


def test_every_special_case_of_the_demo_is_there(
    made: tuple[Path, RehearsalSummary], charts: pl.DataFrame, truth: pl.DataFrame
) -> None:
    leaked = set(truth["person"].drop_nulls())
    told = charts.filter(pl.col("person").is_in(leaked))
    dead = told.filter(pl.col("died_on").is_not_null())
    assert dead["estate_name"].is_null().any()
    assert dead["estate_name"].is_not_null().any()
    assert told["resp_first"].is_not_null().any()
    assert (told["email_ok_scope"] == "notices").any()
    confidential = told.filter(pl.col("confidential") == "yes")
    assert confidential["alt_addr1"].is_null().any()
    assert confidential["alt_addr1"].is_not_null().any()
    nowhere = told.group_by("person").agg(pl.col("addr1", "zip").count())
    assert nowhere.filter((pl.col("addr1") == 0) & (pl.col("zip") == 0)).height
    assert leaked - set(charts["person"]), "orphans"
    assert set(charts["person"]) - leaked, "people who never leaked"
    suppressed = pl.read_csv(made[0] / "suppressions.csv")["record_id"]
    assert len(suppressed) >= 3
    assert set(suppressed) <= set(pl.read_parquet(made[0] / "leak/patients.parquet")["pat_id"])


def test_some_rows_name_no_practice_and_their_people_have_no_chart(
    made: tuple[Path, RehearsalSummary], charts: pl.DataFrame, truth: pl.DataFrame
) -> None:
    rows = pl.read_csv(
        made[0] / "leak/appointments.csv", infer_schema=False, truncate_ragged_lines=True
    )
    known = truth.filter(
        (pl.col("file") == "leak/appointments.csv") & pl.col("exclusion").is_null()
    )
    silent = rows.with_row_index("row_no").filter(
        pl.all_horizontal(pl.col("account", "office", "chart_no").is_null())
    )
    orphans = known.filter(~pl.col("person").is_in(charts["person"].implode()))
    both = silent.cast({"row_no": pl.Int64}).join(orphans, on="row_no")
    assert both.height


def test_relations_of_every_kind(made: tuple[Path, RehearsalSummary]) -> None:
    kinds = set(pl.read_parquet(made[0] / "truth/related.parquet")["relation"])
    assert kinds == {
        "twin", "generation", "newborn", "spouse", "sibling", "parent_child", "household"
    }  # fmt: skip


def test_twins_share_a_birthday_but_not_a_name(
    made: tuple[Path, RehearsalSummary], charts: pl.DataFrame
) -> None:
    related = pl.read_parquet(made[0] / "truth/related.parquet")
    one = charts.unique("person", keep="first", maintain_order=True).select(
        "person", "first", "dob"
    )
    twins = (
        related.filter(pl.col("relation") == "twin")
        .join(one, left_on="person_a", right_on="person")
        .join(one, left_on="person_b", right_on="person", suffix="_b")
    )
    same_day = (twins["dob"] == twins["dob_b"]).mean()
    same_name = (twins["first"] == twins["first_b"]).mean()
    assert same_day > 0.8
    assert same_name < 0.1


def test_chart_numbers_are_unique_at_a_practice_but_not_elsewhere(charts: pl.DataFrame) -> None:
    clashes = charts.group_by("practice_id", "chart_no").agg(pl.col("person").n_unique())
    assert clashes["person"].max() == 1
    across = charts.group_by("chart_no").agg(pl.col("person").n_unique())["person"]
    assert across.max() > 1


def test_values_that_must_not_reach_anyone_real(
    made: tuple[Path, RehearsalSummary], charts: pl.DataFrame
) -> None:
    mail = charts["email"].drop_nulls()
    assert mail.str.contains(r"@example\.(com|org|net)$").all()
    accounts = pl.read_parquet(made[0] / "leak/patients.parquet")
    assert accounts["email"].drop_nulls().str.contains(r"@example\.(com|org|net)$").all()
    exchange = charts["phone"].drop_nulls().filter(charts["phone"].drop_nulls() != "5555555555")
    assert not exchange.str.slice(3, 3).is_in(["555"]).any()
    assert charts["died_on"].drop_nulls().max() <= "2026-03-20"


def test_zip_codes_stand_in_their_states(charts: pl.DataFrame) -> None:
    places = load_pools().places
    known = pl.DataFrame({"zip": places.zip, "of": places.state})
    told = charts.select("zip", "state").drop_nulls().join(known, on="zip", how="inner")
    assert (told["state"] == told["of"]).mean() > 0.99
    assert len(told) > 0.98 * charts["zip"].count()


def test_drill_brings_late_rows_and_a_dispute(made: tuple[Path, RehearsalSummary]) -> None:
    late = tomllib.loads((made[0] / "drill/late.toml").read_text())["leaked"][0]
    rows = pl.read_csv(made[0] / late["path"], infer_schema=False)
    assert set(late["columns"].values()) <= set(rows.columns)
    dispute = pl.read_csv(made[0] / "drill/dispute.csv", infer_schema=False)
    assert dispute["entity_id"].n_unique() == 1


def test_a_folder_in_use_and_too_few_people_are_refused(
    made: tuple[Path, RehearsalSummary],
) -> None:
    with pytest.raises(OperatorError, match="not empty"):
        rehearse(made[0], people=200)
    with pytest.raises(OperatorError, match="at least 100"):
        rehearse(made[0].parent / "few", people=5)


def test_shares_of_blocks_add_up() -> None:
    assert sum(share_out(1_000_003, k, 7) for k in range(7)) == 1_000_003


@pytest.mark.parametrize("text", ["Margaret", "O'Neill", "Nguyễn"])
def test_typo_and_scan_change_little(text: str) -> None:
    rng = np.random.default_rng(1)
    column = pl.Series([text] * 200)
    for spoil in (typo(rng), ocr(rng)):
        new = spoil(column)
        assert new.null_count() == 0
        assert (new.str.len_chars().cast(pl.Int64) - len(text)).abs().max() <= 1
    assert (typo(rng)(column) != column).mean() > 0.8


def test_a_slip_changes_one_digit() -> None:
    column = pl.Series(["(202) 456-1111", None])
    new = slip_digit(np.random.default_rng(3), last=4)(column)
    assert new[1] is None
    assert sum(a != b for a, b in zip(new[0], column[0], strict=True)) == 1


def test_slipped_birth_dates_are_other_dates_close_by() -> None:
    days = np.arange(-21_000, 20_000, dtype=np.int64)
    rng = np.random.default_rng(4)
    for made, share in (
        (swap_day_and_month(days), 0.35),
        (slip_day(rng, days), 0.99),
        (slip_year(rng, days), 0.99),
    ):
        texts = date_texts(made).series()
        assert texts.str.to_date().to_physical().to_list() == made.tolist()
        assert (made != days).mean() > share
        assert np.abs(made - days).max() < 11 * 366


def test_dates_are_written_in_both_orders() -> None:
    assert date_texts(np.array([0, 20_000]), us=np.array([True, False])).series().to_list() == [
        "01/01/1970", "2024-10-04",
    ]  # fmt: skip


@pytest.mark.parametrize("rate", [0.0, 0.003, 0.09, 0.4])
def test_faults_strike_at_their_rate_and_each_row_alike(rate: float) -> None:
    rows = np.concatenate([struck(np.random.default_rng(k), 1_000, rate) for k in range(400)])
    assert abs(len(rows) - 400_000 * rate) <= 5 * np.sqrt(400_000 * rate)
    assert rows.size == 0 or (rows.min() >= 0 and rows.max() < 1_000)
    if rate > 0.05:
        halves = np.bincount(rows // 500, minlength=2)
        assert abs(halves[0] - halves[1]) <= 5 * np.sqrt(len(rows))


def test_each_row_is_struck_once() -> None:
    rows = struck(np.random.default_rng(3), 50_000, 0.02)
    assert (np.diff(rows) > 0).all()


WORDS = ["plain", 'a "quote"', "two\nlines", "comma, tab\t", "back\\slash", "Łucja 李伟", ""]


def odd_texts() -> tuple[dict[str, Texts], pl.DataFrame]:
    rng = np.random.default_rng(1)
    words = pl.Series(WORDS)
    columns = {f"c{k}": Texts.of(rng.integers(-1, len(WORDS), 300), words) for k in range(3)}
    columns["none"] = Texts.missing(300)
    return columns, pl.DataFrame({name: text.series() for name, text in columns.items()})


@pytest.mark.parametrize(("kind", "separator"), [("csv", ","), ("tsv", "\t")])
def test_lines_of_cells_say_what_the_columns_hold(kind: str, separator: str) -> None:
    columns, frame = odd_texts()
    lines = lines_of(columns, kind=kind, header=True)
    read = pl.read_csv(lines, infer_schema=False, separator=separator)
    assert read.equals(frame)
    assert lines.partition(b"\n")[2] == lines_of(columns, kind=kind, header=False)


def test_lines_of_json_say_what_the_columns_hold() -> None:
    columns, frame = odd_texts()
    lines = lines_of(columns, kind="jsonl", header=True).decode().splitlines()
    assert [json.loads(line) for line in lines] == frame.to_dicts()


def test_texts_change_only_the_rows_they_are_given() -> None:
    text = Texts.of(np.array([0, 1, -1, 1]), pl.Series(["a", "b"]))
    text.change(np.array([0, 2]), lambda old: old + "x")
    text.respell(np.array([1]), lambda old: old.str.to_uppercase())
    text.set(np.array([3]), "a")
    assert text.series().to_list() == ["ax", "B", None, "a"]
    assert text.arrow().to_pylist() == ["ax", "B", None, "a"]
    assert text.rows(np.array([3, 1, 3])).compact().code.tolist() == [0, 1, 0]
    both = Texts.stacked([text, Texts.dense(pl.Series([None, "B"]))])
    assert both.series().to_list() == ["ax", "B", None, "a", None, "B"]
    assert len(both.arrow().dictionary) == 3
    assert both.rows(np.array([5, 0])).series().to_list() == ["B", "ax"]
