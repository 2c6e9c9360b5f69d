"""Is the first row of a table a header? In doubt it is data: a lost header costs nothing, a person does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from matching.propose.headers import header_says
from matching.propose.lexicon import IGNORED

__all__ = ["has_header"]

_TYPES = (
    re.compile(r"^[-+$]?\d[\d.,]*%?$"),
    re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?$"),
    re.compile(r"^\+?[\d() .-]{7,}$"),
    re.compile(r"^[^@\s]+@[^@\s]+\.\w+$"),
    re.compile(r"^\d+\s+\S.*$"),
    re.compile(r"^[A-Za-z]{0,6}[-_]?\d[\w-]*$"),
    re.compile(r"^[A-Z]{1,2}$"),
)
"""Shapes of cells that a name of a column does not have, in a column of such cells."""
TYPED_SHARE = 0.6
_NAMELIKE = re.compile(r"^[^\W\d][\w .#/()'-]{0,63}$")
_COUNTED = re.compile(r"^[A-Za-z_ ]{1,20}[_ -]?\d{1,4}$")


def has_header(rows: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether it is one, and why; no cell is in what is said."""
    if not rows:
        return True, "no rows"
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    filled = [cell for cell in first if cell]
    count, known = len(filled), sum(_is_name(cell) for cell in filled)
    data = sum(any(shape.match(cell) for shape in _TYPES[:5]) for cell in filled)
    unlike, like = _typed(first, rest)
    counted = sum(bool(_COUNTED.match(cell)) for cell in filled)
    rules = (
        (not filled, False, "the first row is blank"),
        (
            data > like / 2 and data >= max(1, count / 4) and known < count / 2,
            False,
            f"{data} of {count} cells of the first row are data by their shape",
        ),
        (len(set(filled)) < count / 2, False, "cells of the first row repeat"),
        (
            known >= max(1, 0.5 * count),
            True,
            f"{known} of {count} cells of the first row are words of headers",
        ),
        (
            unlike > like,
            True,
            f"{unlike} columns hold data of another shape than their first cell",
        ),
        (
            counted >= 0.7 * count and unlike >= like,
            True,
            "cells of the first row are numbered names",
        ),
        (True, False, "nothing tells the first row from the others"),
    )
    return next((header, why) for holds, header, why in rules if holds)


def _is_name(cell: str) -> bool:
    """Made of words that headers are made of."""
    if not _NAMELIKE.match(cell) or len(cell) > 64:
        return False
    says = header_says(cell)
    return bool(says.words) and says.unknown <= len(says.words) and cell.lower() not in IGNORED


def _typed(first: Sequence[str], rest: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Columns of one shape whose first cell has another, and whose first cell has it too."""
    unlike = like = 0
    for place, cell in enumerate(first):
        below = [row[place] for row in rest if row[place]]
        if len(below) < 2 or not cell:
            continue
        for shape in _TYPES:
            if sum(bool(shape.match(value)) for value in below) >= TYPED_SHARE * len(below):
                like, unlike = (like + 1, unlike) if shape.match(cell) else (like, unlike + 1)
                break
    return unlike, like
