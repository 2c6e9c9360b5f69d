"""What every letter version must pass before a person approves it.

Errors stop letters: a field without a value, a missing block, a value of someone's data, words that a state's form
forbids or lacks, a character without a glyph, more than two pages. Warnings are told: a text harder to read than
grade 8 (164.404(c)(2), plain language), a state's block that is printed although nobody reviewed it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import polars as pl

from notify.letters.body import FIELDS, letter_data, what_happened
from notify.letters.pages import PAGES_MAX, pages_of
from notify.letters.readability import GRADE_MAX, Reading, grade, reading
from notify.letters.settings import LettersSettings
from notify.letters.states import StateText
from notify.letters.texts import BLOCKS, Wording, voice
from notify.typeset import unprintable

__all__ = ["GRADE_MAX", "grade", "lint", "readings", "says_a_value", "text_of"]

_FIELD = re.compile(r"\{(\w*)\}")
_SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_DATE = re.compile(r"\b(\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2})\b")
_NUMBER = re.compile(r"\d[\d\-. ()]{4,}\d")
_ADDRESS = (
    "salutation_line", "care_of", "delivery_line", "delivery_line2", "city", "state", "zip5", "zip4",
    "intl_line1", "intl_line2", "country_line",
)  # fmt: skip
_PLAIN = {
    "ce_print_name": "Main Street Dental",
    "recipient_name": "Jane Doe",
    "reference_no": "ABC",
    "element_set": "name|ssn",
}
_LONGEST = {
    "ce_print_name": "Springfield Center for Family and Community Dentistry, P.A.",
    "recipient_name": "MAXIMILIANA BARTHOLOMEW-FEATHERSTONEHAUGH III",
    "reference_no": "ABCDEFGHJK",
    "cm_code": "X" * 20,
    "cm_months": "24",
    "cm_enroll_by": "September 30, 2026",
}
"""Values that make a letter long, for the count of its pages."""


def lint(settings: LettersSettings, wording: Wording) -> list[dict[str, str]]:
    """Problems of all versions: `letter, severity (error / warning), problem`, in fixed order."""
    problems: list[dict[str, str]] = []
    for language, texts in sorted(wording.texts.items()):
        found = _field_problems(texts.model_dump())
        problems += _named(f"{language}.toml", "error", found)
    for name, text in sorted(wording.states.items()):
        problems += _named(f"states/{name}.toml", "error", _field_problems(text.model_dump()))
    if problems:
        return problems  # a text with unknown fields cannot be filled
    for language, variant in wording.versions():
        problems += _of_version(settings, wording, language, variant)
    if not any(problem["severity"] == "error" for problem in problems):
        problems += _too_long(settings, wording)
    return [*problems, *_unreviewed(settings, wording)]


def readings(settings: LettersSettings, wording: Wording) -> list[dict[str, Any]]:
    """How hard each version is to read: `letter, measure, value`; languages without a figure are left out."""
    found = []
    for language, variant in wording.versions():
        figure = _reading(_sample(settings, wording, language, variant), language)
        if figure:
            name = wording.letter_version(language, variant)
            found.append({"letter": name, "measure": figure.measure, "value": figure.value})
    return found


def _of_version(
    settings: LettersSettings, wording: Wording, language: str, variant: str
) -> Iterator[dict[str, str]]:
    sample = _sample(settings, wording, language, variant)
    name, form = wording.letter_version(language, variant), wording.form(voice(variant).form)
    yield from _named(name, "error", _errors(sample))
    if form:
        said = what_happened(settings, wording.texts[language], language)
        yield from _named(name, "error", _form_errors(form, sample, language, said))
    figure = _reading(sample, language)
    if figure and figure.hard and figure.measure == "flesch_kincaid_grade":
        text = f"reading grade {figure.value:.1f}, above {GRADE_MAX:.0f}"
        yield from _named(name, "warning", [text])
    elif figure and figure.hard:
        yield from _named(
            name, "warning", [f"reading ease {figure.value:.0f}, harder than grade 8"]
        )


def _named(letter: str, severity: str, problems: Iterable[str]) -> list[dict[str, str]]:
    return [{"letter": letter, "severity": severity, "problem": text} for text in problems]


def _field_problems(texts: dict[str, Any]) -> Iterator[str]:
    for where, text in _strings(texts):
        if where.startswith("dates."):
            continue  # has fields of its own
        for field in _FIELD.findall(text):
            if field not in FIELDS:
                yield f"{where}: unknown field {{{field}}}"
        if "{" in _FIELD.sub("", text) or "}" in _FIELD.sub("", text):
            yield f"{where}: a brace that is no field"


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, f"{where}.{key}".strip("."))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _strings(inner, f"{where}[{number}]")


def _sample(
    settings: LettersSettings, wording: Wording, language: str, variant: str, **values: str
) -> dict[str, Any]:
    """A letter of this version with plain values, so that length and reading grade are the text's."""
    row: dict[str, Any] = {
        **dict.fromkeys(_ADDRESS),
        **_PLAIN,
        "variant": variant,
        "language": language,
        "letter_version": wording.letter_version(language, variant),
        "letter_sha8": wording.letter_sha8(language, variant),
        "breach_date_text": "May 1",
        "discovery_date_text": "May 2",
        "toll_free": settings.business_associate.toll_free,
        **values,
    }
    return letter_data(row, settings, wording)


def _errors(letter: dict[str, Any]) -> Iterator[str]:
    text = text_of(letter)
    blocks = letter["blocks"][: len(BLOCKS)]
    if len(blocks) != len(BLOCKS) or not all(block["paragraphs"] for block in blocks):
        yield "one of the five blocks is missing (164.404(c)(1))"
    if "{" in text:
        yield "unresolved field"
    if _SSN.search(text) or _DATE.search(text):
        yield "holds a number that looks like a birth date or SSN"
    if bool(unprintable(pl.Series([text]))[0]):
        yield "a character that the letter's font lacks"


def _form_errors(
    form: StateText, letter: dict[str, Any], language: str, what_happened_text: str
) -> Iterator[str]:
    """What a state's form forbids or must say, in the words of its file."""
    said = text_of({key: letter[key] for key in ("title", "opening", "blocks")})
    for word in form.forbidden.get(language, ()):
        if re.search(rf"\b{re.escape(word)}", said, re.IGNORECASE):
            yield f"form {form.form} ({form.citation}) forbids '{word}'"
    for word in form.required.get(language, ()):
        if word.casefold() not in said.casefold():
            yield f"form {form.form} ({form.citation}) must say '{word}'"
    if form.without_what_happened and what_happened_text and what_happened_text in said:
        yield f"form {form.form} ({form.citation}) may not repeat what happened"


def _too_long(settings: LettersSettings, wording: Wording) -> Iterator[dict[str, str]]:
    """Versions that take more than a sheet with all kinds of PHI, the longest block and long names."""
    unreviewed = settings.counsel.unreviewed_state_texts
    for language in sorted(wording.texts):
        variants = [variant for tongue, variant in wording.versions() if tongue == language]
        addenda = wording.addenda(unreviewed=unreviewed)
        longest = max(addenda, key=lambda state: len(str(addenda[state].addendum)), default="")
        values = {**_LONGEST, "element_set": "|".join(wording.elements), "state_addenda": longest}
        letters = [_sample(settings, wording, language, v, **values) for v in variants]
        pages = _measured(json.dumps(letters), language, _Held(settings, wording))
        for variant, count in zip(variants, pages, strict=True):
            if count > PAGES_MAX:
                name = wording.letter_version(language, variant)
                problem = f"{count} pages with all kinds of PHI, more than {PAGES_MAX}"
                yield from _named(name, "error", [problem])


class _Held:
    """Settings and wording as a key of the cache: equal where layout and texts are."""

    def __init__(self, settings: LettersSettings, wording: Wording) -> None:
        self.settings, self.wording = settings, wording
        self.key = (wording.model_dump_json(), settings.model_dump_json())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and self.key == other.key


@lru_cache(maxsize=32)
def _measured(letters: str, language: str, held: _Held) -> list[int]:
    """Pages of the letters; asked several times in one run."""
    return pages_of(json.loads(letters), language, held.settings, held.wording)


def _unreviewed(settings: LettersSettings, wording: Wording) -> Iterator[dict[str, str]]:
    if not settings.counsel.unreviewed_state_texts:
        return
    for name, text in sorted(wording.states.items()):
        if text.addendum and not text.reviewed:
            yield from _named(f"states/{name}.toml", "warning", ["printed and not reviewed"])


def text_of(letter: dict[str, Any]) -> str:
    """Every printed word of a letter, a line each."""
    return "\n".join(text for _, text in _strings(letter))


def says_a_value(letter: dict[str, Any], values: Iterable[str | None]) -> bool:
    """The letter prints one of these values (birth date, SSN, chart number, phone, e-mail).

    Compared as whole words and whole numbers, punctuation aside; shorter than six characters says
    nothing about anyone.
    """
    text = text_of(letter)
    printed = {_bare(found) for found in (*text.split(), *_NUMBER.findall(text))}
    return any(len(value) >= 6 and value in printed for value in map(_bare, filter(None, values)))


def _bare(text: str) -> str:
    return re.sub(r"[^0-9A-Z@]", "", text.upper())


def _reading(letter: dict[str, Any], language: str) -> Reading | None:
    blocks = [
        text for block in letter["blocks"] for text in (*block["paragraphs"], *block["after"])
    ]
    return reading(" ".join((*letter["opening"], *blocks)), language)
