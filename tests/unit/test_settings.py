"""The incident file: every problem at once, each naming file, key and fix."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows.settings import load_incident
from matching.errors import OperatorError

GOOD = """
[incident]
id = "northwind-2026-03"
title = "Northwind Dental Software"
breach_start = 2025-12-21
breach_end = 2025-12-23
known_on = 2026-03-05
should_have_known_on = 2026-02-10
what_happened = "Files were copied."
[business_associate]
name = "Northwind Dental Software, Inc."
toll_free = "1-800-555-0100"
email = "incident@northwind.example"
website = "https://northwind.example/incident"
address = ["1 Main St", "Springfield MD 20701"]
[[leaked]]
path = "leak.csv"
format = "csv"
[leaked.columns]
first_name = "fname"
[entities]
path = "entities.csv"
"""


def load(tmp_path: Path, text: str, **days: date):
    path = tmp_path / "incident.toml"
    path.write_text(text)
    return load_incident(path, **days)


def test_discovery_is_the_earlier_day(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).incident.discovered_on == date(2026, 2, 10)


def test_as_of_comes_from_the_call_then_the_file_then_today(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD, today=date(2026, 4, 1)).as_of == date(2026, 4, 1)
    dated = GOOD.replace("[business", "as_of = 2026-03-20\n[business", 1)
    assert load(tmp_path, dated, today=date(2026, 4, 1)).as_of == date(2026, 3, 20)
    assert load(tmp_path, dated, as_of=date(2026, 3, 9)).as_of == date(2026, 3, 9)


def test_the_digest_leaves_out_the_day_and_places(tmp_path: Path) -> None:
    one = load(tmp_path, GOOD, as_of=date(2026, 4, 1))
    (tmp_path / "b").mkdir()
    other = load(tmp_path / "b", GOOD, as_of=date(2026, 5, 1))
    assert one.digest == other.digest
    assert one.digest != load(tmp_path, GOOD.replace("copied", "read")).digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "known_on = 2026-03-05",
            "knwon_on = 2026-03-05",
            r"incident\.knwon_on: unknown key.*'known_on'",
        ),
        ("known_on = 2026-03-05", "", r"incident\.known_on: missing; add it"),
        ("breach_end = 2025-12-23", "breach_end = 2025-12-01", r"breach_end.*before breach_start"),
        (
            "should_have_known_on = 2026-02-10",
            "should_have_known_on = 2020-01-01",
            "before breach_start",
        ),
        ("first_name =", "frist_name =", "no canonical field frist_name"),
        ("[entities]", "[matching]\nmerge_at_bits = 1\n[entities]", "must be below merge_at_bits"),
        ('id = "northwind-2026-03"', 'id = "North Wind"', r"incident\.id"),
        ("[incident]", "[incident", "no valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert "incident.toml" in str(caught.value)
    assert caught.value.exit_code == 3


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    wrong = GOOD.replace("known_on = 2026-03-05", "").replace('toll_free = "1-800-555-0100"', "")
    with pytest.raises(OperatorError) as caught:
        load(tmp_path, wrong + "\n[extra]\nx = 1\n")
    assert len(str(caught.value).splitlines()) >= 3


def test_as_of_before_anyone_knew_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="before known_on"):
        load(tmp_path, GOOD, as_of=date(2026, 1, 1))


def test_other_encodings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "incident.toml"
    path.write_bytes("title = 'Zoë'".encode("latin-1"))
    with pytest.raises(OperatorError, match="not UTF-8 at byte"):
        load_incident(path)


@pytest.mark.parametrize(
    "other",
    ["R.  Vance", "r. vance", "R. V\u0430nce", "\uff32. Vance", "R. Va\u0301nce", "R.\u00a0Vance"],
)
def test_two_names_that_look_the_same_are_no_two_people(tmp_path: Path, other: str) -> None:
    """Blanks, case, a Cyrillic a, a wide R, an accent: one person could act as two."""
    named = f'{GOOD}[people]\n"R. Vance" = ["approve"]\n"{other}" = ["approve"]\n'
    with pytest.raises(OperatorError, match=r"people: .* (look the same|do not show)") as told:
        load(tmp_path, named)
    assert len(str(told.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["", " R. Vance", "R. Vance ", "R. Va\u200bnce", "A\tB"])
def test_a_name_with_letters_that_do_not_show_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match="people: "):
        load(tmp_path, f'{GOOD}[people]\n"{name}" = ["approve"]\n')


def test_different_names_stay_different(tmp_path: Path) -> None:
    named = (
        GOOD + '[people]\n"R. Vance" = ["approve"]\n"J. Okafor" = ["approve"]\n"Zo\u00eb" = []\n'
    )
    assert len(load(tmp_path, named).people) == 3
