"""The words of an e-mail, from `configs/email`, and the lint that they must pass before anyone is written to.

One file a language, closed models. The five parts of a notice are mandatory (45 CFR 164.404(c)(1)); the
kinds of PHI are named as in letters (`configs/letters/elements.toml`). What a mail program shows before
the mail is opened may tell neither whose patient somebody is nor of what kind of practice (DOMAIN 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import Field

from matching.store import CheckFailed, OperatorError
from notify.email.settings import EmailSettings
from notify.facts import Closed
from notify.letters.body import element_texts, fill, needs_credit_steps
from notify.letters.dates import day_text, span_text
from notify.letters.texts import BLOCKS, Block, Wording, load_wording
from notify.worded import checked, read_toml

__all__ = ["EmailTexts", "EmailWording", "Said", "checked_texts", "lint", "load_texts", "said"]

FIELDS = frozenset(
    {"ba_address", "ba_email", "ba_name", "ba_website", "breach_date_text", "ce_print_name",
     "discovery_date_text", "toll_free", "what_happened"}
)  # fmt: skip
"""What a text may name in braces; `greeting` and `reference` have one field of their own each."""
_OWN = {"greeting": "recipient_name", "reference": "reference_no"}
LINE_MAX = 60
"""Characters of greeting and reference, so that they stay on one line whatever their encoding."""
PREVIEW = 200
"""Characters that mail programs show beside the subject, at most."""
_REVEALS = re.compile(
    r"\b(patients?|dental|dentists?|doctors?|physicians?|clinics?|medical|health|hospital|treatments?"
    r"|appointments?|diagnos[ei]s|therap(?:y|ist)|pacientes?|dentista|m[eé]dic[oa]s?|cl[ií]nicas?|salud"
    r"|tratamientos?|citas?|consultorios?)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<\s*(img|a|script|link|iframe|form)\b|\b(href|src)\s*=|\bdata:image", re.IGNORECASE
)
_VALUES = re.compile(r"\b\d{3}-\d{2}-\d{4}\b|\b(\d{1,2}/\d{1,2}/\d{2,4}|\d{4}-\d{2}-\d{2})\b")
_FIELD = re.compile(r"\{(\w*)\}")


class Certainty(Closed):
    """Words that depend on how sure it is."""

    opening: tuple[str, ...] = Field(min_length=1, description="Before the first block.")


class EmailTexts(Closed):
    """One language."""

    version: int = Field(ge=1, description="Raised with every change.")
    tag: str = Field(max_length=5, description="BCP-47 of the text.")
    subject: str = Field(min_length=1, description="Subject line: shows before opening.")
    preheader: str = Field(min_length=1, description="First line: shows before opening.")
    greeting: str = Field(description="Line with {recipient_name}.")
    reference: str = Field(description="Line with {reference_no}.")
    closing: str = Field(description="Last sentences.")
    signature: str = Field(description="Who signs.")
    specimen: str = Field(description="First line of a synthetic incident's mail.")
    certain: Certainty = Field(description="Confirmed people.")
    possible: Certainty = Field(description="Possible people.")
    blocks: dict[str, Block] = Field(description="The five blocks.")


class EmailWording(Closed):
    """Texts by language, and what letters call the kinds of PHI."""

    texts: dict[str, EmailTexts]
    letters: Wording

    def language(self, wanted: str) -> str:
        """English where there is no text in the wanted language."""
        return wanted if wanted in self.texts else "en"


class Said(Closed):
    """One e-mail in words, but for name and number: paragraphs in order."""

    tag: str
    subject: str
    preheader: str
    greeting: str
    reference: str
    opening: tuple[str, ...]
    blocks: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]
    """Heading, paragraphs, bullets, paragraphs after them."""
    ending: tuple[str, ...]


def load_texts(settings: EmailSettings) -> EmailWording:
    """Read the folder. Raises OperatorError naming the file, the key and what is wrong."""
    texts = {path.stem: _read(path) for path in sorted(settings.texts.glob("*.toml"))}
    if "en" not in texts:
        raise OperatorError(
            f"{settings.texts}/en.toml: not found; English is the language of last resort"
        )
    return EmailWording(texts=texts, letters=load_wording(settings.letters))


def _read(path: Any) -> EmailTexts:
    texts = checked(path, EmailTexts, read_toml(path))
    missing = [f"[blocks.{name}]" for name in BLOCKS if name not in texts.blocks]
    missing += [
        f"{key} with {{{field}}}" for key, field in _OWN.items() if f"{{{field}}}" not in getattr(texts, key)
    ]  # fmt: skip
    if missing:
        raise OperatorError(f"{path}: {', '.join(missing)}: missing; a notice needs all of them")
    return texts


def said(
    settings: EmailSettings,
    wording: EmailWording,
    *,
    language: str,
    possible: bool,
    practice: str,
    elements: str,
) -> Said:
    """What everybody at this practice with this set of kinds of PHI is told."""
    texts = wording.texts[language]
    values = _values(settings, language) | {"ce_print_name": practice}
    kinds = tuple(element_texts(elements, wording.letters, language))
    credit = needs_credit_steps(elements, wording.letters)

    def block(name: str) -> tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        words = texts.blocks[name]
        chosen = words.possible_paragraphs if possible else ()
        paragraphs = (chosen or words.paragraphs) + (words.credit if credit else ())
        return (
            fill(words.heading, values),
            tuple(fill(text, values) for text in paragraphs),
            kinds if words.bullets == "elements" else (),
            tuple(fill(text, values) for text in words.after),
        )

    opening = texts.possible.opening if possible else texts.certain.opening
    specimen = (texts.specimen,) if settings.incident.synthetic else ()
    return Said(
        tag=texts.tag,
        subject=texts.subject,
        preheader=texts.preheader,
        greeting=texts.greeting,
        reference=texts.reference,
        opening=(*specimen, *opening),
        blocks=tuple(block(name) for name in BLOCKS),
        ending=(texts.closing, fill(texts.signature, values)),
    )


def _values(settings: EmailSettings, language: str) -> dict[str, str]:
    """Values of FIELDS that are the same for everybody."""
    sender, incident = settings.business_associate, settings.incident
    return {
        "ba_name": sender.name,
        "ba_email": sender.email,
        "ba_website": sender.website,
        "ba_address": ", ".join(sender.address),
        "toll_free": sender.toll_free,
        "what_happened": incident.what_happened,
        "breach_date_text": span_text(incident.breach_start, incident.breach_end, language),
        "discovery_date_text": day_text(incident.discovered_on, language),
    }


def lint(settings: EmailSettings, wording: EmailWording) -> list[str]:
    """Problems of all texts, each with its file, in fixed order; empty: fit to be approved."""
    found = []
    for language, texts in sorted(wording.texts.items()):
        problems = list(_field_problems(texts)) or list(_problems(settings, wording, language))
        found += [f"{language}.toml: {problem}" for problem in problems]
    return found


def checked_texts(settings: EmailSettings) -> EmailWording:
    """The texts. Raises CheckFailed naming the first problem and how many there are."""
    wording = load_texts(settings)
    problems = lint(settings, wording)
    if problems:
        raise CheckFailed(
            f"e-mail texts: {len(problems)} problems, first {problems[0]}; correct {settings.texts}"
        )
    return wording


def _field_problems(texts: EmailTexts) -> Iterator[str]:
    for key, text in _strings(texts.model_dump()):
        unknown = sorted(set(_FIELD.findall(text)) - _allowed(key))
        if unknown:
            yield f"{key}: unknown field {{{unknown[0]}}}"
        for fits, problem in _FORBIDDEN.items():
            if fits(text):
                yield f"{key}: {problem}"
    for key in _OWN:
        if len(getattr(texts, key)) > LINE_MAX:
            yield f"{key}: more than {LINE_MAX} characters"


def _allowed(key: str) -> frozenset[str]:
    """Fields of one text; what shows before the mail is opened has none."""
    if key in {"subject", "preheader"} or key.endswith("opening"):
        return frozenset()
    return frozenset({_OWN[key]}) if key in _OWN else FIELDS


def _odd_brace(text: str) -> bool:
    rest = _FIELD.sub("", text)
    return "{" in rest or "}" in rest


_FORBIDDEN: Mapping[Callable[[str], object], str] = {
    _odd_brace: "a brace that is no field",
    _MARKUP.search: "markup, a link or an image; texts are plain",
    _VALUES.search: "a number that looks like a birth date or SSN",
    re.compile(
        r"[\x00-\x1f\x7f]"
    ).search: "a line break or control character; write two paragraphs",
}
"""What no text may hold -> what is said of it."""


def _strings(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, f"{where}.{key}".strip("."))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _strings(inner, where)


def _problems(settings: EmailSettings, wording: EmailWording, language: str) -> Iterator[str]:
    for possible in (False, True):
        sample = said(settings, wording, language=language, possible=possible,
                      practice="Main Street Dental", elements="name|ssn")  # fmt: skip
        if not all(heading and paragraphs for heading, paragraphs, *_ in sample.blocks):
            yield "one of the five blocks is empty (164.404(c)(1))"
        if not any(bullets for _, _, bullets, _ in sample.blocks):
            yield "no block lists the kinds of information (164.404(c)(1)(B))"
        contact = " ".join(sample.blocks[-1][1])
        sender = settings.business_associate
        for what, value in (("toll_free", sender.toll_free), ("ba_website", sender.website)):
            if value not in contact:
                yield f"blocks.contact: {{{what}}} is missing"
        first = (sample.subject, sample.preheader, *sample.opening, *sample.blocks[0][1])
        shown = " ".join(first)[:PREVIEW]
        named = _REVEALS.search(shown)
        if named:
            yield f"subject, preheader or opening: '{named.group()}' tells what should not show"
        if sender.name in shown:
            yield "subject, preheader or opening: names the sender"
