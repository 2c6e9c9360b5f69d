"""One document, as data: set as PDF by one template, and as Markdown from the same blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from notify.facts import BusinessAssociate
from notify.filings.texts import Text, filled
from notify.typeset import render

__all__ = ["Document", "Part", "Rows", "composed", "markdown", "pdf"]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: its header and its rows, all text. The last `numbers` columns are set to the right."""

    header: list[str]
    rows: list[list[str]]
    numbers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A heading and what stands below it."""

    heading: str
    paragraphs: list[str]
    bullets: list[str]
    table: Rows | None = None
    after: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything that is printed."""

    title: str
    sender: dict[str, Any]
    addressee: list[str]
    facts: list[list[str]]
    opening: list[str]
    parts: list[Part]
    closing: list[str]
    footer: str
    synthetic: bool


def composed(
    text: Text,
    values: Mapping[str, str],
    *,
    sender: BusinessAssociate,
    addressee: list[str],
    kinds: list[str],
    numbers: Rows | None = None,
    synthetic: bool,
) -> Document:
    """A text with its fields, lists and numbers. Raises OperatorError for a field without a value."""
    parts = [
        Part(
            heading=filled(block.heading, values),
            paragraphs=[filled(line, values) for line in block.paragraphs],
            bullets=[kind[:1].upper() + kind[1:] for kind in kinds] if block.kinds else [],
            table=numbers if block.numbers else None,
            after=[filled(line, values) for line in block.after],
        )
        for block in text.block
        if not block.when or values.get(block.when)
    ]
    earlier = [text.supplement] if text.supplement and values.get("filed_before") else []
    return Document(
        title=filled(text.title, values),
        sender=sender.model_dump(mode="json"),
        addressee=addressee,
        facts=[["Date", values["date"]]],
        opening=[filled(line, values) for line in (*earlier, *text.opening)],
        parts=parts,
        closing=[filled(line, values) for line in text.closing],
        footer=filled(text.footer, values),
        synthetic=synthetic,
    )


def pdf(document: Document, template: Path, *, document_date: date) -> bytes:
    """PDF/UA-1, byte for byte the same for the same document and day."""
    return render(template, asdict(document), document_date=document_date)


def markdown(document: Document) -> str:
    """The same words as text."""
    lines = ["*SYNTHETIC DATA: no real person, practice or incident.*"] * document.synthetic
    lines += [f"# {document.title}"]
    lines += ["\\\n".join(document.addressee)] * bool(document.addressee)
    lines += [f"{label}: {value}" for label, value in document.facts]
    lines += document.opening
    for part in document.parts:
        lines += [f"## {part.heading}", *part.paragraphs]
        lines += ["\n".join(f"- {bullet}" for bullet in part.bullets)] * bool(part.bullets)
        lines += [_table(part.table)] if part.table else []
        lines += part.after
    lines += document.closing
    return "\n\n".join(lines) + "\n"


def _table(table: Rows) -> str:
    left = len(table.header) - table.numbers
    marks = ["---"] * left + ["---:"] * table.numbers
    rows = [table.header, marks, *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', ',') for cell in row)} |" for row in rows)
