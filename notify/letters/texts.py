"""The words of a letter, from `configs/letters`: closed models that name what is missing.

A text file is one language. Five blocks are mandatory (45 CFR 164.404(c)); fields in braces are filled
per letter and only the known ones exist.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field

from matching.store import OperatorError
from notify.facts import Closed
from notify.letters.dates import KNOWN, DateWords
from notify.letters.states import StateText, load_states
from notify.worded import checked, read_toml

__all__ = ["BASES", "BLOCKS", "Element", "Texts", "Voice", "Wording", "load_wording", "voice"]

BLOCKS = ("what_happened", "what_information", "what_we_are_doing", "what_you_can_do", "contact")
"""164.404(c)(1)(A), (B), (D), (C), (E), in the order people read best."""
BASES = ("ADULT", "MINOR", "DECEASED", "PERSREP")
"""Variants before POSSIBLE_."""
_POSSIBLE = "POSSIBLE_"
_FORM_LENGTH = 2


class Voice(NamedTuple):
    """A variant taken apart: the form of a state or none, uncertain or not, whom it is about."""

    form: str
    possible: bool
    base: str


def voice(variant: str) -> Voice:
    """`CA_POSSIBLE_MINOR` -> CA, uncertain, MINOR."""
    *before, base = variant.split("_")
    form = before[0] if before and len(before[0]) == _FORM_LENGTH else ""
    return Voice(form, "POSSIBLE" in before, base)


class About(Closed):
    """Words that depend on whom the letter is about."""

    greeting: str = Field(description="First line.")
    information: str = Field(description="your information.")
    Information: str = Field(description="Your information.")
    person: str = Field(description="you.")


class Certainty(Closed):
    """Words that depend on how sure it is."""

    involved: str = Field(description="was involved, or may have been involved.")
    held: str = Field(description="held, or may have held.")


class Opening(Closed):
    """Paragraphs before the first block."""

    certain: tuple[str, ...] = Field(min_length=1, description="Where the person was involved.")
    possible: tuple[str, ...] = Field(min_length=1, description="Where the person may have been.")


class Block(Closed):
    """One of the five parts of the notice."""

    heading: str = Field(min_length=1, description="Heading.")
    paragraphs: tuple[str, ...] = Field(min_length=1, description="Text.")
    possible_paragraphs: tuple[str, ...] = Field(
        default=(), description="Instead, where uncertain."
    )
    bullets: Literal["", "elements"] = Field(default="", description="A list of the kinds of PHI.")
    after: tuple[str, ...] = Field(default=(), description="Text after the list.")
    credit: tuple[str, ...] = Field(default=(), description="Added for SSN, bank and card numbers.")


class Texts(Closed):
    """One language."""

    version: int = Field(ge=1, description="Raised with every change.")
    tag: str = Field(max_length=5, description="BCP-47 of the text.")
    title: str = Field(description="Title of the notice.")
    on_behalf: str = Field(description="Line below the practice's name.")
    reference_label: str = Field(description="Label of the reference number.")
    date_label: str = Field(description="Label of the date.")
    page_label: str = Field(description="Label of the page number.")
    closing: str = Field(description="Last sentence.")
    signature: str = Field(description="Who signs.")
    specimen: str = Field(description="Watermark of a synthetic incident.")
    bars_alt: str = Field(description="What a screen reader says of the barcode.")
    qr_alt: str = Field(description="What a screen reader says of the QR code.")
    qr_label: str = Field(description="Line below the QR code.")
    what_happened: str = Field(
        default="", description="Said where the incident file has no text in this language."
    )
    monitoring: tuple[str, ...] = Field(
        default=(), description="Added where a person gets a code of a monitoring vendor."
    )
    dates: DateWords | None = Field(
        default=None, description="How days are written; en, es: known."
    )
    elements: dict[str, str] = Field(
        default_factory=dict, description="Kinds of PHI, where elements.toml has no such column."
    )
    salutation_line: dict[str, str] = Field(description="First line in the window, by variant.")
    about: dict[str, About] = Field(description="By variant.")
    certain: Certainty = Field(description="Confirmed people.")
    possible: Certainty = Field(description="Possible people.")
    opening: Opening = Field(description="Before the first block.")
    blocks: dict[str, Block] = Field(description="The five blocks.")


class Element(Closed):
    """One kind of PHI as letters name it."""

    order: int = Field(description="Place in the list.")
    credit: bool = Field(default=False, description="Steps against identity theft are added.")
    en: str = Field(description="English.")
    es: str = Field(description="Spanish.")


class Wording(Closed):
    """Everything below `configs/letters`: texts by language, kinds of PHI, the layout's bytes."""

    texts: dict[str, Texts]
    elements: dict[str, Element]
    states: dict[str, StateText] = Field(default_factory=dict)
    template: Path
    template_sha256: str

    def language(self, wanted: str) -> str:
        """The language a letter is written in: English where there is no text in the wanted one."""
        return wanted if wanted in self.texts else "en"

    def form(self, form: str) -> StateText | None:
        """The texts that a form of a state puts in place of the common ones."""
        return next((text for text in self.states.values() if text.form == form), None)

    def forms(self, *, massachusetts: str) -> dict[str, str]:
        """State -> its form, of those in force under `[counsel] massachusetts_wording`."""
        return {
            text.state: text.form
            for text in self.states.values()
            if text.form and text.applies(massachusetts)
        }

    def addenda(self, *, unreviewed: bool, massachusetts: str = "hipaa") -> dict[str, StateText]:
        """State -> its block at the end of the letter; those that nobody reviewed only where asked for.

        A form in force with paragraphs of its own says the same in its text.
        """
        return {
            text.state: text
            for text in self.states.values()
            if text.addendum
            and (text.reviewed or unreviewed)
            and not (text.form and text.paragraphs and text.applies(massachusetts))
        }

    def element(self, kind: str, language: str) -> str:
        """What letters in this language call a kind of PHI of `elements`."""
        own = self.texts[language].elements if language in self.texts else {}
        return own.get(kind) or str(getattr(self.elements[kind], language, self.elements[kind].en))

    def letter_version(self, language: str, variant: str) -> str:
        """IND-EN-ADULT-V1, of a state's form CA-EN-ADULT-V1; POSS stands for POSSIBLE (24 characters at most)."""
        form, possible, base = voice(variant)
        short = f"POSS-{base}" if possible else base
        return f"{form or 'IND'}-{language.upper()}-{short}-V{self.texts[language].version}"

    def letter_sha8(self, language: str, variant: str) -> str:
        """First 8 hex digits of `letter_sha256`."""
        return self.letter_sha256(language, variant)[:8]

    def letter_sha256(self, language: str, variant: str) -> str:
        """Digest over layout, texts, kinds of PHI, states' texts and version."""
        kinds = {name: element.model_dump() for name, element in sorted(self.elements.items())}
        parts = (
            self.template_sha256,
            self.texts[language].model_dump_json(),
            str(kinds),
            *(text.model_dump_json() for _, text in sorted(self.states.items())),
            self.letter_version(language, variant),
        )
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def versions(self) -> list[tuple[str, str]]:
        """Every (language, variant) there is a text for."""
        forms = ["", *sorted({text.form for text in self.states.values() if text.form})]
        variants = [
            "_".join(filter(None, (form, prefix, base)))
            for form in forms
            for prefix in ("", _POSSIBLE.strip("_"))
            for base in BASES
        ]
        return [(language, variant) for language in sorted(self.texts) for variant in variants]


def load_wording(folder: Path) -> Wording:
    """Read the letters folder. Raises OperatorError naming the file, the key and what is wrong."""
    individual = folder / "individual"
    template = individual / "letter.typ"
    if not template.exists():
        raise OperatorError(f"{template}: not found; put the letter's template there")
    texts = {path.stem: _texts(path) for path in sorted(individual.glob("*.toml"))}
    if "en" not in texts:
        raise OperatorError(
            f"{individual}/en.toml: not found; English is the language of last resort"
        )
    path = folder / "elements.toml"
    elements = {name: checked(path, Element, raw) for name, raw in read_toml(path).items()}
    if "other" not in elements:
        raise OperatorError(f"{path}: [other]: missing; add what unlisted kinds are called")
    for language, text in texts.items():
        _check_language(individual / f"{language}.toml", language, text, elements)
    digest = hashlib.sha256(template.read_bytes()).hexdigest()
    states = load_states(folder / "states")
    return Wording(
        texts=texts, elements=elements, states=states, template=template, template_sha256=digest
    )


def _check_language(path: Path, language: str, texts: Texts, elements: dict[str, Element]) -> None:
    """A language beyond those of the program brings its days and kinds of PHI along."""
    if language in KNOWN:
        return
    missing = [] if texts.dates else ["[dates]"]
    missing += [f"elements.{kind}" for kind in sorted(elements) if not texts.elements.get(kind)]
    missing += [] if texts.what_happened else ["what_happened"]
    if missing:
        raise OperatorError(f"{path}: {', '.join(missing)}: missing; translate them")


def _texts(path: Path) -> Texts:
    texts = checked(path, Texts, read_toml(path))
    missing = [f"[about.{base}]" for base in BASES if base not in texts.about]
    missing += [f"[blocks.{block}]" for block in BLOCKS if block not in texts.blocks]
    missing += [
        f"salutation_line.{base}" for base in BASES[1:] if base not in texts.salutation_line
    ]
    if missing:
        raise OperatorError(f"{path}: {', '.join(missing)}: missing; a notice needs all of them")
    return texts
