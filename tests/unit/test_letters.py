"""Letters: the words of each variant, the lint, proofs chosen by rule, the same bytes twice."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.store import CheckFailed, OperatorError, Workspace
from matching.tables import TABLES
from notify import notices
from notify.letters import LettersSettings, letter, letters_digest, proof_pack
from notify.letters.body import element_texts, fill, letter_data
from notify.letters.dates import day_text, span_text
from notify.letters.lint import GRADE_MAX, grade, lint, says_a_value, text_of
from notify.letters.merge import element_sets, merged
from notify.letters.proofs import PROOFS, proofs
from notify.letters.settings import CONFIGS
from notify.letters.texts import BASES, load_wording
from notify.notices import NoticesSettings
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, NOW, build

SETTINGS = LettersSettings(
    incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAILING, as_of=AS_OF
)
WORDING = load_wording(SETTINGS.letters)
_REP = {
    "representative_street": "9 OAK AVE",
    "representative_city": "BOWIE",
    "representative_state": "MD",
    "representative_zip5": "20715",
}
PEOPLE: list[dict[str, Any]] = [
    {},
    {"person": {"language": "es"}, "elements": ["ssn", "name", "x_unlisted"]},
    {"person": {"minor_on": date(2030, 1, 1)}},
    {"person": {"deceased": True}, "chart": _REP},
    {"person": {"deceased": True}, "chart": {**_REP, "representative_name": "MARY DOE"}},
    {"status": "possible"},
    {"person": {"language": "vi"}, "chart": {"country": "CA", "city": "TORONTO", "state": None}},
]
GOLDEN = Path(__file__).parent.parent / "golden" / "letters.txt"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """PEOPLE with their notices planned."""
    folder = tmp_path_factory.mktemp("letters")
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="test", synthetic=True, key_file=folder / "key.json"
    )
    _plan(workspace, PEOPLE)
    return workspace


def _plan(workspace: Workspace, people: list[dict[str, Any]]) -> None:
    build(workspace, people)
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))


def _texts(workspace: Workspace) -> dict[str, str]:
    rows = merged(workspace, SETTINGS, WORDING, workspace.read("notices")).sort("person_id")
    data = [letter_data(row, SETTINGS, WORDING) for row in rows.iter_rows(named=True)]
    return dict(zip(rows["person_id"], map(text_of, data), strict=True))


def test_every_variant_says_the_golden_words(
    told: Workspace, request: pytest.FixtureRequest
) -> None:
    made = "\n\n".join(f"== {person}\n{text}" for person, text in _texts(told).items()) + "\n"
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_text(made, "utf-8")
    assert made == GOLDEN.read_text("utf-8")


def test_words_depend_on_whom_and_how_sure(told: Workspace) -> None:
    texts = _texts(told)
    assert "Your information was involved in a data breach." in texts["P00000"]
    assert "TO THE PARENT OR GUARDIAN OF\nJANE DOE\n" in texts["P00002"]
    assert "TO THE NEXT OF KIN OF\nJANE DOE\n9 OAK AVE\nBOWIE MD 20715" in texts["P00003"]
    assert "TO THE PERSONAL REPRESENTATIVE OF\nJANE DOE\nC/O MARY DOE\n9 OAK AVE" in texts["P00004"]
    assert "Your information may have been involved" in texts["P00005"]
    assert "was involved" not in texts["P00005"]
    assert "TORONTO\nCANADA" in texts["P00006"]


def test_kinds_are_this_persons_at_this_entity_and_never_values(told: Workspace) -> None:
    texts = _texts(told)
    assert "Seguro Social" in texts["P00001"]
    assert "Equifax" in texts["P00001"]
    assert "Social Security" not in texts["P00000"]
    assert "Equifax" not in texts["P00000"]
    for text in texts.values():
        assert "219099999" not in text
        assert "1980" not in text


def test_a_kind_without_words_is_named_as_other() -> None:
    assert element_texts("zzz|name|yyy", WORDING, "en") == [
        "name",
        "other information in the patient record",
    ]


def test_an_unwritten_language_gets_english_and_a_tagline_insert(told: Workspace) -> None:
    rows = merged(told, SETTINGS, WORDING, told.read("notices")).sort("person_id")
    assert rows["language"].to_list()[-1] == "en"
    assert rows["insert_codes"].to_list() == [None] * 6 + ["TAGLINE"]


def test_shipped_texts_pass_the_lint_with_all_variants() -> None:
    assert lint(SETTINGS, WORDING) == []
    assert len(WORDING.versions()) == 2 * len(BASES) * 2 * 3
    names = [WORDING.letter_version(*version) for version in WORDING.versions()]
    assert max(map(len, names)) <= 24
    assert len({WORDING.letter_sha8(*version) for version in WORDING.versions()}) == len(names)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("We are sorry", "We are {sory}", "unknown field {sory}"),
        ("We are sorry", "We are } sorry", "a brace that is no field"),
        ("You may not know its name, but", "Born 02/03/1980,", "looks like a birth date or SSN"),
        ("You may not know its name, but", "氏名", "a character that the letter's font lacks"),
    ],
)
def test_the_lint_stops_what_must_not_be_printed(
    tmp_path: Path, told: Workspace, old: str, new: str, problem: str
) -> None:
    changed = _changed(tmp_path, old, new)
    problems = lint(changed, load_wording(changed.letters))
    assert any(problem in found["problem"] and found["severity"] == "error" for found in problems)
    with pytest.raises(CheckFailed, match=r"letters: \d+ problems"):
        proof_pack(told, changed)


def _changed(folder: Path, old: str, new: str) -> LettersSettings:
    shutil.copytree(CONFIGS / "letters", folder / "letters")
    path = folder / "letters" / "individual" / "en.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return SETTINGS.model_copy(update={"letters": folder / "letters"})


def test_hard_words_of_the_incident_are_a_warning() -> None:
    hard = (
        "Unauthorised exfiltration of confidential administrative infrastructure configuration " * 9
    )
    incident = INCIDENT.model_copy(update={"what_happened": hard})
    problems = lint(SETTINGS.model_copy(update={"incident": incident}), WORDING)
    assert {found["severity"] for found in problems} == {"warning"}
    assert all("reading grade" in found["problem"] for found in problems)


def test_reading_grade_of_known_texts() -> None:
    assert grade("The cat sat on the mat. The dog ran to him.") < 1
    assert grade("Organizational deliberations necessitated comprehensive reconsideration.") > 20
    assert GRADE_MAX == 8


def test_a_missing_block_names_file_and_key(tmp_path: Path) -> None:
    changed = _changed(tmp_path, "[blocks.contact]", "[blocks.other]")
    with pytest.raises(OperatorError, match=r"en\.toml: \[blocks\.contact\]: missing"):
        load_wording(changed.letters)


def test_proofs_are_pdfs_of_every_version_in_use_and_repeatable(told: Workspace) -> None:
    first = {path.name: path.read_bytes() for path in proof_pack(told, SETTINGS)}
    again = {path.name: path.read_bytes() for path in proof_pack(told, SETTINGS)}
    assert first == again
    assert sorted(first) == [
        "IND-EN-ADULT-V1.pdf",
        "IND-EN-DECEASED-V1.pdf",
        "IND-EN-MINOR-V1.pdf",
        "IND-EN-PERSREP-V1.pdf",
        "IND-EN-POSS-ADULT-V1.pdf",
        "IND-ES-ADULT-V1.pdf",
    ]
    assert all(pdf.startswith(b"%PDF") for pdf in first.values())
    assert b"pdfuaid" in first["IND-EN-ADULT-V1.pdf"]


def test_ten_proofs_a_version_the_awkward_ones_among_them(workspace: Workspace) -> None:
    people = [{} for _ in range(30)]
    people[17] = {"raw": {"first_name": "JANE", "last_name": "DOE" * 12}}
    people[23] = {"chart": {"state": "PR"}}
    people[29] = {"chart": {"country": "CA", "state": None}}
    _plan(workspace, people)
    chosen = workspace.read("notices").join(
        proofs(workspace, SETTINGS, WORDING), on="notice_id", how="semi"
    )
    assert chosen.height == PROOFS
    assert {"P00017", "P00023", "P00029"} <= set(chosen["person_id"])


def test_one_letter_on_request(told: Workspace) -> None:
    pdf = letter(told, SETTINGS, person_id="P00002", entity_id="CE1")
    assert pdf == letter(told, SETTINGS, person_id="P00002", entity_id="")
    with pytest.raises(OperatorError, match="no letter planned"):
        letter(told, SETTINGS, person_id="P99999", entity_id="CE1")


def test_the_gate_is_bound_to_texts_and_proofs_and_not_to_what_was_mailed(
    tmp_path: Path, workspace: Workspace
) -> None:
    _plan(workspace, [{}, {}])
    digest = letters_digest(workspace, SETTINGS)
    assert letters_digest(workspace, _changed(tmp_path, "We are sorry", "We regret")) != digest
    event = {"event_id": "e", "kind": "exported", "channel": "mail", "entity_id": "CE1",
             "person_id": "P00000", "piece_id": "M", "batch_id": "B", "notice_version": 1, "wave": 1,
             "dated_on": AS_OF, "recorded_at": NOW}  # fmt: skip
    workspace.append("events", TABLES["events"].complete(pl.DataFrame([event])))
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))
    assert letters_digest(workspace, SETTINGS) == digest


def test_a_value_of_the_record_is_found_however_it_is_written() -> None:
    data = {"text": ["Your number is 219-09-9999.", "Call (410) 555-1212 or a@example.org!"]}
    assert says_a_value(data, ["219099999"])
    assert says_a_value(data, ["4105551212"])
    assert says_a_value(data, [None, "A@EXAMPLE.ORG"])
    assert not says_a_value(data, ["555121", "12", None])


def test_fields_are_filled_once_and_full_stops_do_not_double() -> None:
    values = {"a": "Inc.", "b": "{a}"}
    assert fill("By {a}. And {b}.", values) == "By Inc. And {a}."


@pytest.mark.parametrize(
    ("start", "end", "english", "spanish"),
    [
        (date(2025, 12, 21), date(2025, 12, 23), "December 21 to 23, 2025", "del 21 al 23 de diciembre de 2025"),
        (date(2025, 12, 31), date(2026, 1, 2), "December 31, 2025 to January 2, 2026",
         "del 31 de diciembre de 2025 al 2 de enero de 2026"),
        (date(2025, 5, 1), date(2025, 5, 1), "May 1, 2025", "1 de mayo de 2025"),
        (date(2025, 5, 1), "unknown", "from May 1, 2025", "desde el 1 de mayo de 2025"),
        ("unknown", date(2025, 5, 1), "until May 1, 2025", "hasta el 1 de mayo de 2025"),
        ("unknown", "unknown", "not known", "no se conoce"),
    ],
)  # fmt: skip
def test_days_of_the_breach(start: Any, end: Any, english: str, spanish: str) -> None:
    assert span_text(start, end, "en") == english
    assert span_text(start, end, "es") == spanish


def test_every_date_text_fits_its_column() -> None:
    months = [date(year, month, 28) for year in (2025, 2026) for month in range(1, 13)]
    spans = [
        span_text(a, b, lang) for a in months for b in months if a <= b for lang in ("en", "es")
    ]
    assert max(map(len, spans)) <= 60
    assert max(len(day_text(day, lang)) for day in months for lang in ("en", "es")) <= 40


def test_sets_of_kinds_are_those_of_the_rows_however_many_kinds() -> None:
    """Kinds are bits of words of 64; the oracle joins texts."""
    rows = [
        {"person_id": f"P{n % 7}", "entity_id": f"CE{n % 2}", "element": f"kind{n * n % 150:03d}"}
        for n in range(400)
    ]
    elements = pl.DataFrame(rows).unique().sort("person_id", "entity_id", "element")
    oracle = (
        elements.group_by("person_id", "entity_id", maintain_order=True)
        .agg(element_set=pl.col("element").sort().str.join("|"))
    )  # fmt: skip
    assert element_sets(elements).equals(oracle)
    assert element_sets(elements.head(0)).is_empty()
