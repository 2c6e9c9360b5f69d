"""The call centre: who is told what, when nothing may be said, and that no name stays behind."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.lookup
import notify.callcentre
from flows.lookup import look_up, lookup_text, read_callers
from flows.rounds import open_round
from flows.settings import configs_folder
from matching.errors import OperatorError, UsageError
from notify.callcentre import load_texts


@pytest.fixture(scope="module")
def told(demo: Path) -> dict[str, Any]:
    """A grown-up with a chart whose letter went out and whose name and date nobody shares."""
    workspace, _ = open_round(demo)
    workspace.inbox_parts = None
    sent = (
        workspace.scan("events")
        .filter(kind="exported", channel="mail")
        .select("person_id")
        .unique()
    )
    mailed = (
        workspace.scan("notices")
        .filter(channel="mail", variant="ADULT")
        .join(sent, on="person_id", how="semi")
    )
    charts = workspace.scan("charts").select(
        "chart_id", "first_name", "last_name", "date_of_birth", "zip"
    )
    members = workspace.scan("members").filter(side="master")
    rows = (
        mailed.join(members, on="person_id").join(charts, left_on="mention_id", right_on="chart_id")
        .filter(pl.len().over("last_name", "date_of_birth") == 1, pl.col("date_of_birth").is_not_null())
        .sort("person_id").collect()
    )  # fmt: skip
    return rows.drop_nulls(["first_name", "last_name", "zip"]).row(0, named=True)


def asked(demo: Path, *lines: str, reference: str = "") -> list[dict[str, Any]]:
    callers = read_callers(io.StringIO("\n".join(lines)))
    return look_up(demo, callers, reference=reference, by="LEAD")["answers"]


def line(told: dict[str, Any], **other: str) -> str:
    row = {**told, **other}
    return f"{row['first_name']} {row['last_name']}; {row['date_of_birth']}; {row['zip']}"


def test_who_was_told_hears_yes_and_of_which_practice(demo, told) -> None:
    (answer,) = asked(demo, line(told))
    assert (answer["outcome"], answer["persons"]) == ("included", [told["person_id"]])
    (entity, *_) = [e for e in answer["entities"] if e["entity_id"] == told["entity_id"]]
    assert entity["how"] == "told"
    assert told["reference_no"] in entity["say"]
    assert entity["name"] in entity["say"]
    assert answer["faq"]
    spoken = lookup_text({"answers": [answer]}).upper()
    for value in (
        told["last_name"],
        told["date_of_birth"],
        told.get("street", ""),
    ):
        assert not value or value.upper() not in spoken


def test_several_callers_have_one_answer_each_in_their_order(demo, told) -> None:
    answers = asked(demo, "Nobody Knowsme; 1931-02-03", line(told), "Only; notadate")
    assert [a["outcome"] for a in answers] == ["not_found", "included", "unreadable"]


def test_nearly_the_right_details_say_nothing_without_the_reference(demo, told) -> None:
    year = str(
        int(
            told["date_of_birth"][-4:]
            if "/" in told["date_of_birth"]
            else told["date_of_birth"][:4]
        )
        + 1
    )
    date = told["date_of_birth"]
    other = date[:-4] + year if "/" in date else year + date[4:]
    (answer,) = asked(demo, line(told, date_of_birth=other))
    assert (answer["outcome"], answer["persons"], answer["entities"]) == ("unclear", [], [])
    (answer,) = asked(demo, line(told, date_of_birth=other), reference=told["reference_no"].lower())
    assert (answer["outcome"], answer["persons"]) == ("included", [told["person_id"]])


def test_a_reference_of_somebody_else_says_nothing_of_anybody(demo, told) -> None:
    (answer,) = asked(demo, "Nobody Knowsme; 1931-02-03", reference=told["reference_no"])
    assert (answer["outcome"], answer["persons"], answer["faq"]) == ("reference_of_another", [], [])
    (answer,) = asked(demo, line(told), reference="AAAAAAAAAA")
    assert answer["outcome"] == "reference_unknown"


@pytest.mark.parametrize(
    ("row", "how"),
    [
        ({"state": "mailed", "packet": "accepted"}, "told"),
        ({"state": "queued", "packet": "ready"}, "silent"),
        ({"state": "queued", "packet": "ready", "entity_told": True}, "told"),
        ({"state": "queued", "packet": None}, "silent"),
        ({"state": "on_hold", "packet": "accepted"}, "silent"),
        ({"state": "excluded", "packet": "accepted"}, "silent"),
        ({"state": "waiting_ce", "packet": "sent"}, "refer"),
        ({"state": "mailed", "packet": "accepted", "by": "ce"}, "refer"),
        ({"state": "unowned", "entity_id": "UNOWNED", "packet": None}, "unowned"),
        ({"state": "on_hold", "entity_id": "UNOWNED", "packet": None}, "silent"),
    ],
)
def test_how_an_entity_is_spoken_of(row: dict[str, Any], how: str) -> None:
    """Never before it was told itself, never under a hold, not where it answers its patients itself."""
    whole = {"entity_id": "CE1", "by": None, "entity_told": None, **row}
    assert notify.callcentre._how(whole) == how


def test_silence_is_about_the_person_and_not_only_about_the_entity(demo, told, monkeypatch) -> None:
    monkeypatch.setattr(notify.callcentre, "_how", lambda row: "silent")
    (answer,) = asked(demo, line(told))
    assert (answer["outcome"], answer["faq"], answer["whom"]) == ("silent", [], None)
    assert "included" not in lookup_text({"answers": [answer]}).split("\n")[0]


def test_the_audit_log_has_person_and_outcome_and_no_name(demo, told) -> None:
    asked(demo, line(told))
    text = (demo / "evidence" / "audit.jsonl").read_text()
    last = json.loads(text.splitlines()[-1])
    assert (last["act"], last["by"], last["persons"]) == ("lookup", "LEAD", told["person_id"])
    assert told["last_name"] not in text


@pytest.mark.parametrize("text", ["", "one part only", "a; b; c; d"])
def test_a_line_that_says_nothing_is_named_by_its_number(text: str) -> None:
    with pytest.raises(UsageError) as said:
        read_callers(io.StringIO(text))
    assert "full name; date of birth; ZIP" in str(said.value)
    assert "one part" not in str(said.value)


def test_more_callers_than_one_look_holds_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(flows.lookup, "MOST_CALLERS", 2)
    with pytest.raises(UsageError, match="1 to 2 lines"):
        read_callers(io.StringIO("a; b\nc; d\ne; f\n"))


def test_a_field_that_nobody_fills_is_refused(tmp_path: Path) -> None:
    text = (configs_folder() / "callcentre" / "en.toml").read_text()
    (tmp_path / "en.toml").write_text(text.replace("{what_happened}", "{ssn}"))
    with pytest.raises(OperatorError, match=r"en\.toml: unknown field \{ssn\}"):
        load_texts(tmp_path)


def test_languages_say_the_same_things() -> None:
    texts = load_texts(configs_folder() / "callcentre")
    assert set(texts) == {"en", "es"}
    for said in texts.values():
        assert len(said.faq) == len(texts["en"].faq)
        for part in ("outcomes", "entities", "states", "variants"):
            assert set(getattr(said, part)) == set(getattr(texts["en"], part))
