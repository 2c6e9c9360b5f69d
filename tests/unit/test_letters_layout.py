"""What a letter looks like and says to machines: window, barcode, QR code, tags, state forms, large print."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import segno
from PIL import Image

from matching.store import CheckFailed, Workspace
from notify import notices
from notify.barcode import encode
from notify.facts import Counsel, Imb
from notify.letters import LettersSettings, proof_pack
from notify.letters.body import LARGE_PT, document, letter_data
from notify.letters.imb import bars, first_serials, with_serials
from notify.letters.lint import lint, readings, text_of
from notify.letters.merge import merged
from notify.letters.pages import Press, pages_of
from notify.letters.qr import qr_svg
from notify.letters.readability import ease, reading
from notify.letters.settings import CONFIGS
from notify.letters.texts import load_wording
from notify.letters.window import ALWAYS_SEEN, CLEAR, EVER_SEEN
from notify.notices import NoticesSettings
from notify.typeset import page_count, preview
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, build

SETTINGS = LettersSettings(
    incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAILING, as_of=AS_OF
)
REAL = SETTINGS.model_copy(update={"incident": INCIDENT.model_copy(update={"synthetic": False})})
WORDING = load_wording(SETTINGS.letters)
BARS = str(encode(pl.Series(["00300123456000000001"]), pl.Series(["212011234"]))["bars"][0])
IMB = Imb(service_type="300", mid="123456")
_PPI = 200


def _row(**values: Any) -> dict[str, Any]:
    lines = (
        "salutation_line",
        "care_of",
        "delivery_line2",
        "zip4",
        "intl_line1",
        "intl_line2",
        "country_line",
    )
    return {
        **dict.fromkeys(lines), "recipient_name": "JANE DOE", "delivery_line": "12 MAIN ST", "city": "BALTIMORE",
        "state": "MD", "zip5": "21201", "ce_print_name": "Bright Smile Dental", "reference_no": "58S53YAETV",
        "language": "en", "element_set": "name|ssn|contact", "variant": "ADULT", "letter_version": "IND-EN-ADULT-V1",
        "letter_sha8": "abcdef01", "breach_date_text": "December 21 to 23, 2025",
        "discovery_date_text": "March 5, 2026", "toll_free": "1-800-555-0100", **values,
    }  # fmt: skip


def _letter(
    settings: LettersSettings = REAL, *, barcode: str = BARS, **values: Any
) -> dict[str, Any]:
    return letter_data(_row(**values), settings, WORDING, bars=barcode)


def _ink(letter: dict[str, Any]) -> np.ndarray[Any, Any]:
    """True where the first page is dark."""
    whole = document([letter], "en", REAL, WORDING)
    page = preview(WORDING.template, whole, document_date=REAL.mail_on, ppi=_PPI)[0]
    return np.asarray(Image.open(io.BytesIO(page)).convert("L")) < 160


def _within(ink: np.ndarray[Any, Any], box: Any) -> np.ndarray[Any, Any]:
    left, top, right, bottom = (round(max(edge, 0) * _PPI) for edge in box)
    return ink[top:bottom, left:right]


@pytest.mark.parametrize(
    "address",
    [
        {},
        {"salutation_line": "TO THE PARENT OR GUARDIAN OF"},
        {"salutation_line": "TO THE PARENT OR GUARDIAN OF", "care_of": "C/O MARY DOE"},
        {"salutation_line": "TO THE PERSONAL REPRESENTATIVE OF", "care_of": "C/O M DOE", "delivery_line2": "APT 3"},
        {
            "salutation_line": "TO THE PERSONAL REPRESENTATIVE OF",
            "recipient_name": "MAXIMILIANA BARTHOLOMEW FEATHERSTONEHAUGH MONTGOMERY",
            "care_of": "C/O MARY DOE",
            "delivery_line2": "APT 3",
        },
    ],
)  # fmt: skip
def test_the_window_shows_the_whole_address_and_nothing_else_however_the_sheet_slides(
    address: dict[str, str],
) -> None:
    ink = _ink(_letter(**address))
    rows, columns = np.nonzero(_within(ink, EVER_SEEN))
    top, bottom = EVER_SEEN.top + rows.min() / _PPI, EVER_SEEN.top + rows.max() / _PPI
    left, right = columns.min() / _PPI, columns.max() / _PPI
    pixel = 1 / _PPI
    assert ALWAYS_SEEN.top + CLEAR[1] - pixel <= top
    assert bottom <= ALWAYS_SEEN.bottom + pixel
    assert ALWAYS_SEEN.left + CLEAR[0] - pixel <= left
    assert right <= ALWAYS_SEEN.right - CLEAR[0] + pixel


def test_the_bars_are_drawn_to_the_measures_of_the_specification() -> None:
    """65 bars at 22 an inch, 0.145 in high, trackers 0.048 in, and white below them."""
    page = preview(
        WORDING.template, document([_letter()], "en", REAL, WORDING), document_date=REAL.mail_on, ppi=660
    )[0]  # fmt: skip
    ink = np.asarray(Image.open(io.BytesIO(page)).convert("L")) < 128
    area = ink[int(2.51 * 660) : int(2.69 * 660), : int(4.4 * 660)]
    columns = np.nonzero(area.any(axis=0))[0]
    starts = columns[np.diff(columns, prepend=-9) > 1]
    assert len(starts) == 65
    assert np.allclose(np.diff(starts) / 660, 1 / 22, atol=0.002)
    heights = np.array([area[:, start + 6].sum() for start in starts]) / 660
    rows = np.nonzero(area.any(axis=1))[0]
    assert (rows.max() - rows.min() + 1) / 660 == pytest.approx(0.145, abs=0.003)
    trackers = np.array([letter == "T" for letter in BARS])
    assert np.allclose(heights[trackers], 0.048, atol=0.003)
    full = np.array([letter == "F" for letter in BARS])
    assert np.allclose(heights[full], 0.145, atol=0.003)
    below = ink[int(2.69 * 660) : int(2.70 * 660), : int(4.4 * 660)]
    assert not below.any()


def test_the_pdf_tells_a_screen_reader_what_it_shows() -> None:
    pdf, pages = Press(REAL, WORDING, "en").set([_letter(), _letter(reference_no="ZZ")])
    assert pages == [1, 1]
    for mark in (b"pdfuaid", b"/Marked true", b"/Lang(en)", b"/DisplayDocTitle true"):
        assert mark in pdf
    assert pdf.count(b"/S/H1") == 2
    assert pdf.count(b"/S/H2") == 2 * 5
    said = re.findall(rb"/Alt ?\(((?:[^()\\]|\\.)*)\)", pdf)
    assert said.count(b"Barcode of the postal service") == 2
    assert sum(text.startswith(b"QR code of the web page") for text in said) == 2


def test_everybody_gets_the_same_code_of_the_web_page_alone() -> None:
    first, other = (document([_letter(reference_no=ref)], "en", REAL, WORDING) for ref in "AB")
    assert first["qr"] == other["qr"] == qr_svg(ASSOCIATE.website)
    dark = sum(
        map(sum, segno.make(ASSOCIATE.website, error="m", micro=False, boost_error=False).matrix)
    )
    assert sum(int(run) for run in re.findall(r"h(\d+)v", first["qr"])) == dark
    chosen = REAL.model_copy(
        update={"mailing": MAILING.model_copy(update={"qr_address": "https://x.example"})}
    )
    assert document([], "en", chosen, WORDING)["qr"] == qr_svg("https://x.example")


def test_the_practice_writes_under_its_own_address_where_it_has_one() -> None:
    assert (
        _letter(return_address="9 Elm St, Bowie MD 20715")["letterhead"][0]
        == "9 Elm St, Bowie MD 20715"
    )
    assert _letter()["letterhead"][0] == "1 Main St, Springfield MD 20701"


def test_california_gets_its_title_and_headings() -> None:
    letter = _letter(variant="CA_MINOR")
    assert letter["title"] == "Notice of Data Breach"
    assert [block["heading"] for block in letter["blocks"]] == [
        "What Happened", "What Information Was Involved", "What We Are Doing", "What You Can Do",
        "For More Information",
    ]  # fmt: skip
    assert "your child" in text_of(letter)


def test_massachusetts_is_told_as_counsel_decides() -> None:
    hipaa, state = _letter(), _letter(variant="MA_ADULT")
    assert INCIDENT.what_happened in text_of(hipaa)
    assert INCIDENT.what_happened not in text_of(state)
    assert "police report" in text_of(state)
    assert "It is free to place, lift or remove a freeze" in text_of(state)


def _with_state(workspace: Workspace, state: str) -> None:
    build(workspace, [{"chart": {"state": state, "zip5": "02101"}}])
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))


@pytest.mark.parametrize(
    ("state", "counsel", "version", "addenda"),
    [
        ("CA", {}, "CA-EN-ADULT-V1", None),
        ("MA", {}, "IND-EN-ADULT-V1", None),
        ("MA", {"unreviewed_state_texts": True}, "IND-EN-ADULT-V1", "MA"),
        ("MA", {"massachusetts_wording": "state", "unreviewed_state_texts": True}, "MA-EN-ADULT-V1", None),
        ("NC", {}, "IND-EN-ADULT-V1", None),
        ("NC", {"unreviewed_state_texts": True}, "IND-EN-ADULT-V1", "NC"),
    ],
)  # fmt: skip
def test_version_and_addenda_follow_the_state_of_the_address(
    workspace: Workspace, state: str, counsel: dict[str, Any], version: str, addenda: str | None
) -> None:
    _with_state(workspace, state)
    settings = SETTINGS.model_copy(update={"counsel": Counsel(**counsel)})
    rows = merged(workspace, settings, WORDING, workspace.read("notices"))
    assert rows.select("letter_version", "state_addenda").row(0) == (version, addenda)
    said = text_of(letter_data(rows.row(0, named=True), settings, WORDING))
    assert ("For people in" in said) == (addenda is not None)


def _folder(tmp_path: Path, file: str, old: str, new: str) -> LettersSettings:
    shutil.copytree(CONFIGS / "letters", tmp_path / "letters")
    path = tmp_path / "letters" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return SETTINGS.model_copy(update={"letters": tmp_path / "letters"})


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("states/ma.toml", "{Information} {involved} in a breach", "Somebody stole your data in a breach",
         "form MA (Mass. Gen. Laws ch. 93H s. 3(b)) forbids 'stole'"),
        ("states/ma.toml", '"police report", "freeze"', '"police statement", "freeze"', "must say 'police statement'"),
        ("states/ma.toml", "{ba_name} works for {ce_print_name}. It keeps", "{what_happened} It keeps",
         "may not repeat what happened"),
        ("states/ca.toml", '"Notice of Data Breach"\n', '"A letter"\n', "must say 'Notice of Data Breach'"),
        ("states/nc.toml", "This office", "{nobody}", "unknown field {nobody}"),
        ("individual/en.toml", "Be careful with calls", "Be careful with calls. " * 400,
         "3 pages with all kinds of PHI, more than 2"),
    ],
)  # fmt: skip
def test_the_lint_knows_what_a_form_forbids_and_how_long_a_letter_is(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    changed = _folder(tmp_path, file, old, new)
    found = lint(changed, load_wording(changed.letters))
    assert any(problem in entry["problem"] for entry in found if entry["severity"] == "error")


def test_unreviewed_blocks_are_a_warning_where_they_are_printed() -> None:
    asked = SETTINGS.model_copy(update={"counsel": Counsel(unreviewed_state_texts=True)})
    warned = {found["letter"] for found in lint(asked, WORDING) if found["severity"] == "warning"}
    blocks = {
        f"states/{name}.toml"
        for name, text in WORDING.states.items()
        if text.addendum and not text.reviewed
    }
    assert warned == blocks
    assert "states/nc.toml" in blocks


def test_spanish_says_what_happened_in_spanish_where_the_incident_does() -> None:
    spoken = INCIDENT.model_copy(
        update={"what_happened_by_language": {"es": "Alguien copió archivos."}}
    )
    told = REAL.model_copy(update={"incident": spoken})
    assert "Alguien copió archivos." in text_of(_letter(told, language="es"))
    assert "Hubo un incidente de seguridad con archivos que guardaba Northwind" in text_of(
        _letter(language="es")
    )


def test_reading_is_measured_in_both_languages() -> None:
    hard = "La responsabilidad interinstitucional desproporcionada imposibilita determinaciones administrativas."
    assert ease("El gato come pan. La casa es roja.") > 90
    figure = reading(hard, "es")
    assert figure is not None
    assert figure.hard
    assert reading("Hello.", "vi") is None
    measured = {found["letter"]: found["value"] for found in readings(SETTINGS, WORDING)}
    assert measured["IND-EN-ADULT-V1"] < 8
    assert measured["IND-ES-ADULT-V1"] > 60


def test_a_letter_of_two_pages_says_so_on_both() -> None:
    long = _letter(element_set="|".join(WORDING.elements))
    long["blocks"] = [*long["blocks"], *long["blocks"]]
    assert pages_of([long, _letter()], "en", REAL, WORDING) == [2, 1]
    pdf, pages = Press(REAL, WORDING, "en").set([long, _letter()])
    assert pages == [2, 1]
    assert page_count(pdf) == 3


def test_large_print_is_larger_and_as_whole() -> None:
    press = Press(REAL, WORDING, "en", LARGE_PT)
    pdf, pages = press.set([_letter()])
    assert pages[0] >= 2
    assert page_count(pdf) == pages[0]
    assert pdf.count(b"/S/H2") == 5


def test_serial_numbers_are_never_given_twice() -> None:
    firsts = first_serials([("B2", 3), ("B1", 5)], IMB, used=10)
    rows = pl.concat(
        with_serials(pl.DataFrame({"seq_no": range(1, n + 1)}), IMB, firsts[batch]) for batch, n in (("B1", 5), ("B2", 3))
    )  # fmt: skip
    assert rows["imb_serial"].to_list() == [f"{n:09d}" for n in range(11, 19)]
    with pytest.raises(Exception, match="serial numbers are used up"):
        first_serials([("B1", 11)], IMB.model_copy(update={"mid": "900000001"}), used=999_990)


def test_a_piece_abroad_or_without_a_number_bears_no_bars() -> None:
    rows = pl.DataFrame(
        {"imb_mid": ["123456"] * 2 + [None], "imb_serial": ["000000001"] * 2 + [None], "zip5": ["21201", None, "21201"],
         "zip4": ["1234", None, None], "country_line": [None, "CANADA", None]}
    )  # fmt: skip
    assert bars(rows, IMB).to_list() == [BARS, "", ""]
    assert bars(rows, None).to_list() == ["", "", ""]


def test_a_return_address_that_tells_of_a_specialty_is_refused(workspace: Workspace) -> None:
    _with_state(workspace, "MD")
    entities = workspace.read("entities").with_columns(
        return_address=pl.when(pl.col("entity_id") == "CE2").then(
            pl.lit("Fertility Center, 1 Elm St")
        )
    )
    workspace.write("entities", entities)
    with pytest.raises(CheckFailed, match="return_address of CE2 tells of a specialty") as raised:
        proof_pack(workspace, SETTINGS)
    assert "Fertility" not in str(raised.value)
