"""Letters of one language and size of print become one PDF, and the number of pages of each is stated.

Almost every letter is one page, and a document without counters is set in half the time: so the pages are counted
after the fact, and only where a letter took more than one is the document measured and set again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from notify.letters.body import SIZE_PT, document
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording
from notify.typeset import page_count, query, render

__all__ = ["PAGES_MAX", "Press", "pages_of"]

PAGES_MAX = 2
"""One sheet: a longer letter is heavier than an ounce with its inserts, and nobody reads it."""


def pages_of(
    letters: list[dict[str, Any]],
    language: str,
    settings: LettersSettings,
    wording: Wording,
    *,
    size_pt: float = SIZE_PT,
) -> list[int]:
    """Pages of each letter, measured."""
    counted = [{**letter, "pages": 0, "number": n} for n, letter in enumerate(letters)]
    whole = document(counted, language, settings, wording, size_pt=size_pt, count=True)
    found = dict(query(wording.template, whole, "pages"))
    return [found[number] for number in range(len(letters))]


@dataclass(slots=True)
class Press:
    """Sets documents of one language and size; remembers which texts were longer than a page."""

    settings: LettersSettings
    wording: Wording
    language: str
    size_pt: float = SIZE_PT
    long: set[str] = field(default_factory=set)

    def set(self, letters: list[dict[str, Any]]) -> tuple[bytes, list[int]]:
        """The PDF, PDF/UA-1 and the same for the same letters, and the pages of each letter."""
        if not self.long.intersection(map(_shape, letters)):
            pdf = self._pdf(letters, [1] * len(letters))
            if page_count(pdf) == len(letters):
                return pdf, [1] * len(letters)
        pages = pages_of(letters, self.language, self.settings, self.wording, size_pt=self.size_pt)
        self.long.update(_shape(letter) for letter, n in zip(letters, pages, strict=True) if n > 1)
        pdf = self._pdf(letters, pages)
        assert page_count(pdf) == sum(pages), "pages as measured"
        return pdf, pages

    def _pdf(self, letters: list[dict[str, Any]], pages: list[int]) -> bytes:
        stated = [{**letter, "pages": n} for letter, n in zip(letters, pages, strict=True)]
        whole = document(stated, self.language, self.settings, self.wording, size_pt=self.size_pt)
        return render(self.wording.template, whole, document_date=self.settings.mail_on)


def _shape(letter: dict[str, Any]) -> str:
    """What decides the length of a letter but for names: version, kinds of PHI, blocks."""
    bullets = [kind for block in letter["blocks"] for kind in block["bullets"]]
    return "|".join([letter["version"], str(len(letter["blocks"])), *bullets])
