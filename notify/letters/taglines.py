"""The language insert (insert code TAGLINE): where to get help, a sentence in each common language, as one PDF."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from matching.store import Workspace
from notify.facts import Closed
from notify.letters.settings import LettersSettings
from notify.typeset import render
from notify.worded import checked, read_toml

__all__ = ["insert_pdf", "write_insert"]


class Taglines(Closed):
    """`taglines.toml`."""

    reviewed: bool = Field(description="Native readers have looked at the sentences.")
    title: str = Field(description="Title of the sheet.")
    text: dict[str, str] = Field(min_length=1, description="BCP-47 language = sentence.")


def insert_pdf(settings: LettersSettings) -> bytes:
    """The sheet as PDF/UA-1, the same bytes for the same texts. Raises OperatorError for a missing letter."""
    folder = settings.letters / "taglines"
    path = folder / "taglines.toml"
    said = checked(path, Taglines, read_toml(path))
    lines = [
        {"lang": tag.split("-")[0], "parts": text.split("{toll_free}")}
        for tag, text in said.text.items()
    ]
    sender = settings.business_associate
    data = {"title": said.title, "author": sender.name, "number": sender.toll_free, "lines": lines}
    return render(folder / "insert.typ", data, document_date=settings.mail_on)


def write_insert(workspace: Workspace, settings: LettersSettings) -> Path:
    """Write `out/letters/insert-TAGLINE.pdf`; nobody's data is in it."""
    return workspace.put_output("letters/insert-TAGLINE.pdf", insert_pdf(settings), personal=False)
