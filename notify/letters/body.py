"""One letter in words: merge fields and texts become headings, paragraphs and the address block."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from notify.letters.dates import day_text
from notify.letters.settings import LettersSettings
from notify.letters.texts import BLOCKS, Block, Texts, Wording

__all__ = ["FIELDS", "document", "element_texts", "fill", "incident_words", "letter_data", "words"]

FIELDS = frozenset(
    {
        "ba_address", "ba_email", "ba_name", "ba_website", "breach_date_text", "ce_print_name",
        "discovery_date_text", "held", "information", "Information", "involved", "person",
        "recipient_name", "reference_no", "toll_free", "what_happened",
    }
)  # fmt: skip
"""What a text may name in braces."""
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
    return [str(getattr(known[kind], language)) for kind in ordered]


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


def words(row: Mapping[str, Any], settings: LettersSettings, texts: Texts) -> dict[str, str]:
    """Values of FIELDS for one letter."""
    about = texts.about[row["variant"].split("_")[-1]]
    certainty = texts.possible if row["variant"].startswith("POSSIBLE_") else texts.certain
    return {
        **incident_words(settings),
        "information": about.information,
        "Information": about.Information,
        "person": about.person,
        "involved": certainty.involved,
        "held": certainty.held,
        **{
            name: str(row[name] or "")
            for name in ("breach_date_text", "ce_print_name", "discovery_date_text",
                         "recipient_name", "reference_no", "toll_free")
        },
    }  # fmt: skip


def letter_data(
    row: Mapping[str, Any], settings: LettersSettings, wording: Wording
) -> dict[str, Any]:
    """One letter as the template reads it."""
    texts = wording.texts[row["language"]]
    values = words(row, settings, texts)
    possible = row["variant"].startswith("POSSIBLE_")
    opening = texts.opening.possible if possible else texts.opening.certain
    kinds = element_texts(row["element_set"], wording, row["language"])
    credit = needs_credit_steps(row["element_set"], wording)
    return {
        "practice": values["ce_print_name"],
        "on_behalf": fill(texts.on_behalf, values),
        "address": _address_block(row),
        "reference_no": row["reference_no"],
        "version": f"{row['letter_version']} {row['letter_sha8']}",
        "greeting": fill(texts.about[row["variant"].split("_")[-1]].greeting, values),
        "opening": [fill(text, values) for text in opening],
        "blocks": [
            _block(texts.blocks[name], values, kinds=kinds, possible=possible, credit=credit)
            for name in BLOCKS
        ],
        "signature": fill(texts.signature, values),
    }


def _block(
    block: Block, values: Mapping[str, str], *, kinds: list[str], possible: bool, credit: bool
) -> dict[str, Any]:
    chosen = (
        block.possible_paragraphs if possible and block.possible_paragraphs else block.paragraphs
    )
    paragraphs = chosen + (block.credit if credit else ())
    return {
        "heading": fill(block.heading, values),
        "paragraphs": [fill(text, values) for text in paragraphs],
        "bullets": kinds if block.bullets == "elements" else [],
        "after": [fill(text, values) for text in block.after],
    }


def _address_block(row: Mapping[str, Any]) -> list[str]:
    """Lines in the window, top to bottom."""
    last = " ".join(str(row[part]) for part in ("city", "state") if row[part])
    zips = "-".join(str(row[part]) for part in ("zip5", "zip4") if row[part])
    domestic = [row["delivery_line"], row["delivery_line2"], f"{last} {zips}".strip()]
    abroad = [row["intl_line1"], row["intl_line2"], row["country_line"]]
    lines = [row["salutation_line"], row["recipient_name"], row["care_of"]]
    return [str(line) for line in (*lines, *(abroad if row["country_line"] else domestic)) if line]


def document(
    letters: list[dict[str, Any]], language: str, settings: LettersSettings, wording: Wording
) -> dict[str, Any]:
    """The whole document as the template reads it: letters of one language."""
    texts, sender = wording.texts[language], settings.business_associate
    return {
        "title": texts.title,
        "author": sender.name,
        "lang": language,
        "sender": list(sender.address),
        "date": day_text(settings.mail_on, language),
        "date_label": texts.date_label,
        "reference_label": texts.reference_label,
        "page_label": texts.page_label,
        "closing": texts.closing,
        "specimen": texts.specimen if settings.incident.synthetic else "",
        "letters": letters,
    }
