"""The link step: which pairs it makes, what it leaves out, and what it freezes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from matching.link import LinkSettings, run
from matching.link.coding import Coded
from matching.link.keys import KeyMaker, slots
from matching.link.matcher import Matcher
from matching.link.rules import BLOCKING
from matching.model import training
from matching.store import Workspace, Writer
from matching.tables import TABLES
from tests.link_people import (
    CHART_IDS,
    LEAKED_IDS,
    damaged,
    people,
    rows_for_matching,
    write_std,
)

AS_IT_IS = LinkSettings(model="dental", train="never", threads=1, memory_gib=2)
JANE: dict[str, Any] = {
    "first_name": "JANE", "first_names": "JANE", "last_name": "OKAFOR", "last_names": "OKAFOR",
    "date_of_birth": "1980-04-23", "sex": "F", "phone": "2015550143", "street_number": "12",
    "street_name": "OAK", "zip5": "20701", "city": "LAUREL", "state": "MD", "mrn": "70311",
}  # fmt: skip


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    columns = dict.fromkeys(JANE, pl.String) | {"ssn": pl.String, "email": pl.String}
    columns |= {"street": pl.String, "middle_name": pl.String, "member_id": pl.String}
    return pl.DataFrame([{**JANE, **row} for row in rows], schema=columns)


def mention(row: int) -> int:
    return LEAKED_IDS + row * 8


def chart(row: int) -> int:
    return CHART_IDS + row * 8


def made(workspace: Workspace, kind: str) -> dict[tuple[int, int], dict[str, Any]]:
    rows = workspace.read("pairs").filter(pl.col("kind") == kind).to_dicts()
    return {(row["left"], row["right"]): row for row in rows}


OTHER = {
    "first_name": "OMAR", "first_names": "OMAR", "last_name": "LIND", "last_names": "LIND",
    "date_of_birth": "1955-01-30", "sex": "M", "phone": "4105550177", "street_number": "9",
    "street_name": "ELM", "zip5": "21201", "city": "BALTIMORE", "mrn": "8",
}  # fmt: skip


def test_one_person_is_found_on_every_side_and_strangers_are_not(workspace: Workspace) -> None:
    write_std(workspace, frame({}, {"phone": None, "mrn": None}, OTHER), frame({"mrn": "5"}, {}))
    run(workspace, AS_IT_IS)
    across = made(workspace, "leaked_master")
    assert {pair for pair, row in across.items() if row["band"] == "match"} == {
        (mention(m), chart(c)) for m in (0, 1) for c in (0, 1)
    }
    assert made(workspace, "leaked_leaked")[mention(0), mention(1)]["band"] == "match"
    assert made(workspace, "master_master")[chart(0), chart(1)]["band"] == "match"
    assert all(mention(2) not in pair for pair in across)


def test_charts_that_no_leaked_mention_reaches_are_not_compared(workspace: Workspace) -> None:
    write_std(workspace, frame(OTHER), frame({"mrn": "5"}, {}))
    run(workspace, AS_IT_IS)
    assert workspace.rows("pairs") == 0


def test_equal_rows_are_one_identity_whatever_their_role(workspace: Workspace) -> None:
    write_std(workspace, frame({}, OTHER, {}, {}), frame({}))
    run(workspace, AS_IT_IS)
    found = dict(workspace.read("identities").iter_rows())
    assert found == {mention(0): mention(0), mention(1): mention(1), mention(2): mention(0), mention(3): mention(0)}  # fmt: skip
    assert set(made(workspace, "leaked_master")) == {(mention(0), chart(0))}


def test_a_group_is_scored_against_itself(workspace: Workspace) -> None:
    name_only = dict.fromkeys(JANE) | {
        "first_name": "MARY", "first_names": "MARY", "last_name": "SMITH", "last_names": "SMITH",
    }  # fmt: skip
    write_std(workspace, frame({}, {}, {}, name_only, name_only), frame({}))
    run(workspace, AS_IT_IS)
    within = made(workspace, "leaked_leaked")
    assert within[mention(0), mention(1)]["reasons"] == "same_values"
    assert within[mention(0), mention(1)]["band"] == "match"
    alone = within.get((mention(3), mention(4)))
    assert alone is None or alone["band"] != "match"


def test_values_that_identify_nobody_do_not_make_a_pair(workspace: Workspace) -> None:
    elsewhere = {**OTHER, "phone": JANE["phone"]}
    write_std(workspace, frame({}), frame(elsewhere))
    workspace.write(
        "nonidentifying",
        pl.DataFrame({"field": ["phone"], "value": [JANE["phone"]], "people": [40]}),
    )
    low = AS_IT_IS.model_copy(update={"floor_bits": -100.0})
    run(workspace, low)
    assert workspace.rows("pairs") == 0


def test_every_pair_says_which_rules_made_it(workspace: Workspace) -> None:
    write_std(workspace, frame({}), frame({}))
    run(workspace, AS_IT_IS)
    (row,) = made(workspace, "leaked_master").values()
    named = row["reasons"].split(",")
    assert {"birth_date_and_last_name", "phone", "names_and_birth_year"} <= set(named)
    assert set(named) <= set(BLOCKING)


def test_a_later_run_links_with_the_same_reference(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = people(600)
    leaked, charts = damaged(everyone, seed=1), damaged(everyone, seed=2)
    write_std(workspace, leaked, charts)
    monkeypatch.setattr(training, "RANDOM_ROWS", 300)
    settings = AS_IT_IS.model_copy(update={"train": "auto"})
    run(workspace, settings)
    first = {name: workspace.digest(name) for name in ("model", "term_frequencies")}
    before = made(workspace, "leaked_master")
    late = damaged(people(200, seed=9), seed=3)
    write_std(workspace, pl.concat([leaked, late]), charts)
    run(workspace, settings)
    assert {name: workspace.digest(name) for name in first} == first
    after = made(workspace, "leaked_master")
    assert len(before) > 500
    assert {pair: after[pair]["match_weight"] for pair in before} == {
        pair: row["match_weight"] for pair, row in before.items()
    }


def test_a_killed_run_keeps_its_finished_parts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    everyone = people(120)
    write_std(workspace, damaged(everyone, seed=1), damaged(everyone, seed=2))
    settings = AS_IT_IS.model_copy(update={"chunk_rows": 40})
    put, made_pairs = Writer.put, Matcher.pairs
    calls: list[int] = []

    def dies(self: Writer, index: int, rows: pl.DataFrame, **how: Any) -> None:
        if self.table.name == "pairs":
            if len(calls) == 2:
                raise KeyboardInterrupt
            calls.append(index)
        put(self, index, rows, **how)

    monkeypatch.setattr(Writer, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        run(workspace, settings)
    monkeypatch.setattr(Writer, "put", put)
    again: list[int] = []

    def counted(self: Matcher, coded: Coded, *rest: Any, **how: Any) -> Iterator[pl.DataFrame]:
        again.append(coded.rows)
        return made_pairs(self, coded, *rest, **how)

    monkeypatch.setattr(Matcher, "pairs", counted)
    run(workspace, settings)
    parts = 3 * 3
    assert len(again) == parts - len(calls)
    resumed = workspace.read("pairs")
    run(workspace, AS_IT_IS)
    assert (
        workspace.read("pairs")
        .sort("kind", "left", "right")
        .equals(resumed.sort("kind", "left", "right"))
    )


def test_an_exceeded_budget_leaves_the_largest_blocks_out_for_good(
    workspace: Workspace, tmp_path: Path
) -> None:
    everyone = people(300)
    leaked, charts = damaged(everyone, seed=1), damaged(everyone, seed=2)
    write_std(workspace, leaked, charts)
    run(workspace, AS_IT_IS.model_copy(update={"pair_budget": 2_000}))
    first = workspace.digest("pairs")
    run(workspace, AS_IT_IS)
    assert workspace.digest("pairs") == first
    other, _ = Workspace.create(
        tmp_path / "other", incident_id="t", synthetic=True, key_file=tmp_path / "k"
    )
    write_std(other, leaked, charts)
    run(other, AS_IT_IS)
    assert 0 < workspace.rows("pairs") < other.rows("pairs")


FOUND_BY = {
    "birth_date_and_last_name": {"last_name": "OKAFOR-LIND", "last_names": "LIND|OKAFOR|OKAFOR LIND"},
    "birth_date_and_first_name": {"last_name": "LIND", "last_names": "LIND"},
    "birth_date_and_initials": {"first_name": "JNE", "last_name": "OKAFFOR", "last_names": "OKAFFOR"},
    "names_and_birth_year": {"first_name": "OKAFOR", "last_name": "JANE", "date_of_birth": "1980-11-02"},
    "names_and_birthday": {"date_of_birth": "1908-04-23"},
    "names": {"date_of_birth": None, "zip5": None},
    "last_name_and_zip": {"first_name": "J", "date_of_birth": None},
    "first_name_and_zip": {"last_name": "LIND", "date_of_birth": None},
    "last_name_and_street": {"first_name": None, "date_of_birth": None, "zip5": None},
    "first_name_and_street": {"last_name": None, "date_of_birth": None, "zip5": None},
    "phone": {**OTHER, "phone": "4105550177", "phone2": JANE["phone"]},
    "chart_number": {**OTHER, "mrn": JANE["mrn"]},
    "chart_number_and_initial": {"last_name": "LIND", "date_of_birth": None},
}  # fmt: skip
"""Rule -> what went wrong with the other record that it still finds."""


@pytest.mark.parametrize(("rule", "damage"), FOUND_BY.items(), ids=list(FOUND_BY))
def test_each_rule_tolerates_what_it_says(rule: str, damage: dict[str, Any]) -> None:
    other = frame(damage).with_columns(phone2=pl.lit(damage.get("phone2"), dtype=pl.String))
    found = slots(BLOCKING)
    with duckdb.connect() as con:
        left, right = (
            KeyMaker(found).table(con, rows_for_matching(rows), {})[
                found.rule == list(BLOCKING).index(rule)
            ]
            for rows in (frame({}), other)
        )
    assert set(left.ravel()) & set(right.ravel()) - {0}


def test_thresholds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="include_at_bits"):
        LinkSettings(merge_at_bits=2.0, include_at_bits=3.0)
    with pytest.raises(ValueError, match="floor_bits"):
        LinkSettings(floor_bits=0.0, include_at_bits=3.0)


def test_scratch_is_empty_afterwards(workspace: Workspace) -> None:
    write_std(workspace, frame({}), frame({}))
    run(workspace, AS_IT_IS)
    assert not any(Path(workspace.root / "scratch").iterdir())
    assert TABLES["pairs"].polars == dict(workspace.read("pairs").schema)
