"""How hard a text is to read: Flesch-Kincaid for English, Fernandez-Huerta for Spanish.

Plain language is asked for by 164.404(c)(2). Both figures count words, sentences and syllables; numbers, web and
e-mail addresses are no words. Of other languages no figure is known here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["EASE_MIN", "GRADE_MAX", "Reading", "ease", "grade", "reading"]

GRADE_MAX = 8.0
"""Flesch-Kincaid grade above which English is no plain language."""
EASE_MIN = 60.0
"""Fernandez-Huerta ease below which Spanish is harder than grade 8 (60 to 70: grades 7 and 8)."""
_ADDRESS = re.compile(r"\S*(@|://|www\.|\.\w+/)\S*")
_ENGLISH = re.compile(r"[A-Za-z]+(?:['\u2019][A-Za-z]+)?")
_SPANISH = re.compile(r"[A-Za-zÁÉÍÓÚÜÑáéíóúüñ]+")
_ENGLISH_VOWELS = re.compile(r"[aeiouy]+")
_END = re.compile(r"[.!?:]+(?:\s|$)")


class Reading(NamedTuple):
    """A figure, its name, and whether it is worse than plain language."""

    measure: str
    value: float
    hard: bool


def reading(text: str, language: str) -> Reading | None:
    """The figure of a text; None for a language without one."""
    if language == "en":
        return Reading("flesch_kincaid_grade", round(grade(text), 1), grade(text) > GRADE_MAX)
    if language == "es":
        return Reading("fernandez_huerta_ease", round(ease(text), 1), ease(text) < EASE_MIN)
    return None


def grade(text: str) -> float:
    """Flesch-Kincaid grade: 0.39 words a sentence + 11.8 syllables a word - 15.59."""
    plain = _ADDRESS.sub(" ", text)
    words = _ENGLISH.findall(plain)
    if not words:
        return 0.0
    syllables = sum(_english_syllables(word.lower()) for word in words)
    return 0.39 * len(words) / _sentences(plain) + 11.8 * syllables / len(words) - 15.59


def ease(text: str) -> float:
    """Fernandez-Huerta: 206.84 - 60 syllables a word - 1.02 words a sentence; higher is easier."""
    plain = _ADDRESS.sub(" ", text)
    words = _SPANISH.findall(plain)
    if not words:
        return 100.0
    syllables = sum(_spanish_syllables(word.lower()) for word in words)
    return 206.84 - 60 * syllables / len(words) - 1.02 * len(words) / _sentences(plain)


def _sentences(text: str) -> int:
    parts = [part for part in _END.split(text) if re.search(r"[^\W\d_]{2}", part)]
    return max(len(parts), 1)


def _english_syllables(word: str) -> int:
    groups = len(_ENGLISH_VOWELS.findall(word))
    silent = word.endswith("e") and not word.endswith("le") and groups > 1
    return max(1, groups - silent)


def _spanish_syllables(word: str) -> int:
    """Runs of vowels, two strong or an accented weak one among them apart."""
    word = re.sub(r"(?<=[qg])u(?=[eiéí])", "", word)
    apart = re.sub(r"([aeoáéó])(?=[aeoáéóíú])", r"\1-", word)
    apart = re.sub(r"([íú])(?=[aeoáéó])", r"\1-", apart)
    return max(1, len(re.findall(r"[aeiouáéíóúü]+|(?<=[^aeiouáéíóúü])y$", apart)))
