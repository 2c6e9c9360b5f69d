"""What single states want in a letter, from `configs/letters/states`: forms and blocks at the end.

A form (California, Massachusetts) puts its title, headings and paragraphs in place of the common ones and
is a letter version of its own. An addendum is a block for residents of a state, printed where somebody
reviewed it or counsel said so. The lint knows what a form forbids.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from matching.store import OperatorError
from notify.facts import Closed
from notify.worded import checked, read_toml

__all__ = ["Addendum", "StateText", "load_states"]


class Addendum(Closed):
    """A block for residents of one state."""

    heading: str = Field(min_length=1, description="Heading.")
    paragraphs: tuple[str, ...] = Field(min_length=1, description="Text.")


class StateText(Closed):
    """One file: a form, an addendum, or both."""

    state: str = Field(pattern=r"^[A-Z]{2}$", description="State of the address.")
    citation: str = Field(description="Where the law says so.")
    reviewed: bool = Field(description="A lawyer has checked the text.")
    provenance: str = Field(min_length=1, description="Where the text comes from.")
    form: str = Field(
        default="", pattern=r"^([A-Z]{2})?$", description="Its letter version, if any."
    )
    only_under: Literal["", "massachusetts_wording"] = Field(
        default="", description="The form is in force only where this key of [counsel] says state."
    )
    title: dict[str, str] = Field(default_factory=dict, description="By language.")
    headings: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="By language and block."
    )
    opening: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="By language.")
    paragraphs: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict, description="By language and block."
    )
    possible_paragraphs: dict[str, dict[str, tuple[str, ...]]] = Field(
        default_factory=dict, description="The same where it is uncertain."
    )
    forbidden: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Words that the form may not say, by language."
    )
    required: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Words that the form must say, by language."
    )
    without_what_happened: bool = Field(
        default=False, description="The form may not repeat the incident's own paragraph."
    )
    addendum: dict[str, Addendum] = Field(default_factory=dict, description="By language.")

    def applies(self, massachusetts: str) -> bool:
        """The form is in force under this `[counsel] massachusetts_wording`."""
        return self.only_under == "" or massachusetts == "state"

    @model_validator(mode="after")
    def _english_is_there(self) -> Self:
        for name in ("title", "headings", "opening", "paragraphs", "addendum"):
            found = getattr(self, name)
            if found and "en" not in found:
                raise ValueError(f"{name}.en: missing; English is the language of last resort")
        return self


def load_states(folder: Path) -> dict[str, StateText]:
    """File name -> text. Raises OperatorError naming the file, the key and what is wrong."""
    found = {path.stem: _state(path) for path in sorted(folder.glob("*.toml"))}
    forms = [text.form for text in found.values() if text.form]
    blocks = [text.state for text in found.values() if text.addendum]
    for what, names in (("form", forms), ("addendum", blocks)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise OperatorError(f"{folder}: {what} of {twice[0]} in two files; keep one")
    return found


def _state(path: Path) -> StateText:
    return checked(path, StateText, read_toml(path))
