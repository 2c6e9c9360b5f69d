"""Column proposals: what headers and values say together, and that doubt is never silent."""

from __future__ import annotations

import polars as pl
import pytest

from matching.propose.header_row import has_header
from matching.propose.headers import header_says
from matching.propose.joins import proposed_joins
from matching.propose.overlap import from_mapped, from_roster
from matching.propose.sheets import masked
from matching.propose.table import Proposal, TableProposal, propose_table

FIRST = ("Mary", "James", "Linda", "Robert", "Patricia", "Michael", "Barbara", "David")
LAST = ("Smith", "Johnson", "Williams", "Nguyen", "Garcia", "Miller", "Davis", "Wilson", "Moore")
TOWNS = (("Springfield", "IL", "62701"), ("Salem", "OR", "97301"), ("Dayton", "OH", "45402"))
ROWS = 120


def people(rows: int = ROWS) -> dict[str, list[str | None]]:
    """Columns of made-up people by what they are."""
    numbers = range(rows)
    return {
        "record_id": [f"R{1000 + n}" for n in numbers],
        "first_name": [FIRST[n % 8] for n in numbers],
        "last_name": [LAST[n % 9] for n in numbers],
        "date_of_birth": [f"{n % 12 + 1:02}/{n % 28 + 1:02}/{1930 + n % 80}" for n in numbers],
        "sex": ["FM"[n % 2] for n in numbers],
        "ssn": [f"{100 + n}-{10 + n % 80}-{1000 + n}" for n in numbers],
        "phone": [f"({200 + n}) {300 + n}-{1000 + n}" for n in numbers],
        "email": [f"p{n}@example.com" for n in numbers],
        "street": [f"{n + 1} Elm St" for n in numbers],
        "city": [TOWNS[n % 3][0] for n in numbers],
        "state": [TOWNS[n % 3][1] for n in numbers],
        "zip": [TOWNS[n % 3][2] for n in numbers],
        "last_visit_on": [f"{n % 12 + 1:02}/{n % 28 + 1:02}/{2022 + n % 3}" for n in numbers],
        "guardian_first_name": [FIRST[(n + 3) % 8] if n % 9 == 0 else None for n in numbers],
        "guardian_last_name": [LAST[n % 9] if n % 9 == 0 else None for n in numbers],
    }


def proposed(headers: dict[str, str], **more: list[str | None]) -> dict[str, Proposal]:
    """Proposals for people's columns under these headers (what it is -> header)."""
    columns = people()
    frame = pl.DataFrame({header: columns[what] for what, header in headers.items()} | more)
    return {proposal.column: proposal for proposal in propose_table(frame).proposals}


def test_clear_headers_with_values_that_agree_are_sure() -> None:
    names = {
        "first_name": "FName", "last_name": "LName", "date_of_birth": "Birthdate", "ssn": "SSN",
        "phone": "WirelessPhone", "email": "Email", "street": "Address", "city": "City", "state": "State", "zip": "Zip",
    }  # fmt: skip
    found = proposed(names)
    assert {what: (found[name].field, found[name].grade) for what, name in names.items()} == {
        what: (what, "sure") for what in names
    }


def test_values_alone_are_never_sure() -> None:
    what = ("first_name", "last_name", "date_of_birth", "ssn", "phone", "email", "street", "zip")
    found = proposed({name: f"c{number}" for number, name in enumerate(what)})
    assert [found[f"c{n}"].field for n in range(len(what))] == list(what)
    assert {proposal.grade for proposal in found.values()} == {"likely"}


def test_a_header_whose_values_are_something_else_is_never_sure() -> None:
    found = proposed({"first_name": "first_name", "last_name": "last_name", "date_of_birth": "phone",
                      "phone": "dob", "zip": "state", "email": "zip", "ssn": "email"})  # fmt: skip
    wrong = [found[name] for name in ("phone", "dob", "state", "zip", "email")]
    assert all(proposal.grade != "sure" for proposal in wrong)


def test_two_columns_that_claim_one_field_are_both_marked() -> None:
    columns = people()
    frame = pl.DataFrame({"dob": columns["date_of_birth"], "birth_date": columns["date_of_birth"][::-1],
                          "fname": columns["first_name"], "lname": columns["last_name"]})  # fmt: skip
    births = propose_table(frame).proposals[:2]
    assert sorted(p.field for p in births).count("date_of_birth") <= 1
    assert all(p.grade != "sure" for p in births)


def test_a_guardian_is_not_the_patient() -> None:
    found = proposed({"first_name": "fname", "last_name": "lname", "guardian_first_name": "gfname",
                      "guardian_last_name": "c9"})  # fmt: skip
    assert (found["gfname"].field, found["gfname"].grade) == ("guardian_first_name", "sure")
    assert found["c9"].field == "guardian_last_name"  # blank in the same rows, beside it
    assert found["fname"].field == "first_name"


def test_a_number_on_many_rows_is_the_practices() -> None:
    office = [f"(217) 555-{1000 + n % 3}" for n in range(ROWS)]
    found = proposed({"phone": "cell", "last_name": "lname"}, contact_phone=office)
    assert found["contact_phone"].grade != "sure"
    assert found["cell"].field == "phone"


def test_masters_and_roster_tell_what_a_meaningless_header_holds() -> None:
    charts = pl.DataFrame({"no": [f"{7000 + n}-{n % 7}" for n in range(500)]})
    roster = pl.DataFrame({"entity_id": [f"CE{n:03}" for n in range(9)], "legal_name": ["A"] * 9})
    leaked = pl.DataFrame(
        {"c1": charts["no"].head(ROWS), "c2": [f"CE{n % 9:03}" for n in range(ROWS)]}
    )
    known = from_mapped(charts, {"mrn": "no"})
    of_chart = propose_table(leaked, known).proposals[0]
    of_entity = propose_table(leaked, from_roster(roster)).proposals[1]
    assert (of_chart.field, of_chart.grade) == ("mrn", "likely")
    assert (of_entity.field, of_entity.grade) == ("entity_id", "likely")


def test_check_digits_tell_cards_and_providers_from_telephones() -> None:
    npis = ["1234567893", "1679576722", "1245319599", "1003000126", "1992999874"] * 10
    cards = ["4111111111111111", "5500005555555559", "340000000000009", "6011000990139424"] * 12
    frame = pl.DataFrame({"c1": npis[:48], "c2": cards})
    one, two = propose_table(frame).proposals
    assert one.field == "entity_npi"
    assert two.target == "kind:card"


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (["D0120", "D1110", "D2740"], "kind:treatment"),
        (["E11.9", "I10", "K02.51", "Z00.00"], "kind:diagnosis"),
        (["0002-8215-01", "50580-449-05"], "kind:medication"),
        (["scan_1.jpg", "xray-22.dcm"], "kind:photo"),
        (
            ["Patient called about pain in the lower left, asked for a callback before Friday."],
            "text",
        ),
    ],
)
def test_kinds_are_told_by_values(values: list[str], target: str) -> None:
    (found,) = propose_table(pl.DataFrame({"c1": values * 12})).proposals
    assert (found.target, found.grade) == (target, "likely")


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["03/25/1980", "12/31/1955", "01/13/1990"], "mdy"),
        (["25.03.1980", "31.12.1955", "13.01.1990"], "dmy"),
        (["1980-03-25", "1955-12-31", "1990-01-13"], "ymd"),
        (["03/04/1980", "12/11/1955", "01/02/1990"], ""),
    ],
)
def test_the_order_of_dates_is_told_or_left_open(dates: list[str], order: str) -> None:
    assert propose_table(pl.DataFrame({"dob": dates * 10})).date_order == order


def test_every_column_is_proposed_once_and_in_its_order() -> None:
    columns = people()
    frame = pl.DataFrame(columns)
    found = propose_table(frame)
    assert [proposal.column for proposal in found.proposals] == frame.columns
    fields = [p.target for p in found.proposals if p.field]
    assert len(fields) == len(set(fields))


def test_an_empty_table_and_empty_columns_are_no_error() -> None:
    assert propose_table(pl.DataFrame()).proposals == ()
    (only,) = propose_table(
        pl.DataFrame({"ssn": pl.Series([None, None], dtype=pl.String)})
    ).proposals
    assert only.grade != "sure"


def test_evidence_has_no_value() -> None:
    columns = people() | {
        "c1": ["Zyxwvut Qwertyson"] * ROWS,
        "notes": ["Zyxwvut called today"] * ROWS,
    }
    found = propose_table(pl.DataFrame(columns))
    said = " ".join(" ".join(proposal.evidence) for proposal in found.proposals)
    values = {value for column in columns.values() for value in column if value and len(value) > 3}
    assert not [value for value in values if value.lower() in said.lower()]


def test_masks_keep_shape_and_nothing_else() -> None:
    texts = pl.DataFrame({"v": ["Zoë O'Hara-7", "王 12", "A" * 70]})
    assert texts.select(masked(pl.col("v")))["v"].to_list() == [
        "Xxx X'Xxxx-9",
        "x 99",
        "X" * 60 + "...",
    ]


def test_headers_are_rows_only_where_something_tells_so() -> None:
    data = [
        ["Mary", "Smith", "03/25/1980"],
        ["Ann", "Lee", "12/31/1955"],
        ["Bob", "Ray", "01/13/1990"],
    ]
    assert not has_header(data)[0]
    assert has_header([["FName", "LName", "DOB"], *data])[0]
    assert has_header([["c1", "c2", "c3"], *data])[0]
    assert not has_header([["Mary", "Smith"], ["Ann", "Lee"], ["Bob", "Ray"]])[0]


@pytest.mark.parametrize("header", ["c17", "field3", "Column12", "F1", "x", "Unnamed: 4", ""])
def test_meaningless_headers_say_nothing(header: str) -> None:
    assert header_says(header).meaningless


def tables() -> dict[str, tuple[pl.DataFrame, TableProposal]]:
    columns = people()
    patients = pl.DataFrame({"id": [str(n) for n in range(ROWS)], "first_name": columns["first_name"],
                             "last_name": columns["last_name"], "dob": columns["date_of_birth"]})  # fmt: skip
    visits = pl.DataFrame({"id": [str(n) for n in range(300)], "patient_id": [str(n % 90) for n in range(300)],
                           "note": ["x"] * 300})  # fmt: skip
    return {
        name: (frame, propose_table(frame))
        for name, frame in {"patients": patients, "visits": visits}.items()
    }


def test_tables_of_a_dump_are_joined_by_their_key() -> None:
    (join,) = proposed_joins(tables())
    assert (join.table, join.column, join.other, join.key) == (
        "visits",
        "patient_id",
        "patients",
        "id",
    )
    assert join.grade == "sure"


def test_no_join_where_only_numbers_agree() -> None:
    both = tables()
    frame = both["visits"][0].rename({"patient_id": "quantity"})
    assert proposed_joins(both | {"visits": (frame, propose_table(frame))}) == []
