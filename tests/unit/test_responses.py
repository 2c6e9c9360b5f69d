"""Answers of covered entities: taken whole or not at all, once, and heard by the next round."""

from __future__ import annotations

import csv
import io
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.store import Workspace
from notify.answers import agencies, delegations, person_answers, receipts
from notify.packets import release, run
from notify.responses import COLUMNS, Taken, take
from tests import packet_tables as made

NOW = datetime(2026, 3, 25, 9, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packets are out; every test works on a copy."""
    workspace = made.workspace_of(tmp_path_factory.mktemp("responses"))
    run(workspace, made.settings())
    release(workspace, made.settings(), entity=None, recorded_at=made.RELEASED_AT)
    return workspace.root


@pytest.fixture
def told(template: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(Path(shutil.copytree(template, tmp_path / "ws")))


def row(
    answer: str, field: str = "", value: str = "", person: str = "", **more: str
) -> dict[str, str]:
    return {"entity_id": "CE1", "packet_version": "1", "person_id": person, "answer": answer,
            "field": field, "value": value} | more  # fmt: skip


def file_of(
    tmp_path: Path, *rows: dict[str, str], name: str = "form.csv", separator: str = ","
) -> Path:
    text = io.StringIO()
    columns = list(dict.fromkeys([*COLUMNS, *(key for each in rows for key in each)]))
    writer = csv.DictWriter(text, columns, delimiter=separator, restval="")
    writer.writeheader()
    writer.writerows(rows)
    path = tmp_path / name
    path.write_text(text.getvalue())
    return path


def taken(workspace: Workspace, path: Path, **more: Any) -> Taken:
    given = {"by": "R. Vance", "dated_on": TODAY, "latest": TODAY, "recorded_at": NOW} | more
    return take(workspace, path, **given)


def refused(workspace: Workspace, path: Path) -> list[str]:
    before = workspace.rows("responses")
    with pytest.raises(OperatorError) as error:
        taken(workspace, path)
    assert workspace.rows("responses") == before
    assert error.value.exit_code == 3
    return [line.removeprefix(f"{path}: ") for line in str(error.value).splitlines()]


def test_the_form_itself_with_its_values_filled_in_is_read_back(
    told: Workspace, tmp_path: Path
) -> None:
    form = told.out / "packets/CE1/v1/response_form.csv"
    rows = list(csv.DictReader(io.StringIO(form.read_text(), newline="")))
    values = {("receipt", ""): "3/24/2026", ("accept", ""): "Yes", ("correct", "agency"): "Agent",
              ("delegate", "media"): "BA", ("delegate", "hhs"): "ce"}  # fmt: skip
    for each in rows:
        each["value"] = values.get((each["answer"], each["field"]), "")
    assert taken(told, file_of(tmp_path, *rows)) == Taken(
        answers=5, entities=1, unanswered=7, before=False
    )
    assert dict(receipts(told).iter_rows()) == {"CE1": date(2026, 3, 24)}
    assert dict(agencies(told).iter_rows())["CE1"] == "agent"
    by = {(e, d): by for e, d, by, *_ in delegations(told).iter_rows()}
    assert (by["CE1", "media"], by["CE1", "hhs"], by["CE1", "individual"]) == ("ba", "ce", "ba")
    run(told, made.settings())
    assert told.read("packets").filter(entity_id="CE1")["state"].to_list() == ["accepted"]


def test_an_empty_form_is_no_answer(told: Workspace) -> None:
    form = told.out / "packets/CE1/v1/response_form.csv"
    assert refused(told, form) == ["no answer in it; fill in the column value"]


def test_a_file_counts_once_and_a_second_file_again(told: Workspace, tmp_path: Path) -> None:
    path = file_of(tmp_path, row("receipt", value="2026-03-21"))
    assert taken(told, path).answers == 1
    again = taken(told, path)
    assert (again.answers, again.before, told.rows("responses")) == (0, True, 1)
    later = file_of(tmp_path, row("receipt", value="2026-03-22"), name="later.csv")
    assert taken(told, later, recorded_at=datetime(2026, 3, 26, tzinfo=UTC)).answers == 1
    assert dict(receipts(told).iter_rows()) == {"CE1": date(2026, 3, 22)}, "a later word corrects"


@pytest.mark.parametrize(
    ("bad", "told_as"),
    [
        (row("agree", value="yes"), "row 2: answer is none of accept, dispute, correct, flag, delegate, receipt, closed"),
        (row("accept", value="yes", entity_id="CE9"), "row 2: entity_id is not in the roster"),
        (row("accept", value="yes", packet_version="2"), "row 2: packet_version is none that was released to this entity"),
        (row("accept", value="yes", packet_version="one"), "row 2: packet_version is none that was released to this entity"),
        (row("accept", value="yes", entity_id="CE6"), "row 2: packet_version is none that was released to this entity"),
        (row("dispute", person="P-EVE"), "row 2: this person is not in that version of the entity's packet"),
        (row("dispute", person="P-CORA"), "row 2: this person is not in that version of the entity's packet"),
        (row("receipt", value="2026-03-19"), "row 2: the day is before the packet was released"),
        (row("receipt", value="2026-03-26"), "row 2: the day is after 2026-03-25"),
        (row("receipt", value="2026-02-30"), "row 2: value must be a day, 2026-03-05"),
        (row("accept", value="yes", dated_on="soon"), "row 2: dated_on must be a day, 2026-03-05"),
        (row("accept", value="no"), "row 2: value must be yes; to object write dispute"),
        (row("delegate", "media", "them"), "row 2: value must be ba, ce or undecided"),
        (row("delegate", "radio", "ba"),
         "row 2: field must be a duty: individual, substitute, media, hhs, state_ag, cra, callcentre"),
        (row("receipt", value="2026-03-21", person="P-BEN"), "row 2: this answer is on the whole packet; leave person_id empty"),
        (row("correct", "agency", "friend"), "row 2: value must be agent or independent"),
        (row("correct", "zip", "21401"), "row 2: of the whole packet only agency can be corrected; name a person_id"),
        (row("correct", "zip", "214", "P-BEN"), "row 2: value must be a ZIP code, 21401 or 21401-0001"),
        (row("correct", "state", "Maryland", "P-BEN"), "row 2: value must be a state's two letters"),
        (row("correct", "date_of_birth", "2027-01-01", "P-BEN"), "row 2: value must be a possible day of birth, 1980-02-03"),
        (row("correct", "city", "", "P-BEN"), "row 2: value is missing"),
        (row("flag", "deceased", "perhaps", "P-BEN"), "row 2: value must be Y or N"),
        (row("flag", "deceased", "Y"), "row 2: flag speaks of one person; name a person_id"),
        (row("", value="yes"), "row 2: answer is missing"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_and_nothing_is_taken(
    told: Workspace, tmp_path: Path, bad: dict[str, str], told_as: str
) -> None:
    good = row("delegate", "cra", "ba")
    assert refused(told, file_of(tmp_path, bad, good)) == [told_as]


@pytest.mark.parametrize(
    ("rows", "told_as"),
    [
        ([row("receipt", value="2026-03-21"), row("receipt", value="2026-03-22")], "two values for one question"),
        ([row("accept", value="yes"), row("dispute", value="no")], "both accepted and disputed"),
        ([row("accept", value="yes", person="P-BEN"), row("dispute", person="P-BEN")], "both accepted and disputed"),
        ([row("correct", "city", "A", "P-BEN"), row("correct", "city", "B", "P-BEN")], "two values for one question"),
    ],
)  # fmt: skip
def test_answers_that_contradict_each_other_are_refused_together(
    told: Workspace, tmp_path: Path, rows: list[dict[str, str]], told_as: str
) -> None:
    assert f"rows 2, 3: {told_as}" in refused(told, file_of(tmp_path, *rows))


def test_a_disputed_person_is_not_corrected_in_the_same_breath(
    told: Workspace, tmp_path: Path
) -> None:
    rows = [
        row("dispute", person="P-BEN"),
        row("correct", "city", "Bowie", "P-BEN"),
        row("accept", value="yes"),
    ]
    assert refused(told, file_of(tmp_path, *rows)) == [
        "row 3: disputed as no patient, and corrected or flagged",
        "row 2: the whole list is accepted and this person disputed",
    ]


def test_all_that_is_wrong_is_named_at_once_and_no_value_is_repeated(
    told: Workspace, tmp_path: Path
) -> None:
    rows = [row("correct", "zip", "SECRETZIP", "P-BEN"), row("accept", value="yes", entity_id="CE9"),
            row("flag", "deceased", "SECRET", "P-ALMA"), row("delegate", "hhs", "ba")]  # fmt: skip
    found = refused(told, file_of(tmp_path, *rows))
    assert [line.partition(":")[0] for line in found] == ["row 3", "row 2", "row 4"]
    assert "SECRET" not in "".join(found)


def test_a_spreadsheet_of_another_country_is_read(told: Workspace, tmp_path: Path) -> None:
    path = file_of(tmp_path, row("accept", value="yes"), separator=";")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert taken(told, path).answers == 1


def test_a_file_without_the_forms_columns_is_refused(told: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("entity_id,answer\nCE1,accept\n")
    assert refused(told, path) == [
        "no column packet_version, person_id, field, value; fill in response_form.csv of the packet"
    ]


# --- what the next round does with them -----------------------------------------------------


def next_list(workspace: Workspace) -> dict[str, dict[str, str]]:
    """CE1's list of version 2, after news that is not the answer."""
    run(workspace, made.settings())
    assert workspace.read("packets").filter(entity_id="CE1")["version"].to_list() == [1], (
        "an answer is no news"
    )
    made.without(workspace, "ssn")
    run(workspace, made.settings())
    release(workspace, made.settings(), entity="CE1", recorded_at=NOW)
    text = (workspace.out / "packets/CE1/v2/individuals.csv").read_text()
    return {each["person_id"]: each for each in csv.DictReader(io.StringIO(text, newline=""))}


def test_what_an_entity_said_stands_in_its_next_packet(told: Workspace, tmp_path: Path) -> None:
    rows = [row("correct", "street", "77 New St", "P-BEN"), row("correct", "state", "va", "P-BEN"),
            row("flag", "deceased", "yes", "P-DOV"), row("dispute", person="P-ALMA")]  # fmt: skip
    taken(told, file_of(tmp_path, *rows))
    people = next_list(told)
    assert (people["P-BEN"]["street"], people["P-BEN"]["state"]) == ("77 New St", "VA")
    assert people["P-BEN"]["answered"] == "corrected"
    assert (people["P-DOV"]["deceased"], people["P-DOV"]["answered"]) == ("Y", "corrected")
    assert people["P-ALMA"]["answered"] == "disputed", "listed until it is settled"


def test_an_entitys_word_is_told_to_no_other(told: Workspace, tmp_path: Path) -> None:
    taken(told, file_of(tmp_path, row("correct", "last_name", "OnlyCE1", "P-ALMA")))
    said = person_answers(told)
    assert said.select("entity_id", "person_id", "last_name").rows() == [
        ("CE1", "P-ALMA", "OnlyCE1")
    ]
    told.write("charts", told.read("charts").with_columns(mrn=pl.lit("NEWS")))
    run(told, made.settings())
    release(told, made.settings(), entity="CE3", recorded_at=NOW)
    assert "OnlyCE1" not in (told.out / "packets/CE3/v2/individuals.csv").read_text()


def test_the_later_word_on_one_question_counts(told: Workspace, tmp_path: Path) -> None:
    taken(
        told,
        file_of(tmp_path, row("dispute", person="P-BEN"), row("flag", "deceased", "Y", "P-DOV")),
    )
    later = datetime(2026, 3, 26, tzinfo=UTC)
    second = file_of(tmp_path, row("accept", value="yes", person="P-BEN"), name="second.csv")
    taken(told, second, recorded_at=later)
    said = {person: (disputed, deceased) for person, disputed, deceased
            in person_answers(told).select("person_id", "disputed", "deceased").iter_rows()}  # fmt: skip
    assert said == {"P-BEN": (False, None), "P-DOV": (False, True)}
