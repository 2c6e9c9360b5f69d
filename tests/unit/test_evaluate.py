"""evaluate and score: files of anybody's making, the truth kept from the matcher."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching import evaluate as module
from matching.errors import OperatorError
from matching.evaluate import evaluate
from matching.given import clean_records, guess_columns, read_maps, take_columns
from matching.model import training
from matching.score import score
from tests.link_people import damaged, people

KEYS = {
    "model", "pairs_true", "pairs_compared", "best", "default", "recall_at_precision",
    "blocking_recall", "with_guards", "by_relationship", "by_field", "seconds", "peak_rss_gib",
}  # fmt: skip
POINT = {"threshold_bits", "precision", "recall", "f1"}
NAMES = {
    "first_name": "given_name",
    "last_name": "surname",
    "date_of_birth": "dob",
    "zip5": "postcode",
}


def files(folder: Path, count: int = 400) -> tuple[Path, Path]:
    everyone = people(count)
    keep = ["person", "first_name", "last_name", "date_of_birth", "phone", "zip5"]
    paths = folder / "left.parquet", folder / "right.csv"
    damaged(everyone, seed=1).select(keep).rename(NAMES).write_parquet(paths[0])
    damaged(everyone, seed=2).select(keep).rename(NAMES).write_csv(paths[1])
    return paths


@pytest.fixture(scope="module", autouse=True)
def _few_random_pairs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "RANDOM_ROWS", 300)
        yield


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    left, right = files(tmp_path_factory.mktemp("given"))
    return evaluate(left, right, truth="person")


def test_the_figures_are_all_there(judged: dict[str, Any]) -> None:
    assert set(judged) == KEYS
    assert set(judged["best"]) == set(judged["default"]) == POINT
    assert set(judged["recall_at_precision"]) == {"0.999"}
    guarded = judged["with_guards"]
    assert guarded["default"]["recall"] <= judged["default"]["recall"]
    for counts in guarded["by_guard"].values():
        assert set(counts) == {"true", "false"}
    assert judged["model"] == "dental"
    assert judged["pairs_true"] == 400


def test_easy_data_is_linked_well(judged: dict[str, Any]) -> None:
    assert judged["best"]["f1"] > 0.97
    assert judged["blocking_recall"] >= judged["best"]["recall"]


def test_counts_by_relationship_and_field_add_up(judged: dict[str, Any]) -> None:
    found = sum(kind["found"] for kind in judged["by_relationship"].values())
    assert found == round(judged["best"]["recall"] * judged["pairs_true"])
    for levels in judged["by_field"].values():
        assert sum(level["found"] for level in levels.values()) == found


def test_the_matcher_never_sees_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a truth column that is named like a field would be mapped if it were still there
    left, right = files(tmp_path, 60)
    for path, read, write in (
        (left, pl.read_parquet, "write_parquet"),
        (right, pl.read_csv, "write_csv"),
    ):
        rows = read(path).rename({"person": "ssn"})
        getattr(rows, write)(path)
    seen: list[str] = []
    take = module.take_columns

    def watched(rows: pl.DataFrame, columns: Any, *, source: str) -> pl.DataFrame:
        seen.extend(rows.columns)
        return take(rows, columns, source=source)

    monkeypatch.setattr(module, "take_columns", watched)
    assert evaluate(left, right, truth="ssn")["model"] == "dental"
    assert "ssn" not in seen


def test_duplicates_within_one_file(tmp_path: Path) -> None:
    everyone = people(200).select("person", "first_name", "last_name", "date_of_birth", "phone")
    path = tmp_path / "one.parquet"
    pl.concat([everyone, everyone, everyone.head(50)]).write_parquet(path)
    found = evaluate(path, None, truth="person")
    assert found["pairs_true"] == 150 + 50 * 3
    assert found["best"]["recall"] > 0.98
    assert found["best"]["precision"] > 0.98


def test_columns_are_taken_by_names_that_say_the_same() -> None:
    found = guess_columns(["Given Name", "SURNAME", "DOB", "soc_sec_id", "postcode", "street_number", "address_1", "suburb", "truth"])  # fmt: skip
    assert found == {
        "first_name": "Given Name", "last_name": "SURNAME", "date_of_birth": "DOB", "ssn": "soc_sec_id",
        "zip": "postcode", "street": ("street_number", "address_1"), "city": "suburb",
    }  # fmt: skip


def test_a_list_of_columns_is_joined_by_a_blank() -> None:
    rows = pl.DataFrame({"number": ["12", None, " "], "name": ["Oak St", "Elm St", None]})
    taken = take_columns(rows, {"street": ("number", "name")}, source="x")
    assert taken["street"].to_list() == ["12 Oak St", "Elm St", None]


def test_another_countrys_number_is_compared_as_delivered() -> None:
    records = pl.DataFrame({"ssn": ["5304218", "4066625", None]})
    assert clean_records(records)["ssn"].to_list() == ["5304218", "4066625", None]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns]\nnickname = 'x'", "nickname: no canonical field"),
        ("[columns]\nfirst_name = 3", "first_name: give a column"),
        ("[people]\nfirst_name = 'x'", "people"),
        ("columns", "no TOML"),
    ],
)
def test_a_map_that_does_not_fit_names_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(OperatorError, match=says) as raised:
        read_maps(path)
    assert "map.toml" in str(raised.value)


def test_missing_files_and_columns_are_the_operators(tmp_path: Path) -> None:
    left, right = files(tmp_path, 30)
    with pytest.raises(OperatorError, match=r"none\.csv: not found"):
        evaluate(tmp_path / "none.csv", None, truth="person")
    with pytest.raises(OperatorError, match="no column 'who'"):
        evaluate(left, right, truth="who")


def pairs_file(folder: Path) -> Path:
    path = folder / "pairs.csv"
    pl.DataFrame(
        {
            "row": ["9", "3", "5"],
            "left_first_name": ["Bob", "Ann", "Ann"], "right_first_name": ["Robert", "Ann", "Omar"],
            "left_last_name": ["Okafor", "Lee", "Lee"], "right_surname": ["Okafor", "Lee", "Lind"],
            "left_dob": ["01/02/1980"] * 3, "right_dob": ["1980-01-02", "1980-01-02", "1955-07-30"],
        }
    ).write_csv(path)  # fmt: skip
    return path


@pytest.mark.parametrize("out", ["scored.csv", "scored.parquet"])
def test_scored_pairs_keep_order_and_columns(tmp_path: Path, out: str) -> None:
    path = pairs_file(tmp_path)
    score(path, tmp_path / out)
    read = pl.read_csv if out.endswith("csv") else pl.read_parquet
    scored = read(tmp_path / out)
    given = pl.read_csv(path, infer_schema=False)
    assert scored.columns == [*given.columns, "match_weight", "probability", "band", "reasons"]
    assert [str(row) for row in scored["row"]] == ["9", "3", "5"]
    bob, same, stranger = scored["match_weight"]
    assert same > bob > 0 > stranger
    assert scored["band"][2] == "no"
    assert "birth_date_and_last_name" in scored["reasons"][1]


def test_pairs_without_sides_are_the_operators(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    pl.DataFrame({"first_name": ["Ann"]}).write_csv(path)
    with pytest.raises(OperatorError, match="no column left_<field>"):
        score(path, tmp_path / "out.csv")
    with pytest.raises(OperatorError, match=r"name it \.csv"):
        score(pairs_file(tmp_path), tmp_path / "out.xlsx")
