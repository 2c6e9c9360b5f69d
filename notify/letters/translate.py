"""Letters in more languages: a table for translators goes out, a checked language file comes back.

One row a string: its key, English, Spanish, and a column to fill. What comes back whole becomes a file for
`configs/letters/individual`; what is missing or lost a field is named, and nothing is written.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from matching.store import CheckFailed, OperatorError
from notify.letters.dates import KNOWN
from notify.letters.lint import lint
from notify.letters.settings import LettersSettings
from notify.letters.texts import Texts, Wording

__all__ = ["COLUMNS", "language_file", "translation_table"]

COLUMNS = ("key", "english", "spanish", "translation")
_COPIED = ("version", "tag")
"""Keys that are no text: given, not translated."""
_FIELD = re.compile(r"\{\w*\}")
_NUMBERED = re.compile(r"^(.+)\[(\d+)\]$")
_TAG = re.compile(r"^[a-z]{2,3}(-[A-Z]{2})?$")
_NAMED_AT_MOST = 5


def translation_table(wording: Wording, language: str = "") -> bytes:
    """The table as CSV for a spreadsheet, UTF-8 with BOM; filled as far as there is a text in `language`."""
    english, spanish = _strings(wording, "en"), _strings(wording, "es")
    known = _strings(wording, language) if language in wording.texts else {}
    target = io.StringIO()
    lines = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    lines.writerow(COLUMNS)
    for key, text in english.items():
        lines.writerow([key, text, spanish.get(key, ""), known.get(key, "")])
    return b"\xef\xbb\xbf" + target.getvalue().encode()


def language_file(settings: LettersSettings, wording: Wording, table: bytes, *, tag: str) -> str:
    """The language file in TOML that a filled table makes; `tag` is its BCP-47 name, as `vi-US`.

    Raises CheckFailed naming the strings that are missing or have other fields than the English ones, or what
    the lint finds in letters of that language; OperatorError for a table that is none of ours.
    """
    if not _TAG.match(tag):
        raise OperatorError(f"language {tag}: no name of a language; write vi or vi-US")
    english, filled = _strings(wording, "en"), _filled(table)
    unknown = sorted(filled.keys() - english.keys())
    if unknown:
        raise OperatorError(f"translation: no key {unknown[0]}; export the table again")
    missing = [key for key, text in english.items() if text and not filled.get(key)]
    if missing:
        raise CheckFailed(f"translation: {len(missing)} strings are missing: {_some(missing)}")
    changed = [
        key for key, text in english.items()
        if not key.startswith("dates.") and sorted(_FIELD.findall(text)) != sorted(_FIELD.findall(filled[key]))
    ]  # fmt: skip
    if changed:
        raise CheckFailed(
            f"translation: {len(changed)} strings have other fields in braces: {_some(changed)}"
        )
    texts = _nested(filled) | {"version": wording.texts["en"].version, "tag": tag}
    for name, block in wording.texts["en"].blocks.items():
        texts["blocks"][name]["bullets"] = block.bullets
    made = _checked(texts)
    trial = wording.model_copy(
        update={"texts": {**wording.texts, tag.split("-", maxsplit=1)[0]: made}}
    )
    errors = [found for found in lint(settings, trial) if found["severity"] == "error"]
    if errors:
        raise CheckFailed(f"translation: {errors[0]['letter']}: {errors[0]['problem']}")
    return _toml(made.model_dump(exclude_defaults=True))


def _checked(texts: dict[str, Any]) -> Texts:
    try:
        return Texts.model_validate(texts)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckFailed(f"translation: {where}: {first['msg']}") from None


def _strings(wording: Wording, language: str) -> dict[str, str]:
    """Key -> text of everything a translator must put in words, in the order of a letter's file."""
    texts = wording.texts.get(language)
    if texts is None:
        return {}
    said = texts.model_dump(exclude={*_COPIED, "elements", "dates"})
    for block in said["blocks"].values():
        block.pop("bullets")
    said["what_happened"] = texts.what_happened or _neutral()
    words = texts.dates or KNOWN.get(language)
    said["dates"] = words.model_dump() if words else {}
    said["elements"] = {kind: wording.element(kind, language) for kind in wording.elements}
    return dict(_leaves(said))


def _neutral() -> str:
    """English has the incident's own words; translators start from the neutral text in English."""
    return (
        "There was a security incident with files that {ba_name} kept. People without permission may"
        " have seen or copied data of patients."
    )


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{where}.{key}".strip("."))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{where}[{number}]")


def _filled(table: bytes) -> dict[str, str]:
    try:
        rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise OperatorError(f"translation: no CSV in UTF-8: {error}") from None
    if not rows or not {"key", "translation"} <= rows[0].keys():
        raise OperatorError("translation: needs the columns key and translation")
    return {
        row["key"] or "": (row["translation"] or "").strip() for row in rows if row["translation"]
    }


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - _NAMED_AT_MOST} more" if len(keys) > _NAMED_AT_MOST else ""
    return ", ".join(keys[:_NAMED_AT_MOST]) + more


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    """`a.b[0]` keys as tables and lists."""
    whole: dict[str, Any] = {}
    for key, text in flat.items():
        *path, last = key.split(".")
        place = whole
        for step in path:
            place = place.setdefault(step, {})
        numbered = _NUMBERED.match(last)
        if numbered:
            place.setdefault(numbered.group(1), []).append(text)
        else:
            place[last] = text
    return whole


def _text(value: Any) -> str:
    """JSON's escapes are TOML's, but for what JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml(texts: dict[str, Any]) -> str:
    """Dotted keys, a string or a list of strings each."""

    def lines(value: dict[str, Any], where: str) -> Iterator[str]:
        for key, inner in value.items():
            name = f"{where}.{key}".strip(".")
            if isinstance(inner, dict):
                yield from lines(inner, name)
            else:
                yield f"{name} = {_text(inner)}"

    return (
        "\n".join(
            [
                "# Made from a translator's table; raise `version` with every change.",
                *lines(texts, ""),
            ]
        )
        + "\n"
    )
