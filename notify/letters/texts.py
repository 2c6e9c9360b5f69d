"""The words of a letter, from `configs/letters`: closed models that name what is missing.

A text file is one language. Five blocks are mandatory (45 CFR 164.404(c)); fields in braces are filled
per letter and only the known ones exist.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field

from matching.store import OperatorError
from notify.facts import Closed
from notify.worded import checked, read_toml

__all__ = ["BASES", "BLOCKS", "Element", "Texts", "Wording", "load_wording"]

BLOCKS = ("what_happened", "what_information", "what_we_are_doing", "what_you_can_do", "contact")
"""164.404(c)(1)(A), (B), (D), (C), (E), in the order people read best."""
BASES = ("ADULT", "MINOR", "DECEASED", "PERSREP")
"""Variants before POSSIBLE_."""
_POSSIBLE = "POSSIBLE_"


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
    template: Path
    template_sha256: str

    def language(self, wanted: str) -> str:
        """The language a letter is written in: English where there is no text in the wanted one."""
        return wanted if wanted in self.texts else "en"

    def letter_version(self, language: str, variant: str) -> str:
        """IND-EN-ADULT-V1; POSS stands for POSSIBLE (24 characters at most)."""
        short = variant.replace(_POSSIBLE, "POSS-")
        return f"IND-{language.upper()}-{short}-V{self.texts[language].version}"

    def letter_sha8(self, language: str, variant: str) -> str:
        """First 8 hex digits of `letter_sha256`."""
        return self.letter_sha256(language, variant)[:8]

    def letter_sha256(self, language: str, variant: str) -> str:
        """Digest over layout, text, kinds of PHI and version."""
        kinds = {name: element.model_dump() for name, element in sorted(self.elements.items())}
        parts = (
            self.template_sha256,
            self.texts[language].model_dump_json(),
            str(kinds),
            self.letter_version(language, variant),
        )
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()

    def versions(self) -> list[tuple[str, str]]:
        """Every (language, variant) there is a text for."""
        variants = [prefix + base for prefix in ("", _POSSIBLE) for base in BASES]
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
    digest = hashlib.sha256(template.read_bytes()).hexdigest()
    return Wording(texts=texts, elements=elements, template=template, template_sha256=digest)


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
