"""What pydantic found wrong, in lines that name the file, the key and the fix."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

__all__ = ["innermost", "lines", "merged", "remove", "todo_lines"]

TODO = "TODO"
"""What `affected init` writes where only a person knows."""

FIXES = {
    "date_type": "no date; write it as 2026-03-05, without quotes",
    "date_from_datetime_parsing": "no date; write it as 2026-03-05, without quotes",
    "date_from_datetime_inexact": "no date; write it as 2026-03-05, without a time",
    "bool_parsing": "neither true nor false; write one of them, without quotes",
    "string_pattern_mismatch": "must be lower-case letters, digits and hyphens; rename it",
}
"""What to do about a value of the wrong kind, where pydantic's own words do not say it."""
_CHOICES = frozenset({"date", "literal['unknown']"})
"""How pydantic names the sides of `date | "unknown"`; the operator knows one key."""


def innermost(error: ValidationError) -> list[Any]:
    """Problems but those that only follow: an empty list because its entry is wrong, the other choice."""
    problems = error.errors(include_input=False, include_url=False)
    places = [problem["loc"] for problem in problems]
    followed = [
        problem["type"] in {"too_short", "literal_error"}
        and any(p != place and p[: len(_base(place))] == _base(place) for p in places)
        for problem, place in zip(problems, places, strict=True)
    ]
    return [problem for problem, skip in zip(problems, followed, strict=True) if not skip]


def _base(place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return place[:-1] if place[-1:] and place[-1] in _CHOICES else place


def lines(path: Path, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One line a problem of a file that should be `model`."""
    said = []
    for problem in innermost(error):
        keys = [str(key) for key in problem["loc"] if key not in _CHOICES]
        where = ".".join(keys) or "file"
        if problem["type"] == "extra_forbidden":
            text = "unknown key; remove it" + _closest(keys, model)
        elif problem["type"] == "missing":
            text = "missing; add it"
        else:
            text = FIXES.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
        said.append(f"{path}: {where}: {text}")
    return said


def _closest(keys: list[str], declared: type[BaseModel]) -> str:
    """`, or did you mean ...` from the declared keys of the section the unknown one stands in."""
    model: Any = declared
    for key in keys[:-1]:
        if key.isdigit():
            continue
        annotation = model.model_fields[key].annotation
        arguments = getattr(annotation, "__args__", ())
        model = arguments[0] if arguments and hasattr(arguments[0], "model_fields") else annotation
    found = difflib.get_close_matches(keys[-1], getattr(model, "model_fields", {}), n=1)
    return f", or did you mean '{found[0]}'?" if found else " or see docs/configuration.md"


def remove(raw: Any, place: tuple[int | str, ...]) -> None:
    """Delete the innermost thing that a problem's place names and that is there."""
    holder: Any = None
    for key in place:
        inside = isinstance(raw, dict) and key in raw
        inside |= isinstance(raw, list) and isinstance(key, int) and key < len(raw)
        if not inside:
            break
        holder, last, raw = raw, key, raw[key]
    if holder is not None:
        del holder[last]


def todo_lines(path: Path, raw: Any, *, place: tuple[str, ...] = ()) -> list[str]:
    """One line for each value that still says TODO."""
    if isinstance(raw, dict):
        inside = [(str(key), value) for key, value in raw.items()]
    elif isinstance(raw, list):
        inside = [(str(number), value) for number, value in enumerate(raw)]
    else:
        return [f"{path}: {'.'.join(place)}: still TODO; fill it in"] if raw == TODO else []
    return [line for key, value in inside for line in todo_lines(path, value, place=(*place, key))]


def merged(unfinished: list[str], problems: list[str]) -> list[str]:
    """All of the first, and of the others those about other keys."""
    said = {line.removesuffix("still TODO; fill it in") for line in unfinished}
    return [
        *unfinished,
        *(line for line in problems if not line.startswith(tuple(said))),
    ]
