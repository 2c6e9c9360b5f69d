"""Drift between rounds: the population stability index over shares, not over sizes."""

import polars as pl
import pytest

from matching.people.profile import drift

SCHEMA = {"measure": pl.String, "class": pl.String, "rows": pl.Int64}


def frame(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_ten_times_the_rows_in_the_same_shares_is_no_drift() -> None:
    found = drift(frame(("a", "x", 10), ("a", "y", 90)), frame(("a", "x", 100), ("a", "y", 900)))
    assert found.row(0, named=True) == {
        "measure": "a", "before": 100, "now": 1000, "index": 0.0, "most": "x", "moved": "no",
    }  # fmt: skip


def test_a_field_that_is_not_mapped_any_more_moves_much() -> None:
    before = frame(("master date_of_birth", "known", 97), ("master date_of_birth", "missing", 3))
    now = frame(("master date_of_birth", "missing", 100), ("master date_of_birth", "known", 0))
    row = drift(before, now).row(0, named=True)
    assert (row["moved"], row["most"]) == ("much", "known")


def test_index_is_the_sum_of_differences_times_logarithms() -> None:
    row = drift(frame(("a", "x", 50), ("a", "y", 50)), frame(("a", "x", 60), ("a", "y", 40)))
    assert row["index"].item() == pytest.approx(0.0405, abs=1e-4)  # .1 ln 1.2 + .1 ln 1.25


def test_measures_that_one_round_lacks_are_left_out_and_the_most_moved_comes_first() -> None:
    before = frame(("a", "x", 5), ("b", "x", 50), ("b", "y", 50), ("c", "x", 1), ("c", "y", 1))
    now = frame(("b", "x", 90), ("b", "y", 10), ("c", "x", 1), ("c", "y", 1))
    assert drift(before, now)["measure"].to_list() == ["b", "c"]
