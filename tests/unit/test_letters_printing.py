"""Whole batches in print, proofs by stratum, other formats, and letters in more languages."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.store import CheckFailed, OperatorError, Workspace
from notify import batches, notices
from notify.batches import BatchesSettings
from notify.facts import Imb
from notify.letters import (
    language_file,
    letter,
    print_batch,
    print_piece,
    proof_pack,
    translation_table,
)
from notify.letters.alternatives import format_list
from notify.letters.body import element_texts
from notify.letters.dates import span_text
from notify.letters.settings import CONFIGS
from notify.letters.taglines import insert_pdf
from notify.letters.texts import load_wording
from notify.letters.translate import COLUMNS
from notify.notices import NoticesSettings
from notify.typeset import page_count
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, build

MAIL = MAILING.model_copy(update={"imb": Imb(service_type="300", mid="123456")})
SETTINGS = BatchesSettings(
    incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAIL, as_of=AS_OF
)
WORDING = load_wording(SETTINGS.letters)
PEOPLE: list[dict[str, Any]] = [
    {},
    {"person": {"language": "es"}},
    {"person": {"minor_on": AS_OF.replace(year=2030)}},
    {"status": "possible"},
    {"chart": {"state": "PR"}, "elements": ["ssn", "name"]},
    {},
]


@pytest.fixture
def planned(workspace: Workspace) -> Workspace:
    build(workspace, PEOPLE)
    _plan(workspace)
    return workspace


def _plan(workspace: Workspace, **changed: Any) -> None:
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAIL, as_of=AS_OF))
    if changed:
        rows = workspace.read("notices").with_columns(**changed)
        workspace.write("notices", rows)
    batches.run(workspace, SETTINGS)


def _batch(workspace: Workspace) -> str:
    return str(workspace.read("batches")["batch_id"][0])


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pdf*")}


def test_every_piece_is_on_the_pages_that_the_index_names(planned: Workspace) -> None:
    batch = _batch(planned)
    printed = print_batch(planned, SETTINGS, batch, workers=1, letters_per_file=3)
    rows = list(csv.DictReader(io.StringIO((printed.folder / "index.csv").read_text())))
    pieces = planned.read("pieces").sort("seq_no")
    assert [row["mailpiece_id"] for row in rows] == pieces["mailpiece_id"].to_list()
    assert printed.pieces == pieces.height == len(PEOPLE) + 2
    for name, pdf in _files(printed.folder).items():
        own = [row for row in rows if row["file"] == name]
        assert page_count(pdf) == sum(int(row["pages"]) for row in own)
        first = 1
        for row in own:
            assert int(row["first_page"]) == first
            first += int(row["pages"])
    assert printed.pages == sum(int(row["pages"]) for row in rows)


def test_a_finished_file_is_kept_a_cut_one_is_made_again_and_two_workers_write_the_same(
    planned: Workspace,
) -> None:
    batch = _batch(planned)
    first = print_batch(planned, SETTINGS, batch, workers=1, letters_per_file=3)
    made = _files(first.folder)
    damaged, *kept = sorted(made)
    (first.folder / damaged).write_bytes(made[damaged][:-50])
    again = print_batch(planned, SETTINGS, batch, workers=2, letters_per_file=3)
    assert again.kept == first.files - 1 == len(kept)
    assert _files(first.folder) == made
    for path in first.folder.iterdir():
        path.unlink()
    print_batch(planned, SETTINGS, batch, workers=2, letters_per_file=3)
    assert _files(first.folder) == made
    whole = print_batch(planned, SETTINGS, batch, workers=1)
    assert len(_files(whole.folder)) == whole.files == 2


def test_serial_numbers_of_a_batch_run_on_and_follow_what_was_exported(planned: Workspace) -> None:
    serials = planned.read("pieces").sort("seq_no")["imb_serial"].to_list()
    assert serials == [f"{n:09d}" for n in range(1, len(PEOPLE) + 3)]
    assert set(planned.read("pieces")["imb_mid"]) == {"123456"}


def test_one_piece_is_its_letter_in_the_batch(planned: Workspace) -> None:
    piece = planned.read("pieces").filter(is_seed="N", language="es")["mailpiece_id"][0]
    pdf = print_piece(planned, SETTINGS, piece)
    assert pdf == print_piece(planned, SETTINGS, piece)
    assert page_count(pdf) == 1
    with pytest.raises(OperatorError, match="not planned in this round"):
        print_piece(planned, SETTINGS, "X")
    with pytest.raises(OperatorError, match="batch X: not planned"):
        print_batch(planned, SETTINGS, "X")


def test_texts_that_changed_since_the_plan_are_not_printed(planned: Workspace) -> None:
    pieces = planned.read("pieces").with_columns(letter_sha8=pl.lit("00000000"))
    planned.write("pieces", pieces)
    with pytest.raises(CheckFailed, match="texts changed since the batch was planned"):
        print_batch(planned, SETTINGS, _batch(planned))


def test_a_name_that_is_a_number_of_somebody_is_not_printed(planned: Workspace) -> None:
    first = pl.col("seq_no") == 2
    pieces = planned.read("pieces").with_columns(
        recipient_name=pl.when(first).then(pl.lit("JANE 219-09-9999")).otherwise("recipient_name")
    )
    planned.write("pieces", pieces)
    with pytest.raises(CheckFailed, match="1 pieces, first") as raised:
        print_batch(planned, SETTINGS, _batch(planned))
    assert "219" not in str(raised.value)


def test_large_print_is_set_large_and_braille_goes_on_a_list(workspace: Workspace) -> None:
    build(workspace, PEOPLE)
    wish = pl.when(pl.col("person_id") == "P00000").then(pl.lit("large_print"))
    _plan(workspace, alt_format=wish.when(pl.col("person_id") == "P00005").then(pl.lit("braille")))
    printed = print_batch(workspace, SETTINGS, _batch(workspace), workers=1)
    rows = list(csv.DictReader(io.StringIO((printed.folder / "index.csv").read_text())))
    (large,) = [row for row in rows if "large" in row["file"]]
    assert int(large["pages"]) >= 2
    assert page_count(letter(workspace, SETTINGS, person_id="P00000", entity_id="CE1")) >= 2
    path = format_list(workspace, SETTINGS, WORDING)
    assert path is not None
    (listed,) = csv.DictReader(
        io.StringIO(workspace.get_output("letters/alt_formats.csv").decode())
    )
    assert listed["alt_format"] == "braille"
    assert listed["recipient_name"] == "JANE DOE"


def test_the_index_of_proofs_says_which_page_shows_what_by_ids(planned: Workspace) -> None:
    proof_pack(planned, SETTINGS)
    rows = list(
        csv.DictReader(io.StringIO(planned.get_output("letters/proofs/index.csv").decode()))
    )
    strata = {name for row in rows for name in row["strata"].split("|") if name}
    assert {"longest_name", "minor", "puerto_rico", "uncertain"} <= strata
    assert {row["notice_id"] for row in rows} == set(planned.read("notices")["notice_id"])
    assert "JANE" not in str(rows)
    figures = json.loads(planned.get_output("letters/lint.json"))["readability"]
    assert {figure["measure"] for figure in figures} == {
        "flesch_kincaid_grade",
        "fernandez_huerta_ease",
    }


def _filled(language: str = "xx", **changed: str) -> bytes:
    table = translation_table(WORDING, language).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert tuple(rows[0]) == COLUMNS
    for row in rows:
        row["translation"] = changed.get(row["key"], row["spanish"] or row["english"])
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().encode()


def test_a_filled_table_is_a_language_of_its_own(tmp_path: Path) -> None:
    text = language_file(SETTINGS, WORDING, _filled(**{"elements.ssn": "NISS"}), tag="ht-US")
    folder = tmp_path / "letters"
    (folder / "individual").mkdir(parents=True)
    for path in (CONFIGS / "letters").rglob("*.*"):
        target = folder / path.relative_to(CONFIGS / "letters")
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    (folder / "individual" / "ht.toml").write_text(text, "utf-8")
    wording = load_wording(folder)
    assert wording.language("ht") == "ht"
    assert element_texts("ssn", wording, "ht") == ["NISS"]
    assert wording.letter_version("ht", "ADULT") == "IND-HT-ADULT-V1"
    assert span_text(AS_OF, AS_OF, "ht", wording.texts["ht"].dates) == "20 de marzo de 2026"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"closing": "", "elements.ssn": ""}, "2 strings are missing: closing, elements.ssn"),
        (
            {"blocks.contact.paragraphs[0]": "Call us."},
            r"1 strings have other fields in braces: blocks.contact",
        ),
        ({"dates.day": "{tag} {month}"}, "dates: Value error, day: an unknown field"),
        ({"closing": "氏名"}, "a character that the letter's font lacks"),
    ],
)
def test_what_a_translation_lacks_is_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        language_file(SETTINGS, WORDING, _filled(**changed), tag="ht-US")


def test_the_insert_speaks_fifteen_languages_and_is_the_same_each_time() -> None:
    sheet = insert_pdf(SETTINGS)
    assert sheet == insert_pdf(SETTINGS)
    assert page_count(sheet) == 1
    assert (
        len(tomllib.loads((CONFIGS / "letters/taglines/taglines.toml").read_text("utf-8"))["text"])
        >= 15
    )
