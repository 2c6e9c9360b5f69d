"""Who is named in free text: whose number it is, what is left open, and places in delivered text."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.errors import OperatorError
from matching.intake.blocks import ROW_NO
from matching.passages import Names, Said, people_said, places, said
from matching.passages.model import installed

NAMES = Names(model=False)


def rows(*texts: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        {ROW_NO: range(len(texts)), "notes": texts},
        schema={ROW_NO: pl.Int64, "notes": pl.String},
    )


def people(*texts: str | None) -> Said:
    return people_said(rows(*texts), ["notes"], names=NAMES)


def test_each_person_of_a_text_gets_the_numbers_said_of_him() -> None:
    found = people(
        "Maria Lopez (DOB 3/4/1980), cell (410) 555-0134. Son Diego Lopez dob 1/2/2015, MRN 00123"
    ).people.to_dicts()
    assert [
        (p["full_name"], p["date_of_birth"], p["phone"], p["mrn"], p["resolvable"]) for p in found
    ] == [
        ("Maria Lopez", "3/4/1980", "4105550134", None, True),
        ("Diego Lopez", "1/2/2015", None, "00123", True),
    ]


def test_a_second_ssn_never_lands_on_the_same_person() -> None:
    found = people("John Smith SSN 219-08-9998, his wife 219-08-9997").people
    assert sorted(found["ssn"]) == ["219089997", "219089998"]
    assert found.filter(pl.col("ssn") == "219089997")["full_name"].to_list() == [None]


def test_a_given_name_alone_is_the_whole_name_said_in_the_same_text() -> None:
    assert people("Robert Hall called. Bob wants a crown; Mr. Hall pays.").people.height == 1


def test_a_mailbox_belongs_to_whom_its_letters_name() -> None:
    found = people("Ana Bell spoke with Omar Khan, write to ana.bell@mail.example.com").people
    mails = dict(found.select("full_name", "email").iter_rows())
    assert mails == {"Ana Bell": "ana.bell@mail.example.com", "Omar Khan": None}


@pytest.mark.parametrize(
    "text",
    [
        "Maria Lopez: call our office at (410) 555-0134",
        "Maria Lopez, billing line 1-800-303-9215",
        "Maria Lopez <frontdesk@smiles.example.com>",
    ],
)
def test_numbers_of_a_practice_are_on_nobody(text: str) -> None:
    found = people(text).people
    assert found.select("phone", "email").row(0) == (None, None)


def test_a_provider_has_that_role_and_is_no_passage() -> None:
    found = people("Seen by Dr. Nguyen. Amber Hill, RDH.")
    assert found.people["role"].to_list() == ["provider", "provider"]
    assert found.passages.is_empty()


def test_elements_are_what_the_text_shows() -> None:
    found = people("Maria Lopez 410-555-0134: D2740 crown #14, Delta Dental, paid $50").people
    assert found["elements"].to_list() == ["contact|insurance|name|payment|treatment"]


def test_passages_without_identifiers_say_why() -> None:
    found = people("Maria's mom called", "Maria again", "Spoke with Omar Khan", "SSN 219-08-9998")
    assert found.passages["why"].to_list() == ["first_name_only", "first_name_only", "name_only"]


def test_the_rows_own_person_is_no_other_one() -> None:
    frame = rows("Maria is late", "Omar Khan is late").with_columns(
        first=pl.lit("MARIA"), last=pl.lit("Lopez")
    )
    found = people_said(
        frame, ["notes"], names=NAMES, own={"first_name": "first", "last_name": "last"}
    )
    assert found.people["own"].to_list() == [True, False]
    assert found.passages["said"].to_list() == ["Omar Khan"]


def test_nothing_is_found_in_nothing() -> None:
    assert people(None, "", "   ").people.is_empty()
    assert people().people.is_empty()


def test_batches_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        f"Ana Bell {n} phone 410-555-{n:04}\\n\u200bSSN 219-08-{n:04} Dr. Hall"
        for n in range(1, 10)
    ]
    whole = people(*texts)
    monkeypatch.setattr(said, "BATCH_BYTES", 200)
    small = people(*texts)
    assert small.people.equals(whole.people)
    assert small.passages.equals(whole.passages)


def test_places_are_those_of_the_delivered_text() -> None:
    text = "\u200bx \\u00e9\\n> call 410-555-\\n0134, <b>SSN</b>&nbsp;219-08-9998 \ue000 ana@mail.example.com"
    found = places(pl.DataFrame({"row": [0], "text": [text]}), names=NAMES)
    shown = {row["kind"]: text[row["start"] : row["end"]] for row in found.iter_rows(named=True)}
    assert shown == {
        "phone": "410-555-\\n0134",
        "ssn": "219-08-9998",
        "email": "ana@mail.example.com",
    }


@settings(max_examples=10, deadline=None, derandomize=True)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=12),
            st.sampled_from(
                ["SSN 219-08-9998", "410-555-0134", "Maria Lopez", "\\n", "\n> ", "&nbsp;", "\u200b", "\ue001", "=\n", "(", "**"]
            ),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_every_finding_lies_in_its_text_and_overlaps_none(parts: list[str]) -> None:
    text = "".join(parts).encode("utf-8", "replace").decode()
    found = places(pl.DataFrame({"row": [7], "text": [text]}), names=NAMES).sort("start")
    edge = 0
    for row in found.iter_rows(named=True):
        assert edge <= row["start"] < row["end"] <= len(text)
        edge = row["end"]


@pytest.mark.skipif(installed(), reason="the extra 'text' is installed")
def test_the_model_is_refused_where_it_is_not_installed() -> None:
    with pytest.raises(OperatorError, match="pip install"):
        Names(model=True)
    assert Names().reader is None


@pytest.mark.skipif(not installed(), reason="needs the extra 'text'")
@pytest.mark.filterwarnings("ignore")  # libraries below the model warn at import
def test_the_model_adds_names_and_counts_what_it_reads_once() -> None:
    with_model = Names(model=True)
    frame = rows("We were looping in Thandeka yesterday.", "We were looping in Thandeka yesterday.")
    found = people_said(frame, ["notes"], names=with_model).people
    once = with_model.characters
    assert 0 < once < 60
    people_said(frame, ["notes"], names=with_model)
    assert with_model.characters == once
    assert found.select("full_name").n_unique() <= 1
