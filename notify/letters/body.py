"""One letter in words: merge fields and texts become headings, paragraphs and the address block."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from notify.letters.dates import day_text
from notify.letters.qr import qr_svg
from notify.letters.settings import LettersSettings
from notify.letters.states import StateText
from notify.letters.texts import BLOCKS, Block, Texts, Wording, voice

__all__ = [
    "FIELDS", "LARGE_PT", "SIZE_PT", "WINDOW_LINES", "document", "element_texts", "fill", "incident_words",
    "letter_data", "what_happened", "words",
]  # fmt: skip

SIZE_PT = 10.0
"""California wants at least 10 pt (Civ. Code 1798.82(d)(1))."""
LARGE_PT = 18.0
"""Large print, as the American Printing House for the Blind recommends."""

FIELDS = frozenset(
    {
        "ba_address", "ba_email", "ba_name", "ba_website", "breach_date_text", "ce_print_name",
        "cm_code", "cm_enroll_by", "cm_months", "discovery_date_text", "held", "information", "Information", "involved", "person",
        "recipient_name", "reference_no", "toll_free", "what_happened",
    }
)  # fmt: skip
"""What a text may name in braces."""
WINDOW_CHARS = 44
"""Capitals of 8.5 pt that the window always shows side by side; a longer line goes on in the next."""
WINDOW_LINES = 7
"""Lines of 8 pt that fit below the barcode."""
_FROM_ROW = (
    "breach_date_text", "ce_print_name", "cm_code", "cm_enroll_by", "cm_months",
    "discovery_date_text", "recipient_name", "reference_no", "toll_free",
)  # fmt: skip
_FIELD = re.compile(r"\{(\w*)\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of fields, once; a value that holds braces stays as it is.

    Raises KeyError for a field that has no value: the lint finds it before anyone prints.
    """
    filled = _FIELD.sub(lambda found: values[found.group(1)] + "\x00", text)
    return filled.replace(".\x00.", ".").replace("\x00", "")  # no second full stop after "Inc."


def element_texts(elements: str, wording: Wording, language: str) -> list[str]:
    """The set `a|b|c` as a letter lists it, in the order of elements.toml, each kind once."""
    known = wording.elements
    kinds = {kind if kind in known else "other" for kind in elements.split("|")}
    ordered = sorted(kinds, key=lambda kind: (known[kind].order, kind))
    return [wording.element(kind, language) for kind in ordered]


def needs_credit_steps(elements: str, wording: Wording) -> bool:
    """The set holds a number that opens accounts."""
    kinds = (wording.elements.get(kind) for kind in elements.split("|"))
    return any(kind is not None and kind.credit for kind in kinds)


def incident_words(settings: LettersSettings) -> dict[str, str]:
    """Values of the FIELDS that are the same in every letter of the incident."""
    sender = settings.business_associate
    return {
        "ba_name": sender.name,
        "ba_email": sender.email,
        "ba_website": sender.website,
        "ba_address": ", ".join(sender.address),
        "what_happened": settings.incident.what_happened,
    }


def what_happened(settings: LettersSettings, texts: Texts, language: str) -> str:
    """The incident's paragraph in this language, else the neutral text that is true of every incident."""
    incident = settings.incident
    own = incident.what_happened if language == "en" else ""
    said = incident.what_happened_by_language.get(language) or own
    return said or fill(texts.what_happened, incident_words(settings))


def words(row: Mapping[str, Any], settings: LettersSettings, texts: Texts) -> dict[str, str]:
    """Values of FIELDS for one letter."""
    spoken = voice(row["variant"])
    about = texts.about[spoken.base]
    certainty = texts.possible if spoken.possible else texts.certain
    return {
        **incident_words(settings),
        "what_happened": what_happened(settings, texts, row["language"]),
        "information": about.information,
        "Information": about.Information,
        "person": about.person,
        "involved": certainty.involved,
        "held": certainty.held,
        **{name: str(row.get(name) or "") for name in _FROM_ROW},
    }


def letter_data(
    row: Mapping[str, Any], settings: LettersSettings, wording: Wording, *, bars: str = ""
) -> dict[str, Any]:
    """One letter as the template reads it; `bars` is its Intelligent Mail barcode."""
    language, spoken = row["language"], voice(row["variant"])
    texts, form = wording.texts[language], wording.form(spoken.form)
    values = words(row, settings, texts)
    kinds = element_texts(row["element_set"], wording, language)
    telling = Telling(
        values, form, language, kinds, possible=spoken.possible,
        credit=needs_credit_steps(row["element_set"], wording),
        monitoring=texts.monitoring if row.get("cm_code") else (),
    )  # fmt: skip
    opening = texts.opening.possible if spoken.possible else texts.opening.certain
    return {
        "number": 0,
        "pages": 1,
        "practice": values["ce_print_name"],
        "letterhead": [*_sender(row, settings), fill(texts.on_behalf, values)],
        "bars": bars,
        "address": _address_block(row),
        "reference_no": row["reference_no"],
        "version": f"{row['letter_version']} {row['letter_sha8']}",
        "title": _of(form.title, language) if form and form.title else texts.title,
        "greeting": fill(texts.about[spoken.base].greeting, values),
        "opening": [fill(text, values) for text in _form_opening(telling) or opening],
        "blocks": [_block(name, texts.blocks[name], telling) for name in BLOCKS]
        + _addenda(row, wording, values),
        "closing": texts.closing,
        "signature": fill(texts.signature, values),
    }


@dataclass(frozen=True, slots=True)
class Telling:
    """What the blocks of one letter have in common."""

    values: dict[str, str]
    form: StateText | None
    language: str
    kinds: list[str]
    possible: bool
    credit: bool
    monitoring: tuple[str, ...]


def _of(by_language: Mapping[str, Any], language: str) -> Any:
    return by_language.get(language, by_language.get("en"))


def _form_opening(telling: Telling) -> tuple[str, ...]:
    form = telling.form
    if form is None or not form.opening:
        return ()
    return tuple(_of(form.opening, telling.language))


def _block(name: str, block: Block, telling: Telling) -> dict[str, Any]:
    """One of the five, with the paragraphs of a state's form in place of the common ones."""
    chosen, heading = block.paragraphs, block.heading
    if telling.possible and block.possible_paragraphs:
        chosen = block.possible_paragraphs
    if telling.form:
        heading = (_of(telling.form.headings, telling.language) or {}).get(name, heading)
        chosen = _form_paragraphs(telling.form, name, telling) or chosen
    added = block.credit if telling.credit else ()
    if name == "what_you_can_do":
        added = (*added, *telling.monitoring)
    return {
        "heading": fill(heading, telling.values),
        "paragraphs": [fill(text, telling.values) for text in (*chosen, *added)],
        "bullets": telling.kinds if block.bullets == "elements" else [],
        "after": [fill(text, telling.values) for text in block.after],
    }


def _form_paragraphs(form: StateText, name: str, telling: Telling) -> tuple[str, ...]:
    certain = (_of(form.paragraphs, telling.language) or {}).get(name, ())
    if not telling.possible:
        return tuple(certain)
    return tuple((_of(form.possible_paragraphs, telling.language) or {}).get(name, certain))


def _addenda(
    row: Mapping[str, Any], wording: Wording, values: dict[str, str]
) -> list[dict[str, Any]]:
    """The blocks that `state_addenda` names, in its order."""
    codes = [code for code in str(row.get("state_addenda") or "").split(";") if code]
    every = wording.addenda(unreviewed=True)
    found = [_of(every[code].addendum, row["language"]) for code in codes if code in every]
    return [
        {
            "heading": fill(block.heading, values),
            "paragraphs": [fill(text, values) for text in block.paragraphs],
            "bullets": [],
            "after": [],
        }
        for block in found
    ]


def _sender(row: Mapping[str, Any], settings: LettersSettings) -> list[str]:
    """The practice's own return address where the roster has one, else the sender's."""
    own = str(row.get("return_address") or "")
    return [own] if own else [", ".join(settings.business_associate.address)]


def _address_block(row: Mapping[str, Any]) -> list[str]:
    """Lines in the window, top to bottom."""
    last = " ".join(str(row[part]) for part in ("city", "state") if row[part])
    zips = "-".join(str(row[part]) for part in ("zip5", "zip4") if row[part])
    domestic = [row["delivery_line"], row["delivery_line2"], f"{last} {zips}".strip()]
    abroad = [row["intl_line1"], row["intl_line2"], row["country_line"]]
    lines = [row["salutation_line"], row["recipient_name"], row["care_of"]]
    found = [str(line) for line in (*lines, *(abroad if row["country_line"] else domestic)) if line]
    if max(map(len, found), default=0) <= WINDOW_CHARS:
        return found
    return [part for line in found for part in textwrap.wrap(line, WINDOW_CHARS)]


def document(
    letters: list[dict[str, Any]],
    language: str,
    settings: LettersSettings,
    wording: Wording,
    *,
    size_pt: float = SIZE_PT,
    count: bool = False,
) -> dict[str, Any]:
    """The whole document as the template reads it: letters of one language and size of print.

    With `count` each letter says on how many pages it ends, for `notify.letters.pages`.
    """
    texts, sender = wording.texts[language], settings.business_associate
    return {
        "title": texts.title,
        "author": sender.name,
        "lang": language,
        "size": size_pt,
        "count": count,
        "date": day_text(settings.mail_on, language, texts.dates),
        "date_label": texts.date_label,
        "reference_label": texts.reference_label,
        "page_label": texts.page_label,
        "bars_alt": texts.bars_alt,
        "qr": qr_svg(settings.mailing.qr_address or sender.website),
        "qr_alt": fill(texts.qr_alt, incident_words(settings)),
        "qr_label": texts.qr_label,
        "specimen": texts.specimen if settings.incident.synthetic else "",
        "letters": letters,
    }
