"""Names of people who answer for an act: two that look alike are one person, for nobody could tell who acted.

Comes in: names as they are typed in `[people]`, `[security] recipients`, `--by`, `affected keys`. Goes out: which
are the same to the eye. Promised: blanks, case, composed and compatible forms, marks without width and the
letters that Cyrillic and Greek share with Latin make no second person.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["alike", "seen_as", "sound_name"]

_CYRILLIC = (
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458"
)
_GREEK = "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7"
_SHARED = str.maketrans(_CYRILLIC + _GREEK + "\u0131", "abekmhopctyxsijabezhikmnoptyxi")
"""Small letters of Cyrillic and Greek whose small or capital form is a Latin one's, too; the i without a dot."""
_UNSEEN = frozenset({"Cf", "Cc", "Mn"})
"""Categories without width: marks and what steers the writing."""


def seen_as(name: str) -> str:
    """How a name looks; equal for names that people would take for one."""
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    shown = (
        " " if letter.isspace() else letter
        for letter in letters
        if letter.isspace() or unicodedata.category(letter) not in _UNSEEN
    )
    return " ".join("".join(shown).translate(_SHARED).split())


def alike(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two of different names that look the same; None where all are told apart."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(seen_as(name), name)
        if other != name:
            return other, name
    return None


def sound_name(name: str) -> bool:
    """One line of letters, without blanks around it."""
    return bool(name) and name.isprintable() and name == name.strip()
