"""The typst wrapper: same bytes, no blanks, no person's text in an error."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from notify.typeset import GlyphMissingError, TypesetError, preview, render, unprintable

TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: "A letter", date: auto)
#set text(lang: "en")
= Hello
#data.name *bold* _italic_
"""
DAY = date(2026, 3, 20)
CANARY = "Zzyzx"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "letter.typ"
    path.write_text(TEMPLATE)
    return path


def test_same_input_gives_the_same_bytes(template: Path) -> None:
    first, again = (render(template, {"name": "Łódź Nguyễn"}, document_date=DAY) for _ in range(2))
    assert first.startswith(b"%PDF-")
    assert first == again
    assert first != render(template, {"name": "Łódź Nguyễn"}, document_date=date(2026, 3, 21))


def test_markup_in_a_value_stays_text(template: Path) -> None:
    assert render(template, {"name": '#panic("x") $ * _ @a <b> \\'}, document_date=DAY)


def test_a_missing_glyph_is_an_error_that_names_nobody(template: Path) -> None:
    with pytest.raises(GlyphMissingError) as raised:
        render(template, {"name": "張偉"}, document_date=DAY)
    assert "張" not in str(raised.value)
    assert "letter.typ:6" in str(raised.value)
    assert raised.value.__cause__ is None
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert raised.value.__suppress_context__


def test_a_failing_template_tells_its_line_and_no_value(template: Path) -> None:
    template.write_text(TEMPLATE + "#assert(false, message: data.name)\n#data.nothing\n")
    with pytest.raises(TypesetError) as raised:
        render(template, {"name": CANARY}, document_date=DAY)
    assert CANARY not in str(raised.value)
    template.write_text(TEMPLATE + "#data.nothing\n")
    with pytest.raises(TypesetError, match=r'letter.typ:7.*"nothing"'):
        render(template, {"name": CANARY}, document_date=DAY)


def test_a_template_reads_nothing_above_its_root(template: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "shared.typ").write_text("#let greeting = [Hello]")
    letter = inner / "letter.typ"
    letter.write_text('#import "../shared.typ": greeting\n' + TEMPLATE + "#greeting")
    with pytest.raises(TypesetError):
        render(letter, {"name": "A"}, document_date=DAY)
    assert render(letter, {"name": "A"}, document_date=DAY, root=tmp_path)


def test_preview_is_one_image_a_page(template: Path) -> None:
    template.write_text(TEMPLATE + "#pagebreak()\nEnd")
    pages = preview(template, {"name": "A"}, document_date=DAY, ppi=30)
    assert [page[:4] for page in pages] == [b"\x89PNG", b"\x89PNG"]


def test_unprintable_finds_what_the_font_lacks() -> None:
    texts = pl.Series(["Łódź", "O\u2019Neil\u2013x", "e\u0301", "張偉", "bell\x07", None])
    assert unprintable(texts).to_list() == [False, False, False, True, True, None]
