"""What every letter version must pass before a person approves it.

Errors stop letters: a field without a value, a missing block, a value of someone's data, a character
without a glyph. Warnings are told: a text harder to read than grade 8 (164.404(c)(2), plain language).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from notify.letters.body import FIELDS, letter_data
from notify.letters.settings import LettersSettings
from notify.letters.texts import BLOCKS, Texts, Wording
from notify.typeset import unprintable

__all__ = ["GRADE_MAX", "grade", "lint", "says_a_value", "text_of"]

GRADE_MAX = 8.0
"""Flesch-Kincaid grade above which English is no plain language."""
_FIELD = re.compile(r"\{(\w*)\}")
_SSN = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_DATE = re.compile(r"\b(\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2})\b")
_NUMBER = re.compile(r"\d[\d\-. ()]{4,}\d")
_VOWELS = re.compile(r"[aeiouy]+")
_PLAIN = {
    "ce_print_name": "Main Street Dental",
    "recipient_name": "Jane Doe",
    "reference_no": "ABC",
    "language": "en",
    "element_set": "name|ssn",
}


def lint(settings: LettersSettings, wording: Wording) -> list[dict[str, str]]:
    """Problems of all versions: `letter, severity (error / warning), problem`, in fixed order."""
    problems: list[dict[str, str]] = []
    for language, texts in sorted(wording.texts.items()):
        problems += _named(f"{language}.toml", "error", _field_problems(texts))
    if problems:
        return problems  # a text with unknown fields cannot be filled
    for language, variant in wording.versions():
        sample = _sample(settings, wording, language, variant)
        name = wording.letter_version(language, variant)
        problems += _named(name, "error", _errors(sample))
        if language == "en" and (found := grade(_sentences(sample))) > GRADE_MAX:
            problems += _named(
                name, "warning", [f"reading grade {found:.1f}, above {GRADE_MAX:.0f}"]
            )
    return problems


def _named(letter: str, severity: str, problems: Iterable[str]) -> list[dict[str, str]]:
    return [{"letter": letter, "severity": severity, "problem": text} for text in problems]


def _field_problems(texts: Texts) -> Iterator[str]:
    for where, text in _strings(texts.model_dump()):
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
    settings: LettersSettings, wording: Wording, language: str, variant: str
) -> dict[str, Any]:
    """A letter of this version with plain values, so that length and reading grade are the text's."""
    address = ("salutation_line", "care_of", "delivery_line", "delivery_line2", "city", "state", "zip5",
               "zip4", "intl_line1", "intl_line2", "country_line")  # fmt: skip
    row: dict[str, Any] = {
        **dict.fromkeys(address),
        **_PLAIN,
        "variant": variant,
        "language": language,
        "letter_version": wording.letter_version(language, variant),
        "letter_sha8": wording.letter_sha8(language, variant),
        "breach_date_text": "May 1",
        "discovery_date_text": "May 2",
        "toll_free": settings.business_associate.toll_free,
    }
    return letter_data(row, settings, wording)


def _errors(letter: dict[str, Any]) -> Iterator[str]:
    text = text_of(letter)
    if len(letter["blocks"]) != len(BLOCKS) or not all(
        block["paragraphs"] for block in letter["blocks"]
    ):
        yield "one of the five blocks is missing (164.404(c)(1))"
    if "{" in text:
        yield "unresolved field"
    if _SSN.search(text) or _DATE.search(text):
        yield "holds a number that looks like a birth date or SSN"
    if bool(unprintable(pl.Series([text]))[0]):
        yield "a character that the letter's font lacks"


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


def _sentences(letter: dict[str, Any]) -> str:
    blocks = [
        text for block in letter["blocks"] for text in (*block["paragraphs"], *block["after"])
    ]
    return " ".join((*letter["opening"], *blocks))


def grade(text: str) -> float:
    """Flesch-Kincaid grade: 0.39 words a sentence + 11.8 syllables a word - 15.59.

    Numbers, web and e-mail addresses are not words.
    """
    plain = re.sub(r"\S*(@|://|www\.|\.\w+/)\S*", " ", text)
    sentences = [
        part for part in re.split(r"[.!?:]+(?:\s|$)", plain) if re.search("[A-Za-z]{2}", part)
    ]
    words = re.findall(r"[A-Za-z]+(?:['\u2019][A-Za-z]+)?", plain)
    if not words:
        return 0.0
    syllables = sum(_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / max(len(sentences), 1) + 11.8 * syllables / len(words) - 15.59


def _syllables(word: str) -> int:
    groups = len(_VOWELS.findall(word))
    silent = word.endswith("e") and not word.endswith("le") and groups > 1
    return max(1, groups - silent)
