"""What every text of a filing must pass before anything is written.

A field that does not exist, one of the five contents of 164.404(c) that is missing where the law asks for
them, English harder than plain. All problems are named at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from matching.store import OperatorError
from notify.filings.fields import FIELDS
from notify.filings.texts import Text, Words, fields_of
from notify.letters.lint import grade

__all__ = ["CONTENTS", "GRADE_MAX", "check_words", "problems"]

CONTENTS = frozenset(
    {"what_happened", "what_information", "what_you_can_do", "what_we_are_doing", "contact"}
)
"""164.404(c)(1)(A)-(E): what the media and a posting must be told as well (164.404(d)(2), 164.406(c))."""
GRADE_MAX = 9.0
"""Flesch-Kincaid grade of the public texts; letters are held to 8, names of agencies cost one."""
_PUBLIC = ("media", "posting")


def check_words(words: Words) -> None:
    """Raise OperatorError with one line a problem."""
    found = list(problems(words))
    if found:
        raise OperatorError("\n".join(f"configs/filings/{line}" for line in found))


def problems(words: Words) -> Iterator[str]:
    """What is wrong with the texts and forms, in fixed order."""
    for name, text in sorted(words.texts.items()):
        known = FIELDS | {"posted_from", "posted_until"}
        for field in sorted(fields_of(text) - known):
            yield f"{name}.toml: unknown field {{{field}}}; correct it"
        for when in sorted({block.when for block in text.block if block.when} - FIELDS):
            yield f"{name}.toml: when = {when!r} is no field; correct it"
    for name in _PUBLIC:
        yield from _public(name, words.texts[name])
    for form in words.forms:
        for label, field in form.fields.items():
            if field not in FIELDS:
                yield f"forms.toml: {form.jurisdiction}: {label!r} = {field!r} is no field; correct it"


def _public(name: str, text: Text) -> Iterator[str]:
    missing = CONTENTS - {block.name for block in text.block if not block.when}
    if missing:
        yield f"{name}.toml: block {', '.join(sorted(missing))} is missing; 164.404(c) asks for it"
    said = " ".join(line for block in text.block for line in (*block.paragraphs, *block.after))
    if (found := grade(f"{' '.join(text.opening)} {said}")) > GRADE_MAX:
        yield f"{name}.toml: reading grade {found:.1f}, above {GRADE_MAX:.0f}; say it in plainer words"
