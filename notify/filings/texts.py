"""The words of filings, from `configs/filings`: closed models, and fields in braces that must all exist.

A text is a title and blocks. A block with `when` stands only where that field has a value; any other empty
field is an error, so that no letter leaves with a gap.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from matching.store import OperatorError
from notify.facts import Closed
from notify.worded import checked, read_toml

__all__ = ["Form", "Kind", "Text", "Words", "fields_of", "filled", "load_words"]

_FIELD = re.compile(r"\{(\w*)\}")


class Block(Closed):
    """A heading with paragraphs, perhaps a list of kinds of PHI, perhaps the table of numbers."""

    name: str = Field(min_length=1, description="Which of the contents the law asks for.")
    heading: str = Field(min_length=1, description="Heading.")
    when: str = Field(default="", description="Field that must have a value; else no such block.")
    paragraphs: tuple[str, ...] = Field(default=(), description="Text.")
    kinds: bool = Field(default=False, description="A list of the kinds of PHI follows.")
    numbers: bool = Field(default=False, description="The table of numbers follows.")
    after: tuple[str, ...] = Field(default=(), description="Text after list or table.")


class Text(Closed):
    """One document."""

    version: int = Field(ge=1, description="Raised with every change.")
    title: str = Field(min_length=1, description="Title.")
    opening: tuple[str, ...] = Field(default=(), description="Before the first block.")
    supplement: str = Field(default="", description="Said first where an earlier one was filed.")
    block: tuple[Block, ...] = Field(min_length=1, description="The blocks.")
    closing: tuple[str, ...] = Field(default=(), description="After the last block.")
    footer: str = Field(default="", description="Foot of each page.")


class Form(Closed):
    """A regulator's own form: its labels, in its order, each with a field of the generic notice."""

    jurisdiction: str = Field(pattern=r"^[A-Z]{2}$", description="State.")
    duty: Literal["state_ag", "cra"] = Field(default="state_ag", description="Which duty.")
    name: str = Field(min_length=3, description="What the form is called.")
    provenance: str = Field(min_length=3, description="Where its fields were seen.")
    reviewed_by: str = Field(default="", description="Reviewer; empty: not reviewed.")
    fields: dict[str, str] = Field(min_length=1, description="Label = field of the notice.")


class Kind(Closed):
    """One kind of PHI: how the HHS form calls it, and what it means for the first factor."""

    hhs: Literal["Clinical", "Demographic", "Financial", "Other"] = Field(
        description="Type on the HHS form."
    )
    item: str = Field(min_length=2, description="Item below it.")
    identifies: Literal["directly", "together", "no"] = Field(
        description="Names a person by itself, together with others, or not."
    )
    sensitivity: Literal["high", "moderate", "low"] = Field(description="Harm it can do.")


class Words(Closed):
    """Everything below `configs/filings`, and the kinds of PHI in words."""

    texts: dict[str, Text]
    forms: tuple[Form, ...]
    kinds: dict[str, Kind]
    labels: dict[str, tuple[int, str, bool]] = Field(
        description="Kind -> order, label, may harm credit."
    )
    states: dict[str, str]
    recipients: dict[str, str]
    template: Path

    @property
    def digest(self) -> str:
        """SHA-256 over what the texts say; the layout is no news to anyone."""
        said = self.model_dump(mode="json", exclude={"template"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def label(self, element: str) -> str:
        """A kind of PHI in words; an unknown kind is other information."""
        return self.labels.get(element, self.labels["other"])[1]

    def listed(self, elements: Mapping[str, int]) -> list[str]:
        """Kinds of PHI in words, in the order of letters, each once."""
        ordered = sorted(elements, key=lambda e: (self.labels.get(e, self.labels["other"])[0], e))
        return list(dict.fromkeys(self.label(element) for element in ordered))

    def harms_credit(self, elements: Mapping[str, int]) -> bool:
        """One of them opens accounts: the steps against identity theft are said."""
        return any(self.labels.get(element, (0, "", False))[2] for element in elements)

    def kind(self, element: str) -> Kind:
        """What the first factor and the HHS form say of it."""
        return self.kinds.get(element, self.kinds["other"])

    def state(self, code: str) -> str:
        """Name of a jurisdiction; its code where it has none."""
        return self.states.get(code, code)


def fields_of(text: Text) -> set[str]:
    """Every field in braces."""
    return set(_FIELD.findall(json.dumps(text.model_dump(mode="json"), ensure_ascii=False)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its fields. Raises OperatorError for a field that is unknown or empty."""

    def value(found: re.Match[str]) -> str:
        given = values.get(found.group(1), "")
        if not given:
            raise OperatorError(
                f"configs/filings: {{{found.group(1)}}} has no value here; complete [filings] "
                "in the incident file, or correct the text"
            )
        return given

    return _FIELD.sub(value, text)


def load_words(folder: Path, elements: Path) -> Words:
    """Read the texts. Raises OperatorError naming the file, the key and what is wrong."""
    names = ("bureaus", "media", "posting", "state")
    said = read_toml(elements)
    lists = read_toml(folder / "names.toml")
    forms = read_toml(folder / "forms.toml").get("form", [])
    kinds = {name: checked(folder / "kinds.toml", Kind, raw)
             for name, raw in read_toml(folder / "kinds.toml").items()}  # fmt: skip
    missing = sorted({"other", *said} - kinds.keys())
    if missing or "other" not in said:
        raise OperatorError(f"{folder / 'kinds.toml'}: {', '.join(missing)}: missing; add them")
    return Words(
        texts={name: checked(folder / f"{name}.toml", Text, read_toml(folder / f"{name}.toml"))
               for name in names},
        forms=tuple(checked(folder / "forms.toml", Form, raw) for raw in forms),
        kinds=kinds,
        labels={name: (kind["order"], kind["en"], kind.get("credit", False))
                for name, kind in said.items()},
        states=lists["states"],
        recipients=lists["recipients"],
        template=folder / "document.typ",
    )  # fmt: skip
