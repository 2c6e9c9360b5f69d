"""Hostile texts through everything that leaves the house: they are shown as they stand, or refused; nothing obeys them."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
import tomllib
import zipfile
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import python_calamine

from flows.init import init_incident
from flows.settings import load_incident
from matching.errors import OperatorError
from matching.store import Workspace
from notify import notices
from notify.duties.open import _escaped, _folded
from notify.email.message import Letterhead, Refused, frame, mailbox, message
from notify.email.texts import checked_texts, said
from notify.filings.drafts import _csv as filed_csv
from notify.letters import LettersSettings
from notify.letters.body import document, letter_data
from notify.letters.merge import merged
from notify.letters.texts import load_wording
from notify.letters.translate import _toml as language_toml
from notify.notices import NoticesSettings
from notify.outgoing import check_names
from notify.packets.files import _csv as packet_csv
from notify.packets.xlsx import xlsx
from notify.printed import faults
from notify.typeset import page_count, render, unprintable
from tests.fuzz.engine import Mutator
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, build
from tests.unit.test_email_message import CONFIG

MARKUP = [
    '#panic("obeyed")', '#read("/etc/passwd")', "#let a = 1", "#import \"x.typ\": *", "$ x^2 $", "*bold* _it_ `raw`", "]#[", "\\u{41}",
    "@label <label>", "= Heading", "// comment", "/* open", '"quoted"', "\\", "#sys.inputs", "{recipient_name}", "{ce_print_name}",
]  # fmt: skip
MARKS = [
    "<script>alert(1)</script>", "&amp;", "'\"><img src=x onerror=alert(1)>", "javascript:alert(1)", "{{ 7*7 }}", "{% raw %}", "]]>", "<!--",
    "a\r\nBcc: x@y.example", "a\nb", "a\tb", "a\x00b", "a\x7fb", "a\x85b", "a\u2028b", "\u202eabc", "\u200b\u200d", "\ufeff=1", "x" * 400, "😀👩‍👩‍👧",
    "𝔄𝔫𝔫", "é" * 60, "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠x", "'=1", "00501", "1e5", "2026-01-02", ",", '"', '""', ";",
    "_x000D_", "=cmd|'/c calc'!A0", "%0d%0aX: y", "..", "../../etc", "CON", "null", "NULL", "\\N", "", " ", "\u00a0",
]  # fmt: skip
HOSTILE = [*MARKUP, *MARKS]
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
MUTATOR = Mutator(
    [text.encode() for text in HOSTILE], [text.encode() for text in HOSTILE], text=False
)


def mutated(count: int) -> list[str]:
    """Hostile texts and what becomes of them; no lone surrogate, which no table holds."""
    return [*HOSTILE, *(MUTATOR.case(8, n).decode("utf-8", "replace") for n in range(count))]


# --- letters -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One person's letter as a row."""
    folder = tmp_path_factory.mktemp("letter")
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="test", synthetic=True, key_file=folder / "key.json"
    )
    build(workspace, [{}])
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))
    found = merged(workspace, LETTERS, load_wording(LETTERS.letters), workspace.read("notices"))
    return found.row(0, named=True)


LETTERS = LettersSettings(
    incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAILING, as_of=AS_OF
)


def test_letters_show_markup_and_obey_none(row: dict[str, Any]) -> None:
    """Had one been obeyed, `#panic` and `#read` would have stopped the printing."""
    wording = load_wording(LETTERS.letters)
    folder = wording.template.parent

    def pages(rows: list[dict[str, Any]], **changed: Any) -> int:
        settings = LETTERS.model_copy(update=changed)
        letters = [letter_data(one, settings, wording) for one in rows]
        made = render(
            wording.template,
            document(letters, "en", settings, wording),
            document_date=AS_OF,
            root=folder,
        )
        assert b"/JavaScript" not in made
        assert b"/Launch" not in made
        return page_count(made)

    plain = [row | {"recipient_name": "Ann Lee"} for _ in MARKUP]
    hostile = [
        row | {"recipient_name": text, "ce_print_name": text, "delivery_line": text, "city": text}
        for text in MARKUP
    ]
    assert pages(hostile) == pages(plain)
    name = "#panic(1) ] $ \\ <b>"
    assert pages(
        plain[:1], business_associate=ASSOCIATE.model_copy(update={"name": name})
    ) == pages(plain[:1])


def test_what_no_page_can_show_is_set_aside_before_it_is_printed() -> None:
    texts = pl.Series(["a\x00b", "😀", "𝔄", "\u202eabc", "Ann"])
    assert unprintable(texts).to_list() == [True, True, True, True, False]
    columns = {
        key: ["a\r\nb", "=1", "\tx", "Ann"] for key in ("recipient_name", "delivery_line", "city")
    }
    found = (
        pl.DataFrame(columns)
        .select(faults(dict.fromkeys(columns, 64)).alias("why"))["why"]
        .to_list()
    )
    assert all(found[:3])
    assert found[3] is None


# --- e-mail --------------------------------------------------------------------------------------

OWN = {"Message-ID", "Date", "To", "From", "Reply-To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Language",
       "Content-Type"}  # fmt: skip
HEAD = Letterhead("notices@northwind.example", "", "incident@northwind.example")


def test_no_name_or_number_adds_a_header_or_a_part() -> None:
    words = said(
        CONFIG,
        checked_texts(CONFIG),
        language="en",
        possible=False,
        practice="Bright <b> & Sons",
        elements="name",
    )
    made = frame(words, HEAD)
    sent = 0
    for text in mutated(400):
        try:
            data = message(made, message_id="0123456789ABCDEF@northwind.example", address="jane@mail.example", name=text,
                           number="VHYQ5DNFFN", date=b"Fri, 20 Mar 2026 12:00:00 +0000")  # fmt: skip
        except Refused:
            continue
        sent += 1
        assert b"\n.\r\n" not in data
        assert b"\n" not in data.replace(b"\r\n", b"")
        note = email.message_from_bytes(data.replace(b"\r\n..", b"\r\n."), policy=email.policy.SMTP)
        assert set(note.keys()) == OWN
        assert len(list(note.walk())) == 3
        page = note.get_body(("html",)).get_content()  # type: ignore[union-attr]
        assert "<script" not in page
        assert "<img" not in page
        shown = _text_of(page)
        assert " ".join(text.split()) in " ".join(shown.split())
    assert sent > 100


def test_no_address_leaves_its_line() -> None:
    for text in mutated(300):
        for address in (text, f"{text}@mail.example", f"jane@{text}"):
            try:
                wire, domain, _ = mailbox(address)
            except Refused:
                continue
            assert not set(wire) & set("\r\n\0<>, ")
            assert domain.isascii()
            assert wire.count("@") == 1


def test_a_practice_and_a_subject_stay_in_their_places() -> None:
    texts = checked_texts(CONFIG)
    for text in ("A\r\nBcc: x@y.example", "<script>alert(1)</script>", "Sons & Co. 😀"):
        try:
            words = said(
                CONFIG, texts, language="en", possible=False, practice=text, elements="name"
            )
            made = frame(words, HEAD)
        except (OperatorError, ValueError):
            continue
        data = message(
            made,
            message_id="a@b.example",
            address="j@m.example",
            name="Ann",
            number="V",
            date=b"Fri, 20 Mar 2026 12:00:00 +0000",
        )
        note = email.message_from_bytes(data, policy=email.policy.SMTP)
        assert set(note.keys()) == OWN
        assert "<script" not in note.get_body(("html",)).get_content()  # type: ignore[union-attr]


# --- CSV and XLSX --------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [packet_csv, filed_csv], ids=["packets", "filings"])
def test_cells_that_people_open_start_no_formula_and_come_back(write: Any) -> None:
    texts = [text for text in mutated(1_000) if text]
    read = list(
        csv.reader(io.StringIO(write(pl.DataFrame({"a": texts, "b": texts})).decode(), newline=""))
    )
    assert read[0] == ["a", "b"]
    assert len(read) == len(texts) + 1
    for (one, other), text in zip(read[1:], texts, strict=True):
        assert one == other
        assert not one.startswith(FORMULA)
        assert one in (text, f"'{text}")


def test_spreadsheets_hold_texts_and_nothing_else(tmp_path: Path) -> None:
    texts = [text for text in mutated(1_000) if text]
    data = xlsx(pl.DataFrame({"=a<b>": texts, "zip": ["00501"] * len(texts)}), sheet="People")
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in re.sub(r"<t[ >].*?</t>", "", sheet, flags=re.DOTALL)
    path = tmp_path / "book.xlsx"
    path.write_bytes(data)
    with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
        found = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert len(found) == len(texts) + 1
    assert [line[1] for line in found[1:]] == ["00501"] * len(texts)


def test_a_table_in_the_clear_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = [text for text in mutated(300) if text]
    path = tmp_path / "t.csv"
    pl.DataFrame({"a": texts, "b": range(len(texts))}).write_csv(path)
    read = list(csv.reader(io.StringIO(path.read_bytes().decode(), newline="")))
    assert [line[0] for line in read[1:]] == texts


# --- HTML, calendars, TOML, names ----------------------------------------------------------------


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _text_of(page: str) -> str:
    parser = _Page()
    parser.feed(page)
    parser.close()
    return " ".join(parser.text)


def test_no_template_shows_a_value_unescaped_but_our_own_drawings() -> None:
    root = Path(__file__).parents[2]
    unsafe = {
        f"{path.name}: {found}"
        for folder in ("notify", "flows")
        for path in (root / folder).rglob("*.html")
        for found in re.findall(
            r"\{\{[^}]*\|\s*safe[^}]*\}\}|autoescape false", path.read_text(encoding="utf-8")
        )
    }
    ours = {
        "page.html: {{ style|safe }}",
        "page.html: {{ chart.svg|safe }}",
        "posting.html: {{ style|safe }}",
    }
    assert unsafe == ours


def test_a_calendar_line_stays_one_line() -> None:
    for text in mutated(500):
        folded = list(_folded(f"DESCRIPTION:{_escaped(text)}"))
        assert all(len(piece.encode()) <= 75 for piece in folded)
        assert all(piece.startswith(" ") for piece in folded[1:])
        whole = folded[0] + "".join(piece[1:] for piece in folded[1:])
        assert not re.search("[\r\n\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", whole)
        value = whole.removeprefix("DESCRIPTION:")
        assert not re.search(r"(?<!\\)(?:\\\\)*[;,]", value)


def test_a_language_file_reads_back_as_it_was_written() -> None:
    for text in mutated(400):
        texts = {"title": text, "about": {"adult": {"lead": text}}, "taglines": [text, "b"]}
        assert tomllib.loads(language_toml(texts)) == texts


HEADERS = ["first\nname", 'last"name', "dob]", "# ssn", "zip = 1", "[leaked]", "a\x7fb", "\\", "=1+1", "é\u202e", "'''", "c\td", "path", "<b>"]  # fmt: skip


def test_hostile_headers_make_a_sound_incident_file(tmp_path: Path) -> None:
    leak = tmp_path / 'leak "x" # [y].csv'
    with leak.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(HEADERS)
        lines.writerows(
            [
                [f"Ann{n}", f"Lee{n}", f"19{n:02}-01-02", f"219-09-{n:04}", *["x\ny"] * 10]
                for n in range(60)
            ]
        )
    init_incident(tmp_path / "made", [str(leak)])
    text = (tmp_path / "made" / "incident.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    assert set(found) <= {"incident", "business_associate", "leaked", "masters", "entities"}
    (entry,) = found["leaked"]
    assert (tmp_path / "made" / entry["path"]).resolve() == leak.resolve()
    named = [
        column
        for value in entry.get("columns", {}).values()
        for column in ([value] if isinstance(value, str) else value)
    ]
    assert set(named) | set(entry.get("undecided", [])) <= {header.strip() for header in HEADERS}
    with pytest.raises(OperatorError) as problems:
        load_incident(tmp_path / "made" / "incident.toml", today=date(2026, 3, 20))
    assert all("TODO" in line or "missing" in line for line in str(problems.value).splitlines())
    for sheet in ("columns.csv", "samples.csv"):
        with (tmp_path / "made" / sheet).open(newline="", encoding="utf-8") as file:
            for line in csv.reader(file):
                assert not any(cell.startswith(FORMULA) for cell in line)


def test_no_entity_id_leaves_its_folder() -> None:
    for text in (
        "..",
        "../x",
        "/etc",
        "a/b",
        "a\\b",
        "",
        ".hidden",
        "a\nb",
        "a\x00b",
        "-rf",
        "é",
        "CE1 ",
        "a:b",
        "~",
    ):
        with pytest.raises(OperatorError) as refused:
            check_names([text])
        assert "\n" not in str(refused.value)
    check_names(["CE1", "CE-1_a.b"])
