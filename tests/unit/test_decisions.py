"""Pair decisions from a file: whole or not at all, and honoured by the next round."""

from datetime import UTC, date, datetime

import pytest

from matching import people
from matching.decisions import take
from matching.errors import OperatorError

WHEN = datetime(2026, 3, 1, tzinfo=UTC)
SETTINGS = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))


@pytest.fixture
def made(by_hand):
    made = by_hand()
    made.records({"a": {}, "b": {}}, {"x": {"entity_id": "CE1"}})
    made.pairs([("a", "b", 14), ("a", "x", 3)])
    file = {"format": "csv", "secured": "no", "columns": "", "unmapped": "", "bytes": 1}
    made.write(
        "inventory",
        [
            file | {"position": n, "side": side, "path": path, "file_no": n + 1}
            | {"file_sha256": f"{n + 1:064x}", "rows": 2, "parsed": 2, "rejected": 0, "content": "f", "guessed": 0, "date_order": "mdy"}
            for n, (side, path) in enumerate([("leaked", "leak.csv"), ("master", "m.csv")])
        ],
    )  # fmt: skip
    return made


def decide(made, tmp_path, text, when=WHEN):
    path = tmp_path / "d.csv"
    path.write_text(text)
    return take(made.workspace, path, by="R. Vance", recorded_at=when)


@pytest.mark.parametrize(
    "text",
    [
        "left_record_id,right_record_id,value,note\na,b,no,twins\nx,a,Match,\n",
        (
            "left_file,left_row,right_file,right_row,value\nleak.csv,0,leak.csv,1,no\n"
            f"{2:064x},0,leak.csv,0,match\n"
        ),
        "unique_id_l,source_dataset_l,unique_id_r,clerical_match_score\na,l,b,0.0\na,l,x,1.0\n",
    ],
    ids=["record ids", "places", "splink labels"],
)
def test_next_round_honours_them(made, tmp_path, text):
    assert decide(made, tmp_path, text) == 2
    people.run(made.workspace, SETTINGS)
    assert made.persons() == [["a", "x"], ["b"]]


def test_later_decision_supersedes(made, tmp_path):
    decide(made, tmp_path, "left_record_id,right_record_id,value\na,b,no\n")
    later = WHEN.replace(hour=1)
    decide(made, tmp_path, "left_record_id,right_record_id,value\nb,a,match\n", later)
    first, second = sorted(made.table("decisions"), key=lambda row: row["recorded_at"])
    assert second["supersedes"] == first["decision_id"]
    people.run(made.workspace, SETTINGS)
    assert ["a", "b"] in made.persons()


def test_every_bad_row_is_named_and_nothing_taken(made, tmp_path):
    text = "left_record_id,right_record_id,value\na,b,no\nDOE,b,no\na,b2,maybe\na,a,match\n"
    with pytest.raises(OperatorError) as caught:
        decide(made, tmp_path, text)
    message = str(caught.value)
    assert "rows 3: value must be" in message
    assert "rows 2: left record not found" in message
    assert "rows 3: right record not found" in message
    assert "rows 4: left and right are one record" in message
    assert "DOE" not in message
    assert caught.value.exit_code == 3
    assert made.table("decisions") == []


def test_twice_in_one_file(made, tmp_path):
    with pytest.raises(OperatorError, match="rows 1, 2: decided twice"):
        decide(made, tmp_path, "left_record_id,right_record_id,value\na,b,no\nb,a,match\n")


def test_ambiguous_record_id(made, tmp_path):
    made.write(
        "charts",
        [
            {"chart_id": 2 * 2**40 + 8 * n, "record_id": "x", "file_no": 2, "row_no": n}
            for n in (0, 1)
        ],
    )
    with pytest.raises(OperatorError, match="right record id names several rows"):
        decide(made, tmp_path, "left_record_id,right_record_id,value\na,x,no\n")


def test_columns_missing(made, tmp_path):
    with pytest.raises(OperatorError, match="columns must be value"):
        decide(made, tmp_path, "left,right\na,b\n")


def test_no_such_file(made, tmp_path):
    with pytest.raises(OperatorError, match="no such file"):
        take(made.workspace, tmp_path / "none.csv", by="R. Vance", recorded_at=WHEN)
